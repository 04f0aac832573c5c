"""Every effort is a point, and a point is best only if nothing is as good for less."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from matplotlib.figure import Figure

from latentrec.analyse.efficiency import efficiency, efforts
from latentrec.analyse.subject import Subject, take
from latentrec.errors import ConfigError
from latentrec.model.reasoner.contract import Reasoner
from latentrec.model.reasoner.effort import Effort
from latentrec.model.reasoner.erl import ErlReasoner
from latentrec.model.reasoner.lares import AddAdapter, LaresReasoner
from latentrec.model.reasoner.none import NoReasoner
from latentrec.model.reasoner.plr import PlrReasoner

MakeSubject = Callable[[Callable[[int], Reasoner]], Subject]


def lares(dim: int) -> LaresReasoner:
    return LaresReasoner(AddAdapter(), dim, 1, 2, 12, 6, 0.0, 0.0, 2, 1.0, 1.0)


def test_efforts_are_all_that_a_model_can_spend(subject_with: MakeSubject) -> None:
    plr = subject_with(lambda dim: PlrReasoner(dim, 2, 1))
    assert efforts(plr) == [Effort(steps=0), Effort(1, 1), Effort(2, 1)]
    erl = subject_with(lambda dim: ErlReasoner(dim, 2))
    assert efforts(erl) == [Effort(steps=0), Effort(1, 1), Effort(1, 2)]
    assert efforts(subject_with(lambda dim: NoReasoner())) == [Effort(steps=0)]
    assert efforts(subject_with(lares)) == [Effort(1, 1), Effort(1, 2)]


def test_other_cases_are_refused(subject_with: MakeSubject) -> None:
    subject = subject_with(lambda dim: PlrReasoner(dim, 2, 1))
    fewer = replace(subject, name="fewer", cases=take(subject.cases, np.arange(5)))
    with pytest.raises(ConfigError, match="have other test cases"):
        efficiency([subject, fewer])


def test_points_and_costs_of_two_models(subject_with: MakeSubject) -> None:
    plr = subject_with(lambda dim: PlrReasoner(dim, 2, 1))
    found = efficiency([plr, replace(subject_with(lares), name="lares")], batches=(1, 2))
    assert [row.base is None for row in found.rows] == [False, True]
    assert found.rows[0].extra_flops is not None
    assert 0 < found.rows[0].extra_flops < (found.rows[0].extra_flops_pruned or 0)
    assert found.rows[1].extra_flops is None
    assert len(found.points) == 5
    for point in found.points:
        cheaper = [p for p in found.points if p.flops < point.flops]
        beaten = any(p.metric.value >= point.metric.value for p in cheaper)
        assert not (point.best and beaten)
    assert any(point.best for point in found.points)
    assert "without reasoning" in found.to_markdown()


def test_a_model_that_does_not_reason_stands_in_the_tables_once(
    subject_with: MakeSubject,
) -> None:
    found = efficiency([subject_with(lambda dim: NoReasoner())], batches=(1,))
    assert [(row.base, row.extra_flops) for row in found.rows] == [(None, None)]
    assert [point.steps for point in found.points] == [0]
    assert found.to_markdown().count("| tiny") == 2


def drawn(*subjects: Subject) -> Figure:
    """The figure, laid out as in its file."""
    figure = Figure(figsize=(7.0, 4.0), layout="constrained")
    efficiency(subjects, batches=(1,)).draw(figure)
    figure.draw_without_rendering()
    return figure


def test_a_model_that_does_not_reason_is_a_point_with_a_name(subject_with: MakeSubject) -> None:
    """It has no step and no stream, and is what the others are looked at beside."""
    plain = replace(subject_with(lambda dim: NoReasoner()), name="sasrec")
    plr = subject_with(lambda dim: PlrReasoner(dim, 2, 1))
    alone, beside = drawn(plain), drawn(plr, plain)
    assert [text.get_text() for text in alone.legends[0].texts] == ["best for cost", "sasrec"]
    assert [text.get_text() for text in alone.axes[0].texts] == []  # no h_0 to tell apart
    assert "sasrec" in [text.get_text() for text in beside.legends[0].texts]
    for figure in (alone, beside):
        (front,) = [line for line in figure.axes[0].lines if line.get_label() == "best for cost"]
        assert front.get_marker() == "o"  # also one point is seen
        markers = [line.get_markersize() for line in figure.axes[0].lines if len(line.get_xdata())]
        assert markers.count(10) == 1  # the plain model, hollow


def test_names_of_ends_do_not_lie_on_each_other(subject_with: MakeSubject) -> None:
    first = subject_with(lambda dim: PlrReasoner(dim, 1, 2))
    figure = drawn(first, replace(first, name="again"), replace(first, name="and again"))
    names = [text for text in figure.axes[0].texts if text.get_text() == "M = 1, T = 2"]
    boxes = [text.get_window_extent() for text in names]
    assert len(boxes) == 3
    for place, box in enumerate(boxes):
        assert not any(box.overlaps(other) for other in boxes[:place])
