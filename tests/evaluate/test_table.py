"""Tables: what people read; they must hold every number, fit a terminal and refuse to mix tasks."""

import dataclasses
import json

import numpy as np
import pytest

from latentrec.errors import ConfigError
from latentrec.evaluate.evaluate import Evaluation, Metric
from latentrec.evaluate.table import number, to_json, to_markdown, to_text


def evaluation(scorer: str, value: float = 0.1964) -> Evaluation:
    names = [f"{metric}@{k}" for metric in ("recall", "ndcg", "mrr") for k in (5, 10, 20)]
    return Evaluation(
        scorer=scorer,
        metrics={name: Metric(value, value - 0.01, value + 0.01) for name in names},
        ranks=np.array([1, 2, 9]),
        users=np.array([0, 1, 2]),
        lists=np.empty((3, 0), np.int32),
        unknown_targets=1,
        candidates=400,
        protocol="leave-one-out; full ranking of 400 items; no item hidden",
    )


BOTH = [evaluation("popularity", 0.05), evaluation("sasrec[plr]")]


@pytest.mark.parametrize("width", [80, 100, 120])
def test_text_fits_and_cuts_no_number(width: int) -> None:
    text = to_text(BOTH, width)
    assert max(map(len, text.splitlines())) <= width
    assert text.count(".1964 [.1864, .2064]") == 9  # on one line each, and names not read as markup
    assert text.count("sasrec[plr]") == 3
    assert "…" not in text


def test_text_groups_by_k_and_says_the_protocol() -> None:
    text = to_text(BOTH, 120)
    heads = [line.split() for line in text.splitlines() if line.startswith("scorer")]
    assert heads == [["scorer", f"recall@{k}", f"ndcg@{k}", f"mrr@{k}"] for k in (5, 10, 20)]
    assert "3 cases, 1 of them with a target that training never saw" in text
    assert "no item hidden" in text


def test_markdown_has_a_row_for_each_scorer_in_each_block() -> None:
    text = to_markdown(BOTH)
    assert text.count("| sasrec[plr] | .1964 [.1864, .2064] | .1964") == 3
    assert text.count("|---|---|---|---|") == 3
    assert "leave-one-out; full ranking" in text


def test_json_keeps_every_number_in_full() -> None:
    read = json.loads(to_json(BOTH))
    assert [row["scorer"] for row in read["rows"]] == ["popularity", "sasrec[plr]"]
    assert read["rows"][1]["metrics"]["mrr@20"] == dataclasses.asdict(BOTH[1].metrics["mrr@20"])
    assert (read["cases"], read["unknown_targets"], read["candidates"]) == (3, 1, 400)


@pytest.mark.parametrize(
    ("changed", "problem"),
    [
        ({"protocol": "by time"}, "the protocols differ"),
        ({"users": np.array([0, 1, 3])}, "the cases differ"),
        ({"ranks": np.array([1]), "users": np.array([0])}, "the cases differ"),
        ({"metrics": {"recall@5": Metric(0.0, 0.0, 0.0)}}, "the metrics differ"),
    ],
)
def test_different_tasks_are_refused_in_one_table(changed: dict, problem: str) -> None:
    other = dataclasses.replace(BOTH[1], **changed)
    for render in (to_text, to_markdown, to_json):
        with pytest.raises(ConfigError, match=problem):
            render([BOTH[0], other])


def test_a_table_of_nothing_is_refused() -> None:
    with pytest.raises(ConfigError, match="at least one"):
        to_text([])


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (0.0, ".0000"), (-1e-5, ".0000"), (0.00005001, ".0001"), (-0.12345, "-.1235"),
        (0.99994, ".9999"), (0.99999, "1.000"), (1.2399, "1.240"), (-1.2399, "-1.240"),
        (4.60517, "4.605"), (9.9999, "10.00"), (12.346, "12.35"), (999.96, "1000"),
        (123456.7, "123457"), (float("nan"), "nan"),
    ],
)  # fmt: skip
def test_numbers_are_rounded_to_what_is_shown(value: float, shown: str) -> None:
    assert number(value) == shown
