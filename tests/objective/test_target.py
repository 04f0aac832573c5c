"""The target's log-probability and rank: right in any number of blocks, gradients included."""

import pytest
import torch
from torch.autograd import gradcheck

from latentrec.objective import terms
from latentrec.objective.target import target_log_probability, target_ranks

torch.manual_seed(0)
STATES = torch.randn(7, 4, dtype=torch.float64)
TABLE = torch.randn(9, 4, dtype=torch.float64)
TARGETS = torch.randint(9, (7,))


@pytest.fixture(params=[1, 3, 100])
def _rows_in_a_block(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(terms, "BLOCK_BYTES", request.param * 9 * 8)


@pytest.mark.usefixtures("_rows_in_a_block")
def test_blocks_change_neither_values_nor_gradients() -> None:
    """Each row has a gradient of its own weight, the negative ones too."""
    states, table = STATES.clone().requires_grad_(), TABLE.clone().requires_grad_()
    found = target_log_probability(states, table, TARGETS)
    plain = (states @ table.T).log_softmax(1)[torch.arange(7), TARGETS]
    torch.testing.assert_close(found, plain)
    weights = torch.linspace(-1, 2, 7, dtype=torch.float64)
    for ours, theirs in zip(
        torch.autograd.grad((found * weights).sum(), (states, table), retain_graph=True),
        torch.autograd.grad((plain * weights).sum(), (states, table)),
        strict=True,
    ):
        torch.testing.assert_close(ours, theirs)


def test_gradients_are_those_of_differences() -> None:
    assert gradcheck(
        lambda s, e: target_log_probability(s, e, TARGETS),
        (STATES.clone().requires_grad_(), TABLE.clone().requires_grad_()),
    )


@pytest.mark.usefixtures("_rows_in_a_block")
def test_ranks_are_places_in_the_sorted_list() -> None:
    order = (STATES @ TABLE.T).argsort(dim=1, descending=True)
    expected = (order == TARGETS[:, None]).nonzero()[:, 1] + 1
    assert torch.equal(target_ranks(STATES, TABLE, TARGETS), expected)


def test_ties_count_against_the_target() -> None:
    # As in evaluation: a state that scores all items alike has found nothing.
    assert target_ranks(torch.zeros(1, 4), torch.randn(9, 4), torch.tensor([0])).tolist() == [9]
