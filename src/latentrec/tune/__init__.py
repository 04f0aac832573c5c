"""Tuning: trials drawn from a search space, chosen by validation, resumable."""

from latentrec.tune.space import Space, read_space, space_names
from latentrec.tune.study import Plan, trials_of, tune
from latentrec.tune.trial import Trial, best, to_markdown

__all__ = [
    "Plan",
    "Space",
    "Trial",
    "best",
    "read_space",
    "space_names",
    "to_markdown",
    "trials_of",
    "tune",
]
