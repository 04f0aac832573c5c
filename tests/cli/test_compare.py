"""`latentrec compare`: one table in every form, errors in one line."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import Result

Command = Callable[..., Result]
Trained = tuple[Path, str]


def test_a_run_is_compared_with_a_baseline(latentrec: Command, trained: Trained) -> None:
    result = latentrec("compare", trained[0], "--baseline", "markov")
    assert result.exit_code == 0, result.stderr
    assert "against markov" in result.stdout
    assert "Protocol: leave-one-out" in " ".join(result.stdout.split())
    read = json.loads(latentrec("compare", trained[0], "--baseline", "markov", "--json").stdout)
    assert [d["name"] for d in read["differences"]] == [trained[0].name]
    kept = json.loads((trained[0] / "evaluation.json").read_text())
    same = {row["scorer"]: row["metrics"]["ndcg@10"]["value"] for row in kept["rows"]}
    found = {row["name"]: row["metrics"]["ndcg@10"]["value"] for row in read["rows"]}
    same[trained[0].name] = same.pop("sasrec+plr")
    assert found == same


@pytest.mark.parametrize(("form", "sign"), [("--markdown", "|---|"), ("--latex", "\\toprule")])
def test_other_forms(latentrec: Command, trained: Trained, form: str, sign: str) -> None:
    assert sign in latentrec("compare", trained[0], form).stdout


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--metric", "auc"], "metric 'auc': must be one of"),
        (["--metric", "ndcg@x"], "metric 'ndcg@x': must be one of"),
        (["--top-k", "0"], "top_k=0: a list has at least 1 item"),
        (["--baseline", "none"], "'none' is neither a run nor a kept baseline"),
        (["--json", "--latex"], "give only one of"),
        (["--html", "/no/where.html"], "--html /no/where.html: there is no folder /no; make it"),
    ],
)
def test_what_cannot_be_asked_is_one_line(
    latentrec: Command, trained: Trained, options: list[str], message: str
) -> None:
    result = latentrec("compare", trained[0], *options)
    assert (result.exit_code, result.stderr.count("\n")) == (2, 1)
    assert message in result.stderr
