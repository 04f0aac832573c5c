"""`latentrec evaluate`: judge a run beside the baselines."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

if TYPE_CHECKING:
    from rich.console import Console

    from latentrec.data.prepare import Prepared
    from latentrec.run import Run


def evaluate(
    run: Annotated[Path, typer.Argument(help="Folder of a trained run.")],
    set_: Annotated[
        list[str] | None,
        typer.Option("--set", help="An evaluation setting, like evaluate.exclude_seen=true."),
    ] = None,
    output: Annotated[
        Literal["table", "markdown", "json"], typer.Option(help="How to print.")
    ] = "table",
    checkpoint: Annotated[Literal["best", "last"], typer.Option(help="Which checkpoint.")] = "best",
    device: Annotated[str, typer.Option(help="auto, cpu, cuda or mps.")] = "auto",
) -> None:
    """Rank the whole catalogue for every test case, with bootstrap intervals."""
    from latentrec.configure import evaluation_config
    from latentrec.evaluate.table import to_json, to_markdown, to_text
    from latentrec.run import evaluate_run, load
    from latentrec.run.judged import keep_ranks
    from latentrec.run.run import prepared_data

    loaded = load(run, mark=checkpoint, device=device)
    knobs = evaluation_config(loaded.config.evaluate, set_ or [])
    prepared = prepared_data(loaded)
    found = evaluate_run(loaded, prepared, knobs)
    keep_ranks(run, prepared, knobs, found, checkpoint)
    printers = {"table": to_text, "markdown": to_markdown, "json": to_json}
    print(printers[output](found), end="")


def judge(run: "Run", prepared: "Prepared", console: "Console") -> None:
    """Judge a freshly trained run, print the table, keep it as evaluation.json, and its ranks."""
    from latentrec.evaluate.table import to_json, to_rich
    from latentrec.run import evaluate_run
    from latentrec.run.folder import EVALUATION
    from latentrec.run.judged import keep_ranks
    from latentrec.train.atomic import write_text

    found = evaluate_run(run, prepared)
    keep_ranks(run.folder, prepared, run.config.evaluate, found)
    write_text(run.folder / EVALUATION, to_json(found))
    console.print()
    console.print(to_rich(found))
