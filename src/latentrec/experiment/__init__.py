"""Experiments: many runs from one TOML file, resumable, with one table at the end."""

from latentrec.experiment.execute import CellResult, execute
from latentrec.experiment.spec import Cell, Experiment, cells, read_experiment

__all__ = ["Cell", "CellResult", "Experiment", "cells", "execute", "read_experiment"]
