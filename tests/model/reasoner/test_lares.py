"""LARES' own properties: one core at every depth, start states, repeatable scores, gradients."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn

from latentrec.model.encoder import Encoded, TransformerEncoder
from latentrec.model.items import IdItemEncoder
from latentrec.model.reasoner.contract import Reasoned
from latentrec.model.reasoner.lares import (
    AddAdapter,
    ConcatAdapter,
    LaresReasoner,
    LinearAdapter,
    sample_depth,
)
from latentrec.model.recommender import Recommender

ADAPTERS = {"add": AddAdapter, "concat": lambda: ConcatAdapter(16), "linear": LinearAdapter}
HISTORY = [4, 9, 3, 22, 9, 15]
ITEMS, POSITIONS = torch.tensor([HISTORY]), torch.tensor([[1, 3, 5]])


def reasoner(adapter: str = "add", dropout: float = 0.0, **changed: float) -> LaresReasoner:
    knobs = {"mean_steps": 3, "state_std": 1.0, "state_scale": 3.0, **changed}
    return LaresReasoner(ADAPTERS[adapter](), 16, 2, 2, 24, 10, dropout, dropout, **knobs)


def model(
    adapter: str = "add", causal: bool = True, dropout: float = 0.0, **changed: float
) -> Recommender:
    torch.manual_seed(3)
    encoder = TransformerEncoder(16, 2, 2, 24, 10, dropout, dropout, causal=causal)
    built = Recommender(IdItemEncoder(30, 16), encoder, reasoner(adapter, dropout, **changed))
    for parameter in built.parameters():
        nn.init.normal_(parameter, std=0.3)
    return built.eval()


@torch.no_grad()
def refine(lares: Recommender, steps: int, start: Tensor | None = None) -> Reasoned:
    encoded = lares.encode(ITEMS)
    start = lares.reasoner.start(encoded) if start is None else start
    return lares.reasoner.reason(encoded, POSITIONS, lares.encoder, steps, start)


# --- the recurrence -------------------------------------------------------------------------------


def test_the_last_state_trains_and_ranks() -> None:
    """One stream of `mean_steps` states outside training."""
    with torch.no_grad():
        reasoned = model()(ITEMS, POSITIONS)
    assert reasoned.steps.shape == (1, 3, 1, 3, 16)
    assert torch.equal(reasoned.train_state, reasoned.steps[:, :, 0, -1])
    assert torch.equal(reasoned.infer_state, reasoned.train_state)
    assert reasoned.gate is None


@pytest.mark.parametrize("adapter", ADAPTERS)
def test_a_run_is_the_beginning_of_a_longer_one(adapter: str) -> None:
    """Weights do not depend on the depth: any depth may be asked for after training (P13)."""
    lares = model(adapter)
    start = torch.randn(1, 6, 16)
    short, long = refine(lares, 2, start), refine(lares, 7, start)
    torch.testing.assert_close(short.steps, long.steps[:, :, :, :2])
    assert not torch.allclose(long.infer_state, short.infer_state)


@pytest.mark.parametrize("causal", [True, False])
@pytest.mark.parametrize("items", [[0, 0, *HISTORY], [*HISTORY, 0, 0]])
def test_the_last_step_gives_what_a_whole_one_gives(causal: bool, items: list[int]) -> None:
    """Outside training its last block is computed at the read positions only."""
    lares = model(causal=causal).double()
    history, read = torch.tensor([items]), torch.tensor([[2, 5]])
    with torch.no_grad():
        encoded = lares.encode(history)
        start = lares.reasoner.start(encoded)
        pruned = lares.reasoner.reason(encoded, read, lares.encoder, 3, start)
        whole = lares.train().reasoner.reason(encoded, read, lares.encoder, 3, start)
    torch.testing.assert_close(pruned.steps, whole.steps, rtol=0, atol=1e-12)


def test_weights_do_not_depend_on_the_depth() -> None:
    """A deeper model is not a larger one (P13)."""
    shallow, deep = model(mean_steps=1).state_dict(), model(mean_steps=9).state_dict()
    assert {n: t.shape for n, t in shallow.items()} == {n: t.shape for n, t in deep.items()}


def test_the_mean_is_the_sum_behind_the_layer_norm() -> None:
    """`(T + H) / 2` and `T + H` differ by the LayerNorm's epsilon only (P13)."""
    state, hidden = torch.randn(2, 5, 16), torch.randn(2, 5, 16)
    norm = nn.LayerNorm(16)
    halved, summed = norm(AddAdapter()(state, hidden)), norm(state + hidden)
    assert 0 < (halved - summed).abs().max() < 1e-4
    norm = nn.LayerNorm(16, eps=1e-14, dtype=torch.float64)
    halved, summed = (
        norm(AddAdapter()(state.double(), hidden.double())),
        norm((state + hidden).double()),
    )
    torch.testing.assert_close(halved, summed, rtol=1e-6, atol=1e-6)


def test_a_learned_mix_starts_as_the_mean() -> None:
    state, hidden = torch.randn(2, 5, 16), torch.randn(2, 5, 16)
    linear = LinearAdapter()
    torch.testing.assert_close(linear(state, hidden), AddAdapter()(state, hidden))
    linear.balance.data.fill_(30.0)
    torch.testing.assert_close(linear(state, hidden), state)


def test_states_stay_bounded_at_unseen_depths() -> None:
    """Every state leaves through a LayerNorm, so more steps cannot blow it up."""
    steps = refine(model(), 60).steps
    assert steps.isfinite().all()
    assert steps[..., -1, :].norm(dim=-1).max() < 3 * steps[..., 0, :].norm(dim=-1).max()


