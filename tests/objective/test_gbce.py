"""gBCE: its power, its equation, its hand-written gradients, and what the calibration is for."""

import math

import pytest
import torch
from torch import Tensor

from latentrec.objective import gbce, terms
from latentrec.objective.gbce import GbceLoss, beta, generalised_bce

ITEMS, DIM = 12, 4
TARGETS = torch.tensor([2, 11, 5, 5, 7])
DRAWN = torch.tensor([[3, 3, 9], [2, 4, 5], [2, 11, 10], [7, 8, 9], [2, 2, 2]])


def double(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


def oracle(states: Tensor, table: Tensor, power: float) -> float:
    """The paper's equation with loops."""

    def chance(row: int, item: int) -> float:
        return 1 / (1 + math.exp(-float(states[row] @ table[item])))

    total = 0.0
    for row, target in enumerate(TARGETS.tolist()):
        total -= math.log(chance(row, target) ** power)
        total -= sum(math.log(1 - chance(row, item)) for item in DRAWN[row].tolist())
    return total / len(TARGETS) / 4


@pytest.mark.parametrize("block_rows", [1, 3, 1000])
def test_the_loss_equals_loops(block_rows: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever the block size."""
    monkeypatch.setattr(terms, "BLOCK_BYTES", block_rows * 4 * DIM * 8)
    states, table = double(5, DIM), double(ITEMS, DIM, seed=1)
    found = generalised_bce(states, table, TARGETS, DRAWN, 0.3)
    assert found.item() == pytest.approx(oracle(states, table, 0.3), rel=1e-12)


def test_the_gradient_is_the_derivative() -> None:
    """Both gradients are written by hand; items repeat within and across rows."""
    states, table = double(5, DIM).requires_grad_(), double(ITEMS, DIM, seed=1).requires_grad_()
    assert torch.autograd.gradcheck(
        lambda s, t: generalised_bce(s, t, TARGETS, DRAWN, 0.3), (states, table)
    )


def test_the_power_runs_from_plain_to_all_negatives() -> None:
    """t = 0: 1; t = 1: the sampled share; the paper's 256 of ML-1M's items with t = 0.75."""
    assert beta(0.1, 0.0) == pytest.approx(1.0)
    assert beta(0.1, 1.0) == pytest.approx(0.1)
    share = 256 / 3415
    assert beta(share, 0.75) == pytest.approx(0.25 + 0.75 * share)


def test_full_calibration_finds_the_chances_of_all_negatives() -> None:
    """With one free score an item, BCE with all negatives is best at sigmoid(s) = p, the share of p
    among targets. There the expected gradient of gBCE vanishes for t = 1, but not for t = 0."""
    chances = torch.tensor([0.4, 0.3, 0.1, 0.1, 0.06, 0.04], dtype=torch.float64)
    table = torch.zeros(8, 1, dtype=torch.float64)
    table[2:, 0] = (chances / (1 - chances)).log()
    table.requires_grad_()
    expected: dict[float, float] = {}
    for calibration in (0.0, 1.0):
        power, total = beta(1 / 5, calibration), torch.zeros_like(table)
        for target in range(2, 8):
            for other in (item for item in range(2, 8) if item != target):
                loss = generalised_bce(
                    torch.ones(1, 1, dtype=torch.float64),
                    table,
                    torch.tensor([target]),
                    torch.tensor([[other]]),
                    power,
                )
                total += chances[target - 2] / 5 * torch.autograd.grad(loss, table)[0]
        expected[calibration] = float(total.abs().max())
    assert expected[1.0] < 1e-12
    assert expected[0.0] > 1e-2


def test_a_negative_is_never_the_target(monkeypatch: pytest.MonkeyPatch) -> None:
    """All other items are drawn alike: a z bound over 60,000 draws."""
    seen: list[Tensor] = []

    def spy(states: Tensor, table: Tensor, targets: Tensor, drawn: Tensor, power: float) -> Tensor:
        seen.append(drawn)
        return states.sum()

    monkeypatch.setattr(gbce, "generalised_bce", spy)
    torch.manual_seed(0)
    GbceLoss(12_000, 0.75)(double(5, DIM), double(ITEMS, DIM), TARGETS)
    others = ITEMS - 3
    deviation = math.sqrt(12_000 / others * (1 - 1 / others))
    for target, drawn in zip(TARGETS.tolist(), seen[0], strict=True):
        counts = torch.bincount(drawn, minlength=ITEMS)
        assert counts[[0, 1, target]].tolist() == [0, 0, 0]
        rest = torch.cat([counts[2:target], counts[target + 1 :]])
        assert ((rest - 12_000 / others).abs() / deviation).max() < 4.5


def test_the_seed_decides() -> None:
    """A run gives the same numbers twice."""
    states, table, found = double(5, DIM), double(ITEMS, DIM, seed=1), []
    for seed in (0, 0, 1):
        torch.manual_seed(seed)
        found.append(float(GbceLoss(3, 0.75)(states, table, TARGETS)))
    assert found[0] == found[1] != found[2]
