"""Diversity is measured against definitions written out, and is nothing where streams are equal."""

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from io import BytesIO

import pytest
import torch
from matplotlib.figure import Figure

from latentrec.analyse import diversity as diversity_module
from latentrec.analyse import finding as finding_module
from latentrec.analyse.diversity import diversity
from latentrec.analyse.finding import to_svg
from latentrec.analyse.subject import Subject
from latentrec.errors import ConfigError
from latentrec.index import FIRST_ITEM
from latentrec.model.reasoner.contract import Reasoner
from latentrec.model.reasoner.erl import ErlReasoner
from latentrec.model.reasoner.lares import AddAdapter, LaresReasoner
from latentrec.model.reasoner.none import NoReasoner
from latentrec.model.reasoner.plr import PlrReasoner
from latentrec.model.reasoner.plr_parts import NO_TRIGGER, PlrParts, Trigger, added, learnt
from latentrec.objective.terms import pairwise_kl

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
        float((apart[:, 0] / start).quantile(0.5)), rel=1e-4
    )
    ratio = float((apart[:, 1] / apart[:, 0]).quantile(0.5))
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


@pytest.mark.parametrize("dim", [8, 50])
def test_rounding_errors_have_no_ratio(dim: int) -> None:
    """Three equal streams of another width differ in the last digits, and a step does not grow."""
    apart = torch.full((4, 3, 3), 1e-6 * dim**0.5, dtype=torch.float64)
    apart[:, 1] *= 1.7
    lengths = torch.full((4, 2, 3), dim**0.5, dtype=torch.float64)
    assert diversity_module._ratio(apart, 1, lengths) is None
    assert diversity_module._ratio(1e6 * apart, 1, lengths) == pytest.approx(1.7)


def test_kl_is_that_of_the_trained_distributions(subject_with: MakeSubject) -> None:
    """A temperature divides the scores, here by a half: the KL of states twice as long."""
    subject = subject_with(lambda dim: ErlReasoner(dim, 2))
    sharp, items = replace(subject, temperature=0.5), subject.scorer.model.items
    states = torch.cat([block.steps for block in subject.thoughts()]).flatten(1, 2).double()
    expected = pairwise_kl(2 * states, items.candidates()[FIRST_ITEM:].double()).mean()
    found = diversity(sharp)
    assert found.all_states_kl == pytest.approx(float(expected.detach()), rel=1e-4)
    assert "Scores are divided by 0.5, as in training" in found.to_markdown()
    assert "divided" not in diversity(subject).to_markdown()


def test_negative_cosines_are_drawn(subject_with: MakeSubject) -> None:
    found = diversity(subject_with(lambda dim: PlrReasoner(dim, 2, 2)))
    apart = replace(found, steps=tuple(replace(step, cosine=-0.4) for step in found.steps))
    figure = Figure()
    apart.draw(figure)
    assert figure.axes[1].get_ylim()[0] < -0.4
    assert figure.axes[0].get_ylim()[0] == 0


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


@pytest.mark.parametrize("steps", [1, 2])
def test_one_stream_under_a_gate_is_told_by_its_steps(
    subject_with: MakeSubject, steps: int
) -> None:
    found = diversity(subject_with(lambda dim: PlrReasoner(dim, 1, steps)))
    assert (found.gate_mean, found.overlap) == ((1.0,), ())
    assert "Streams: gate" not in found.to_markdown()
    figure = Figure()
    found.draw(figure)
    assert [axes.get_ylabel() for axes in figure.axes] == ["KL (nats)", "ratio"]
    assert found.figure_size == (6.0, 3.2)
    assert to_svg(found)


def test_small_divergences_leave_room_for_the_label(subject_with: MakeSubject) -> None:
    found = diversity(subject_with(lambda dim: PlrReasoner(dim, 2, 2)))
    steps = tuple(replace(step, kl=0.00155, from_last=0.0003) for step in found.steps)
    with finding_module._drawn(replace(found, steps=steps)) as figure:
        figure.savefig(BytesIO())
        axes = figure.axes[0]
        assert axes.yaxis.label.get_window_extent().x0 > 0
        assert axes.yaxis.get_offset_text().get_text() == "1e\N{MINUS SIGN}3"


def test_a_model_without_reasoning_is_refused(subject_with: MakeSubject) -> None:
    with pytest.raises(ConfigError, match="does not reason"):
        diversity(subject_with(lambda dim: NoReasoner()))


def test_a_single_state_is_refused(subject_with: MakeSubject) -> None:
    def lares(dim: int) -> LaresReasoner:
        return LaresReasoner(AddAdapter(), dim, 1, 2, 12, 6, 0.0, 0.0, 1, 1.0, 1.0)

    with pytest.raises(ConfigError, match="reasons in one state only"):
        diversity(subject_with(lares))
