"""Arms: users are split evenly, for good, and alike on every server."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from latentrec.errors import CheckpointError, ConfigError, TrainingError
from latentrec.run import Run, blend, load
from latentrec.run.folder import CHECKPOINTS
from latentrec.serve.answers import model
from latentrec.serve.arms import Arms, open_arm, place_of
from latentrec.serve.settings import Engine
from latentrec.train.atomic import sha256
from latentrec.train.checkpoint import MODEL, CheckpointFolder

MakeRun = Callable[..., Path]


def test_users_are_spread_evenly_and_the_same_everywhere() -> None:
    places = [place_of(f"user {number}") for number in range(4000)]
    assert min(places) >= 0
    assert max(places) < 1
    for share in (0.1, 0.5, 0.9):
        assert sum(place < share for place in places) / 4000 == pytest.approx(share, abs=0.03)
    assert place_of("u1") == pytest.approx(0.0404910, abs=1e-6)  # or running tests would be mixed


@pytest.mark.parametrize("share", [0.0, 0.3, 1.0])
def test_the_share_decides_between_two_runs(make_run: MakeRun, share: float) -> None:
    a, b = open_arm("a", make_run("plr"), "cpu"), open_arm("b", make_run("none"), "cpu")
    assert a.version != b.version
    arms = Arms(a, b, share)
    users = [f"u{number}" for number in range(200)]
    in_b = [u for u in users if arms.of_user(u) is b]
    assert in_b == [u for u in users if place_of(u) < share]
    assert arms.of_user(None) is a
    again = arms.replaced(open_arm("b", make_run("plr"), "cpu"))
    assert [u for u in users if again.of_user(u) is again.b] == in_b
    assert again.a is a


@pytest.mark.parametrize("engine", ["torch", "onnx"])
def test_a_blend_answers_as_its_run_does_at_any_effort(
    make_run: MakeRun, tmp_path: Path, engine: Engine
) -> None:
    run = blend(make_run("plr"), tmp_path / "both", partner="markov")
    arm = open_arm("a", run.folder, "cpu", engine)
    for effort, view in arm.views.items():
        expected = run.limited(effort).recommend([["i01", "i02"]])[0]
        found = view.recommend([["i01", "i02"]])[0]
        assert found.source == "sasrec+plr+markov"
        assert found.item_ids == expected.item_ids
        assert found.scores == pytest.approx(expected.scores, rel=1e-4)
    assert model(arm, 1.0).name == "sasrec+plr+markov"


def test_one_run_answers_everybody(make_run: MakeRun) -> None:
    arms = Arms(open_arm("a", make_run("plr"), "cpu"), None, 1.0)
    assert arms.of_user("u") is arms.a
    assert arms.share_of(arms.a) == 1
    with pytest.raises(ConfigError, match="--against"):
        arms.named("b")


def test_a_run_that_is_not_sound_is_never_served(make_run: MakeRun, tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="no run there"):
        open_arm("a", tmp_path, "cpu")
    bad = Path(shutil.copytree(make_run("plr"), tmp_path / "bad"))
    weights = CheckpointFolder(bad / CHECKPOINTS).find("best") / MODEL
    content = bytearray(weights.read_bytes())
    content[-1] ^= 1
    weights.write_bytes(content)
    with pytest.raises(CheckpointError):
        open_arm("a", bad, "cpu")


def test_a_run_of_nan_is_never_served(make_run: MakeRun, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = make_run("plr")
    weights = load_file(CheckpointFolder(folder / CHECKPOINTS).find("best") / MODEL)
    assert weights  # the file is sound: it is the model that is not

    def spoil(path: Path, model: torch.nn.Module) -> None:
        for parameter in model.parameters():
            torch.nn.init.constant_(parameter, float("nan"))

    monkeypatch.setattr("latentrec.run.run.load_model", spoil)
    with pytest.raises(TrainingError, match="NaN or infinite"):
        open_arm("a", folder, "cpu")


def test_a_run_still_in_training_is_read_again_when_its_checkpoint_moves(
    make_run: MakeRun, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Training removes the older checkpoint at any moment, also between two of its files."""
    run = tmp_path / "run"
    shutil.copytree(make_run("none"), run)
    checkpoints = CheckpointFolder(run / CHECKPOINTS)
    older = checkpoints.find("best")
    newer = older.with_name("epoch-0002")
    turns: list[int] = []

    def load_while_training(folder: Path, *, device: str) -> Run:
        turns.append(1)
        found = load(folder, device=device)
        if older.is_dir():
            older.rename(newer)
            for mark in ("best", "last"):
                (run / CHECKPOINTS / mark).write_text(newer.name)
        return found

    monkeypatch.setattr("latentrec.serve.arms.load", load_while_training)
    assert open_arm("a", run, "cpu").version == sha256(newer / MODEL)[:12]
    assert len(turns) == 2


def test_a_checkpoint_that_keeps_vanishing_is_named(
    make_run: MakeRun, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = tmp_path / "run"
    shutil.copytree(make_run("none"), run)
    weights = CheckpointFolder(run / CHECKPOINTS).find("best") / MODEL

    def load_then_lose(folder: Path, *, device: str) -> Run:
        kept = weights.read_bytes() if weights.exists() else b""
        weights.write_bytes(kept or (make_run("none") / weights.relative_to(run)).read_bytes())
        found = load(folder, device=device)
        weights.unlink()
        return found

    monkeypatch.setattr("latentrec.serve.arms.load", load_then_lose)
    with pytest.raises(CheckpointError, match=r"model\.safetensors: vanished .* try again"):
        open_arm("a", run, "cpu")
