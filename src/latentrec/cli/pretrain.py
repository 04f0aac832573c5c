"""`latentrec pretrain`: one text model for several domains, to fine-tune on any of them."""

from pathlib import Path
from typing import Annotated, Literal

import typer


def pretrain(
    run: Annotated[
        Path, typer.Option(help="Folder of the result; must be new, unless it is resumed.")
    ] = Path("runs/pretrained"),
    domain: Annotated[
        list[str] | None,
        typer.Option(help="NAME=PATH of a log or data set with item texts; repeatable."),
    ] = None,
    split: Annotated[
        Literal["leave-one-out", "time", "given"] | None,
        typer.Option(help="Split of the domains given by --domain; only training parts train."),
    ] = None,
    config: Annotated[
        Path | None,
        typer.Option(help="TOML file: tables domains.NAME.data, contrast ..", dir_okay=False),
    ] = None,
    set_: Annotated[
        list[str] | None,
        typer.Option("--set", help="Any setting, like contrast.item_drop=0.3; repeatable."),
    ] = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on from the last checkpoint.")
    ] = False,
) -> None:
    """Pre-train UniSRec on several domains, for `latentrec fit --from`."""
    from rich.console import Console

    from latentrec.cli.fit import PLAIN_WIDTH
    from latentrec.cli.progress import TrainingProgress
    from latentrec.pretrain_config import load_pretrain
    from latentrec.run import pretrain as train
    from latentrec.run.domains import prepare_domains
    from latentrec.run.pretraining import check_pretrain_start

    resolved = load_pretrain(config, _domains(domain or []), set_ or [], split)
    check_pretrain_start(resolved, run, resume)
    console = Console()
    if not console.is_terminal:
        console.width = PLAIN_WIDTH
    prepared = prepare_domains(resolved, run)
    for name, each in prepared.items():
        lines = [f"domain {name}:", *each.report.lines()]
        console.print("\n".join(lines), markup=False, highlight=False, soft_wrap=True)
    if any(each.vectors for each in resolved.domains.values()):
        print("text vectors are given: copies of histories drop items only, never words")
    with TrainingProgress(console, resolved.train) as progress:
        for report in train(resolved, run, prepared=prepared, resume=resume, on_step=progress.step):
            progress.epoch(report)
    print(f"\nThe pre-training is in {run}. Go on with:")
    print(f"  latentrec fit YOUR_LOG.csv --items ITEMS.csv --preset unisrec --from {run} --run ..")


def _domains(texts: list[str]) -> dict[str, str]:
    """Absolute paths by name, so that a pre-training goes on from any folder."""
    from latentrec.errors import ConfigError

    found: dict[str, str] = {}
    for text in texts:
        name, equals, path = text.partition("=")
        if not (name and equals and path) or name in found:
            raise ConfigError(
                f"--domain {text}: must read NAME=PATH with a new name each, like books=books.csv"
            )
        found[name] = str(Path(path).resolve())
    return found
