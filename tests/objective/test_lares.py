"""LARES' objective: which passes meet in which term, negatives, depths, and a run of it."""

import math
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from latentrec.build import build_objective
from latentrec.config import ErlConfig, LaresConfig, NoReasonerConfig
from latentrec.configure import parse_config
from latentrec.data.batch import Batch, Partners, batches, training_samples
from latentrec.data.dataset import Histories
from latentrec.model.encoder import TransformerEncoder
from latentrec.model.items import IdItemEncoder
from latentrec.model.reasoner.lares import AddAdapter, LaresReasoner
from latentrec.model.recommender import Recommender
from latentrec.objective.contract import Losses
from latentrec.objective.terms import in_batch_contrast
from latentrec.reasoner_config import needs_partners
from latentrec.run import fit, load

ITEMS = torch.tensor([[4, 9, 3], [7, 2, 0], [5, 6, 8]])
TARGETS = torch.tensor([[9, 3, 11], [2, 11, 0], [6, 8, 4]])
PARTNERS = Partners(
    torch.tensor([[2], [1], [2]]),
    torch.tensor([[7, 2], [4, 9], [9, 0]]),
    torch.tensor([[1], [1], [0]]),
)
BATCH = Batch(ITEMS, torch.arange(3).expand(3, 3), TARGETS, PARTNERS)
Depths = Callable[..., None]


def model(mean_steps: int = 3, dropout: float = 0.0) -> Recommender:
    torch.manual_seed(3)
    encoder = TransformerEncoder(16, 2, 2, 24, 10, dropout, dropout, causal=True)
    lares = LaresReasoner(AddAdapter(), 16, 1, 2, 24, 10, dropout, dropout, mean_steps, 1.0, 3.0)
    built = Recommender(IdItemEncoder(30, 16), encoder, lares)
    for parameter in built.parameters():
        if parameter.dim() > 1:  # biases of LayerNorm would make all states alike
            torch.nn.init.normal_(parameter, std=0.3)
    return built.train()


def losses(built: Recommender | None = None, batch: Batch = BATCH, **knobs: object) -> Losses:
    torch.manual_seed(7)
    return build_objective(LaresConfig.model_validate(knobs))(built or model(), batch, 0)


@pytest.fixture
def depths(monkeypatch: pytest.MonkeyPatch) -> Depths:
    """Fixes the depths that are drawn one after another."""

    def fix(*values: int) -> None:
        left = list(values)
        monkeypatch.setattr(LaresReasoner, "choose_depth", lambda self: left.pop(0))

    return fix


# --- the contrast ---------------------------------------------------------------------------------


def test_the_contrast_is_the_mean_of_both_directions() -> None:
    """Half of each cross-entropy over the rows of the batch."""
    x, y = torch.randn(4, 5), torch.randn(4, 5)
    rows = torch.arange(4)
    forth, back = F.cross_entropy(x @ y.T / 0.5, rows), F.cross_entropy(y @ x.T / 0.5, rows)
    torch.testing.assert_close(in_batch_contrast(x, y, 0.5, None), (forth + back) / 2)


def test_a_blocked_pair_is_no_negative() -> None:
    """Neither its value nor its gradient remains; with all pairs blocked nothing is left."""
    x = torch.randn(3, 5, requires_grad=True)
    blocked = torch.tensor([[0, 1, 0], [1, 0, 0], [0, 0, 0]], dtype=torch.bool)
    some = in_batch_contrast(x, x, 1.0, blocked)
    similarity = x @ x.T
    expected = [similarity[i][[i, 2] if i < 2 else [2, 0, 1]].log_softmax(0)[0] for i in range(3)]
    torch.testing.assert_close(some, -torch.stack(expected).mean())
    assert in_batch_contrast(x, x, 1.0, ~torch.eye(3, dtype=torch.bool)).item() == 0.0


# --- the sum --------------------------------------------------------------------------------------


def test_the_total_is_the_weighted_sum() -> None:
    found = losses(trajectory_weight=0.3, step_weight=0.7)
    parts = found.parts
    expected = parts["next_item"] + 0.3 * parts["trajectory"] + 0.7 * parts["step"]
    torch.testing.assert_close(found.total.detach(), expected)
    assert set(parts) == {"next_item", "trajectory", "step"}


def test_a_weight_of_zero_saves_its_pass() -> None:
    """Without alignments no partner is needed and nothing but the next item is left."""
    assert set(losses(trajectory_weight=0).parts) == {"next_item", "step"}
    assert set(losses(step_weight=0).parts) == {"next_item", "trajectory"}
    alone = Batch(ITEMS, BATCH.positions, TARGETS)
    found = losses(batch=alone, trajectory_weight=0, step_weight=0)
    assert set(found.parts) == {"next_item"}
    assert torch.equal(found.total.detach(), found.parts["next_item"])


def test_the_configuration_says_who_needs_partners() -> None:
    assert needs_partners(LaresConfig())
    assert needs_partners(LaresConfig(trajectory_weight=0))
    assert not needs_partners(LaresConfig(trajectory_weight=0, step_weight=0))
    assert not needs_partners(ErlConfig())
    assert not needs_partners(NoReasonerConfig())


# --- the passes -----------------------------------------------------------------------------------


def test_both_views_take_the_same_depth(depths: Depths, monkeypatch: pytest.MonkeyPatch) -> None:
    """One depth for the next item, one for both aligned histories; each start is drawn anew."""
    depths(2, 5)
    seen, starts, reason = [], [], LaresReasoner.reason

    def spy(self: LaresReasoner, *args: object) -> object:
        seen.append(args[3])
        starts.append(args[4])
        return reason(self, *args)

    monkeypatch.setattr(LaresReasoner, "reason", spy)
    losses()
    assert seen[0] == 2
    assert set(seen[1:]) == {5}
    corners = [start[0, 0].tolist() for start in starts]
    assert len(corners) == len({tuple(corner) for corner in corners})


