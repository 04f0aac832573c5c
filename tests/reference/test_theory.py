"""What is true of the PLR paper's theory (section 4), and why the rest is not asserted anywhere.

M streams give p_m = softmax(E z_m); pbar is their mean; for a target distribution p* the gain of
averaging is I = E_p*[log pbar - mean_m log p_m]. docs/methods/plr.md says what follows for users.
"""

from collections.abc import Callable

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from latentrec.model.encoder import Encoded, SequenceEncoder
from latentrec.model.reasoner.plr import PlrReasoner

Array = np.ndarray
seeds = st.integers(0, 100_000)


def softmax(logits: Array) -> Array:
    shifted = np.exp(logits - logits.max(-1, keepdims=True))
    return shifted / shifted.sum(-1, keepdims=True)


class Case:
    """Random streams over a small catalogue, and a target distribution with full support."""

    def __init__(self, seed: int, streams: int = 3, dim: int = 3, items: int = 6) -> None:
        rng = np.random.default_rng(seed)
        self.rng, self.table = rng, rng.normal(size=(items, dim))
        self.states = rng.normal(size=(streams, dim))
        self.p = softmax(self.states @ self.table.T)
        self.mean = self.p.mean(0)
        self.target = rng.dirichlet(np.ones(items))


def gain(target: Array, p: Array) -> float:
    """I: what averaging the distributions gains over the mean of the single losses."""
    return float(target @ (np.log(p.mean(0)) - np.log(p).mean(0)))


def loss(target: Array, p: Array) -> float:
    return float(-target @ np.log(p))


def kl(p: Array, q: Array) -> float:
    return float(p @ (np.log(p) - np.log(q)))


def variation(p: Array, q: Array) -> float:
    return float(np.abs(p - q).sum() / 2)


def over_pairs(values: Array, measure: Callable[[Array, Array], float]) -> float:
    """Mean of a measure over all ordered pairs of different rows."""
    n = len(values)
    pairs = [(i, j) for i in range(n) for j in range(n) if i != j]
    return float(np.mean([measure(values[i], values[j]) for i, j in pairs]))


# The counterexample of Theorem 4.1's "only if" and of Proposition 4.2: streams that differ only
# where the target never is.
APART = np.array([[0.5, 0.3, 0.2], [0.5, 0.2, 0.3]])
CERTAIN = np.array([1.0, 0.0, 0.0])


# --- Theorem 4.1 ----------------------------------------------------------------------------------


@given(seed=seeds)
def test_averaging_gains_exactly_i_and_never_loses(seed: int) -> None:
    """T1, T2: an identity, and I >= 0 for every target."""
    case = Case(seed)
    single = np.mean([loss(case.target, p) for p in case.p])
    found = gain(case.target, case.p)
    assert loss(case.target, case.mean) == pytest.approx(single - found, abs=1e-12)
    assert found >= 0


def test_the_gain_is_zero_where_streams_agree_on_the_target() -> None:
    """T3: so "only if all streams are identical" is false without full support."""
    assert gain(CERTAIN, APART) == 0
    assert not np.array_equal(APART[0], APART[1])


@given(seed=seeds)
def test_the_gain_is_positive_with_full_support(seed: int) -> None:
    """T4: where every item can be the target, different streams always gain."""
    case = Case(seed, streams=2)
    assert gain(case.target, case.p) > 0


# --- Proposition 4.2 ------------------------------------------------------------------------------


@given(seed=seeds)
def test_distance_of_states_bounds_variation_from_below(seed: int) -> None:
    """T5, T6: the repaired chain: TV >= (pi s / 2) distance, and Pinsker."""
    case = Case(seed, streams=2)
    least = np.linalg.svd(case.table - case.table.mean(0), compute_uv=False)[-1]
    apart = np.linalg.norm(case.states[0] - case.states[1])
    total = variation(*case.p)
    assert total >= case.p.min() * least / 2 * apart - 1e-12
    assert kl(*case.p) >= 2 * total**2 - 1e-12


@given(seed=seeds, streams=st.integers(2, 5))
def test_the_gain_is_at_most_the_pairwise_kl(seed: int, streams: int) -> None:
    """T7: the paper has this inequality the wrong way round."""
    case = Case(seed, streams)
    bound = (streams - 1) / streams * over_pairs(case.p, kl)
    assert gain(case.mean, case.p) <= bound + 1e-12


@given(seed=seeds, streams=st.integers(2, 5))
def test_diversity_bounds_the_gain_with_the_right_constant(seed: int, streams: int) -> None:
    """T8: I >= kappa pi^2 s^2 / 8 D: true, and far too small a constant to count on."""
    case = Case(seed, streams)
    least = np.linalg.svd(case.table - case.table.mean(0), compute_uv=False)[-1]
    kappa = (case.target / case.mean).min()
    diversity = over_pairs(case.states, lambda a, b: np.sum((a - b) ** 2))
    bound = kappa * case.p.min() ** 2 * least**2 / 8 * diversity
    assert gain(case.target, case.p) >= bound - 1e-12


