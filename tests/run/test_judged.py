"""Kept ranks: of the right weights and the right protocol, or none."""

from pathlib import Path

import numpy as np
import pytest

import latentrec
from latentrec.config import EvaluateConfig
from latentrec.errors import CheckpointError
from latentrec.run import evaluate_run, load
from latentrec.run.judged import has_ranks, keep_ranks, read_ranks
from latentrec.run.run import prepared_data

FEW = EvaluateConfig(resamples=5, baselines=("popularity",))


@pytest.fixture
def kept(copied: Path) -> Path:
    run = load(copied, device="cpu")
    prepared = prepared_data(run)
    keep_ranks(copied, prepared, FEW, evaluate_run(run, prepared, FEW))
    return copied


def test_ranks_come_back(kept: Path) -> None:
    found = read_ranks(kept, exclude_seen=False)
    run = load(kept, device="cpu")
    again = evaluate_run(run, knobs=FEW)
    assert list(found.ranks) == ["popularity", "sasrec+plr"]
    assert all(np.array_equal(found.ranks[e.scorer], e.ranks) for e in again)
    assert np.array_equal(found.users, again[0].users)
    assert again[0].protocol.startswith(found.protocol)


def test_another_protocol_or_checkpoint_has_its_own(kept: Path) -> None:
    assert has_ranks(kept, exclude_seen=False)
    assert not has_ranks(kept, exclude_seen=True)
    manifest = kept / "checkpoints" / (kept / "checkpoints" / "best").read_text() / "manifest.json"
    manifest.write_text(manifest.read_text().replace('"model.safetensors": "', '"m": "'))
    assert not has_ranks(kept, exclude_seen=False)


def test_baselines_that_were_judged_before_stay(kept: Path) -> None:
    run, knobs = load(kept, device="cpu"), EvaluateConfig(resamples=5, baselines=("markov",))
    prepared = prepared_data(run)
    keep_ranks(kept, prepared, knobs, evaluate_run(run, prepared, knobs))
    found = read_ranks(kept, exclude_seen=False)
    assert list(found.ranks) == ["popularity", "sasrec+plr", "markov"]
    assert found.settings["markov"].startswith("markov tuned on validation: decay=")


def test_a_missing_baseline_is_said_until_it_is_judged(kept: Path) -> None:
    run = load(kept, device="cpu")
    prepared = prepared_data(run)
    few = EvaluateConfig(resamples=5, baselines=("ease",), ease_items=3)
    keep_ranks(kept, prepared, few, evaluate_run(run, prepared, few))
    assert "raise evaluate.ease_items" in read_ranks(kept, exclude_seen=False).settings["ease"]
    (*_, note) = latentrec.compare([kept]).notes[:-1]
    assert note.startswith("ease: 40 items need")
    enough = EvaluateConfig(resamples=5, baselines=("ease",))
    keep_ranks(kept, prepared, enough, evaluate_run(run, prepared, enough))
    assert read_ranks(kept, exclude_seen=False).settings["ease"].startswith("ease tuned")
    keep_ranks(kept, prepared, few, evaluate_run(run, prepared, few))
    assert read_ranks(kept, exclude_seen=False).settings["ease"].startswith("ease tuned")


def test_damaged_ranks_are_refused(kept: Path) -> None:
    (path,) = (kept / "ranks").iterdir()
    path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(CheckpointError, match="remove it and run `latentrec evaluate`"):
        read_ranks(kept, exclude_seen=False)
