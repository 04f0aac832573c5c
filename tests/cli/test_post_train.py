"""`latentrec post-train` on a finished run: before and after in one table, or one line why not."""

import json
from collections.abc import Callable
from pathlib import Path

from typer.testing import Result

Command = Callable[..., Result]


def test_a_run_is_trained_further(
    latentrec: Command, shop: Path, columns: list[str], small: list[str], tmp_path: Path
) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    log, lares = shop / "clicks.csv", ("--preset", "lares-sasrec", *small[:-2])
    assert latentrec("fit", log, *columns, *lares, "--run", first).exit_code == 0
    options = ("--set", "post_train.rollouts=2", "--set", "train.epochs=1")
    result = latentrec("post-train", first, "--out", second, *options)
    assert result.exit_code == 0, result.stderr
    assert "epoch   1  loss " in result.stdout
    assert "contested " in result.stdout
    assert "trained on 60 of 60 targets" in result.stdout
    rows = json.loads((second / "evaluation.json").read_text())["rows"]
    assert [row["scorer"] for row in rows][-2:] == ["sasrec+lares", "sasrec+lares+rpt"]
    again = latentrec("fit", "--run", second, "--resume")
    assert "no epoch is left" in again.stdout
    assert "sasrec+lares+rpt" in latentrec("evaluate", second).stdout
    assert latentrec("recommend", second, "--history", "i00,i01").exit_code == 0
    refused = latentrec("post-train", first, "--out", second)
    assert refused.exit_code == 2
    assert "holds a run already" in refused.stderr


def test_another_reasoner_is_refused(
    latentrec: Command, trained: tuple[Path, str], tmp_path: Path
) -> None:
    result = latentrec("post-train", trained[0], "--out", tmp_path / "new")
    assert result.exit_code == 2
    assert "has reasoner 'plr', and post-training is the second phase of LARES" in result.stderr
    assert result.stderr.count("\n") == 1
    assert not (tmp_path / "new").exists()
