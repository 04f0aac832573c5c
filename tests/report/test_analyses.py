"""Analyses are taken in as images and tables: a drawing of others gets no power over the page."""

from pathlib import Path
from xml.etree.ElementTree import tostring

from hypothesis import given
from hypothesis import strategies as st

from latentrec.evaluate.grid import Grid, grids_markdown
from latentrec.report.analyses import analyses, read_markdown


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


cells = st.text("ab |\\$*", max_size=6).map(str.strip)


@given(st.lists(st.tuples(cells, cells), min_size=2, max_size=3))
def test_cells_come_back_whatever_they_contain(rows: list[tuple[str, str]]) -> None:
    grid = Grid("Title", rows[0], tuple(rows[1:]))
    assert read_markdown(grids_markdown([grid], "foot")) == [grid, "foot"]


def test_a_run_without_analyses_has_no_such_section(tmp_path: Path) -> None:
    assert analyses(tmp_path) == []