def test_a_single_step_has_no_step_alignment(depths: Depths) -> None:
    """There is no other step to align with; the depth of the first pass does not matter."""
    depths(4, 1)
    assert losses().parts["step"] == 0.0
    depths(1, 4)
    assert losses().parts["step"] > 0.0


def test_any_step_may_be_aligned_with_the_last() -> None:
    """With repeatable states (evaluation mode) the term takes one value for each of three steps."""
    built = model(mean_steps=3).eval()
    objective = build_objective(LaresConfig(trajectory_weight=0))
    torch.manual_seed(0)
    seen = {round(float(objective(built, BATCH, 0).parts["step"]), 4) for _ in range(40)}
    assert len(seen) == 3


def test_the_alignments_read_the_chosen_position() -> None:
    """Items behind the chosen position change the next-item loss only (causal encoder)."""
    partners = Partners(torch.zeros(3, 1, dtype=torch.long), PARTNERS.items, PARTNERS.positions)
    changed = ITEMS.clone()
    changed[2, 1:] = torch.tensor([12, 13])
    a, b = (
        losses(batch=Batch(items, BATCH.positions, TARGETS, partners)).parts
        for items in (ITEMS, changed)
    )
    torch.testing.assert_close(a["trajectory"], b["trajectory"])
    torch.testing.assert_close(a["step"], b["step"])
    assert not torch.allclose(a["next_item"], b["next_item"])


def test_partners_enter_trajectory_alignment_only() -> None:
    """Another partner changes that term and nothing else."""
    other = Partners(PARTNERS.columns, PARTNERS.items.flip(0), PARTNERS.positions.flip(0))
    a = losses().parts
    b = losses(batch=Batch(ITEMS, BATCH.positions, TARGETS, other)).parts
    assert torch.equal(a["next_item"], b["next_item"])
    assert torch.equal(a["step"], b["step"])
    assert not torch.allclose(a["trajectory"], b["trajectory"])


def test_rows_with_the_same_target_are_negatives_unless_masked() -> None:
    """Two of the three rows share their target: masking them makes both terms smaller."""
    literal, masked = losses().parts, losses(mask_same_target=True).parts
    assert torch.equal(literal["next_item"], masked["next_item"])
    assert masked["trajectory"] < literal["trajectory"]
    assert masked["step"] < literal["step"]
    apart = Partners(
        torch.tensor([[0], [0], [2]]), PARTNERS.items, PARTNERS.positions
    )  # targets 9, 2, 4: nothing to mask
    batch = Batch(ITEMS, BATCH.positions, TARGETS, apart)
    assert torch.equal(losses(batch=batch).total, losses(batch=batch, mask_same_target=True).total)


def test_cosines_are_bounded() -> None:
    """With cosines no alignment can exceed log B + 2 / temperature."""
    found = losses(similarity="cosine", temperature=0.5).parts
    for name in ("trajectory", "step"):
        assert 0 < found[name] <= math.log(3) + 2 / 0.5
    assert not torch.allclose(found["trajectory"], losses(temperature=0.5).parts["trajectory"])


# --- training -------------------------------------------------------------------------------------


@pytest.mark.parametrize("positions", ["all", "last"])
def test_every_parameter_learns(positions: str) -> None:
    """With batches of both modes, as they come from the log."""
    built = model(dropout=0.1)
    rng = np.random.default_rng(0)
    train = Histories.from_lists([rng.integers(2, 30, 8).tolist() for _ in range(20)])
    samples = training_samples(train, 10, positions, "split", partners=True)
    losses(built, next(batches(samples, 16, rng))).total.backward()
    for name, parameter in built.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.isfinite().all(), name
        assert parameter.grad.abs().sum() > 0, name


def test_alignment_is_learned() -> None:
    """Descending on the alignments alone makes a history find its partner."""
    built = model()
    objective = build_objective(
        LaresConfig(trajectory_weight=1.0, similarity="cosine", temperature=0.2)
    )
    optimiser = torch.optim.Adam(built.parameters(), lr=3e-3)

    def judged() -> float:
        torch.manual_seed(1)  # the same depths and start states before and after
        with torch.no_grad():
            drawn = [objective(built, BATCH, 0).parts["trajectory"] for _ in range(20)]
        return float(torch.stack(drawn).mean())

    before = judged()
    for _ in range(60):
        optimiser.zero_grad()
        objective(built, BATCH, 0).total.backward()
        optimiser.step()
    assert judged() < 0.5 * before


@pytest.mark.parametrize("encoder", ["sasrec", "bert4rec"])
def test_a_run_trains_and_ranks_the_same_twice(tmp_path: Path, encoder: str) -> None:
    """From the configuration to a loaded run: partners reach the objective, scores repeat."""
    config = parse_config(
        {
            "data": {"users": 40, "items": 30, "interests": 5, "interests_per_user": 2},
            "encoder": {"kind": encoder, "dim": 8, "inner": 8, "layers": 1, "heads": 1},
            "reasoner": {"kind": "lares", "core_layers": 1, "mean_steps": 2, "adapter": "linear"},
            "train": {
                "positions": "all" if encoder == "sasrec" else "last",
                "epochs": 1,
                "batch_size": 128,
                "device": "cpu",
            },
        }
    )
    (report,) = fit(config, tmp_path / "run")
    assert {"loss", "next_item", "trajectory", "step"} == set(report.losses)
    rows = Histories.from_lists([[2, 3, 4], [5]])
    first, again = (load(tmp_path / "run", device="cpu").scorer.scores(rows) for _ in range(2))
    assert torch.equal(first, again)
