"""`latentrec compare`: several runs on the same cases, with tests of their differences."""

from pathlib import Path
from typing import Annotated

import typer


def compare(
    runs: Annotated[
        list[Path], typer.Argument(help="Folders of trained runs; seeds of one setting are one.")
    ],
    baseline: Annotated[
        str | None,
        typer.Option(help="Test against this run or baseline (markov, ease, ..), not the first."),
    ] = None,
    metric: Annotated[str, typer.Option(help="What is tested.")] = "ndcg@10",
    top_k: Annotated[
        list[int] | None, typer.Option(help="List lengths; repeatable; default: that of --metric.")
    ] = None,
    exclude_seen: Annotated[
        bool | None, typer.Option(help="Hide items of the history; default: as the first run.")
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    markdown: Annotated[bool, typer.Option("--markdown", help="Print Markdown.")] = False,
    latex: Annotated[bool, typer.Option("--latex", help="Print LaTeX (booktabs).")] = False,
    html: Annotated[
        Path | None, typer.Option(help="Also write an HTML page.", dir_okay=False)
    ] = None,
) -> None:
    """Compare runs: intervals, paired tests with correction, effect sizes, overlap of hits."""
    from latentrec.errors import ConfigError
    from latentrec.evaluate.compare_table import to_json, to_latex, to_markdown, to_text
    from latentrec.run.comparison import compare as compare_runs

    if json + markdown + latex > 1:
        raise ConfigError("give only one of --json, --markdown and --latex")
    if html is not None and not html.parent.is_dir():
        raise ConfigError(f"--html {html}: there is no folder {html.parent}; make it first")
    found = compare_runs(
        runs,
        baseline=baseline,
        metric=metric,
        top_k=top_k or (),
        exclude_seen=exclude_seen,
    )
    printer = to_json if json else to_markdown if markdown else to_latex if latex else to_text
    if html is not None:
        from latentrec.report import comparison_page
        from latentrec.train.atomic import write_text

        write_text(html, comparison_page(found))
    print(printer(found), end="")
