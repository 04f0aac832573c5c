"""Random subsets of positions hold real positions first, without repeats."""

import pytest
import torch

from latentrec.data.batch import Batch
from latentrec.objective.positions import choose_positions, encode_prefixes, states_at

TARGETS = torch.tensor([[9, 3, 11, 5], [2, 6, 0, 0], [6, 0, 0, 0]])
BATCH = Batch(torch.full((3, 4), 2), torch.arange(4).expand(3, 4), TARGETS)


@pytest.mark.parametrize("count", [1, 2, 3])
def test_real_positions_come_first(count: int) -> None:
    """As many real positions as there are, up to `count`, each at most once."""
    torch.manual_seed(0)
    for _ in range(10):
        columns, real = choose_positions(BATCH, count)
        assert columns.shape == (3, count)
        assert real.sum(1).tolist() == [min(count, n) for n in (4, 2, 1)]
        assert torch.equal(real, BATCH.predicted.gather(1, columns))
        assert all(len(set(row)) == count for row in columns.tolist())


@pytest.mark.parametrize("count", [0, 4, 9])
def test_zero_or_more_than_there_are_means_all(count: int) -> None:
    """In order, so that nothing is shuffled for nothing."""
    columns, real = choose_positions(BATCH, count)
    assert torch.equal(columns, BATCH.positions)
    assert torch.equal(real, BATCH.predicted)


def test_states_are_those_of_the_columns() -> None:
    """Row by row, all streams and steps of a column."""
    steps = torch.randn(3, 4, 2, 3, 5)
    columns = torch.tensor([[3, 0], [1, 1], [2, 0]])
    found = states_at(steps, columns)
    for b in range(3):
        assert torch.equal(found[b], steps[b, columns[b]])


@pytest.mark.parametrize("rows", [1, 3, 11])
def test_prefixes_come_back_in_order_and_hold_all_that_is_read(rows: int) -> None:
    """Cut behind the last position that is read, in however many parts."""
    torch.manual_seed(0)
    items, positions = torch.randint(2, 99, (rows, 7)), torch.randint(7, (rows, 2))
    widths = []

    def sums(items: torch.Tensor, positions: torch.Tensor) -> torch.Tensor:
        widths.append(items.shape[1])
        assert items.shape[1] == int(positions.max()) + 1
        return items.double().cumsum(1).gather(1, positions)

    found = encode_prefixes(items, positions, sums)
    assert torch.equal(found, items.double().cumsum(1).gather(1, positions))
    assert widths == sorted(widths)
