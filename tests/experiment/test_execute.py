"""An experiment can be stopped anywhere and started again, and never mixes settings."""

from pathlib import Path

import pytest

from latentrec.errors import ConfigError
from latentrec.experiment.execute import (
    BASELINES,
    CellResult,
    baseline_metrics,
    choose,
    collect,
    execute,
    settled,
)
from latentrec.experiment.spec import Cell, Experiment, Row, cells, trials
from latentrec.experiment.summary import paired
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


@pytest.mark.parametrize(
    "settings",
    [("evaluate.baselines=[]",), ('evaluate.baselines=["ease"]', "evaluate.ease_items=3")],
    ids=["none wanted", "none possible"],
)
def test_an_experiment_without_baselines(tmp_path: Path, settings: tuple[str, ...]) -> None:
    """Its rows can still be compared with each other, now and when it is started again."""
    rows = (Row(name="sasrec", preset="sasrec"), Row(name="erl", preset="erl-sasrec"))
    todo = cells(Experiment(title="t", set=(*SETTINGS, *settings), rows=rows), tmp_path)
    results = list(execute(todo))
    for _ in range(2):
        assert baseline_metrics(todo[0], tmp_path / BASELINES) == {}
    assert [row.name for row in paired(results, "ndcg@10").rows] == ["sasrec", "erl"]


def test_other_settings_in_the_folder_are_refused_before_any_training(tmp_path: Path) -> None:
    cell, other = two_cells(tmp_path)
    next(execute([other]))
    wrong = Cell("erl", 0, (), cell.config, other.folder)
    with pytest.raises(ConfigError, match="holds a run with other settings"):
        next(execute([cell, wrong]))
    assert not cell.folder.exists()


def test_tuning_keeps_the_best_by_validation_not_by_test(tmp_path: Path) -> None:
    experiment = Experiment(
        title="t",
        set=SETTINGS,
        rows=(Row(name="sasrec", preset="sasrec"),),
        tune={"train.learning_rate": (1e-9, 0.03)},
    )
    results = list(execute(trials(experiment, tmp_path)))
    best = max(results, key=lambda result: result.valid)
    assert choose(results) == {"sasrec": best.cell.tuned}
    assert choose([_judged(0.1, 0.9), _judged(0.2, 0.0)]) == {"sasrec": ("valid=0.2",)}
    final = list(execute(cells(experiment, tmp_path, chosen=choose(results))))
    assert [result.again for result in final] == [True]


def test_only_rows_whose_trials_are_all_finished_are_settled(tmp_path: Path) -> None:
    """Another command may be at the other trials, and one of these may be better."""
    rows = (Row(name="a", preset="sasrec"), Row(name="b", preset="erl-sasrec"))
    grid = {"train.learning_rate": (1e-9, 0.03)}
    tried = trials(Experiment(title="t", set=SETTINGS, rows=rows, tune=grid), tmp_path)
    results = list(execute(tried[:3]))
    assert settled(tried) == choose(results[:2])
    assert settled([]) == {}


def test_results_are_collected_in_order_and_known_ones_not_read_again(tmp_path: Path) -> None:
    first, second = two_cells(tmp_path)
    assert collect([first, second], {}) == {}
    (result,) = execute([second])
    for path in second.folder.glob("*.json"):
        path.unlink()  # so that it cannot be read
    known = {second.folder: result}
    (other,) = execute([first])
    found = collect([first, second], known)
    assert list(found) == [first.folder, second.folder]
    assert found[second.folder] is result
    assert found[first.folder].metrics == other.metrics


def _judged(valid: float, test: float) -> CellResult:
    cell = Cell("sasrec", 0, (f"valid={valid}",), two_cells(Path("x"))[0].config, Path("x"))
    return CellResult(cell, {"ndcg@10": test}, valid, 1, 1, 1.0, False)
