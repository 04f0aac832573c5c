"""Checkpoints: folders of JSON and safetensors with hashes; nothing is ever unpickled."""

import json
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, cast, final

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from latentrec.errors import CheckpointError
from latentrec.train.atomic import publish_folder, sha256, write_text

FORMAT_VERSION: Final = 1
"""Version of the folder layout; raised when an older reader could misread a newer folder."""

MANIFEST: Final = "manifest.json"
MODEL: Final = "model.safetensors"
OPTIMISER: Final = "optimiser.safetensors"


@final
@dataclass(frozen=True)
class TrainingState:
    """What a checkpoint holds beside tensors.

    Attributes:
        epoch: Finished epochs.
        progress: Early stopping and history, as plain JSON values.
    """

    epoch: int
    progress: dict[str, Any]


@final
class CheckpointFolder:
    """The checkpoints of a run: one folder an epoch, and which of them is `best` and `last`.

    A checkpoint is written beside its final name, flushed, and renamed, so a crash leaves the
    previous one untouched (docs/adr/0012).

    Args:
        folder: Where checkpoints live; made on the first save.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def save(
        self, model: nn.Module, optimiser: torch.optim.Optimizer, state: TrainingState, best: bool
    ) -> Path:
        """Write a checkpoint, mark it `last` (and `best`), and remove those no longer marked."""
        target = self.folder / f"epoch-{state.epoch:04d}"
        beside = self.folder / f".writing-{state.epoch:04d}"
        shutil.rmtree(beside, ignore_errors=True)
        beside.mkdir(parents=True)
        save_file(_contiguous(model.state_dict()), beside / MODEL)
        save_file(_optimiser_tensors(model, optimiser), beside / OPTIMISER)
        hashes = {name: sha256(beside / name) for name in (MODEL, OPTIMISER)}
        manifest = {
            "format_version": FORMAT_VERSION,
            "epoch": state.epoch,
            "progress": state.progress,
            "sha256": hashes,
        }
        (beside / MANIFEST).write_text(json.dumps(manifest, indent=2), encoding="utf-8")
        publish_folder(beside, target)
        self._mark(target, best)
        return target

    def adopt(self, checkpoint: Path) -> None:
        """Copy the weights of another folder's checkpoint; here it is both `best` and `last`.

        Without the optimiser's moments: it can be loaded, not trained further.
        """
        target = self.folder / checkpoint.name
        target.mkdir(parents=True, exist_ok=True)
        for name in (MANIFEST, MODEL):
            shutil.copyfile(checkpoint / name, target / name)
        self._mark(target, best=True)

    def _mark(self, target: Path, best: bool) -> None:
        for mark in ("best", "last") if best else ("last",):
            write_text(self.folder / mark, target.name)
        kept = {self._marked(mark) for mark in ("best", "last")}
        for folder in self.folder.iterdir():
            if folder.is_dir() and folder not in kept:
                shutil.rmtree(folder, ignore_errors=True)

    def _marked(self, mark: str) -> Path | None:
        try:
            name = (self.folder / mark).read_text(encoding="utf-8").strip()
        except FileNotFoundError:
            return None
        return self.folder / name

    def find(self, mark: str) -> Path:
        """The folder of the `best` or `last` checkpoint.

        Raises:
            CheckpointError: If there is none.
        """
        path = self._marked(mark)
        if path is None or not path.is_dir():
            raise CheckpointError(
                f"{self.folder}: no '{mark}' checkpoint; train a run with `latentrec fit` first"
            )
        return path

    def exists(self) -> bool:
        """Whether there is a checkpoint to go on from."""
        path = self._marked("last")
        return path is not None and path.is_dir()


def load_model(path: Path, model: nn.Module) -> TrainingState:
    """Fill a model with the weights of a checkpoint.

    Raises:
        CheckpointError: If a file is missing, changed, of another version or of another shape.
    """
    manifest = _manifest(path)
    tensors = _tensors(path, MODEL, manifest)
    expected = {name: tuple(value.shape) for name, value in model.state_dict().items()}
    found = {name: tuple(value.shape) for name, value in tensors.items()}
    if expected != found:
        wrong = sorted(k for k in expected | found if expected.get(k) != found.get(k))[0]
        raise CheckpointError(
            f"{path / MODEL}: tensor '{wrong}' has shape {found.get(wrong)}, the configuration "
            f"asks for {expected.get(wrong)}; use the configuration that the run was trained with"
        )
    model.load_state_dict(tensors)
    return TrainingState(manifest["epoch"], manifest["progress"])


def load_optimiser(path: Path, model: nn.Module, optimiser: torch.optim.Optimizer) -> None:
    """Fill an optimiser with the moments of a checkpoint.

    Raises:
        CheckpointError: If a file is missing, changed or of another version.
    """
    tensors = _tensors(path, OPTIMISER, _manifest(path))
    for name, parameter in model.named_parameters():
        found = {k.rpartition("/")[2]: v for k, v in tensors.items() if k.startswith(f"{name}/")}
        if found:
            optimiser.state[parameter] = {k: v.to(parameter.device) for k, v in found.items()}


def _optimiser_tensors(model: nn.Module, optimiser: torch.optim.Optimizer) -> dict[str, Tensor]:
    states = {
        name: cast("Mapping[str, Tensor]", optimiser.state[parameter])
        for name, parameter in model.named_parameters()
        if parameter in optimiser.state
    }
    return _contiguous(
        {f"{n}/{key}": value for n, state in states.items() for key, value in state.items()}
    )


def _contiguous(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}


def _manifest(path: Path) -> dict[str, Any]:
    try:
        manifest = json.loads((path / MANIFEST).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise CheckpointError(f"{path / MANIFEST}: not readable ({error})") from None
    version = manifest.get("format_version")
    if version != FORMAT_VERSION:
        raise CheckpointError(
            f"{path}: format version {version}, this latentrec reads {FORMAT_VERSION}; "
            "use the release that wrote it, or train again"
        )
    return manifest


def _tensors(path: Path, name: str, manifest: dict[str, Any]) -> dict[str, Tensor]:
    file = path / name
    try:
        if sha256(file) != manifest["sha256"][name]:
            raise CheckpointError(
                f"{file}: its SHA-256 differs from the manifest; the file was changed"
            )
        return load_file(file)
    except (OSError, SafetensorError) as error:
        raise CheckpointError(f"{file}: not readable ({error})") from None
