"""The folder of a run: which files it holds, and checks that they belong together."""

import json
import platform
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

import torch

from latentrec.build import model_name
from latentrec.config import RunConfig
from latentrec.configure import parse_config
from latentrec.data.prepare import Prepared
from latentrec.errors import CheckpointError, ConfigError
from latentrec.run.items import write_items
from latentrec.train.atomic import write_text
from latentrec.train.checkpoint import CheckpointFolder
from latentrec.train.loop import EpochReport

CONFIG: Final = "config.json"
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
    """Write what is known of a run before its first epoch.

    Raises:
        ConfigError: If the folder holds a run already.
    """
    if (folder / CONFIG).exists():
        raise ConfigError(
            f"run folder {folder}: holds a run already; go on with --resume or take another folder"
        )
    folder.mkdir(parents=True, exist_ok=True)
    dataset, report = prepared.dataset, prepared.report
    write_items(folder / ITEMS, dataset.catalogue, dataset.train())
    described = {
        "model": model_name(config),
        "index_fingerprint": dataset.index.fingerprint,
        "data_fingerprint": report.fingerprint,
        "environment": _environment(),
    }
    write_json(folder / GIVEN, given)
    write_json(folder / DATA, report.to_dict())
    write_json(folder / RUN, described)
    write_json(folder / CONFIG, config.model_dump(mode="json"))


def check_same(config: RunConfig, folder: Path, prepared: Prepared) -> None:
    """Make sure that a run can go on where it stopped.

    Raises:
        ConfigError: If a knob differs that decides the result.
        CheckpointError: If the data changed or there is no checkpoint.
    """
    old, new = read_config(folder).model_dump(mode="json"), config.model_dump(mode="json")
    for section in new:
        for key in old[section] | new[section]:
            before, now = old[section].get(key), new[section].get(key)
            if before != now and (section != "train" or key not in FREE_ON_RESUME):
                raise ConfigError(
                    f"{section}.{key}: the run was started with {before!r}, not {now!r}; "
                    "a resumed run keeps its configuration"
                )
    check_data(folder, prepared)
    _forget_unsaved_epochs(folder)


def check_data(folder: Path, prepared: Prepared) -> None:
    """Raise CheckpointError if the data are not those that the run was trained on."""
    trained_on = read_json(folder / RUN)["data_fingerprint"]
    if prepared.report.fingerprint != trained_on:
        raise CheckpointError(
            f"run folder {folder}: the data changed since the run was started (fingerprint "
            f"{prepared.report.fingerprint[:12]}, was {trained_on[:12]}); give back the old data "
            "or train a new run"
        )


def _forget_unsaved_epochs(folder: Path) -> None:
    """Drop metric lines of epochs behind the last checkpoint: they will be trained again."""
    path = folder / METRICS
    if not path.exists():
        return
    done = int(CheckpointFolder(folder / CHECKPOINTS).find("last").name.removeprefix("epoch-"))
    lines = [
        line for line in path.read_text("utf-8").splitlines() if json.loads(line)["epoch"] <= done
    ]
    write_text(path, "".join(f"{line}\n" for line in lines))


def append_metrics(path: Path, report: EpochReport) -> None:
    """Add one epoch to metrics.jsonl."""
    with path.open("a", encoding="utf-8") as file:
        file.write(json.dumps(asdict(report)) + "\n")


def _environment() -> dict[str, Any]:
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