def test_no_constant_of_the_table_alone_can_do() -> None:
    """T9: D > 0 and I = 0, so the printed proposition is false."""
    table = np.array([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0]])
    states = np.log([[0.6, 0.4], [0.4, 0.6]])
    np.testing.assert_allclose(softmax(states @ table.T), APART)
    diversity = np.sum((states[0] - states[1]) ** 2)
    assert diversity == pytest.approx(0.3288, abs=1e-4)
    assert gain(CERTAIN, softmax(states @ table.T)) == pytest.approx(0, abs=1e-12)


# --- Theorem 4.4, Corollary 4.5 -------------------------------------------------------------------


@given(seed=seeds, steps=st.integers(1, 4))
def test_diversity_shrinks_at_least_as_fast_as_a_contraction(seed: int, steps: int) -> None:
    """T10: D(T) <= L^2T D(0); equality, as printed, already fails for most maps."""
    rng = np.random.default_rng(seed)
    states, matrix = rng.normal(size=(3, 4)), rng.normal(size=(4, 4))
    lipschitz = 0.9
    matrix *= lipschitz / np.linalg.svd(matrix, compute_uv=False)[0]
    before = over_pairs(states, lambda a, b: np.sum((a - b) ** 2))
    for _ in range(steps):
        states = states @ matrix.T
    after = over_pairs(states, lambda a, b: np.sum((a - b) ** 2))
    assert after <= lipschitz ** (2 * steps) * before + 1e-12
    assert after != pytest.approx(lipschitz ** (2 * steps) * before, rel=1e-6)


class Recorder(SequenceEncoder):
    """Keeps what the first reasoning step is given."""

    causal, dim = True, 4

    def forward(self, embedded: torch.Tensor, padding: torch.Tensor) -> Encoded:
        return Encoded(embedded, padding, ())

    def extend(self, states: torch.Tensor, *_: object) -> tuple:
        self.given = states
        return states, ()


def test_streams_start_as_far_apart_as_their_triggers() -> None:
    """T11: D(0) is the triggers' own diversity, whatever the history."""
    plr, encoder = PlrReasoner(4, streams=3, steps=1), Recorder()
    history = encoder(torch.randn(2, 5, 4), torch.zeros(2, 5, dtype=torch.bool))
    plr(history, torch.tensor([[4], [2]]), encoder)
    triggers = plr.triggers.detach().double().numpy()
    expected = over_pairs(triggers, lambda a, b: np.sum((a - b) ** 2))
    for start in encoder.given.detach().double().numpy()[:, 0]:
        found = over_pairs(start, lambda a, b: np.sum((a - b) ** 2))
        assert found == pytest.approx(expected, rel=1e-3)


# --- Theorem 4.6 ----------------------------------------------------------------------------------


@given(seed=seeds)
def test_what_gating_gains_and_how_to_find_it(seed: int) -> None:
    """T13, T14, T15: an identity, convexity in the weights, and an EM step that never hurts."""
    case = Case(seed)
    w = case.rng.dirichlet(np.ones(3))
    gated, uniform = loss(case.target, w @ case.p), loss(case.target, case.mean)
    ratio = case.target @ np.log(w @ case.p / case.mean)
    assert uniform - gated == pytest.approx(ratio, abs=1e-12)
    half = (w + 1 / 3) / 2
    assert loss(case.target, half @ case.p) <= (gated + uniform) / 2 + 1e-12
    step = w * (case.p @ (case.target / (w @ case.p)))
    assert step.sum() == pytest.approx(1)
    assert loss(case.target, step @ case.p) <= gated + 1e-12


def test_a_gate_can_be_worse_than_none() -> None:
    """T16: uniform weights gain nothing although streams differ; a bad gate loses."""
    p = np.array([[0.8, 0.1, 0.1], [0.1, 0.8, 0.1]])
    information = np.mean([kl(each, p.mean(0)) for each in p])
    assert (
        information > 0.1
    )  # the theorem promises this gain to every gate, also to the uniform one
    uniform = np.array([0.5, 0.5])
    assert loss(CERTAIN, uniform @ p) == loss(
        CERTAIN, p.mean(0)
    )  # and the uniform one gains nothing
    worst = np.array([0.0, 1.0])
    assert loss(CERTAIN, worst @ p) > loss(CERTAIN, p.mean(0))


# --- what describes PLR's own output --------------------------------------------------------------


@given(seed=seeds)
def test_pooling_representations_decomposes_exactly(seed: int) -> None:
    """T17, T18: loss(z_rea) = sum g loss(z_m) - sum g KL(p_g || p_m), for every target."""
    case = Case(seed)
    g = case.rng.dirichlet(np.ones(3))
    pooled = softmax((g @ case.states) @ case.table.T)
    single = g @ [loss(case.target, p) for p in case.p]
    spread = g @ [kl(pooled, p) for p in case.p]
    assert loss(case.target, pooled) == pytest.approx(single - spread, abs=1e-10)
    assert loss(case.target, pooled) <= single + 1e-12


@given(seed=seeds)
def test_adding_h0_is_a_mean_as_far_as_ranking_goes(seed: int) -> None:
    """T19: h_0 + z_rea ranks like (h_0 + z_rea) / 2; only the probabilities get sharper."""
    case = Case(seed)
    total = (case.states[0] + case.states[1]) @ case.table.T
    assert np.array_equal(np.argsort(total), np.argsort(total / 2))
