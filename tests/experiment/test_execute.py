"""An experiment can be stopped anywhere and started again, and never mixes settings."""

import shutil
import sys
from pathlib import Path

import pytest

from latentrec.errors import CheckpointError, ConfigError
from latentrec.experiment.estimate import plan
from latentrec.experiment.execute import (
    BASELINES,
    CellResult,
    baseline_metrics,
    choose,
    collect,
    execute,
    is_finished,
    settled,
)
from latentrec.experiment.spec import Cell, Experiment, Row, cells, trials
from latentrec.experiment.summary import paired
from latentrec.run import fit
from latentrec.run.folder import EVALUATION

module = sys.modules[execute.__module__]  # its name in the package is that of the function
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


class Killed(Exception):
    """Stands for a kill."""


def test_an_interrupted_cell_that_was_looked_at_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`latentrec evaluate --slices` judges its first epoch, which is no result of the cell."""
    cell = two_cells(tmp_path)[0]
    next(fit(cell.config, cell.folder))
    (cell.folder / EVALUATION).write_text("{}", encoding="utf-8")
    assert not is_finished(cell)

    def kill(*_: object) -> None:
        raise Killed

    with monkeypatch.context() as patched:
        patched.setattr(module, "evaluate_run", kill)
        with pytest.raises(Killed):
            next(execute([cell]))
    assert not is_finished(cell)
    (result,) = execute([cell])
    assert (result.epochs, result.again, is_finished(cell)) == (2, False, True)


def test_baselines_of_other_data_or_judging_are_judged_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two experiments may have one folder, and a run may be deleted and trained in another way."""
    path = tmp_path / "out" / BASELINES
    found: list[dict[str, dict[str, float]]] = []
    changes: list[tuple[str, ...]] = [
        (), ("data.seed=8",), ("data.seed=8", "evaluate.top_k=[3, 10]"),
    ]  # fmt: skip
    for place, change in enumerate(changes):
        rows = (Row(name=f"row-{place}", preset="sasrec"),)
        of = Experiment(title="t", set=(*SETTINGS, *change), rows=rows)
        todo = cells(of, tmp_path / "out")
        list(execute(todo))
        found.append(baseline_metrics(todo, path))
        assert found[-1] == baseline_metrics(todo, tmp_path / f"{place}.json")
        with monkeypatch.context() as patched:
            patched.setattr(module, "evaluate_baselines", None)
            assert baseline_metrics(todo, path) == found[-1]  # what fits is kept
    assert found[0]["markov"] != found[1]["markov"]
    assert "ndcg@3" in found[2]["markov"]


def test_baselines_are_compared_as_long_as_a_cell_is_left(tmp_path: Path) -> None:
    todo = two_cells(tmp_path)
    list(execute(todo))
    baseline_metrics(todo, tmp_path / BASELINES)
    shutil.rmtree(todo[0].folder)
    results = list(execute(todo))
    baseline_metrics(todo, tmp_path / BASELINES)
    names = [row.name for row in paired(results, "ndcg@10").rows]
    assert names == [
        "popularity",
        "recent-popularity",
        "markov",
        "item-knn",
        "ease",
        "sasrec",
        "erl",
    ]


def test_a_log_that_changed_in_its_place_is_refused_before_any_training(tmp_path: Path) -> None:
    log = written_log(tmp_path, 0)
    rows = (Row(name="sasrec", preset="sasrec"), Row(name="erl", preset="erl-sasrec"))
    of = Experiment(title="t", set=SETTINGS[2:], rows=rows)
    first, second = cells(of, tmp_path, data=log)
    next(execute([first]))
    written_log(tmp_path, 1)
    for todo, beside in (([first, second], []), ([second, first], []), ([second], [first])):
        with pytest.raises(CheckpointError, match="the data changed since"):
            next(execute(todo, beside))
    with pytest.raises(CheckpointError, match="the data changed since"):
        next(plan([second, first]))
    assert not second.folder.exists()
    written_log(tmp_path, 0)
    assert next(execute([first])).again
    log.unlink()
    assert next(execute([first])).again  # what is done can be shown without the log


def written_log(folder: Path, shift: int) -> Path:
    """A log of 20 users and 6 items, in the place of the one before."""
    path = folder / "log.csv"
    rows = [
        f"u{u},i{(u * t + shift * t) % 6},{1_700_000_000 + 60 * t}"
        for u in range(20)
        for t in range(8)
    ]
    path.write_text("user_id,item_id,timestamp\n" + "\n".join(rows) + "\n", encoding="utf-8")
    return path


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
        assert baseline_metrics(todo, tmp_path / BASELINES) == {}
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
