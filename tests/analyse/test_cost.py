"""Counted operations equal the formula, so that percentages against the paper mean something."""

from collections.abc import Callable

import pytest
import torch

from latentrec.analyse.cost import count_flops, measure, without_reasoning
from latentrec.analyse.subject import Subject
from latentrec.model.reasoner.contract import Reasoner
from latentrec.model.reasoner.effort import Effort
from latentrec.model.reasoner.lares import AddAdapter, LaresReasoner
from latentrec.model.reasoner.none import NoReasoner
from latentrec.model.reasoner.plr import PlrReasoner
from latentrec.model.recommender import Recommender
from latentrec.model.text_items import TextItemEncoder
from latentrec.scorer import ModelScorer

MakeSubject = Callable[[Callable[[int], Reasoner]], Subject]
DIM, INNER, LAYERS, LONGEST = 8, 12, 2, 6


def formula(tokens: int) -> int:
    """Operations of the encoder: projections, feed-forward, attention."""
    return LAYERS * (tokens * (8 * DIM**2 + 4 * DIM * INNER) + 4 * tokens**2 * DIM)


def test_a_plain_encoder_costs_what_the_formula_says(subject_with: MakeSubject) -> None:
    scorer = subject_with(lambda dim: NoReasoner()).scorer
    scoring = 2 * DIM * scorer.size
    assert count_flops(scorer, pruned=False) == formula(LONGEST) + scoring
    assert count_flops(scorer) < count_flops(scorer, pruned=False)


def test_reasoning_costs_a_token_for_each_step_of_each_stream(subject_with: MakeSubject) -> None:
    scorer = subject_with(lambda dim: PlrReasoner(dim, 2, 2)).scorer
    base = without_reasoning(scorer)
    assert base is not None
    extra = count_flops(scorer, pruned=False) - count_flops(base, pruned=False)
    token = LAYERS * (8 * DIM**2 + 4 * DIM * INNER)
    longest = LAYERS * 4 * (LONGEST + 2) * DIM
    assert 4 * token < extra <= 4 * (token + longest) + 2 * 2 * DIM  # the gate is 2 x D


def test_lares_costs_every_state_at_every_step(subject_with: MakeSubject) -> None:
    """The papers' count leaves nothing out, also not of the last step, which the model does."""

    def lares(dim: int) -> LaresReasoner:
        return LaresReasoner(AddAdapter(), dim, LAYERS, 2, INNER, LONGEST, 0.0, 0.0, 3, 1.0, 3.0)

    scorer = subject_with(lares).scorer
    scoring = 2 * DIM * scorer.size
    assert count_flops(scorer, pruned=False) == (1 + 3) * formula(LONGEST) + scoring
    at_once = scorer.limited(Effort(steps=1))
    assert count_flops(at_once, pruned=False) == 2 * formula(LONGEST) + scoring
    assert count_flops(scorer) < count_flops(scorer, pruned=False)


def test_item_vectors_from_text_are_at_hand(subject_with: MakeSubject) -> None:
    """The scorer computes them once, so they cost nothing per history."""
    plain = subject_with(lambda dim: NoReasoner()).scorer
    vectors = torch.randn(plain.size, 30, generator=torch.Generator().manual_seed(0))
    items = TextItemEncoder(vectors, DIM, 3, 0.0, 0.07, use_ids=True)
    model = Recommender(items, plain.model.encoder, NoReasoner())
    scorer = ModelScorer(model.eval(), "text", LONGEST, torch.device("cpu"))
    for pruned in (True, False):
        assert count_flops(scorer, pruned=pruned) == count_flops(plain, pruned=pruned)


def test_parameters_and_times(subject_with: MakeSubject) -> None:
    scorer = subject_with(lambda dim: PlrReasoner(dim, 2, 2)).scorer
    cost = measure(scorer, (1, 3))
    assert cost.parameters == sum(p.numel() for p in scorer.model.parameters())
    assert cost.reasoner_parameters == 2 * DIM + 2 * DIM + 2 * DIM + 2
    assert [each.batch for each in cost.latency] == [1, 3]
    assert all(each.milliseconds > 0 for each in cost.latency)


def test_memory_that_was_needed_before_counts_again(subject_with: MakeSubject) -> None:
    """The timed calls leave freed memory with the process, which the last one takes again."""
    scorer = subject_with(lambda dim: PlrReasoner(dim, 2, 2)).scorer
    peak = measure(scorer, (1, 20_000)).peak_bytes
    if peak is None:
        pytest.skip("memory cannot be measured on this system")
    assert peak > 20_000 * scorer.size * 4  # the scores alone
