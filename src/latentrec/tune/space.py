"""A search space: which settings are tried, and with which values."""

import json
from collections.abc import Iterator
from math import prod
from pathlib import Path
from typing import Annotated, Final, final

from pydantic import Field, model_validator

from latentrec.configure import read_knobs
from latentrec.errors import ConfigError
from latentrec.knobs import Knobs

SPACES: Final = Path(__file__).parents[1] / "spaces"
"""Folder of the spaces that come with the library: one TOML file each."""
FIXED: Final = ("data", "split", "evaluate", "post_train", "blend")
"""Sections that stay: trials are judged on the same cases in the same way."""

INSIDE: Final = (5**0.5 - 1) / 2
"""Share of a range before `Dimension.inside`: irrational, so that the number is not whole."""

Value = bool | int | float | str


@final
class Dimension(Knobs):
    """One thing that is tried: listed values, or numbers between two ends."""

    settings: Annotated[tuple[str, ...], Field(min_length=1)]
    """Settings `section.key` that all take the value."""
    values: tuple[Value, ...] = ()
    """Values to choose from."""
    low: float | None = None
    """Smallest number, in place of `values`."""
    high: float | None = None
    """Largest number, in place of `values`."""
    log: bool = False
    """Draw the logarithm evenly, as for learning rates."""

    @model_validator(mode="after")
    def _check(self) -> "Dimension":
        for name in self.settings:
            section, _, key = name.partition(".")
            if not key or section in FIXED or name in ("train.monitor", "train.seed"):
                raise ValueError(
                    f"settings: '{name}' cannot be tuned; name section.key of a setting that "
                    f"leaves the cases and the judging alone (not of {', '.join(FIXED)})"
                )
        given = [end for end in (self.low, self.high) if end is not None]
        if len(given) != (0 if self.values else 2):
            raise ValueError("give either values, or both low and high")
        if len(set(self.values)) < len(self.values):
            raise ValueError(
                f"values {', '.join(map(json.dumps, self.values))}: some are equal (a whole number "
                "is equal to the same one with .0, and true to 1); give each once"
            )
        if self.low is not None and self.high is not None and not self.low < self.high:
            raise ValueError(f"low={self.low:g} must be below high={self.high:g}")
        if self.log and (self.low is None or self.low <= 0):
            raise ValueError("log needs low above 0")
        return self

    @property
    def name(self) -> str:
        """Its settings joined by `+`."""
        return "+".join(self.settings)

    @property
    def inside(self) -> float | None:
        """A number of the range that is not whole; None if there are values."""
        if self.low is None or self.high is None:
            return None
        return self.low + INSIDE * (self.high - self.low)

    def overrides(self, value: Value) -> list[str]:
        """The settings with a value, as `--set` reads them."""
        return [f"{setting}={json.dumps(value)}" for setting in self.settings]


@final
class Space(Knobs):
    """The content of a search space file."""

    title: str
    """What is tuned, in words."""
    preset: str | None = None
    """Preset under all trials, unless the command names one."""
    search: tuple[Dimension, ...]
    """What is tried, at least one."""

    @model_validator(mode="after")
    def _check_search(self) -> "Space":
        if not self.search:  # as a bound on the field it would be broken by a slip in the only one
            raise ValueError("search: must have at least one table [[search]] of what is tried")
        names = [setting for dimension in self.search for setting in dimension.settings]
        twice = {name for name in names if names.count(name) > 1}
        if twice:
            raise ValueError(f"search: {', '.join(sorted(twice))} stands there twice")
        return self

    @property
    def points(self) -> int | None:
        """Number of different trials; None if there are ranges."""
        if any(not dimension.values for dimension in self.search):
            return None
        return prod(len(dimension.values) for dimension in self.search)

    @property
    def first(self) -> dict[str, Value]:
        """The first value, or lowest number, of everything."""
        return {d.name: d.values[0] if d.values else d.low or 0.0 for d in self.search}

    @property
    def near(self) -> Iterator[dict[str, Value]]:
        """The first point, and those that differ from it in one listed value."""
        yield self.first
        for dimension in self.search:
            for value in dimension.values[1:]:
                yield self.first | {dimension.name: value}

    def overrides(self, values: dict[str, Value]) -> list[str]:
        """The settings of a trial, as `--set` reads them."""
        return [text for d in self.search for text in d.overrides(values[d.name])]


def space_names() -> list[str]:
    """Names of the spaces that come with the library."""
    return sorted(path.stem for path in SPACES.glob("*.toml"))


def read_space(name: str) -> Space:
    """A space by name, or from a TOML file.

    Args:
        name: One of `space_names()`, or the path of a file that ends in `.toml`.

    Raises:
        ConfigError: If there is no such space, or it breaks a rule.
    """
    if not name.endswith(".toml") and name not in space_names():
        known = ", ".join(space_names())
        raise ConfigError(f"space '{name}': unknown; one of {known}, or a file NAME.toml")
    path = Path(name) if name.endswith(".toml") else SPACES / f"{name}.toml"
    return read_knobs("space", path, Space)
