"""Grid: a titled table of texts, printed for a terminal or as Markdown."""

import io
from collections.abc import Sequence
from dataclasses import dataclass
from typing import final

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text


@final
@dataclass(frozen=True)
class Grid:
    """A titled table of texts.

    Attributes:
        title: What it shows.
        head: Names of the columns.
        rows: Texts of the cells, row by row.
    """

    title: str
    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


def grids_text(grids: Sequence[Grid], foot: str, width: int) -> str:
    """Grids one below another as plain text, and a last paragraph."""
    console = Console(file=io.StringIO(), width=width, color_system=None)
    with console.capture() as capture:
        for grid in grids:
            table = Table(
                box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, 2, 0, 0)
            )
            for name in grid.head:
                table.add_column(Text(name), overflow="fold")
            for row in grid.rows:
                table.add_row(*map(Text, row))
            console.print(Text(grid.title), table, "", sep="\n")
        console.print(Text(foot))
    return "\n".join(line.rstrip() for line in capture.get().splitlines()) + "\n"


def grids_markdown(grids: Sequence[Grid], foot: str) -> str:
    """Grids one below another as Markdown, and a last paragraph."""
    parts = [
        "\n".join([grid.title, "", _line(grid.head), "|---" * len(grid.head) + "|"])
        + "".join(f"\n{_line(row)}" for row in grid.rows)
        for grid in grids
    ]
    return "\n\n".join([*parts, foot]) + "\n"


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(map(_escaped, cells))} |"


def _escaped(cell: str) -> str:
    return cell.replace("\\", r"\\").replace("|", r"\|")
