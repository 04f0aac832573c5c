"""An experiment can be stopped anywhere and started again, and never mixes settings."""

from pathlib import Path

import pytest

from latentrec.errors import ConfigError
from latentrec.experiment.execute import execute
from latentrec.experiment.spec import Cell, Experiment, Row, cells
from latentrec.run import fit
from latentrec.run.folder import EVALUATION

SETTINGS = (
    "data.users=40",
    "data.items=30",
    "encoder.dim=8",
    "encoder.heads=1",
    "encoder.inner=8",
    "encoder.layers=1",
    "train.epochs=2",
    "evaluate.resamples=20",
)


def two_cells(out: Path) -> list[Cell]:
    rows = (Row(name="sasrec", preset="sasrec"), Row(name="erl", preset="erl-sasrec"))
    return cells(Experiment(title="t", set=SETTINGS, rows=rows), out)


def test_finished_cells_are_not_trained_again(tmp_path: Path) -> None:
    first = list(execute(two_cells(tmp_path)))
    assert [result.again for result in first] == [False, False]
    assert [result.epochs for result in first] == [2, 2]
    second = list(execute(two_cells(tmp_path)))
    assert [result.again for result in second] == [True, True]
    assert [result.metrics for result in second] == [result.metrics for result in first]


def test_an_interrupted_cell_goes_on_to_the_same_numbers(tmp_path: Path) -> None:
    whole = next(execute(two_cells(tmp_path / "whole")[:1]))
    cell = two_cells(tmp_path / "cut")[0]
    next(fit(cell.config, cell.folder))  # one epoch of two
    assert not (cell.folder / EVALUATION).exists()
    assert next(execute([cell])).metrics == whole.metrics


def test_other_settings_in_the_folder_are_refused_before_any_training(tmp_path: Path) -> None:
    cell, other = two_cells(tmp_path)
    next(execute([other]))
    wrong = Cell("erl", 0, cell.config, other.folder)
    with pytest.raises(ConfigError, match="holds a run with other settings"):
        next(execute([cell, wrong]))
    assert not cell.folder.exists()
