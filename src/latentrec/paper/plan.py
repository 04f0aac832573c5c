"""Plan: the runs of a domain, those of Table 2 and the studies around its PLR on SASRec."""

import json
from collections.abc import Iterator, Sequence
from enum import StrEnum
from pathlib import Path
from typing import Final, final

from latentrec.configure import load_config
from latentrec.errors import ConfigError
from latentrec.experiment.spec import Experiment, Row, read_experiment
from latentrec.experiment.studies import GRIDS, PARTS, value_of
from latentrec.paper.domains import Domain

WHOLE: Final = "sasrec+plr"
"""The row that the studies vary, the default of each."""
BACKBONES: Final = ("sasrec", "bert4rec", "unisrec")


@final
class Scale(StrEnum):
    """How large the models are and how finely the studies go."""

    PAPER = "paper"
    SMALL = "small"
    SAMPLE = "sample"


FEW: Final[dict[str, tuple[float, ...]]] = {
    "streams": (1, 3),
    "steps": (1, 3),
    "kl_weight": (0.01, 1.0),
    "dropout": (0.2, 0.4),
}
"""What the sensitivity of smaller scales tries beside the default."""


def experiment_of(
    scale: Scale,
    domain: Domain,
    *,
    backbones: Sequence[str] = (),
    seeds: Sequence[int] = (),
    text: str | None = None,
) -> Experiment:
    """All runs of a domain as one experiment; rows are named as `latentrec.paper.published` does.

    Args:
        scale: Sizes, and how fine the studies are.
        domain: The data.
        backbones: Only these; empty for all.
        seeds: Seeds of every row; empty for those of the scale's file.
        text: Text vectors of UniSRec: a file of them, or a text model with or without `model:`;
            None for the embedded ones.

    Raises:
        ConfigError: If a backbone is unknown.
    """
    for name in backbones:
        if name not in BACKBONES:
            raise ConfigError(f"--backbone {name}: must be one of {', '.join(BACKBONES)}")
    base = read_experiment(Path(__file__).parent / f"{scale}.toml")
    wanted = backbones or BACKBONES
    rows = [_with_text(row, text) for row in base.rows if backbone_of(row.name) in wanted]
    plr = next((row for row in rows if row.name == WHOLE), None)
    table_2 = base.model_copy(
        update={
            "title": f"{base.title}: {domain.name}",
            "seeds": tuple(seeds) or base.seeds,
            "set": (*base.set, *domain.settings),
            "rows": tuple(rows),
        }
    )
    studies = () if plr is None else _studies(scale, domain, plr, table_2)
    return table_2.model_copy(update={"rows": (*rows, *studies)})


def backbone_of(row: str) -> str:
    """The backbone of a row of Table 2.

    Example:
        >>> backbone_of("bert4rec+plr")
        'bert4rec'
    """
    return row.partition("+")[0]


def _with_text(row: Row, text: str | None) -> Row:
    if text is None or row.preset != "unisrec":
        return row
    return row.model_copy(update={"set": (*row.set, f"items.source={json.dumps(_source(text))}")})


def _source(text: str) -> str:
    """A choice of text vectors as `items.source`, the same from wherever it is started."""
    if text == "tfidf":
        return text
    if text.endswith((".npy", ".parquet")):
        return str(Path(text).resolve())
    model = text.removeprefix("model:")
    return f"model:{Path(model).resolve() if Path(model).is_dir() else model}"


def _studies(scale: Scale, domain: Domain, plr: Row, of: Experiment) -> Iterator[Row]:
    """The PLR row with one setting changed, for Fig. 2 and Table 3."""
    settings = [x for x in (*of.set, *plr.set) if not x.startswith("data.")]
    settings.append('data.path="any"')  # where the studies start does not depend on the data
    default = load_config(plr.preset, overrides=settings, protocol=of.protocol)
    changes: dict[str, tuple[str, ...]] = {}
    if domain.sensitivity:
        for axis, (keys, every) in GRIDS.items():
            for value in every if scale is Scale.PAPER else FEW[axis]:
                if value != value_of(default, axis):
                    changes[f"{axis}={value:g}"] = tuple(f"{key}={value:g}" for key in keys)
    if domain.ablation:
        changes |= {name: (setting,) for name, setting in PARTS.items()}
    for name, change in changes.items():
        yield plr.model_copy(update={"name": name, "set": (*plr.set, *change)})
