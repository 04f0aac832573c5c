"""`latentrec report`: one HTML file about a run, or about several and their comparison."""

from pathlib import Path
from typing import Annotated

import typer


def report(
    runs: Annotated[list[Path], typer.Argument(help="Folders of runs; several are compared.")],
    out: Annotated[
        Path | None,
        typer.Option(help="The file; default RUN/report.html, or report.html for several."),
    ] = None,
    baseline: Annotated[
        str | None,
        typer.Option(
            help="Test against this run or baseline, not the first run; also one run alone."
        ),
    ] = None,
    metric: Annotated[
        str | None, typer.Option(help="What is drawn and tested; default: what training watched.")
    ] = None,
    examples: Annotated[
        int, typer.Option(min=0, help="Examples of each run, for which its data are read again.")
    ] = 5,
) -> None:
    """Write a self-contained HTML report: readable on a phone, light and dark, printable."""
    from latentrec.report import write_report

    file = out or (runs[0] / "report.html" if len(runs) == 1 else Path("report.html"))
    write_report(runs, file, baseline=baseline, metric=metric, count=examples)
    print(f"report: {file}")
