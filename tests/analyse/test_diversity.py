"""Diversity is measured against definitions written out, and is nothing where streams are equal."""

from collections.abc import Callable
from functools import partial

import pytest
import torch

from latentrec.analyse.diversity import diversity
from latentrec.analyse.subject import Subject
from latentrec.errors import ConfigError
from latentrec.index import FIRST_ITEM
from latentrec.model.reasoner.contract import Reasoner
from latentrec.model.reasoner.erl import ErlReasoner
from latentrec.model.reasoner.none import NoReasoner
from latentrec.model.reasoner.plr import PlrReasoner
from latentrec.model.reasoner.plr_parts import NO_TRIGGER, PlrParts, Trigger, added, learnt

MakeSubject = Callable[[Callable[[int], Reasoner]], Subject]


def test_two_streams_against_the_definitions(subject_with: MakeSubject) -> None:
    subject = subject_with(lambda dim: PlrReasoner(dim, 2, 2))
    blocks = list(subject.thoughts())
    states = torch.cat([block.steps for block in blocks]).double()
    reasoner = subject.scorer.model.reasoner
    assert isinstance(reasoner, PlrReasoner)
    table = subject.scorer.model.items.candidates()[FIRST_ITEM:].double()
    logs = (states @ table.T).log_softmax(-1)
    one, two = logs[:, 0], logs[:, 1]
    kl = ((one.exp() - two.exp()) * (one - two)).sum(-1).mean(0) / 2
    apart = (states[:, 0] - states[:, 1]).norm(dim=-1)
    start = (reasoner.triggers[0] - reasoner.triggers[1]).detach().norm()
    found = diversity(subject)
    assert [step.kl for step in found.steps] == pytest.approx(kl.tolist(), rel=1e-3)
    assert found.steps[0].lipschitz == pytest.approx(
        float((apart[:, 0] / start).median()), rel=1e-4
    )
    ratio = float((apart[:, 1] / apart[:, 0]).median())
    assert found.steps[1].lipschitz == pytest.approx(ratio, rel=1e-4)
    moved = (states[:, :, 1] - states[:, :, 0]).norm(dim=-1) / states[:, :, 0].norm(dim=-1)
    assert found.steps[1].moved == pytest.approx(float(moved.mean()), rel=1e-4)


def test_equal_streams_do_not_differ(subject_with: MakeSubject) -> None:
    parts = PlrParts(trigger=NO_TRIGGER)
    found = diversity(subject_with(lambda dim: PlrReasoner(dim, 3, 2, parts)))
    for step in found.steps:
        assert step.kl == pytest.approx(0, abs=1e-5)
        assert step.cosine == pytest.approx(1)
        assert step.lipschitz is None
    assert found.overlap == ((1.0,) * 3,) * 3
    assert "The streams are one" in found.to_markdown()
    assert sum(found.gate_mean) == pytest.approx(1)
    assert sum(found.gate_wins) == pytest.approx(1)
    assert found.gate_entropy is not None
    assert 0 < found.gate_entropy <= 1


def test_streams_that_differ_are_not_called_one(subject_with: MakeSubject) -> None:
    parts = PlrParts(Trigger(partial(learnt, std=3.0), added))
    found = diversity(subject_with(lambda dim: PlrReasoner(dim, 2, 2, parts)))
    assert "The streams are one" not in found.to_markdown()


def test_one_stream_has_steps_and_no_gate(subject_with: MakeSubject) -> None:
    found = diversity(subject_with(lambda dim: ErlReasoner(dim, 2)))
    assert "The streams are one" not in found.to_markdown()
    assert [step.step for step in found.steps] == [0, 1, 2]
    assert found.steps[0].moved is None
    assert found.steps[2].step_ratio is not None
    assert (found.gate_mean, found.gate_wins, found.gate_entropy, found.overlap) == (
        (),
        (),
        None,
        (),
    )


def test_a_model_without_reasoning_is_refused(subject_with: MakeSubject) -> None:
    with pytest.raises(ConfigError, match="does not reason"):
        diversity(subject_with(lambda dim: NoReasoner()))
