"""Work: waiting counts against a deadline, and requests of one batch keep their places."""

import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from latentrec.model.reasoner.effort import Effort
from latentrec.serve.arms import open_arm
from latentrec.serve.effort import NO_REASONING, Cost
from latentrec.serve.work import Ask, DeadlineWork, Limits


def test_the_time_left_when_the_work_begins_decides(make_run: Callable[..., Path]) -> None:
    arm = open_arm("a", make_run("plr"), "cpu")
    costs = [Cost(NO_REASONING, 1.0, 0.0), Cost(Effort(1, 1), 1e5, 0.0), Cost(Effort(2, 2), 1e9, 0)]
    histories = [list(arm.run.index.all_ids[place : place + 2]) for place in range(3)]
    now = time.perf_counter()
    due = [now + 1e7, now + 1e3, now - 1]  # seconds: plenty, some, waited too long already
    asks = [Ask([h], 5, d) for h, d in zip(histories, due, strict=True)]
    given = DeadlineWork(replace(arm, costs=costs), Limits(True, None, ()))(asks)
    assert [each.effort for each in given] == [Effort(2, 2), Effort(1, 1), NO_REASONING]
    for history, each in zip(histories, given, strict=True):
        assert [*each.lists] == arm.views[each.effort].recommend([history], top_k=5)