@pytest.mark.parametrize("causal", [True, False])
def test_states_see_what_the_encoder_sees(causal: bool) -> None:
    """The core itself lets a later item reach an earlier state in the bidirectional model only."""
    lares, hidden = model(causal=causal), torch.randn(1, 6, 16)
    changed = hidden.clone()
    changed[0, 5] = torch.randn(16)
    padding = torch.zeros(1, 6, dtype=torch.bool)
    with torch.no_grad():
        before, after = (
            lares.reason(Encoded(h, padding, ()), POSITIONS).steps for h in (hidden, changed)
        )
    assert torch.allclose(before[0, :2], after[0, :2], atol=1e-6) == causal
    assert not torch.allclose(before[0, 2], after[0, 2])


# --- start states ---------------------------------------------------------------------------------


def test_start_states_are_fresh_in_training_and_cut_off() -> None:
    """Noise of the asked size, never beyond three standard deviations times the scale."""
    lares = model(state_std=0.5, state_scale=4.0).train()
    encoded = lares.encode(torch.randint(2, 30, (300, 10)))
    first, second = lares.reasoner.start(encoded), lares.reasoner.start(encoded)
    assert not torch.equal(first, second)
    assert first.abs().max() <= 3 * 0.5 * 4.0
    assert first.abs().max() > 2.5 * 0.5 * 4.0
    assert abs(first.mean()) < 0.05
    assert first.std().item() == pytest.approx(0.5 * 4.0 * 0.9866, rel=0.02)  # 0.9866: the cut
    assert first.requires_grad is False


def test_a_scale_of_zero_starts_from_zero() -> None:
    lares = model(state_scale=0.0)
    assert not lares.reasoner.start(lares.encode(ITEMS)).any()


def test_scores_are_repeatable() -> None:
    """Outside training nothing is drawn: not from any generator, and not at another time."""
    built, again = model(), model()
    torch.manual_seed(99)
    state = torch.get_rng_state()
    with torch.no_grad():
        first = built.logits(ITEMS, POSITIONS)
        assert torch.equal(torch.get_rng_state(), state)
        assert torch.equal(first, built.logits(ITEMS, POSITIONS))
        assert torch.equal(first, again.logits(ITEMS, POSITIONS))


def test_the_start_states_are_kept_with_the_weights() -> None:
    """A checkpoint ranks the same wherever it is read, whatever that generator would draw."""
    assert "reasoner.start_table" in model().state_dict()


@given(
    rows=st.lists(st.lists(st.integers(2, 29), min_size=1, max_size=8), min_size=1, max_size=4),
    left=st.booleans(),
    extra=st.integers(0, 2),
)
def test_neighbours_and_padding_change_nothing(
    rows: list[list[int]], left: bool, extra: int
) -> None:
    """A history has the same states alone, in any batch, and padded on either side."""
    lares, width = model(), max(map(len, rows)) + extra
    padded = [[0] * (width - len(r)) + r if left else r + [0] * (width - len(r)) for r in rows]
    ends = [[width - 1 if left else len(r) - 1] for r in rows]
    with torch.no_grad():
        together = lares(torch.tensor(padded), torch.tensor(ends)).steps
        for i, row in enumerate(rows):
            alone = lares(torch.tensor([row]), torch.tensor([[len(row) - 1]])).steps
            torch.testing.assert_close(together[i], alone[0], rtol=1e-4, atol=1e-5)


def test_all_positions_equal_one_prefix_at_a_time() -> None:
    """Outside training one pass over all positions gives the states of every prefix by itself."""
    lares = model()
    with torch.no_grad():
        together = lares(ITEMS, torch.arange(6)[None]).steps
        for end in range(1, 7):
            alone = lares(torch.tensor([HISTORY[:end]]), torch.tensor([[end - 1]])).steps
            torch.testing.assert_close(together[:, end - 1], alone[:, 0], rtol=1e-4, atol=1e-5)


# --- depths ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(("mean_steps", "mean"), [(2, 2.91), (3, 3.93), (4, 4.93)])
def test_depths_are_drawn_as_documented(mean_steps: int, mean: float) -> None:
    """All of 1 .. 3 mean_steps occur, and training is about one step deeper (P13)."""
    torch.manual_seed(0)
    drawn = [sample_depth(mean_steps) for _ in range(8000)]
    assert set(drawn) == set(range(1, 3 * mean_steps + 1))
    assert sum(drawn) / len(drawn) == pytest.approx(mean, abs=0.12)


def test_a_depth_is_drawn_in_training_only() -> None:
    lares = reasoner()
    assert len({lares.train().choose_depth() for _ in range(60)}) > 3
    assert {lares.eval().choose_depth() for _ in range(5)} == {3}


# --- gradients ------------------------------------------------------------------------------------


@pytest.mark.parametrize("adapter", ADAPTERS)
def test_every_parameter_learns(adapter: str) -> None:
    """No weight is left out of the path from the history to the score."""
    lares = model(adapter, dropout=0.1).train()
    reasoned = lares(ITEMS, POSITIONS)
    (reasoned.infer_state @ lares.items.table().T).logsumexp(-1).sum().backward()
    for name, parameter in lares.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.isfinite().all(), name
        assert parameter.grad.abs().sum() > 0, name


def test_gradients_flow_through_all_steps() -> None:
    """Nothing is cut off: the last state depends on the start state."""
    lares = model()
    start = torch.randn(1, 6, 16, requires_grad=True)
    encoded = lares.encode(ITEMS)
    last = lares.reasoner.reason(encoded, POSITIONS, lares.encoder, 5, start).train_state
    last.square().sum().backward()
    assert start.grad is not None
    assert start.grad.abs().sum() > 0
