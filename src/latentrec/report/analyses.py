"""Analyses: figures and tables that `latentrec analyse` left in a run's folder, taken in."""

import base64
import re
from pathlib import Path
from typing import Final
from xml.etree.ElementTree import Element

from latentrec.evaluate.grid import Grid
from latentrec.report.html import Child, e, folded, grid_table, section
from latentrec.run.folder import read_json, weights_hash, write_json

FOLDER: Final = "analysis"
WEIGHTS: Final = "weights.json"
"""File in the folder: the SHA-256 of the weights that each analysis was made of, by name."""
_CELL: Final = re.compile(r"(?:\\.|[^\\|])+")
"""What stands between two `|` that are not escaped."""


def analyses(run_folder: Path) -> list[Element]:
    """A section with every NAME.svg of RUN/analysis and the tables of NAME.md beside it.

    What was made of other weights than the best ones of now is left out, and said to be.
    """
    folder = run_folder / FOLDER
    found = sorted(folder.rglob("*.svg"))
    if not found:
        return []
    marks = read_json(folder / WEIGHTS) if (folder / WEIGHTS).exists() else {}
    now = weights_hash(run_folder) if marks else None
    old = [path for path in found if marks.get(_place(path, folder), now) != now]
    parts: list[Child] = [
        part
        for path in found
        if path not in old
        for part in (e("h3", _name(path)), *analysis(path))
    ]
    if old:
        names = ", ".join(map(_name, old))
        said = f"Left out, made before the run was trained further: {names}. Ask again: "
        parts.append(e("p", said, e("code", "latentrec analyse"), class_="warn"))
    return [section("Analyses", *parts)]


def note_weights(run_folder: Path, name: str, weights: str) -> None:
    """Keep what weights the analysis NAME in RUN/analysis was made of.

    Args:
        run_folder: Folder of the run.
        name: Name of the analysis, as of its files.
        weights: Their SHA-256, see `latentrec.run.folder.weights_hash`.
    """
    path = run_folder / FOLDER / WEIGHTS
    marks = read_json(path) if path.exists() else {}
    write_json(path, marks | {name: weights})


def _place(path: Path, folder: Path) -> str:
    """What stands for a figure in the file of weights: its path below the folder, no suffix."""
    return path.relative_to(folder).with_suffix("").as_posix()


def analysis(path: Path) -> list[Child]:
    """The figure of an analysis from its SVG file, and its tables from the Markdown beside it."""
    name = _name(path)
    # As an image, a foreign drawing can neither run a script nor load anything.
    data = base64.b64encode(path.read_bytes()).decode()
    image = e("img", src=f"data:image/svg+xml;base64,{data}", alt=f"Figure of the analysis {name}")
    drawn = e("figure", image, e("figcaption", name), class_="foreign")
    beside = path.with_suffix(".md")
    return [drawn, *(_tables(beside) if beside.exists() else [])]


def _name(path: Path) -> str:
    return path.stem.replace("_", " ").replace("-", " ")


def _tables(path: Path) -> list[Child]:
    parts = read_markdown(path.read_text(encoding="utf-8"))
    shown = [grid_table(part) if isinstance(part, Grid) else e("p", part) for part in parts]
    return [folded("In numbers", *shown)]


def read_markdown(text: str) -> list[Grid | str]:
    r"""Paragraphs and tables of a Markdown text of ours, a table titled by the line above it.

    Example:
        >>> read_markdown("Sizes\n\n| a | b |\n|---|---|\n| 1 | 2 |\n\nAll of them.")
        [Grid(title='Sizes', head=('a', 'b'), rows=(('1', '2'),)), 'All of them.']
    """
    found: list[Grid | str] = []
    for block in text.split("\n\n"):
        lines = block.strip().splitlines()
        if len(lines) < 2 or not lines[0].startswith("|"):
            found += [" ".join(lines)] if lines else []
            continue
        title = found.pop() if found and isinstance(found[-1], str) else ""
        rows = [tuple(map(_unescaped, _CELL.findall(line))) for line in lines]
        found.append(Grid(str(title), rows[0], tuple(rows[2:])))
    return found


def _unescaped(cell: str) -> str:
    return re.sub(r"\\([\\|])", r"\1", cell.strip())
