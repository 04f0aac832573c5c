"""Checkpoints: give back what was saved, and refuse what is not sound."""

import json
from pathlib import Path

import pytest
import torch
from torch import nn

from latentrec.errors import CheckpointError
from latentrec.train.checkpoint import (
    MANIFEST,
    MODEL,
    CheckpointFolder,
    TrainingState,
    load_model,
    load_optimiser,
)


def trained() -> tuple[nn.Module, torch.optim.Optimizer]:
    torch.manual_seed(0)
    model = nn.Linear(3, 2)
    optimiser = torch.optim.AdamW(model.parameters())
    model(torch.ones(1, 3)).sum().backward()
    optimiser.step()
    return model, optimiser


def save(folder: Path, epoch: int = 1, best: bool = True) -> Path:
    return CheckpointFolder(folder).save(*trained(), TrainingState(epoch, {"a": 1}), best)


def test_gives_back_weights_moments_and_state(tmp_path: Path) -> None:
    """Nothing that the next step depends on is lost."""
    model, optimiser = trained()
    path = save(tmp_path)
    other = nn.Linear(3, 2)
    fresh = torch.optim.AdamW(other.parameters())
    assert load_model(path, other) == TrainingState(1, {"a": 1})
    load_optimiser(path, other, fresh)
    for a, b in zip(model.parameters(), other.parameters(), strict=True):
        assert torch.equal(a, b)
        assert all(
            torch.equal(optimiser.state[a][k], fresh.state[b][k]) for k in optimiser.state[a]
        )


def test_keeps_best_and_last_only(tmp_path: Path) -> None:
    """Disk use does not grow with the number of epochs."""
    for epoch, best in ((1, True), (2, False), (3, False)):
        save(tmp_path, epoch, best)
    folder = CheckpointFolder(tmp_path)
    assert folder.find("best").name == "epoch-0001"
    assert folder.find("last").name == "epoch-0003"
    assert sorted(p.name for p in tmp_path.iterdir() if p.is_dir()) == ["epoch-0001", "epoch-0003"]


def test_a_crash_while_writing_leaves_the_previous_checkpoint(tmp_path: Path) -> None:
    """A half-written folder is never looked at, and the next save clears it."""
    save(tmp_path, 1)
    (tmp_path / ".writing-0002").mkdir()
    (tmp_path / ".writing-0002" / MODEL).write_bytes(b"half")
    assert CheckpointFolder(tmp_path).find("last").name == "epoch-0001"
    save(tmp_path, 2)
    assert not (tmp_path / ".writing-0002").exists()


@pytest.mark.parametrize("place", range(0, 300, 37))
def test_a_changed_byte_is_refused(tmp_path: Path, place: int) -> None:
    """safetensors has no checksum of its own: the manifest has."""
    path = save(tmp_path)
    content = bytearray((path / MODEL).read_bytes())
    content[place % len(content)] ^= 1
    (path / MODEL).write_bytes(content)
    with pytest.raises(CheckpointError, match="SHA-256"):
        load_model(path, nn.Linear(3, 2))


def test_another_shape_version_or_folder_is_refused(tmp_path: Path) -> None:
    """Each with the way out in the message."""
    path = save(tmp_path)
    with pytest.raises(CheckpointError, match="tensor 'bias' has shape"):
        load_model(path, nn.Linear(3, 4))
    manifest = json.loads((path / MANIFEST).read_text())
    (path / MANIFEST).write_text(json.dumps({**manifest, "format_version": 99}))
    with pytest.raises(CheckpointError, match="format version 99"):
        load_model(path, nn.Linear(3, 2))
    (path / MANIFEST).unlink()
    with pytest.raises(CheckpointError, match="not readable"):
        load_model(path, nn.Linear(3, 2))
    with pytest.raises(CheckpointError, match="latentrec fit"):
        CheckpointFolder(tmp_path / "nowhere").find("last")
