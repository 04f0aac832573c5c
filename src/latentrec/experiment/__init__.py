"""Experiments: many runs from one TOML file, resumable, with one table at the end."""

from latentrec.experiment.execute import CellResult, choose, execute
from latentrec.experiment.spec import Cell, Experiment, cells, part, read_experiment, trials

__all__ = [
    "Cell",
    "CellResult",
    "Experiment",
    "cells",
    "choose",
    "execute",
    "part",
    "read_experiment",
    "trials",
]
