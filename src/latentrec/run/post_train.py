"""Post-train a run: the settings of its second phase from its own, then `fit` from its weights."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from latentrec.config import RunConfig
from latentrec.configure import load_config
from latentrec.data.prepare import Prepared
from latentrec.errors import ConfigError
from latentrec.run.phase import read_source
from latentrec.run.run import fit
from latentrec.train.loop import EpochReport, OnStep

AUTHORS: Final[Mapping[str, dict[str, Any]]] = {
    "encoder": {"dropout": 0.1, "attention_dropout": 0.1},
    "train": {"learning_rate": 5e-4, "max_minutes": None},
}
"""What LARES' authors set for the second phase; the time limit of the first ends with it."""
AUTHORS_BATCH: Final = 400
"""Their batch size: it counts targets, so it is for runs with one target a sample."""
FREE: Final = ("train.", "evaluate.", "post_train.", "encoder.dropout", "encoder.attention_dropout")
"""Settings in which the two phases may differ."""


def post_train(
    source: str | Path,
    folder: str | Path,
    *,
    overrides: Sequence[str] = (),
    prepared: Prepared | None = None,
    given: dict[str, Any] | None = None,
    on_step: OnStep | None = None,
) -> Iterator[EpochReport]:
    """Train a finished LARES run further by reinforcement (RPT): one report an epoch.

    Writes a run like that of `fit`, which also says what it returns, raises, and how to resume.

    Args:
        source: Folder of the trained run; its best weights are where training starts.
        folder: Folder of the new run.
        overrides: Settings as texts, see `post_train_config`.
        prepared: The data, if the caller has prepared them already.
        given: What the user asked for; written down as it is.
        on_step: Told about every batch.

    Raises:
        ConfigError: If the run has another reasoner, or a setting cannot be.
        CheckpointError: If there is no sound run, or its data changed.
        TrainingError: If no target is left to train on, or a loss is not finite.
    """
    config = post_train_config(source, overrides)
    return fit(config, folder, prepared=prepared, given=given, on_step=on_step)


def post_train_config(source: str | Path, overrides: Sequence[str] = ()) -> RunConfig:
    """The configuration of a run's second phase: the run's own, the authors' choices, overrides.

    Where all positions train at once, the batch size stays that of the run (docs/adr/0027).

    Args:
        source: Folder of the trained run.
        overrides: Texts `section.key=value`; the section is `post_train`, `train` or `evaluate`,
            or the key one of the encoder's dropouts.

    Raises:
        ConfigError: If the run has another reasoner, or a setting cannot be.
        CheckpointError: If the folder holds no run.
    """
    folder = Path(source).resolve()
    for text in overrides:
        if not text.startswith(FREE):
            raise ConfigError(
                f"--set {text}: post-training keeps the data and the model of its run; only "
                "post_train.*, train.*, evaluate.* and the encoder's dropouts can be set"
            )
    first: dict[str, Any] = read_source(folder).model_dump(mode="json")
    first["post_train"] = None  # of an earlier post-training
    base: dict[str, Any] = {**AUTHORS, "post_train": {"source": str(folder)}}
    if first["train"]["positions"] == "last":
        base["train"] = {**AUTHORS["train"], "batch_size": AUTHORS_BATCH}
    return load_config(None, None, overrides, base, first)
