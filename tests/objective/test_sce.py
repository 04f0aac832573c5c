"""SCE: exact with one bucket of everything, the equation in buckets, hard items, repeatable."""

import math

import pytest
import torch
from torch import Tensor

from latentrec.objective import terms
from latentrec.objective.next_item import ExactLoss
from latentrec.objective.sce import SceLoss, bucket_cross_entropy

ITEMS, DIM = 12, 4
TARGETS = torch.tensor([2, 11, 5, 5, 7])


def double(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


def problem() -> tuple[Tensor, Tensor]:
    return double(5, DIM).requires_grad_(), double(ITEMS, DIM, seed=1).requires_grad_()


def test_buckets_of_everything_give_the_exact_loss() -> None:
    """Value and gradients, with equal losses of a row in all five buckets."""
    states, table = problem()
    ours = SceLoss(coverage=5.0, bucket_items=100)(states, table, TARGETS)
    exact = ExactLoss()(states, table, TARGETS)
    torch.testing.assert_close(ours, exact, rtol=1e-12, atol=1e-12)
    for leaf in (states, table):
        a, b = (torch.autograd.grad(loss, leaf, retain_graph=True)[0] for loss in (ours, exact))
        torch.testing.assert_close(a, b, rtol=1e-10, atol=1e-12)


def test_the_loss_equals_loops_over_buckets() -> None:
    """Target left out of a bucket's items, highest loss of a row, rows in no bucket not counted."""
    leaves = problem()
    states, table = (leaf.detach() for leaf in leaves)
    rows, items = torch.tensor([[0, 3], [3, 1]]), torch.tensor([[2, 5, 9], [10, 4, 11]])
    highest: dict[int, float] = {}
    for members, bucket in zip(rows.tolist(), items.tolist(), strict=True):
        for row in members:
            target = int(TARGETS[row])
            right = float(states[row] @ table[target])
            scores = [float(states[row] @ table[item]) for item in bucket if item != target]
            loss = math.log(math.exp(right) + sum(map(math.exp, scores))) - right
            highest[row] = max(loss, highest.get(row, 0.0))
    found = bucket_cross_entropy(*leaves, TARGETS, rows, items)
    assert found.item() == pytest.approx(sum(highest.values()) / 3, rel=1e-12)
    assert not torch.autograd.grad(found, leaves[0])[0][[2, 4]].any()


@pytest.mark.parametrize("block_buckets", [1, 1000])
def test_a_bucket_holds_the_best_items_of_its_centre(
    block_buckets: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In blocks of any size, and never PAD or MASK."""
    monkeypatch.setattr(terms, "BLOCK_BYTES", block_buckets * (ITEMS - 2) * 8)
    states, table = double(5, DIM), double(ITEMS, DIM, seed=1)
    torch.manual_seed(2)
    rows, items = SceLoss(coverage=2.0, bucket_items=3)._buckets(states, table)
    torch.manual_seed(2)
    centres = torch.randn(3, 5, dtype=torch.float64) @ states
    for bucket, centre in enumerate(centres):
        best = sorted(range(2, ITEMS), key=lambda item: -float(centre @ table[item]))
        assert items[bucket].tolist() == best[:3]
        nearest = sorted(range(5), key=lambda row: -float(centre @ states[row]))
        assert rows[bucket].tolist() == nearest[:3]


def test_each_loss_is_at_most_the_exact_one() -> None:
    """Fewer negatives can only lower a loss: rows are judged, never punished for sampling."""
    states, table = double(40, DIM), double(60, DIM, seed=1)
    targets = torch.arange(2, 42)
    rows, items = SceLoss(2.0, 10)._buckets(states, table)
    for row in rows.unique():
        mine = [b for b in range(len(rows)) if row in rows[b]]
        one = torch.zeros(len(mine), 1, dtype=torch.int64)
        own, target = states[row][None], targets[row][None]
        found = bucket_cross_entropy(own, table, target, one, items[mine])
        assert found <= ExactLoss()(own, table, target) + 1e-12


def test_the_seed_decides() -> None:
    """A run gives the same numbers twice."""
    states, table, found = double(5, DIM), double(ITEMS, DIM, seed=1), []
    for seed in (0, 0, 1):
        torch.manual_seed(seed)
        found.append(float(SceLoss(1.0, 3)(states, table, TARGETS)))
    assert found[0] == found[1] != found[2]
