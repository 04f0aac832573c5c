"""The plan is in the right units, capped by the time limit, zero when finished."""

from pathlib import Path

import pytest

from latentrec.config import RunConfig
from latentrec.errors import ConfigError, TrainingError
from latentrec.experiment import estimate
from latentrec.experiment.estimate import estimate_minutes, plan
from latentrec.experiment.execute import prepared_once
from latentrec.experiment.spec import Cell, Experiment, Row, cells
from latentrec.run import fit
from latentrec.run.folder import EVALUATION, METRICS

SETTINGS = ("data.users=40", "data.items=30", "encoder.dim=8", "encoder.heads=1", "train.epochs=10")


def test_a_time_limit_ends_the_run_with_an_epoch(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Epochs of 2 minutes while warming up and of 4 after it; the default warm-up has 2."""
    monkeypatch.setattr(estimate, "_epoch_s", lambda *a: 90.0 if a[-1] == 0 else 210.0)
    monkeypatch.setattr(estimate, "_validation_s", lambda *_: 30.0)
    limits = {None: 2 * 2 + 8 * 4, 0.1: 2, 2: 2, 3: 4, 4: 4, 5: 8, 12.5: 16, 100: 36}
    rows = [
        Row(name=f"r{limit}", set=() if limit is None else (f"train.max_minutes={limit}",))
        for limit in limits
    ]
    todo = cells(Experiment(title="t", set=SETTINGS, rows=tuple(rows)), tmp_path)
    prepared = prepared_once()(todo[0].config)
    assert [estimate_minutes(cell.config, prepared) for cell in todo] == list(limits.values())


def test_an_estimate_is_timed_here(tmp_path: Path) -> None:
    (cell,) = cells(Experiment(title="t", set=SETTINGS, rows=(Row(name="a"),)), tmp_path)
    assert 0.0001 < estimate_minutes(cell.config, prepared_once()(cell.config)) < 10


def test_validation_counts_as_often_as_it_is_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(estimate, "_epoch_s", lambda *_: 60.0)
    monkeypatch.setattr(estimate, "_validation_s", lambda *_: 120.0)
    rows = (Row(name="each"), Row(name="every-second", set=("train.evaluate_every=2",)))
    todo = cells(Experiment(title="t", set=SETTINGS, rows=rows), tmp_path)
    assert [minutes for _, minutes in plan(todo)] == [30.0, 20.0]


def test_only_runs_that_differ_in_the_seed_share_a_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Rows of two data sets may have one name, and trials of a row may be of two sizes."""
    timed: list[int] = []

    def minutes(config: RunConfig, _: object) -> float:
        timed.append(config.encoder.dim)
        return float(config.encoder.dim)

    monkeypatch.setattr(estimate, "estimate_minutes", minutes)
    todo: list[Cell] = []
    for dim in (8, 16):
        settings = (*SETTINGS, f"encoder.dim={dim}")
        of = Experiment(title="t", set=settings, seeds=(0, 1), rows=(Row(name="a"),))
        todo += cells(of, tmp_path / str(dim))
    assert [minutes for _, minutes in plan(todo)] == [8.0, 8.0, 16.0, 16.0]
    assert timed == [8, 16]


def test_what_cannot_be_trained_cannot_be_timed(tmp_path: Path) -> None:
    """Of three interactions of a user one trains, one validates, one tests: no target is left."""
    rows = [f"u{u},i{(u + t) % 5},{1_700_000_000 + 60 * t}" for u in range(10) for t in range(3)]
    log = tmp_path / "log.csv"
    log.write_text("user_id,item_id,timestamp\n" + "\n".join(rows) + "\n", encoding="utf-8")
    of = Experiment(title="t", set=SETTINGS[2:], rows=(Row(name="a"),))
    with pytest.raises(TrainingError, match="no training targets"):
        list(plan(cells(of, tmp_path, data=log)))
    away = Experiment(title="t", set=(*SETTINGS, "train.device=tpu"), rows=(Row(name="a"),))
    with pytest.raises(ConfigError, match="device 'tpu': must be auto, cpu"):
        list(plan(cells(away, tmp_path)))


def test_a_plan_for_a_folder_of_other_settings_is_refused(tmp_path: Path) -> None:
    """Else it would promise hours for what then stops at once."""
    (cell,) = cells(Experiment(title="t", set=SETTINGS, rows=(Row(name="a"),)), tmp_path)
    next(fit(cell.config, cell.folder))
    assert next(plan([cell]))[1] > 0
    other = Experiment(title="t", set=(*SETTINGS, "data.seed=8"), rows=(Row(name="a"),))
    with pytest.raises(ConfigError, match="holds a run with other settings"):
        next(plan(cells(other, tmp_path)))


def test_a_finished_cell_takes_no_time(tmp_path: Path) -> None:
    todo = cells(Experiment(title="t", set=SETTINGS, rows=(Row(name="a"),)), tmp_path)
    todo[0].folder.mkdir(parents=True)
    (todo[0].folder / EVALUATION).write_text("{}", encoding="utf-8")
    (todo[0].folder / METRICS).write_text('{"stop": "all 10 epochs are done"}\n', encoding="utf-8")
    assert list(plan(todo)) == [(todo[0], 0.0)]
