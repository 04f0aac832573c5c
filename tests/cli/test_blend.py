"""`latentrec blend`: a run that ranks with a baseline, served by the usual commands."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import Result

Command = Callable[..., Result]


def test_a_run_and_a_baseline_rank_together(
    latentrec: Command,
    trained: tuple[Path, str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    out = tmp_path / "both"
    result = latentrec("blend", trained[0], "--with", "item-knn", "--out", out)
    assert result.exit_code == 0, result.stderr
    assert result.stdout.startswith("sasrec+plr+item-knn: weight=")
    rows = json.loads((out / "evaluation.json").read_text())["rows"]
    assert [row["scorer"] for row in rows] == ["item-knn", "sasrec+plr", "sasrec+plr+item-knn"]
    assert "sasrec+plr+item-knn" in latentrec("evaluate", out).stdout
    listed = latentrec("recommend", out, "--history", "i00,i01")
    assert (listed.exit_code, listed.stderr) == (0, "")
    assert latentrec("report", out).exit_code == 0
    monkeypatch.setattr("latentrec.run.run.prepared_data", None)  # no data are read for that
    refused = latentrec("blend", trained[0], "--out", out)
    assert refused.exit_code == 2
    assert f"--out {out}: holds a run already" in refused.stderr


def test_without_a_name_the_best_is_taken(
    latentrec: Command, trained: tuple[Path, str], tmp_path: Path
) -> None:
    result = latentrec("blend", trained[0], "--out", tmp_path / "best")
    assert result.exit_code == 0, result.stderr
    assert result.stdout.split(":")[0].removeprefix("sasrec+plr+") in ("markov", "item-knn", "ease")
