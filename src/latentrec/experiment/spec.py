"""What an experiment is: rows of settings times seeds, each pair a cell with its own run folder."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Annotated, Any, Final, final, get_args

from pydantic import Field, field_validator, model_validator

from latentrec.config import BaselineName, RunConfig
from latentrec.configure import load_config, read_knobs
from latentrec.errors import ConfigError
from latentrec.knobs import Count, Knobs

Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._+=-]*$")]
"""A row's name is also the name of its folder."""
Values = Annotated[tuple[bool | int | float | str, ...], Field(min_length=1)]
"""Values of one setting to try."""
FILES: Final = ("table.md", "comparison.md", "baselines.json")
"""Files beside the folders of the rows."""
NOT_TUNED: Final = ("train.seed", "train.monitor")
"""The seed is that of the cell, and trials are chosen by one monitor."""


@final
class Row(Knobs):
    """One method of an experiment: a preset and what is changed in it."""

    name: Name
    """Label in tables, and name of the folder."""
    preset: str | None = None
    """Preset under the settings."""
    set: tuple[str, ...] = ()
    """Settings `section.key=value`, laid over those of the experiment."""

    @field_validator("name")
    @classmethod
    def _check_name(cls, name: str) -> str:
        if name.lower() in (*FILES, *get_args(BaselineName)):
            raise ValueError(f"'{name}' is a file of the experiment or a baseline; take another")
        return name


@final
class Experiment(Knobs):
    """The content of an experiment file."""

    title: str
    """What is compared, for the head of the table."""
    seeds: tuple[Count, ...] = (0,)
    """Seeds, at least one and all different; every row is trained once with each."""
    protocol: str | None = None
    """Protocol of every row: `paper`, `leave-one-out` or `lares`; under all settings."""
    set: tuple[str, ...] = ()
    """Settings `section.key=value` of every row."""
    rows: tuple[Row, ...]
    """Methods, at least one, in the order of the table."""

    tune: Annotated[dict[str, Values], Field(default_factory=dict)]
    """Settings with the values to try. Every row tries all combinations with the first seed and
    keeps the best by validation: an equal budget for all."""

    @model_validator(mode="after")
    def _check_rows(self) -> "Experiment":
        if not self.rows:  # as a bound on the field it would be broken by a slip in the only row
            raise ValueError("rows: must have at least one, like { name = 'a', preset = 'sasrec' }")
        names = [row.name for row in self.rows]
        if len(set(names)) < len(names):
            raise ValueError(f"rows need different names, not {', '.join(names)}")
        for key in NOT_TUNED:
            if key in self.tune:
                raise ValueError(
                    f"tune: '{key}' cannot be tuned: trials have one seed and one monitor; "
                    "give several `seeds` above the rows, or set the monitor for all"
                )
        return self


@final
@dataclass(frozen=True)
class Cell:
    """One run of an experiment.

    Attributes:
        row: Name of its row.
        seed: Seed of the training.
        tuned: The settings that were tried or chosen for it, empty without tuning.
        config: Everything that defines the run.
        folder: Where the run is kept.
    """

    row: str
    seed: int
    tuned: tuple[str, ...]
    config: RunConfig
    folder: Path


def read_experiment(path: Path) -> Experiment:
    """Read an experiment file.

    Raises:
        ConfigError: If the file is missing, no TOML, or breaks a rule.
    """
    return read_knobs("experiment file", path, Experiment)


def trials(experiment: Experiment, out: Path, data: Path | None = None) -> list[Cell]:
    """The runs that choose each row's tuned settings, all with the first seed.

    Raises:
        ConfigError: If a setting is wrong, runs are not judged alike, or seeds are not different.
    """
    _check_seeds(experiment.seeds)
    grid = [[f"{key}={_toml(value)}" for value in of] for key, of in experiment.tune.items()]
    found = [
        _cell(experiment, row, experiment.seeds[0], tuned, out, data)
        for row in experiment.rows
        for tuned in product(*grid)
    ]
    _check_judged_alike(found)
    return found


