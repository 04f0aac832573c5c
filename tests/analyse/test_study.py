"""A study's figure shows the mean over seeds, and the default on every axis."""

from itertools import pairwise
from pathlib import Path
from statistics import stdev

import pytest

from latentrec.analyse import finding as finding_module
from latentrec.analyse.finding import write
from latentrec.analyse.study import ablation_of, sensitivity_of
from latentrec.experiment.execute import CellResult
from latentrec.experiment.spec import Experiment, cells
from latentrec.experiment.studies import ablation, sensitivity


def finished(experiment: Experiment, out: Path) -> list[CellResult]:
    """Results as if every cell had been trained: quality falls from row to row, grows by seed."""
    todo = cells(experiment, out)
    rows = [row.name for row in experiment.rows]
    quality = [0.5 - 0.01 * rows.index(cell.row) + 0.002 * cell.seed for cell in todo]
    return [
        CellResult(cell, {"ndcg@20": q, "recall@20": 2 * q}, q, 1, 1, 1.0, again=False)
        for cell, q in zip(todo, quality, strict=True)
    ]


def test_axes_are_sorted_and_hold_the_default(tmp_path: Path) -> None:
    experiment = sensitivity("plr-sasrec", axes=["streams", "kl_weight"], seeds=(0, 1))
    found = sensitivity_of(finished(experiment, tmp_path), ["ndcg@20", "recall@20"])
    assert [x.value for x in found.axes["streams"]] == [1, 2, 3, 4, 5]
    assert [x.value for x in found.axes["kl_weight"]] == [0.001, 0.01, 0.1, 1.0]
    assert found.axes["streams"][1] == found.axes["kl_weight"][2].__class__(
        "default", 2.0, *_values(found.axes["kl_weight"][2])
    )
    default = found.axes["streams"][1]
    assert default.means["ndcg@20"] == pytest.approx(0.501)
    assert (default.deviations or {})["ndcg@20"] == pytest.approx(stdev([0.5, 0.502]))
    assert write(found, tmp_path)[2].stat().st_size > 0


def test_a_default_beside_an_axis_is_on_no_curve(tmp_path: Path) -> None:
    settings = ("encoder.dropout=0.2", "encoder.attention_dropout=0.0")
    experiment = sensitivity("plr-sasrec", settings, axes=["dropout", "streams"])
    found = sensitivity_of(finished(experiment, tmp_path), ["ndcg@20"])
    assert [x.row for x in found.axes["dropout"]] == [f"dropout=0.{n}" for n in range(1, 7)]
    assert "default" in [x.row for x in found.axes["streams"]]
    assert "several values of dropout" in found.to_markdown()
    assert write(found, tmp_path)[2].stat().st_size > 0


def test_the_over_thinking_curve_starts_without_steps(tmp_path: Path) -> None:
    found = sensitivity_of(
        finished(sensitivity("plr-sasrec", axes=["steps"]), tmp_path), ["ndcg@20"]
    )
    assert [x.value for x in found.axes["steps"]] == [0, 1, 2, 3, 4, 5]
    assert found.axes["steps"][0].row == "steps=0"


@pytest.mark.parametrize("default", ["0", "0.01", "0.05"])
def test_kl_weights_stand_apart_also_beside_zero(tmp_path: Path, default: str) -> None:
    experiment = sensitivity("plr-sasrec", [f"reasoner.kl_weight={default}"])
    found = sensitivity_of(finished(experiment, tmp_path), ["ndcg@20"])
    panel = list(found.axes).index("kl_weight")
    with finding_module._drawn(found) as figure:
        labels = figure.axes[panel].get_xticklabels()
        told = [label.get_text() for label in labels]
        boxes = [label.get_window_extent() for label in labels if label.get_text()[0] != "\n"]
    assert list(map(float, told)) == sorted({float(default), 0.001, 0.01, 0.1, 1.0})
    assert len(boxes) == (4 if default in ("0.01", "0.05") else 5)
    assert all(left.x1 < right.x0 for left, right in pairwise(boxes))


def _values(outcome: object) -> tuple[object, ...]:
    return tuple(getattr(outcome, name) for name in ("means", "deviations", "seeds"))


def test_an_ablation_tells_the_change_against_the_whole(tmp_path: Path) -> None:
    found = ablation_of(finished(ablation("plr-sasrec"), tmp_path), ["ndcg@20"])
    assert [row.row for row in found.rows[:2]] == ["default", "no-gate"]
    assert found.rows[0].deviations is None
    assert "| no-gate | 0.4900 -2.0% | 1 |" in found.to_markdown()
    assert write(found, tmp_path)[2].stat().st_size > 0
