"""The folder of a run: which files it holds, and checks that they belong together."""

import json
import platform
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path
from tempfile import TemporaryFile
from typing import Any, Final

import torch

from latentrec.build import model_name
from latentrec.config import RunConfig
from latentrec.configure import parse_config
from latentrec.data.prepare import Prepared
from latentrec.errors import CheckpointError, ConfigError
from latentrec.run.items import write_items
from latentrec.run.vectoriser_file import write_vectoriser
from latentrec.train.atomic import sha256, write_text
from latentrec.train.checkpoint import MODEL, CheckpointFolder
from latentrec.train.loop import EpochReport

CONFIG: Final = "config.json"
PRETRAIN: Final = "pretrain.json"
"""The configuration of a pre-training; a run has config.json in its place."""
GIVEN: Final = "given.json"
RUN: Final = "run.json"
ITEMS: Final = "items.parquet"
METRICS: Final = "metrics.jsonl"
DATA: Final = "data.json"
EVALUATION: Final = "evaluation.json"
CHECKPOINTS: Final = "checkpoints"

FREE_ON_RESUME: Final = ("epochs", "patience", "max_minutes", "device")
"""Training knobs that may change when a run goes on."""


def read_config(folder: Path) -> RunConfig:
    """The resolved configuration of a run.

    Raises:
        CheckpointError: If the folder holds no run.
    """
    return parse_config(read_json(folder / CONFIG))


def start_folder(
    config: RunConfig, folder: Path, prepared: Prepared, given: dict[str, Any]
) -> None:
    """Write what is known of a run before its first epoch, into a folder without a run."""
    folder.mkdir(parents=True, exist_ok=True)
    dataset, report = prepared.dataset, prepared.report
    write_items(folder / ITEMS, dataset.catalogue, dataset.train())
    described = {
        "model": model_name(config),
        "data_fingerprint": report.fingerprint,
        "items_sha256": sha256(folder / ITEMS),
        "environment": environment(),
    }
    if dataset.catalogue.vectoriser is not None:
        described["text_sha256"] = write_vectoriser(folder, dataset.catalogue.vectoriser)
    write_json(folder / GIVEN, given)
    write_json(folder / DATA, report.to_dict())
    write_json(folder / RUN, described)
    write_json(folder / CONFIG, config.model_dump(mode="json"))


def check_start(config: RunConfig, folder: Path, resume: bool) -> None:
    """Refuse what cannot start in a folder before the data are read, which may take minutes.

    Raises:
        ConfigError: If a new run meets an old one, a resumed run had another configuration, or
            the folder cannot be used.
        CheckpointError: If there is no run to resume.
    """
    check_usable(f"run folder {folder}", folder)
    if config.blend is not None:
        raise ConfigError(
            f"run folder {folder}: blend.partner='{config.blend.partner}', and a blend is not "
            "trained; train the model, then `latentrec blend RUN --out FOLDER`"
        )
    if resume:
        _check_same(config, folder)
    elif any((folder / name).exists() for name in (CONFIG, PRETRAIN)):
        raise ConfigError(
            f"run folder {folder}: holds a run already; go on with --resume or take another folder"
        )


def check_usable(named: str, folder: Path) -> None:
    """Refuse a folder that can neither be made nor be written to; nothing is made here.

    Args:
        named: What the folder is, for the error.
        folder: The folder; it need not exist yet.

    Raises:
        ConfigError: Says why it cannot be used.
    """
    try:
        with TemporaryFile(dir=next(each for each in (folder, *folder.parents) if _exists(each))):
            pass
    except OSError as error:
        raise ConfigError(
            f"{named}: must be a folder that can be made or written to ({error.strerror}); "
            "take another one"
        ) from None


def _exists(path: Path) -> bool:
    """Whether anything has that name, be it a link to nowhere; other trouble is raised."""
    try:
        path.lstat()
    except (FileNotFoundError, NotADirectoryError):
        return False
    return True


def reopen_folder(config: RunConfig, folder: Path, prepared: Prepared) -> bool:
    """Make a run ready to go on where it stopped.

    Returns:
        Whether there is a checkpoint to go on from; not if its first epoch never ended.

    Raises:
        CheckpointError: If the data changed or a checkpoint is missing.
    """
    check_data(folder, prepared)
    saved = forget_unsaved_epochs(folder)
    write_json(folder / CONFIG, config.model_dump(mode="json"))
    return saved


def forget_unsaved_epochs(folder: Path) -> bool:
    """Drop reports that the last checkpoint does not reach; whether there is a checkpoint.

    Raises:
        CheckpointError: If a checkpoint is missing.
    """
    done = _saved_epochs(folder)
    _forget_epochs_after(done, folder / METRICS)
    return done > 0


