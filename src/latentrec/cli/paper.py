"""`latentrec paper`: the PLR paper's section 6 from data to every table and figure."""

from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from latentrec.experiment import Cell
    from latentrec.paper.domains import Domain


class Grid(StrEnum):
    """How large the models are and how finely the studies go."""

    SMALL = "small"
    PAPER = "paper"


def paper(
    data: Annotated[
        Path | None,
        typer.Argument(help="Folder of Amazon Reviews 2023 files; with --sample any log, or none."),
    ] = None,
    out: Annotated[
        Path, typer.Option(help="Folder of all its runs; what is done there is kept.")
    ] = Path("runs/paper"),
    grid: Annotated[
        Grid | None, typer.Option(help="Sizes, and how fine the studies are; by default small.")
    ] = None,
    sample: Annotated[
        bool, typer.Option("--sample", help="Small and short, on any log or synthetic users.")
    ] = False,
    plan: Annotated[
        bool, typer.Option("--plan", help="Only show the runs and how long each takes here.")
    ] = False,
    backbones: Annotated[
        list[str] | None,
        typer.Option("--backbone", help="Only sasrec, bert4rec or unisrec; repeatable."),
    ] = None,
    seeds: Annotated[
        list[int] | None, typer.Option("--seed", help="A seed; repeatable; by default 0.")
    ] = None,
    text: Annotated[
        str | None,
        typer.Option(
            help="Text vectors of UniSRec: a model such as BAAI/bge-base-en-v1.5, or a file; else "
            "TF-IDF."
        ),
    ] = None,
) -> None:
    """Make every table and figure of the PLR paper's section 6; start it again to go on."""
    from latentrec.analyse.finding import check_figures
    from latentrec.cli.experiment import make_folder, print_hours, print_runs
    from latentrec.errors import ConfigError
    from latentrec.experiment import cells
    from latentrec.paper.plan import Scale, experiment_of

    if sample and grid:
        raise ConfigError(f"--grid {grid}: a sample has sizes of its own; leave out one of the two")
    scale = Scale.SAMPLE if sample else Scale(grid or Grid.SMALL)
    todo: list[tuple[Domain, str, list[Cell]]] = []
    for domain in _domains(data, sample):
        of = experiment_of(scale, domain, backbones=backbones or (), seeds=seeds or (), text=text)
        todo.append((domain, of.title, cells(of, out / domain.folder, data=domain.path)))
    if not plan:
        check_figures()
        make_folder(out)
    minutes = 0.0
    for _, title, every in todo:
        print(title)
        minutes += print_runs(every)
    print_hours(minutes)
    if not plan:
        _reproduce(todo, out)


def _domains(data: Path | None, sample: bool) -> "list[Domain]":
    from latentrec.errors import ConfigError
    from latentrec.paper.domains import find_domains, sample_domain

    if sample:
        return [sample_domain(data)]
    if data is None:
        raise ConfigError(
            "paper: give the folder of Amazon Reviews 2023 files, or --sample for a short run on "
            "synthetic users"
        )
    return find_domains(data)


def _reproduce(todo: "Sequence[tuple[Domain, str, list[Cell]]]", out: Path) -> None:
    """Train and judge every run, then make, print and write what the paper shows of them."""
    from latentrec.analyse.finding import Finding, write
    from latentrec.cli.experiment import run_cells
    from latentrec.experiment.execute import BASELINES
    from latentrec.paper.published import TABLE_2
    from latentrec.paper.results import findings, material_of
    from latentrec.paper.write import write_pages

    found: dict[str, tuple[Path, list[Finding]]] = {}
    for domain, title, every in todo:
        folder = out / domain.folder
        results = run_cells(every, folder, title, list(TABLE_2))
        made: list[Finding] = []
        for finding in findings(material_of(domain, results, folder / BASELINES)):
            write(finding, folder)
            made.append(finding)
            print(f"\n{finding.to_markdown()}", flush=True)
        found[domain.name] = (folder, made)
    print(f"written: {', '.join(map(str, write_pages(out, found)))}")
