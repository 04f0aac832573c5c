"""`latentrec post-train`: the second phase of a trained LARES run."""

from pathlib import Path
from typing import Annotated

import typer


def post_train(
    run: Annotated[Path, typer.Argument(help="Folder of a trained LARES run.")],
    out: Annotated[Path, typer.Option(help="Folder of the new run.")],
    set_: Annotated[
        list[str] | None,
        typer.Option(
            "--set", help="A setting, like post_train.rollouts=8 or train.epochs=5; repeatable."
        ),
    ] = None,
) -> None:
    """Train a LARES run further by reinforcement, then judge it beside what it was before."""
    from latentrec.cli.fit import train_and_judge
    from latentrec.run.folder import read_json
    from latentrec.run.phase import TARGETS
    from latentrec.run.post_train import post_train_config

    config = post_train_config(run, set_ or [])
    train_and_judge(config, out, given={"post_train": str(run), "set_": set_ or []})
    used = read_json(out / TARGETS)
    print(f"trained on {used['kept']:,} of {used['of']:,} targets")
