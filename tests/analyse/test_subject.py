"""A subject shows the very states that rank, whatever the order of its blocks."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
import torch

from latentrec.analyse.subject import Subject, check_same_cases, distinct_names
from latentrec.errors import ConfigError
from latentrec.evaluate.evaluate import rank_cases
from latentrec.model.reasoner.contract import Reasoner
from latentrec.model.reasoner.erl import ErlReasoner
from latentrec.model.reasoner.plr import PlrReasoner

MakeSubject = Callable[[Callable[[int], Reasoner]], Subject]


def test_the_ranking_state_gives_the_ranks_of_the_evaluation(subject_with: MakeSubject) -> None:
    subject = subject_with(lambda dim: PlrReasoner(dim, 3, 2))
    found = np.zeros(len(subject.cases), dtype=np.int64)
    for block in subject.thoughts():
        found[block.rows] = subject.ranks(block.ranking, block)
    want = rank_cases(subject.scorer, subject.dataset, subject.cases, exclude_seen=True)
    assert found.tolist() == want.tolist()


def test_states_are_those_of_the_method(subject_with: MakeSubject) -> None:
    plr = subject_with(lambda dim: PlrReasoner(dim, 3, 2))
    block = next(iter(plr.thoughts()))
    torch.testing.assert_close(block.ranking, block.first + block.pooled)
    assert block.steps.shape[1:3] == (3, 2)
    assert plr.first_step == 1
    erl = subject_with(lambda dim: ErlReasoner(dim, 2))
    block = next(iter(erl.thoughts()))
    torch.testing.assert_close(block.steps[:, 0, 0], block.first)
    assert erl.first_step == 0


def test_models_of_other_tasks_do_not_stand_side_by_side(subject_with: MakeSubject) -> None:
    """Also where the users and the number of cases are the same, as `compare` refuses them."""
    one = subject_with(lambda dim: ErlReasoner(dim, 1))
    data = one.dataset
    copy = replace(one, dataset=replace(data, items=data.items.copy()))
    check_same_cases([one, copy])
    items = data.items.copy()
    items[[0, 1]] = items[[1, 0]]
    assert items[0] != items[1]
    swapped = replace(one, dataset=replace(data, items=items))
    with pytest.raises(ConfigError, match="other data or splits"):
        check_same_cases([one, swapped])
    with pytest.raises(ConfigError, match="exclude_seen=True and False"):
        check_same_cases([one, replace(one, exclude_seen=False)])
    later = replace(one, cases=replace(one.cases, ends=one.cases.ends - 1))
    with pytest.raises(ConfigError, match="other test cases"):
        check_same_cases([one, later])


def test_equal_names_are_numbered(subject_with: MakeSubject) -> None:
    one = subject_with(lambda dim: ErlReasoner(dim, 1))
    other = replace(one, name="other")
    assert [s.name for s in distinct_names([one, other, one])] == ["tiny (1)", "other", "tiny (3)"]
