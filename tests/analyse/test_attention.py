"""Weights sum to 1 and stand at the right items: equal to the explanation of the same history."""

from collections.abc import Callable

import pytest

from latentrec.analyse.attention import attention
from latentrec.analyse.subject import Subject
from latentrec.errors import ConfigError
from latentrec.explain import explain
from latentrec.model.reasoner.contract import Reasoner
from latentrec.model.reasoner.none import NoReasoner
from latentrec.model.reasoner.plr import PlrReasoner

MakeSubject = Callable[[Callable[[int], Reasoner]], Subject]


def test_one_user_looks_where_the_explanation_says(subject_with: MakeSubject) -> None:
    subject = subject_with(lambda dim: PlrReasoner(dim, 2, 2))
    dataset = subject.dataset
    user = str(dataset.user_ids[dataset.test.users[3]])
    history = dataset.index.item_ids(dataset.histories(dataset.test, 3, 4)[0].tolist())
    found = attention(subject, user=user)
    want = explain(subject.scorer, dataset.index, history, history[:1])
    assert found.places == want.history
    for look in found.looks:
        told = want.attention[look.stream - 1][look.step - 1]
        assert look.weights == pytest.approx(told, abs=1e-5)


def test_the_parts_sum_to_one(subject_with: MakeSubject) -> None:
    found = attention(subject_with(lambda dim: PlrReasoner(dim, 2, 3)), longest=3)
    assert found.places == ("3", "2", "1")
    assert len(found.looks) == 6
    for look in found.looks:
        assert look.older + sum(look.weights) + look.own == pytest.approx(1, abs=1e-5)
        assert min(look.older, look.own, *look.weights) >= -1e-6


def test_what_has_no_attention_is_refused(subject_with: MakeSubject) -> None:
    with pytest.raises(ConfigError, match="no step of this model attends"):
        attention(subject_with(lambda dim: NoReasoner()))
    with pytest.raises(ConfigError, match="user 'nobody': has no test case"):
        attention(subject_with(lambda dim: PlrReasoner(dim, 1, 1)), user="nobody")