def _check_same(config: RunConfig, folder: Path) -> None:
    old, new = read_config(folder).model_dump(mode="json"), config.model_dump(mode="json")
    for section in new:
        was, is_now = old[section] or {}, new[section] or {}
        for key in was | is_now:
            before, now = was.get(key), is_now.get(key)
            if before != now and (section != "train" or key not in FREE_ON_RESUME):
                raise ConfigError(
                    f"{section}.{key}: the run was started with {before!r}, not {now!r}; "
                    "a resumed run keeps its configuration"
                )


def check_data(folder: Path, prepared: Prepared) -> None:
    """Raise CheckpointError if the data are not those that the run was trained on."""
    trained_on = str(read_json(folder / RUN).get("data_fingerprint"))
    if prepared.report.fingerprint != trained_on:
        raise CheckpointError(
            f"run folder {folder}: the data changed since the run was started (fingerprint "
            f"{prepared.report.fingerprint[:12]}, was {trained_on[:12]}); give back the old data "
            "or train a new run"
        )


def check_items(folder: Path) -> None:
    """Raise CheckpointError if the items are not those that the run was trained on."""
    described = read_json(folder / RUN)
    try:
        found = sha256(folder / ITEMS)
    except OSError as error:
        raise CheckpointError(f"{folder / ITEMS}: not readable ({error})") from None
    if found != described.get("items_sha256"):
        raise CheckpointError(
            f"{folder / ITEMS}: its SHA-256 differs from run.json; the file was changed, so item "
            "indices may mean other items: give back the old file or train a new run"
        )


def weights_hash(folder: Path) -> str:
    """SHA-256 of the best weights of a run."""
    return sha256(CheckpointFolder(folder / CHECKPOINTS).find("best") / MODEL)


def _saved_epochs(folder: Path) -> int:
    """Epochs in the last checkpoint; one must exist once a second epoch was reported.

    The first report alone may lack it: a report is written just before its checkpoint.
    """
    checkpoints = CheckpointFolder(folder / CHECKPOINTS)
    if not checkpoints.exists() and len(_metric_lines(folder / METRICS)) <= 1:
        return 0
    return int(checkpoints.find("last").name.removeprefix("epoch-"))


def _forget_epochs_after(done: int, path: Path) -> None:
    """Drop the metric lines that the last checkpoint does not reach, and one that was cut off."""
    kept = [line for line in _metric_lines(path) if json.loads(line)["epoch"] <= done]
    if path.exists():
        write_text(path, "".join(f"{line}\n" for line in kept))


def _metric_lines(path: Path) -> list[str]:
    """The whole lines of metrics.jsonl; none if it is not there yet."""
    return path.read_text(encoding="utf-8").split("\n")[:-1] if path.exists() else []


def read_metrics(path: Path) -> list[dict[str, Any]]:
    """The reports of metrics.jsonl, one an epoch; none if it is not there yet."""
    return [json.loads(line) for line in _metric_lines(path)]


def best_value(lines: Sequence[Mapping[str, Any]], monitor: str) -> float | None:
    """The monitored validation metric of a run's best epoch; None before the first validation.

    Args:
        lines: The reports of metrics.jsonl.
        monitor: Which metric.
    """
    values = {line["epoch"]: line["metrics"][monitor] for line in lines if line["metrics"]}
    return values[lines[-1]["best_epoch"]] if values else None


def keep_epoch(folder: Path, report: EpochReport) -> None:
    """Add one epoch to metrics.jsonl; what was judged before it is no result any more."""
    (folder / EVALUATION).unlink(missing_ok=True)
    with (folder / METRICS).open("a", encoding="utf-8") as file:
        file.write(json.dumps(asdict(report)) + "\n")


def environment() -> dict[str, Any]:
    """Versions and machine, for the record."""
    packages = ("latentrec", "torch", "numpy", "polars", "accelerate")
    return {
        "python": platform.python_version(),
        "platform": platform.platform(),
        "threads": torch.get_num_threads(),
        "versions": {name: version(name) for name in packages},
    }


def read_json(path: Path) -> dict[str, Any]:
    """The content of a JSON file of a run; raises CheckpointError if there is none."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise CheckpointError(
            f"{path.parent}: no run there ({path.name} is missing); give the folder that "
            "`latentrec fit --run FOLDER` wrote"
        ) from None
    except (OSError, ValueError) as error:
        raise CheckpointError(f"{path}: not readable ({error})") from None


def write_json(path: Path, values: dict[str, Any]) -> None:
    """Replace a JSON file of a run, atomically."""
    write_text(path, json.dumps(values, indent=2, ensure_ascii=False) + "\n")
