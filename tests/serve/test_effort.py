"""Effort: choices are what the library can do, and a deadline follows the cost table."""

import pytest

from latentrec.configure import parse_config
from latentrec.errors import ConfigError
from latentrec.model.reasoner.effort import Effort
from latentrec.serve.effort import NO_REASONING, Cost, choices, chosen, fitting

COSTS = [
    Cost(NO_REASONING, 1.0, 0.1),
    Cost(Effort(1, 1), 2.0, 0.2),
    Cost(Effort(1, 2), 3.0, 0.3),
    Cost(Effort(2, 2), 4.0, 0.4),
]


@pytest.mark.parametrize(
    ("left_ms", "histories", "want"),
    [
        (-5.0, 1, NO_REASONING),  # too late: the cheapest
        (1.0, 1, NO_REASONING),
        (2.5, 1, Effort(1, 1)),
        (4.0, 1, Effort(2, 2)),
        (4.0, 2, Effort(1, 2)),  # 3.3 ms; all of it would take 4.4 ms
        (4.0, 11, Effort(1, 1)),
        (float("inf"), 256, Effort(2, 2)),
    ],
)
def test_a_deadline_takes_the_most_thinking_that_fits(
    left_ms: float, histories: int, want: Effort
) -> None:
    assert fitting(COSTS, left_ms, histories) == want


def test_streams_and_steps_may_be_named_one_by_one() -> None:
    assert chosen(COSTS, None, None) == Effort(2, 2)
    assert chosen(COSTS, 1, None) == Effort(1, 2)
    assert chosen(COSTS, 2, 0) == NO_REASONING
    with pytest.raises(ConfigError, match="streams=3: this model has 2"):
        chosen(COSTS, 3, None)
    with pytest.raises(ConfigError, match="steps=0: this run needs at least 1"):
        chosen(COSTS[1:], None, 0)


@pytest.mark.parametrize(
    ("reasoner", "want"),
    [
        ({"kind": "none"}, [(None, 0)]),
        ({"kind": "erl", "steps": 2}, [(None, 0), (1, 1), (1, 2)]),
        ({"kind": "prl", "steps": 1}, [(None, 0), (1, 1)]),
        ({"kind": "lares", "mean_steps": 2}, [(1, 1), (1, 2)]),
        (
            {"kind": "plr", "streams": 3, "steps": 2},
            [(None, 0), (1, 1), (2, 1), (1, 2), (3, 1), (2, 2), (3, 2)],
        ),
    ],
)
def test_choices_go_from_the_least_thinking_to_what_was_trained(
    reasoner: dict[str, object], want: list[tuple[int | None, int]]
) -> None:
    able = choices(parse_config({"reasoner": reasoner}).reasoner)
    assert [(effort.streams, effort.steps) for effort in able] == want
