"""Analyses are taken in as images and tables: a drawing of others gets no power over the page."""

from pathlib import Path
from xml.etree.ElementTree import tostring

from latentrec.report.analyses import analyses


def test_figures_and_tables_are_found(tmp_path: Path) -> None:
    (tmp_path / "analysis" / "plr").mkdir(parents=True)
    drawing = tmp_path / "analysis" / "plr" / "ceiling.svg"
    drawing.write_text("<svg xmlns='http://www.w3.org/2000/svg'><script>x()</script></svg>")
    drawing.with_suffix(".md").write_text(
        "Each state\n\n| a | b |\n|---|---|\n| 1 | <2 |\n\nfoot\n"
    )
    (found,) = analyses(tmp_path)
    text = tostring(found, encoding="unicode", method="html")
    assert 'alt="Figure of the analysis ceiling"' in text
    assert "script" not in text
    assert "<caption>Each state</caption>" in text
    assert "&lt;2" in text
    assert "<p>foot</p>" in text


def test_a_run_without_analyses_has_no_such_section(tmp_path: Path) -> None:
    assert analyses(tmp_path) == []
