"""The command answers what is asked of a real run, and says what cannot be asked."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

from typer.testing import Result

from latentrec.run.folder import weights_hash

Command = Callable[..., Result]


def test_questions_to_a_run_are_answered_in_files(
    latentrec: Command, trained: tuple[Path, str], tmp_path: Path
) -> None:
    run, _ = trained
    result = latentrec("analyse", run, "ceiling", "robustness", "--sample", "5", "--out", tmp_path)
    assert result.exit_code == 0, result.stderr
    assert {path.stem for path in tmp_path.iterdir()} == {"ceiling", "robustness"}
    assert len(list(tmp_path.iterdir())) == 8
    told = json.loads((tmp_path / "ceiling.json").read_text(encoding="utf-8"))
    assert "; 5 of " in told["protocol"]
    assert "oracle over" in result.stdout


def test_a_question_without_an_answer_is_an_error_of_one_line(
    latentrec: Command, trained: tuple[Path, str], tmp_path: Path
) -> None:
    run, _ = trained
    options = ("attention", "--user", "nobody", "--out", tmp_path)
    result = latentrec("analyse", run, *options)
    assert result.exit_code == 2
    said = "error: user 'nobody': has no test case; name one that has, like 'u00' or 'u01'\n"
    assert result.stderr == said
    assert list(tmp_path.iterdir()) == []


def test_the_last_checkpoint_is_answered_beside_and_the_best_marked(
    latentrec: Command, trained: tuple[Path, str], tmp_path: Path
) -> None:
    """A report shows RUN/analysis: answers about the best weights, and those of now."""
    run = Path(shutil.copytree(trained[0], tmp_path / "run"))
    for mark in ("last", "best"):
        options = ("ceiling", "--sample", "5", "--checkpoint", mark)
        assert latentrec("analyse", run, *options).exit_code == 0
    assert {path.suffix for path in (run / "analysis-last").iterdir()} == {
        ".md", ".json", ".png", ".svg"
    }  # fmt: skip
    marks = json.loads((run / "analysis" / "weights.json").read_text(encoding="utf-8"))
    assert marks == {"ceiling": weights_hash(run)}


def test_a_user_is_for_attention_alone(
    latentrec: Command, trained: tuple[Path, str], tmp_path: Path
) -> None:
    result = latentrec("analyse", trained[0], "ceiling", "--user", "u01", "--out", tmp_path)
    assert result.exit_code == 2
    assert "--user u01: is for attention alone" in result.stderr
    assert list(tmp_path.iterdir()) == []


def test_a_run_beside_is_for_robustness_and_efficiency(
    latentrec: Command, trained: tuple[Path, str], tmp_path: Path
) -> None:
    result = latentrec("analyse", trained[0], "ceiling", "--beside", trained[0], "--out", tmp_path)
    assert result.exit_code == 2
    assert "is for robustness and efficiency; ask for one of them too" in result.stderr
    assert list(tmp_path.iterdir()) == []


def test_runs_on_other_data_do_not_stand_beside(
    latentrec: Command, trained: tuple[Path, str], small: list[str], tmp_path: Path
) -> None:
    """Before anything is asked: half of the answers would be of the first run alone."""
    other, out = tmp_path / "other", tmp_path / "out"
    data = ["--set", "data.users=30", "--set", "data.items=20"]
    assert latentrec("fit", "--run", other, *data, *small).exit_code == 0
    result = latentrec("analyse", trained[0], "--beside", other, "--out", out)
    assert (result.exit_code, result.stderr.count("\n")) == (2, 1)
    assert "have other data or splits (fingerprints" in result.stderr
    assert not out.exists()
