"""The decomposition is exact on real models, and refuses models for which it does not hold."""

from collections.abc import Callable
from dataclasses import replace

import pytest
import torch
from matplotlib.figure import Figure

from latentrec.analyse.identities import identities
from latentrec.analyse.subject import Subject
from latentrec.errors import ConfigError
from latentrec.index import FIRST_ITEM, UNKNOWN
from latentrec.model.reasoner.contract import Reasoner
from latentrec.model.reasoner.erl import ErlReasoner
from latentrec.model.reasoner.none import NoReasoner
from latentrec.model.reasoner.plr import PlrReasoner
from latentrec.model.reasoner.plr_parts import NO_TRIGGER, PerStepGate, PlrParts
from latentrec.model.reasoner.prl import PrlReasoner

MakeSubject = Callable[[Callable[[int], Reasoner]], Subject]


def test_both_sides_agree_to_the_precision_of_float64(subject_with: MakeSubject) -> None:
    found = identities(subject_with(lambda dim: PlrReasoner(dim, 3, 2)))
    assert found.error < 1e-12
    explained = found.steps_ambiguity + found.streams_ambiguity
    assert found.states_loss - explained == pytest.approx(found.pooled_loss, abs=1e-12)
    assert min(found.steps_ambiguity, found.streams_ambiguity, found.pairwise_kl) > 0


def test_the_pooled_loss_is_the_cross_entropy_of_the_trained_state(
    subject_with: MakeSubject,
) -> None:
    subject = subject_with(lambda dim: PlrReasoner(dim, 2, 2))
    table, losses = subject.scorer.model.items.candidates()[FIRST_ITEM:], list[torch.Tensor]()
    for block in subject.thoughts():
        known = block.targets != UNKNOWN
        logits, targets = block.pooled[known] @ table.T, block.targets[known] - FIRST_ITEM
        losses.append(torch.nn.functional.cross_entropy(logits, targets, reduction="none"))
    found = identities(subject)
    assert found.pooled_loss == pytest.approx(float(torch.cat(losses).mean().detach()), rel=1e-5)
    assert found.cases == len(torch.cat(losses))


def test_equal_streams_explain_nothing(subject_with: MakeSubject) -> None:
    parts = PlrParts(trigger=NO_TRIGGER)
    found = identities(subject_with(lambda dim: PlrReasoner(dim, 2, 2, parts)))
    assert abs(found.streams_ambiguity) < 1e-10


def test_erl_pools_its_steps_and_ranks_with_the_pooled_state(subject_with: MakeSubject) -> None:
    found = identities(subject_with(lambda dim: ErlReasoner(dim, 2)))
    assert found.error < 1e-12
    assert found.streams_ambiguity == pytest.approx(0, abs=1e-12)
    assert found.half_loss is None
    assert "(h_0" not in found.to_markdown()


def test_the_loss_is_that_of_training_with_its_temperature(subject_with: MakeSubject) -> None:
    """ERL divides all logits by it; the identity holds for the loss that was trained."""
    subject = replace(subject_with(lambda dim: ErlReasoner(dim, 2)), temperature=0.5)
    table, losses = subject.scorer.model.items.candidates()[FIRST_ITEM:], list[torch.Tensor]()
    for block in subject.thoughts():
        known = block.targets != UNKNOWN
        logits, targets = block.pooled[known] @ table.T / 0.5, block.targets[known] - FIRST_ITEM
        losses.append(torch.nn.functional.cross_entropy(logits, targets, reduction="none"))
    found = identities(subject)
    assert found.pooled_loss == pytest.approx(float(torch.cat(losses).mean().detach()), rel=1e-5)
    assert found.error < 1e-12
    assert "Scores are divided by 0.5, as in training" in found.to_markdown()


def test_no_diversity_is_zero_without_a_sign(subject_with: MakeSubject) -> None:
    found = identities(subject_with(lambda dim: PlrReasoner(dim, 1, 1)))
    assert "| - ambiguity of the streams | 0.0000 |" in found.to_markdown()
    rounded = replace(found, steps_ambiguity=-1e-16)
    assert "takes off 0.0%" in rounded.to_markdown()
    figure = Figure()
    found.draw(figure)
    assert [text.get_text() for text in figure.axes[0].texts][1:3] == ["0.000", "0.000"]


@pytest.mark.parametrize(
    ("reasoner", "why"),
    [
        (lambda dim: NoReasoner(), "does not reason"),
        (lambda dim: PrlReasoner(dim, 2), "take the last step"),
        (lambda dim: PlrReasoner(dim, 2, 2, PlrParts(gate=PerStepGate)), "gate='per-step'"),
    ],
)
def test_other_models_are_refused(
    subject_with: MakeSubject, reasoner: Callable[[int], Reasoner], why: str
) -> None:
    with pytest.raises(ConfigError, match=why):
        identities(subject_with(reasoner))
