"""Analyses are taken in as images and tables: a drawing of others gets no power over the page."""

import shutil
from pathlib import Path
from xml.etree.ElementTree import tostring

from hypothesis import given
from hypothesis import strategies as st

from latentrec.evaluate.grid import Grid, grids_markdown
from latentrec.report.analyses import analyses, note_weights, read_markdown
from latentrec.run.folder import weights_hash
from latentrec.train.checkpoint import CheckpointFolder


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


def test_analyses_of_other_weights_are_left_out(judged: tuple[Path, Path], tmp_path: Path) -> None:
    """A run that was trained further has other weights than those that were looked into."""
    run = Path(shutil.copytree(judged[0], tmp_path / "run"))
    (run / "analysis").mkdir()
    for name in ("ceiling", "mine"):
        (run / "analysis" / f"{name}.svg").write_text("<svg xmlns='http://www.w3.org/2000/svg'/>")
    note_weights(run, "ceiling", weights_hash(run))
    assert text_of(run).count("<h3>") == 2
    best = CheckpointFolder(run / "checkpoints").find("best") / "model.safetensors"
    best.write_bytes(best.read_bytes() + b" ")
    assert "<h3>ceiling</h3>" not in text_of(run)
    assert "<h3>mine</h3>" in text_of(run)  # nobody said what it was made of
    assert "made before the run was trained further: ceiling" in text_of(run)


def text_of(run: Path) -> str:
    (found,) = analyses(run)
    return tostring(found, encoding="unicode", method="html")
