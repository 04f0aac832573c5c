"""The plan is an upper bound in the right units, capped by the time limit, zero when finished."""

from pathlib import Path

import pytest

from latentrec.experiment import estimate
from latentrec.experiment.estimate import estimate_minutes, plan
from latentrec.experiment.execute import prepared_once
from latentrec.experiment.spec import Experiment, Row, cells
from latentrec.run.folder import EVALUATION

SETTINGS = ("data.users=40", "data.items=30", "encoder.dim=8", "encoder.heads=1", "train.epochs=10")


def test_a_time_limit_ends_the_run_with_an_epoch(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Epochs of 2 minutes while warming up and of 4 after it; the default warm-up has 2."""
    monkeypatch.setattr(estimate, "_epoch_s", lambda *a: 120.0 if a[-1] == 0 else 240.0)
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


def test_a_finished_cell_takes_no_time(tmp_path: Path) -> None:
    todo = cells(Experiment(title="t", set=SETTINGS, rows=(Row(name="a"),)), tmp_path)
    todo[0].folder.mkdir(parents=True)
    (todo[0].folder / EVALUATION).write_text("{}", encoding="utf-8")
    assert list(plan(todo)) == [(todo[0], 0.0)]
