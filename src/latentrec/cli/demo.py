"""`latentrec demo`: the whole way on synthetic users, without any file."""

import os
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from latentrec.data.dataset import SequenceDataset
    from latentrec.run import Run

GIVEN = {"command": "demo"}
"""What marks a run as a demo, which a later demo may replace."""
SHOWN_USERS = 5
"""Users whose recommendations are printed."""
SHOWN_HISTORY = 8
"""Last items of a history that are printed."""


def demo(
    run: Annotated[
        Path, typer.Option(help="Folder of the run; an earlier demo is replaced.")
    ] = Path("runs/demo"),
    set_: Annotated[
        list[str] | None,
        typer.Option("--set", help="Any setting, like reasoner.streams=3; repeatable."),
    ] = None,
) -> None:
    """Train PLR on synthetic users, judge it, and show recommendations (two minutes)."""
    # Before torch is loaded: one thread is as fast as two at this size, and where other work keeps
    # the cores busy, threads that wait for each other take many times as long.
    os.environ.setdefault("OMP_NUM_THREADS", "1")

    from latentrec.cli.fit import train_and_judge
    from latentrec.configure import load_config
    from latentrec.errors import ConfigError
    from latentrec.run import load

    config = load_config("demo", overrides=set_ or [])
    if config.data.kind != "synthetic":
        raise ConfigError("--set data: the demo has its own data; use `latentrec fit` for yours")
    _clear(run)
    prepared = train_and_judge(config, run, given={**GIVEN, "set": set_ or []}, verbose=False)
    _show(load(run), prepared.dataset)
    print(f"\nThe run is in {run}. Go on with:")
    print(f'  latentrec recommend {run} --history "{_example(prepared.dataset)}"')
    print("  latentrec fit YOUR_LOG.csv --run runs/mine --preset plr-sasrec")


def _clear(run: Path) -> None:
    """Remove an earlier demo; never anything else."""
    from latentrec.errors import CheckpointError, ConfigError
    from latentrec.run import folder

    if not run.exists() or (run.is_dir() and not any(run.iterdir())):
        return
    try:
        is_demo = folder.read_json(run / folder.GIVEN).items() >= GIVEN.items()
    except CheckpointError:
        is_demo = False
    if not is_demo:
        raise ConfigError(f"--run {run}: exists and is no demo; choose another folder")
    shutil.rmtree(run)


def _show(run: "Run", dataset: "SequenceDataset") -> None:
    from latentrec.index import UNKNOWN

    cases = dataset.test
    histories = dataset.histories(cases, 0, SHOWN_USERS)
    index, titles = dataset.index, dataset.catalogue.titles
    ids = [index.item_ids(histories[row].tolist()) for row in range(len(histories))]
    for row, found in enumerate(run.recommend(ids, top_k=5)):
        past = ", ".join(titles[i] for i in ids[row][-SHOWN_HISTORY:])
        recommended = [titles[i] for i in found.item_ids]
        target = int(cases.targets[row])
        came = "an unknown item" if target == UNKNOWN else titles[index.item_ids([target])[0]]
        hit = " (recommended)" if came in recommended else ""
        print(f"\nuser {dataset.user_ids[cases.users[row]]}, last {SHOWN_HISTORY} items: {past}")
        print(f"  recommended: {', '.join(recommended)}")
        print(f"  what came next: {came}{hit}")


def _example(dataset: "SequenceDataset") -> str:
    history = dataset.histories(dataset.test, 0, 1)[0]
    return ",".join(dataset.index.item_ids(history[-4:].tolist()))