def cells(
    experiment: Experiment,
    out: Path,
    *,
    data: Path | None = None,
    chosen: Mapping[str, tuple[str, ...]] | None = None,
) -> list[Cell]:
    """Every run of an experiment, all rows of the first seed first: a partial table is complete.

    Args:
        experiment: The rows and seeds.
        out: Folder under which each run gets its own.
        data: The log, laid over `data.path` of the experiment.
        chosen: Tuned settings of each row.

    Raises:
        ConfigError: If a setting is wrong, rows are not judged alike, or seeds are not different.
    """
    _check_seeds(experiment.seeds)
    tuned = chosen or {}
    found = [
        _cell(experiment, row, seed, tuned.get(row.name, ()), out, data)
        for seed in experiment.seeds
        for row in experiment.rows
    ]
    _check_judged_alike(found)
    return found


def part(experiment: Experiment, rows: Sequence[str] = (), seeds: Sequence[int] = ()) -> Experiment:
    """The experiment with only some of its rows and seeds; empty for all.

    Raises:
        ConfigError: If a row or seed is not in the experiment.
    """
    known = {row.name: row for row in experiment.rows}
    for name in rows:
        if name not in known:
            raise ConfigError(f"row '{name}': not in the experiment (has: {', '.join(known)})")
    for seed in seeds:
        if seed not in experiment.seeds:
            have = ", ".join(map(str, experiment.seeds))
            raise ConfigError(f"seed {seed}: not in the experiment (has: {have})")
    kept = tuple(known[name] for name in rows) or experiment.rows
    return experiment.model_copy(update={"rows": kept, "seeds": tuple(seeds) or experiment.seeds})


def _cell(
    experiment: Experiment,
    row: Row,
    seed: int,
    tuned: tuple[str, ...],
    out: Path,
    data: Path | None,
) -> Cell:
    base = {} if data is None else {"data": {"kind": "files", "path": str(data.resolve())}}
    overrides = [*experiment.set, *row.set, *tuned, f"train.seed={seed}"]
    try:
        config = load_config(
            row.preset, base=base, overrides=overrides, protocol=experiment.protocol
        )
    except ConfigError as error:
        raise ConfigError(f"row '{row.name}': {error}") from None
    named = [",".join(tuned)] if tuned else []
    return Cell(row.name, seed, tuned, config, out.joinpath(row.name, *named, f"seed-{seed}"))


def _check_seeds(seeds: Sequence[int]) -> None:
    """Refuse seeds that would show one run as several, or none."""
    if not seeds:
        raise ConfigError("seeds: there is none, so nothing to train; give at least one, like 0")
    if len(set(seeds)) < len(seeds):
        raise ConfigError(
            f"seeds {', '.join(map(str, seeds))}: must all be different, since one seed gives the "
            "same run again and no spread; give each once"
        )


def _check_judged_alike(found: Sequence[Cell]) -> None:
    """Refuse cells that one table cannot hold: it has the figures of the same cases only."""
    first, *others = found
    wanted = _judging(first.config)
    for cell in others:
        own = _judging(cell.config)
        for name in wanted | own:
            if wanted.get(name) != own.get(name):
                raise ConfigError(
                    f"rows '{_label(first)}' and '{_label(cell)}': {name} is "
                    f"{_toml(wanted.get(name))} in one and {_toml(own.get(name))} in the other; "
                    "all rows are judged on the same cases in the same way: set it for all, in "
                    "`set` above the rows, or make two experiments"
                )


def _judging(config: RunConfig) -> dict[str, Any]:
    """The settings that say which cases are ranked and how, by name."""
    return {
        f"{section}.{key}": value
        for section, keys in (("data", None), ("split", None), ("evaluate", {"exclude_seen"}))
        for key, value in getattr(config, section).model_dump(mode="json", include=keys).items()
    }


def _label(cell: Cell) -> str:
    return " ".join([cell.row, *cell.tuned])


def _toml(value: object) -> str:
    """A value as `--set` reads it."""
    return json.dumps(value)
