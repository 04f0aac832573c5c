"""Sampled softmax: exact with all items, unbiased sums, the target never a negative, repeatable."""

import math

import pytest
import torch
from torch import Tensor

from latentrec.objective import sampled, terms
from latentrec.objective.next_item import ExactLoss
from latentrec.objective.sampled import InBatchLoss, SampledLoss, corrected_cross_entropy

ITEMS, DIM = 12, 4
COUNTS = torch.tensor([0, 0, 9, 1, 3, 2, 2, 8, 1, 1, 5, 4])
TARGETS = torch.tensor([2, 11, 5, 5, 7])


def double(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


def problem() -> tuple[Tensor, Tensor]:
    return double(5, DIM).requires_grad_(), double(ITEMS, DIM, seed=1).requires_grad_()


def gradients(loss: Tensor, *leaves: Tensor) -> tuple[Tensor, ...]:
    return torch.autograd.grad(loss, leaves)


def oracle(
    states: Tensor, table: Tensor, targets: Tensor, drawn: Tensor, weights: Tensor, draws: int
) -> float:
    """The equation with loops over rows and over every single draw."""
    states, table, total = states.detach(), table.detach(), 0.0
    for state, target in zip(states, targets.tolist(), strict=True):
        right = float(state @ table[target])
        mass = math.exp(right)
        for item in drawn.tolist():
            chance = float(weights[item]) / float(weights.sum())
            if item != target:
                mass += math.exp(float(state @ table[item])) / (draws * chance)
        total += math.log(mass) - right
    return total / len(states)


@pytest.mark.parametrize("block_rows", [1, 2, 1000])
def test_all_items_as_negatives_give_the_exact_loss(
    block_rows: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Value and both gradients, whatever the block: the correction is 1 for every item."""
    monkeypatch.setattr(terms, "BLOCK_BYTES", block_rows * (ITEMS - 2) * 8)
    states, table = problem()
    ones, everything = torch.ones(ITEMS, dtype=torch.int64), torch.arange(2, ITEMS)
    ones[:2] = 0
    ours = corrected_cross_entropy(states, table, TARGETS, everything, ones, ITEMS - 2)
    exact = ExactLoss()(states, table, TARGETS)
    torch.testing.assert_close(ours, exact, rtol=1e-12, atol=1e-12)
    for a, b in zip(gradients(ours, states, table), gradients(exact, states, table), strict=True):
        torch.testing.assert_close(a, b, rtol=1e-10, atol=1e-12)


def test_the_loss_equals_loops_over_draws() -> None:
    """Repeated draws, hits of the target, and unequal chances."""
    states, table = problem()
    drawn = torch.tensor([2, 7, 7, 7, 3, 10, 5, 2])
    ours = corrected_cross_entropy(states, table, TARGETS, drawn, COUNTS, 8)
    expected = oracle(states, table, TARGETS, drawn, COUNTS, 8)
    assert ours.item() == pytest.approx(expected, rel=1e-12)


def test_the_gradient_is_the_derivative() -> None:
    """Through blocks that are computed again in the backward pass."""
    states, table = problem()
    drawn = torch.tensor([2, 7, 7, 3, 10])
    assert torch.autograd.gradcheck(
        lambda s, t: corrected_cross_entropy(s, t, TARGETS, drawn, COUNTS, 5), (states, table)
    )


@pytest.mark.parametrize("weights", [COUNTS, (COUNTS > 0).long()])
def test_the_sum_over_negatives_is_unbiased(weights: Tensor) -> None:
    """exp(loss) - 1 is the ratio of that sum to exp(s_p): its mean is the exact ratio, z < 4."""
    states, table = double(1, DIM), double(ITEMS, DIM, seed=1)
    target, loss = torch.tensor([7]), SampledLoss(6, weights)
    exact = ExactLoss()(states, table, target).exp() - 1
    torch.manual_seed(3)
    found = torch.stack([loss(states, table, target).exp() - 1 for _ in range(400)])
    z = (found.mean() - exact) / (found.std() / math.sqrt(len(found)))
    assert abs(z) < 4
    assert found.std() > 0.01


def test_more_negatives_come_nearer_to_the_exact_gradient() -> None:
    """Consistent: a hundred times the draws, about a tenth of the error."""
    states, table = problem()
    exact = gradients(ExactLoss()(states, table, TARGETS), states)[0]
    errors: list[float] = []
    for count in (50, 5000):
        torch.manual_seed(0)
        loss = SampledLoss(count, COUNTS)
        found = [gradients(loss(states, table, TARGETS), states)[0] for _ in range(20)]
        errors.append(float(torch.stack([(f - exact).norm() for f in found]).mean()))
    assert errors[1] < errors[0] / 5


def test_items_are_drawn_as_often_as_their_weight_says(monkeypatch: pytest.MonkeyPatch) -> None:
    """Never PAD or MASK; a z bound for every item over 20,000 draws."""
    seen: list[Tensor] = []

    def spy(states: Tensor, table: Tensor, targets: Tensor, drawn: Tensor, *_: object) -> Tensor:
        seen.append(drawn)
        return states.sum()

    monkeypatch.setattr(sampled, "corrected_cross_entropy", spy)
    torch.manual_seed(1)
    SampledLoss(20_000, COUNTS)(*problem(), TARGETS)
    counts, chance = torch.bincount(seen[0], minlength=ITEMS), COUNTS / COUNTS.sum()
    assert counts[:2].tolist() == [0, 0]
    deviation = (20_000 * chance * (1 - chance)).sqrt()
    assert ((counts - 20_000 * chance).abs() / deviation)[2:].max() < 4


def test_the_seed_decides() -> None:
    """A run gives the same numbers twice."""
    states, table = problem()
    loss, found = SampledLoss(4, COUNTS), []
    for seed in (0, 0, 1):
        torch.manual_seed(seed)
        found.append(loss(states, table, TARGETS).item())
    assert found[0] == found[1] != found[2]


def test_in_batch_negatives_are_the_other_targets() -> None:
    """The loops with the batch's own targets as 4 draws by popularity."""
    states, table = problem()
    found = InBatchLoss(COUNTS)(states, table, TARGETS)
    expected = oracle(states, table, TARGETS, TARGETS, COUNTS, 4)
    assert found.item() == pytest.approx(expected, rel=1e-12)


def test_in_batch_is_unbiased_where_targets_follow_the_counts() -> None:
    """Over batches whose other targets are drawn by popularity, z < 4."""
    states, table = double(1, DIM).expand(9, DIM), double(ITEMS, DIM, seed=1)
    exact = ExactLoss()(states[:1], table, torch.tensor([7])).exp() - 1
    generator, found = torch.Generator().manual_seed(5), []
    for _ in range(400):
        others = torch.multinomial(COUNTS.double(), 8, True, generator=generator)
        targets = torch.cat([torch.tensor([7]), others])
        own = corrected_cross_entropy(states[:1], table, targets[:1], targets, COUNTS, 8)
        found.append(own.exp() - 1)
    ratios = torch.stack(found)
    z = (ratios.mean() - exact) / (ratios.std() / math.sqrt(len(ratios)))
    assert abs(z) < 4


@pytest.mark.parametrize("rows", [1, 3])
def test_a_batch_of_one_target_teaches_nothing_in_batch(rows: int) -> None:
    """No negative is left: loss and gradients are 0, not NaN."""
    states, table = double(rows, DIM).requires_grad_(), double(ITEMS, DIM, seed=1).requires_grad_()
    loss = InBatchLoss(COUNTS)(states, table, torch.full((rows,), 7))
    assert loss.item() == 0
    assert all(not g.any() for g in gradients(loss, states, table))
