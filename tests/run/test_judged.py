"""Kept ranks: of the right weights and the right protocol, or none."""

from pathlib import Path

import numpy as np
import pytest

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


def test_damaged_ranks_are_refused(kept: Path) -> None:
    (path,) = (kept / "ranks").iterdir()
    path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(CheckpointError, match="remove it and run `latentrec evaluate`"):
        read_ranks(kept, exclude_seen=False)
