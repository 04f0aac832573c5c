"""`latentrec blend`: a trained run and a counting baseline rank together, as a run of its own."""

from pathlib import Path
from typing import Annotated, Literal

import typer


def blend(
    run: Annotated[Path, typer.Argument(help="Folder of a trained run.")],
    out: Annotated[Path, typer.Option(help="Folder of the new run.")],
    partner: Annotated[
        Literal["markov", "item-knn", "ease"] | None,
        typer.Option("--with", help="Which baseline; default: the best of all on validation."),
    ] = None,
) -> None:
    """Let a run and a baseline rank together; the weight is tuned on validation, then judged."""
    from rich.console import Console

    from latentrec.cli.evaluate import judge
    from latentrec.cli.fit import PLAIN_WIDTH
    from latentrec.run.blend import blend as blend_run
    from latentrec.run.run import load, prepared_data

    source = load(run)
    prepared = prepared_data(source)
    found = blend_run(run, out, partner=partner, prepared=prepared)
    assert found.partner is not None, "blend gives a blend"
    console = Console()
    if not console.is_terminal:
        console.width = PLAIN_WIDTH
    console.print(f"{found.ranker.name}: {found.partner.settings}")
    judge(found, prepared, console)
    console.print(f"\nrun: {out}")
