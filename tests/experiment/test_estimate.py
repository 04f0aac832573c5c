"""The plan is an upper bound in the right units, capped by the time limit, zero when finished."""

from pathlib import Path

from latentrec.experiment.estimate import estimate_minutes, plan
from latentrec.experiment.execute import prepared_once
from latentrec.experiment.spec import Experiment, Row, cells
from latentrec.run.folder import EVALUATION

SETTINGS = ("data.users=40", "data.items=30", "encoder.dim=8", "encoder.heads=1", "train.epochs=10")


def test_the_time_limit_caps_the_estimate(tmp_path: Path) -> None:
    rows = (Row(name="free"), Row(name="capped", set=("train.max_minutes=0.0001",)))
    free, capped = cells(Experiment(title="t", set=SETTINGS, rows=rows), tmp_path)
    prepared = prepared_once()(free.config)
    assert 0.0001 < estimate_minutes(free.config, prepared) < 10
    assert estimate_minutes(capped.config, prepared) == 0.0001


def test_a_finished_cell_takes_no_time(tmp_path: Path) -> None:
    todo = cells(Experiment(title="t", set=SETTINGS, rows=(Row(name="a"),)), tmp_path)
    todo[0].folder.mkdir(parents=True)
    (todo[0].folder / EVALUATION).write_text("{}", encoding="utf-8")
    assert list(plan(todo)) == [(todo[0], 0.0)]
