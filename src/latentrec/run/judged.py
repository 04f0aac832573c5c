"""Kept ranks: what each test case came to, so that runs are compared without scoring again."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, final

import polars as pl

from latentrec.build import model_name
from latentrec.config import EvaluateConfig, RunConfig
from latentrec.data.dataset import Int64s
from latentrec.data.prepare import Prepared
from latentrec.errors import CheckpointError
from latentrec.evaluate.baselines import left_out
from latentrec.evaluate.evaluate import Evaluation, ranking
from latentrec.evaluate.metrics import Ranks
from latentrec.run.folder import CHECKPOINTS, RUN, read_config, read_json
from latentrec.train.checkpoint import MANIFEST, CheckpointFolder

FOLDER: Final = "ranks"
RANK: Final = "rank:"
FORMAT: Final = 1


@final
@dataclass(frozen=True)
class Judged:
    """The ranks of a run and of the baselines beside it, in the order of the test cases.

    Attributes:
        folder: Folder of the run.
        config: Its configuration.
        model: Name of the model.
        fingerprint: SHA-256 of the data.
        protocol: Split, ranking, ties and hidden items in words.
        users: Row of the user of each case, shape (C,).
        ranks: Ranks by scorer, each of shape (C,).
        settings: Constants of the tuned baselines, or why one is missing, by name.
    """

    folder: Path
    config: RunConfig
    model: str
    fingerprint: str
    protocol: str
    users: Int64s
    ranks: Mapping[str, Ranks]
    settings: Mapping[str, str]


def keep_ranks(
    folder: Path,
    prepared: Prepared,
    knobs: EvaluateConfig,
    evaluations: Sequence[Evaluation],
    mark: str = "best",
) -> None:
    """Write the ranks of evaluations into the run's folder; others of the same key stay.

    Args:
        folder: Folder of the run.
        prepared: Its data.
        knobs: How it was judged.
        evaluations: The baselines, the run, or both, on the test cases.
        mark: Which checkpoint was judged.
    """
    path = _path(folder, knobs.exclude_seen, mark)
    path.parent.mkdir(exist_ok=True)
    columns = {"user": pl.Series(prepared.dataset.test.users)}
    settings: dict[str, str] = {}
    if path.exists():
        old = read_ranks(folder, knobs.exclude_seen, mark)
        columns |= {RANK + name: pl.Series(ranks) for name, ranks in old.ranks.items()}
        settings |= old.settings
    columns |= {RANK + found.scorer: pl.Series(found.ranks) for found in evaluations}
    model = model_name(read_config(folder))
    settings |= {
        found.scorer: "; ".join(found.notes) for found in evaluations if found.scorer != model
    }
    missing = left_out(prepared.dataset, knobs)
    settings |= {name: reason for name, reason in missing.items() if RANK + name not in columns}
    protocol = ranking(prepared.dataset, knobs.exclude_seen)
    beside = path.with_suffix(".tmp")
    described = {"protocol": protocol, "settings": json.dumps(settings)}
    pl.DataFrame(columns).write_parquet(beside, metadata=described)
    beside.replace(path)


def has_ranks(folder: Path, exclude_seen: bool, mark: str = "best") -> bool:
    """Whether ranks of this protocol and of the present weights are kept."""
    return _path(folder, exclude_seen, mark).is_file()


def read_ranks(folder: Path, exclude_seen: bool, mark: str = "best") -> Judged:
    """The kept ranks of a run.

    Raises:
        CheckpointError: If the folder holds no run, or the ranks are missing or cannot be read.
    """
    path = _path(folder, exclude_seen, mark)
    try:
        frame, described = pl.read_parquet(path), pl.read_parquet_metadata(path)
    except (OSError, pl.exceptions.PolarsError) as error:
        raise CheckpointError(
            f"{path}: not readable ({str(error)[:100]}); remove it and run `latentrec evaluate`"
        ) from None
    config = read_config(folder)
    names = [name for name in frame.columns if name.startswith(RANK)]
    return Judged(
        folder=folder,
        config=config,
        model=model_name(config),
        fingerprint=str(read_json(folder / RUN)["data_fingerprint"]),
        protocol=described["protocol"],
        users=frame["user"].to_numpy(),
        ranks={name.removeprefix(RANK): frame[name].to_numpy() for name in names},
        settings=json.loads(described["settings"]),
    )


def _path(folder: Path, exclude_seen: bool, mark: str) -> Path:
    """Where the ranks of one protocol and one checkpoint lie: named after what they hang on."""
    described = read_json(folder / RUN)
    checkpoint = CheckpointFolder(folder / CHECKPOINTS).find(mark)
    parts = {
        "format": FORMAT,
        "data": described["data_fingerprint"],
        "split": read_config(folder).split.model_dump(mode="json"),
        "exclude_seen": exclude_seen,
        "weights": read_json(checkpoint / MANIFEST)["sha256"],
    }
    digest = hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()
    return folder / FOLDER / f"{digest[:16]}.parquet"
