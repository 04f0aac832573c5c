"""Every effort is a point, and a point is best only if nothing is as good for less."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from latentrec.analyse.efficiency import efficiency, efforts
from latentrec.analyse.subject import Subject, take
from latentrec.errors import ConfigError
from latentrec.model.reasoner.contract import Reasoner
from latentrec.model.reasoner.effort import Effort
from latentrec.model.reasoner.erl import ErlReasoner
from latentrec.model.reasoner.lares import AddAdapter, LaresReasoner
from latentrec.model.reasoner.plr import PlrReasoner

MakeSubject = Callable[[Callable[[int], Reasoner]], Subject]


def lares(dim: int) -> LaresReasoner:
    return LaresReasoner(AddAdapter(), dim, 1, 2, 12, 6, 0.0, 0.0, 2, 1.0, 1.0)


def test_efforts_are_all_that_a_model_can_spend(subject_with: MakeSubject) -> None:
    plr = subject_with(lambda dim: PlrReasoner(dim, 2, 1))
    assert efforts(plr) == [Effort(steps=0), Effort(1, 1), Effort(2, 1)]
    erl = subject_with(lambda dim: ErlReasoner(dim, 2))
    assert efforts(erl) == [Effort(steps=0), Effort(1, 1), Effort(1, 2)]
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
