"""Every loss term against its naive form in float64, and the properties that the methods need."""

import math

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from latentrec.objective import terms
from latentrec.objective.terms import (
    catalogue_cross_entropy,
    mean_cosine,
    pairwise_kl,
    reasoning_contrast,
)


def naive_kl(states: Tensor, candidates: Tensor) -> Tensor:
    """Mean over ordered pairs with two loops, Eq. 7."""
    logp = F.log_softmax(states @ candidates.T, -1)
    n = states.shape[1]
    total = torch.zeros(len(states), dtype=states.dtype)
    for i in range(n):
        for j in range(n):
            if i != j:
                total = total + (logp[:, i].exp() * (logp[:, i] - logp[:, j])).sum(-1)
    return total / (n * (n - 1))


def double(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("n", [2, 4, 9])
def test_kl_without_pairs_equals_the_pairs(n: int) -> None:
    """Value and both gradients (P6)."""
    states, table = double(3, n, 5).requires_grad_(), double(40, 5, seed=1).requires_grad_()
    weights = double(3, seed=2)
    ours = torch.autograd.grad(pairwise_kl(states, table) @ weights, (states, table))
    naive = torch.autograd.grad(naive_kl(states, table) @ weights, (states, table))
    torch.testing.assert_close(
        pairwise_kl(states, table), naive_kl(states, table), rtol=1e-9, atol=1e-9
    )
    for a, b in zip(ours, naive, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-9, atol=1e-9)


@given(seed=st.integers(0, 10_000), n=st.integers(2, 5))
def test_kl_is_never_negative_and_blind_to_order(seed: int, n: int) -> None:
    """A divergence, symmetric in the states (P6)."""
    states, table = double(2, n, 4, seed=seed), double(15, 4, seed=seed + 1)
    divergence = pairwise_kl(states, table)
    assert (divergence >= -1e-12).all()
    torch.testing.assert_close(pairwise_kl(states.flip(1), table), divergence)


def test_one_state_has_no_divergence() -> None:
    """M = T = 1 stands in the paper's grid and would be 0/0."""
    assert pairwise_kl(double(2, 1, 3), double(5, 3)).tolist() == [0.0, 0.0]


def test_a_step_on_minus_kl_drives_states_apart() -> None:
    """The sign that the method needs: descending on -KL raises KL (P7, ADR 0001)."""
    states, table = double(4, 3, 5).requires_grad_(), double(30, 5, seed=1)
    before = pairwise_kl(states, table).mean()
    (gradient,) = torch.autograd.grad(-before, states)
    assert pairwise_kl(states - 0.1 * gradient, table).mean() > before


@pytest.mark.parametrize("block_rows", [1, 3, 1000])
def test_cross_entropy_in_blocks_is_exact(block_rows: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Value and gradients equal torch's, whatever the block size (ADR 0009)."""
    monkeypatch.setattr(terms, "BLOCK_BYTES", block_rows * 12 * 8)
    states, table = double(7, 5).requires_grad_(), double(12, 5, seed=1).requires_grad_()
    targets = torch.tensor([0, 11, 3, 3, 7, 1, 0])
    ours = catalogue_cross_entropy(states, table, targets)
    naive = F.cross_entropy(states @ table.T, targets)
    torch.testing.assert_close(ours, naive, rtol=1e-12, atol=1e-12)
    gradients = torch.autograd.grad(2 * ours, (states, table))
    expected = torch.autograd.grad(2 * naive, (states, table))
    for a, b in zip(gradients, expected, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-10, atol=1e-12)


def test_cross_entropy_passes_gradcheck() -> None:
    """The hand-written backward pass is the derivative of the forward pass."""
    states, table = double(4, 3).requires_grad_(), double(6, 3, seed=1).requires_grad_()
    targets = torch.tensor([5, 0, 2, 2])
    assert torch.autograd.gradcheck(
        lambda s, t: catalogue_cross_entropy(s, t, targets), (states, table)
    )


def test_cross_entropy_survives_large_logits() -> None:
    """No overflow where exp(logit) would be infinite."""
    states, table = torch.full((1, 1), 300.0), torch.tensor([[1.0], [-1.0]])
    assert catalogue_cross_entropy(states, table, torch.tensor([0])).item() == pytest.approx(0.0)
    assert catalogue_cross_entropy(states, table, torch.tensor([1])).item() == pytest.approx(600.0)


def naive_contrast(first: Tensor, second: Tensor, temperature: float) -> float:
    """Eq. 8 with loops over states, rows and both directions."""
    rows, n = first.shape[:2]
    total = 0.0
    for k in range(n):
        for a, b in ((first, second), (second, first)):
            for i in range(rows):
                s = [
                    float(F.cosine_similarity(a[i, k], b[j, k], dim=0)) / temperature
                    for j in range(rows)
                ]
                total -= s[i] - math.log(sum(math.exp(x) for x in s))
    return total / rows / n


@pytest.mark.parametrize("temperature", [1.0, 0.1])
def test_contrast_equals_loops(temperature: float) -> None:
    """Both directions are added, states averaged, as printed in Eq. 8."""
    first, second = double(4, 3, 5), double(4, 3, 5, seed=1)
    expected = naive_contrast(first, second, temperature)
    assert reasoning_contrast(first, second, temperature).item() == pytest.approx(
        expected, abs=1e-9
    )


@given(seed=st.integers(0, 10_000), rows=st.integers(2, 6))
def test_contrast_stays_in_its_bounds(seed: int, rows: int) -> None:
    """0 <= L <= 2 log B + 4 / temperature (P9)."""
    loss = reasoning_contrast(double(rows, 2, 4, seed=seed), double(rows, 2, 4, seed=seed + 1), 0.5)
    assert 0 <= loss <= 2 * math.log(rows) + 4 / 0.5


def test_contrast_reaches_its_optimum_at_the_simplex() -> None:
    """2 log(1 + (B-1) exp(-(B/(B-1))/temperature)) for equally spread rows (P9)."""
    rows = 5
    simplex = (torch.eye(rows, dtype=torch.float64) - 1 / rows).unsqueeze(1)
    expected = 2 * math.log(1 + (rows - 1) * math.exp(-(rows / (rows - 1)) / 0.7))
    assert reasoning_contrast(simplex, simplex, 0.7).item() == pytest.approx(expected, abs=1e-9)


def test_cosine_of_equal_and_of_opposite_states() -> None:
    """1 for collapsed streams, -1 for opposite ones."""
    state = double(3, 1, 4)
    assert mean_cosine(state.expand(-1, 3, -1)).item() == pytest.approx(1.0)
    assert mean_cosine(torch.cat([state, -state], 1)).item() == pytest.approx(-1.0)
