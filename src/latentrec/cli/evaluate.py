"""`latentrec evaluate`: judge a run beside the baselines."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import Console

    from latentrec.config import EvaluateConfig
    from latentrec.data.dataset import SequenceDataset
    from latentrec.data.prepare import Prepared
    from latentrec.evaluate.evaluate import Evaluation
    from latentrec.evaluate.slices import Slice
    from latentrec.run import Run


def evaluate(
    run: Annotated[Path, typer.Argument(help="Folder of a trained run.")],
    set_: Annotated[
        list[str] | None,
        typer.Option("--set", help="An evaluation setting, like evaluate.exclude_seen=true."),
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    markdown: Annotated[bool, typer.Option("--markdown", help="Print Markdown.")] = False,
    beyond: Annotated[
        bool,
        typer.Option(
            "--beyond", help="Coverage, Gini, novelty, popularity bias, diversity, calibration."
        ),
    ] = False,
    slices: Annotated[
        bool,
        typer.Option("--slices", help="By history length, target popularity, repeats, new users."),
    ] = False,
    checkpoint: Annotated[Literal["best", "last"], typer.Option(help="Which checkpoint.")] = "best",
    device: Annotated[str, typer.Option(help="auto, cpu, cuda or mps.")] = "auto",
) -> None:
    """Rank the whole catalogue for every test case, with bootstrap intervals."""
    from latentrec.configure import evaluation_config
    from latentrec.errors import ConfigError
    from latentrec.run import evaluate_run, load
    from latentrec.run.folder import EVALUATION
    from latentrec.run.judged import keep_ranks
    from latentrec.run.run import prepared_data

    if json and markdown:
        raise ConfigError("give only one of --json and --markdown")
    loaded = load(run, mark=checkpoint, device=device)
    knobs = evaluation_config(loaded.config.evaluate, set_ or [])
    prepared = prepared_data(loaded)
    list_k = shown_k(knobs.top_k) if beyond else 0
    found = evaluate_run(loaded, prepared, knobs, list_k)
    keep_ranks(run, prepared, knobs, found, checkpoint)
    form = "json" if json else "markdown" if markdown else "table"
    print(_printed(found, prepared.dataset, knobs, form, slices), end="")
    if (beyond or slices) and knobs == loaded.config.evaluate and checkpoint == "best":
        _keep(run / EVALUATION, _printed(found, prepared.dataset, knobs, "json", slices))


def _keep(path: Path, found: str) -> None:
    """Write the figures as they were, and all sections asked for so far, for `latentrec report`."""
    import json

    from latentrec.evaluate.sections import with_kept_sections
    from latentrec.run.folder import read_json
    from latentrec.train.atomic import write_text

    kept = read_json(path) if path.exists() else {}
    merged = with_kept_sections(json.loads(found), kept)
    write_text(path, json.dumps(merged, indent=2, ensure_ascii=False) + "\n")


def shown_k(top_k: "Sequence[int]") -> int:
    """The one list length of the further sections: 10 if it is asked for, else the longest."""
    return 10 if 10 in top_k else max(top_k)


def _printed(
    found: "list[Evaluation]",
    dataset: "SequenceDataset",
    knobs: "EvaluateConfig",
    form: Literal["table", "markdown", "json"],
    slices: bool,
) -> str:
    """The table, and the sections that were asked for."""
    from latentrec.evaluate.beyond import beyond as describe
    from latentrec.evaluate.grid import grids_markdown, grids_text
    from latentrec.evaluate.sections import beyond_grid, sections_json, slices_grid
    from latentrec.evaluate.table import footnote, to_json, to_markdown, to_text

    cases, top_k = dataset.test, shown_k(knobs.top_k)
    metric = f"ndcg@{top_k}"
    lists = {f.scorer: describe(f.lists, dataset, cases) for f in found if f.lists.size}
    pieces = _pieces(found, dataset, knobs, metric) if slices else []
    if form == "json":
        return to_json(found, sections_json(lists, pieces, top_k, metric))
    if slices and not pieces:
        print("no slices: none of them holds some of the cases but not all", file=sys.stderr)
    grids = [beyond_grid(lists, top_k, dataset, cases)] if lists else []
    grids += [slices_grid(pieces, metric)] if pieces else []
    table = to_text(found) if form == "table" else to_markdown(found)
    if not grids:
        return table
    foot = footnote(found[-1:])
    more = grids_text(grids, foot, 120) if form == "table" else grids_markdown(grids, foot)
    return f"{table}\n{more}"


def _pieces(
    found: "list[Evaluation]", dataset: "SequenceDataset", knobs: "EvaluateConfig", metric: str
) -> "list[Slice]":
    """One metric of every scorer in every slice."""
    from latentrec.evaluate.slices import sliced

    return sliced(
        found,
        dataset,
        dataset.test,
        metric=metric,
        resamples=knobs.resamples,
        confidence=knobs.confidence,
    )


def judge(run: "Run", prepared: "Prepared", console: "Console") -> None:
    """Judge a freshly trained run, print the table, keep it as evaluation.json, and its ranks."""
    from latentrec.evaluate.table import to_json, to_rich
    from latentrec.run import evaluate_run
    from latentrec.run.folder import EVALUATION
    from latentrec.run.judged import keep_ranks
    from latentrec.train.atomic import write_text

    console.print("judging it beside the baselines, which are tuned first")
    found = evaluate_run(run, prepared)
    keep_ranks(run.folder, prepared, run.config.evaluate, found)
    write_text(run.folder / EVALUATION, to_json(found))
    console.print()
    console.print(to_rich(found))
