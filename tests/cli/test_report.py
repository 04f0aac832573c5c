"""`latentrec report`, `fit --report` and `compare --html` write their files and say where."""

import shutil
from collections.abc import Callable
from pathlib import Path

from typer.testing import Result

Command = Callable[..., Result]


def test_report_of_a_run_with_sections(
    latentrec: Command, trained: tuple[Path, str], tmp_path: Path
) -> None:
    run = Path(shutil.copytree(trained[0], tmp_path / "run"))
    before = (run / "evaluation.json").read_text(encoding="utf-8")
    assert latentrec("evaluate", run, "--beyond", "--slices").exit_code == 0
    assert (run / "evaluation.json").read_text(encoding="utf-8").startswith(before.rstrip("\n}"))
    result = latentrec("report", run)
    assert result.exit_code == 0, result.stderr
    text = (run / "report.html").read_text(encoding="utf-8")
    assert f"report: {run / 'report.html'}" in result.stdout
    assert "Beyond accuracy, and for whom" in text
    assert "target head" in text


def test_a_comparison_as_html(
    latentrec: Command, trained: tuple[Path, str], tmp_path: Path
) -> None:
    page = tmp_path / "c.html"
    result = latentrec("compare", trained[0], "--baseline", "markov", "--html", page)
    assert result.exit_code == 0, result.stderr
    assert "against markov" in page.read_text(encoding="utf-8")


def test_fit_writes_one_too(
    latentrec: Command, shop: Path, columns: list[str], small: list[str], tmp_path: Path
) -> None:
    run = tmp_path / "run"
    result = latentrec("fit", shop / "clicks.csv", *columns, *small, "--run", run, "--report")
    assert result.exit_code == 0, result.stderr
    assert (run / "report.html").read_text(encoding="utf-8").startswith("<!doctype html>")
