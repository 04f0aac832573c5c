"""Effort: the plan follows the cost table, and a run answers with what it was trained for."""

import pytest

from latentrec.configure import parse_config
from latentrec.errors import ConfigError
from latentrec.serve.effort import Cost, Effort, full_effort, plan

COSTS = [Cost(Effort(1, 1), 1.0), Cost(Effort(1, 2), 2.0), Cost(Effort(2, 2), 3.0)]


@pytest.mark.parametrize(
    ("deadline_ms", "want"),
    [(0.1, (1, 1)), (1.0, (1, 1)), (2.5, (1, 2)), (3.0, (2, 2)), (99, (2, 2))],
)
def test_a_deadline_takes_the_most_thinking_that_fits(
    deadline_ms: float, want: tuple[int, int]
) -> None:
    assert plan(COSTS, None, None, deadline_ms) == Effort(*want)


def test_streams_and_steps_may_be_named_one_by_one() -> None:
    assert plan(COSTS, None, None, None) == Effort(2, 2)
    assert plan(COSTS, 1, None, None) == Effort(1, 2)
    with pytest.raises(ConfigError, match=r"2 streams x 1 steps: .* 1 x 1, 1 x 2, 2 x 2"):
        plan(COSTS, None, 1, None)


@pytest.mark.parametrize(
    ("reasoner", "want"),
    [
        ({"kind": "none"}, (0, 0)),
        ({"kind": "erl", "steps": 3}, (1, 3)),
        ({"kind": "prl", "steps": 3}, (1, 3)),
        ({"kind": "lares", "mean_steps": 5}, (1, 5)),
        ({"kind": "plr", "streams": 3, "steps": 4}, (3, 4)),
    ],
)
def test_the_full_effort_is_what_was_trained(
    reasoner: dict[str, object], want: tuple[int, int]
) -> None:
    assert full_effort(parse_config({"reasoner": reasoner}).reasoner) == Effort(*want)
