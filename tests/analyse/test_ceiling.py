"""An oracle is the best of its states case by case, and never more than what it may pick from."""

from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest

from latentrec.analyse import finding as finding_module
from latentrec.analyse.ceiling import ACHIEVED, FIRST, ceiling
from latentrec.analyse.subject import Subject
from latentrec.errors import ConfigError
from latentrec.evaluate.metrics import ndcg
from latentrec.model.reasoner.contract import Reasoner
from latentrec.model.reasoner.erl import ErlReasoner
from latentrec.model.reasoner.none import NoReasoner
from latentrec.model.reasoner.plr import PlrReasoner
from latentrec.model.reasoner.plr_parts import NO_TRIGGER, PlrParts

MakeSubject = Callable[[Callable[[int], Reasoner]], Subject]


def test_the_oracle_takes_the_best_state_of_every_case(subject_with: MakeSubject) -> None:
    subject = subject_with(lambda dim: PlrReasoner(dim, 2, 2))
    best = np.full(len(subject.cases), 2**40)
    for block in subject.thoughts():
        for stream in range(2):
            for step in range(2):
                ranks = subject.ranks(block.steps[:, stream, step], block)
                best[block.rows] = np.minimum(best[block.rows], ranks)
    found = ceiling(subject)
    oracles = {oracle.name: oracle for oracle in found.oracles}
    assert list(oracles) == ["steps", "streams", "all states", "all states and h_0"]
    want = ndcg(best, 10).mean()
    assert oracles["all states"].metrics["ndcg@10"].value == pytest.approx(want)
    assert oracles["all states"].candidates == 4
    assert oracles["all states and h_0"].metrics["ndcg@10"].value >= want


def test_gap_closed_runs_from_the_mean_state_to_the_oracle(subject_with: MakeSubject) -> None:
    found = ceiling(subject_with(lambda dim: PlrReasoner(dim, 3, 2)))
    for oracle in found.oracles:
        for metric, share in oracle.gap_closed.items():
            top, done = oracle.metrics[metric].value, found.states[oracle.against][metric].value
            if share is not None:
                assert oracle.mean[metric] + share * (top - oracle.mean[metric]) == pytest.approx(
                    done
                )


def test_equal_streams_leave_no_gap(subject_with: MakeSubject) -> None:
    parts = PlrParts(trigger=NO_TRIGGER)
    found = ceiling(subject_with(lambda dim: PlrReasoner(dim, 2, 2, parts)))
    streams = next(oracle for oracle in found.oracles if oracle.name == "streams")
    assert streams.gap_closed == {"ndcg@10": None, "recall@10": None}


def test_the_states_of_erl_begin_with_h_0(subject_with: MakeSubject) -> None:
    found = ceiling(subject_with(lambda dim: ErlReasoner(dim, 2)))
    assert found.states["stream 1, step 0"] == found.states[FIRST]
    assert [oracle.name for oracle in found.oracles] == ["all states"]
    assert ACHIEVED in found.to_markdown()


def test_a_model_without_reasoning_is_refused(subject_with: MakeSubject) -> None:
    with pytest.raises(ConfigError, match="does not reason"):
        ceiling(subject_with(lambda dim: NoReasoner()))


def test_hiding_items_matters_as_in_the_evaluation(subject_with: MakeSubject) -> None:
    subject = subject_with(lambda dim: ErlReasoner(dim, 1))
    shown = ceiling(replace(subject, exclude_seen=False)).states[ACHIEVED]["recall@10"].value
    assert shown <= ceiling(subject).states[ACHIEVED]["recall@10"].value


def test_rounding_is_no_gap(subject_with: MakeSubject) -> None:
    """The mean of three equal values may lie beside them in the last place."""
    parts = PlrParts(trigger=NO_TRIGGER)
    found = ceiling(
        subject_with(lambda dim: PlrReasoner(dim, 3, 2, parts)),
        [f"{name}@{k}" for name in ("ndcg", "recall", "mrr") for k in range(3, 20)],
    )
    streams = next(oracle for oracle in found.oracles if oracle.name == "streams")
    tops = {metric: top.value for metric, top in streams.metrics.items()}
    assert any(0 < top - streams.mean[metric] < 1e-12 for metric, top in tops.items())
    assert set(streams.gap_closed.values()) == {None}


def test_labels_of_many_states_do_not_touch(subject_with: MakeSubject) -> None:
    found = ceiling(subject_with(lambda dim: PlrReasoner(dim, 5, 4)))
    with finding_module._drawn(found) as figure:
        boxes = [label.get_window_extent() for label in figure.axes[0].get_yticklabels()]
    assert len(boxes) == 35
    assert all(below.y1 < above.y0 for above, below in pairwise(boxes))
