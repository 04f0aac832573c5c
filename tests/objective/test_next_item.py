"""The exact loss is what objectives minimise unless told otherwise."""

import torch
import torch.nn.functional as F

from latentrec.data.batch import Batch
from latentrec.objective.contract import next_item_loss
from latentrec.objective.next_item import ExactLoss
from latentrec.objective.none import NextItemObjective


def test_the_exact_loss_leaves_out_padding_and_mask() -> None:
    """PAD and MASK are no answers: they must not be pushed away either (ADR 0009)."""
    torch.manual_seed(0)
    states, table = torch.randn(3, 4), torch.randn(9, 4)
    targets = torch.tensor([2, 8, 5])
    expected = F.cross_entropy(states @ table[2:].T, targets - 2)
    torch.testing.assert_close(ExactLoss()(states, table, targets), expected)


def test_objectives_are_exact_by_default() -> None:
    """Whoever builds an objective by hand gets the exact loss."""
    assert isinstance(NextItemObjective().next_item, ExactLoss)


def test_only_positions_with_a_target_count() -> None:
    """Padding behind a history has no target."""
    torch.manual_seed(0)
    queries, table = torch.randn(2, 2, 4), torch.randn(9, 4)
    items = torch.tensor([[3, 4], [5, 0]])
    batch = Batch(items, torch.arange(2).expand(2, 2), torch.tensor([[4, 6], [7, 0]]))
    found = next_item_loss(queries, batch, table, ExactLoss())
    rows, targets = queries[batch.predicted], torch.tensor([4, 6, 7])
    torch.testing.assert_close(found, ExactLoss()(rows, table, targets))
