"""Cost of a training target: our SASRec and PLR against SASRec of RecTools, RePlay and RecBole.

All train on the same synthetic log (d = 64, 2 layers, L = 50, full softmax, one thread), each in
its own process and virtual environment, in turns. The epoch after a warm-up epoch is measured.
Environments are made by `--install` (about 1.5 GB each, kept between runs); without it peers that
are not installed are skipped.

    python benchmarks/peers.py --install [--scale 1] [--turns 3] [--cache FOLDER]
        [--only latentrec RecBole]
"""

import argparse
import json
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from _measure import MIB, Usage, interleaved, write_results

RUNNERS = Path(__file__).parent / "peer_runners"
CACHE = Path.home() / ".cache" / "latentrec-benchmarks"
USERS, ITEMS = 20_000, 10_000
SLOW_USERS = 130
"""Users that RecBole trains on: a bit more than one of its batches."""
OURS = {"latentrec SASRec": "none", "latentrec PLR (M=T=2)": "plr"}


class SkippedError(Exception):
    """A peer that cannot be measured here, and why."""


@dataclass(frozen=True)
class Peer:
    """A library in its own environment.

    Attributes:
        runner: Script in `peer_runners`.
        requirements: What pip installs.
        arguments: What the runner is told behind the folder of the data.
    """

    runner: str
    requirements: tuple[str, ...]
    arguments: tuple[str, ...] = ()


PEERS = {
    "RecTools 0.19.0 SASRec": Peer(
        "run_rectools.py", ("rectools[torch]==0.19.0", "torch==2.13.0", "numpy==1.26.4")
    ),
    "RePlay 0.22.0 SASRec": Peer("run_replay.py", ("replay-rec[torch]==0.22.0", "torch==2.13.0")),
    "RecBole 1.2.1 SASRec": Peer(
        "run_recbole.py",
        ("recbole==1.2.1", "torch==2.13.0", "numpy==1.26.4", "pandas==2.2.3", "setuptools==80.9.0"),
        (str(SLOW_USERS),),
    ),
}


def environment(cache: Path, peer: Peer, install: bool) -> Path:
    """The Python of a peer's environment, made at its first use.

    Raises:
        SkippedError: If it is not there and may not be made, or pip fails.
    """
    home = cache / Path(peer.runner).stem.removeprefix("run_")
    python, done = home / "bin" / "python", home / "installed.txt"
    wanted = "\n".join(peer.requirements)
    if done.exists() and done.read_text() == wanted:
        return python
    if not install:
        raise SkippedError(f"not in {cache}; make its environment with --install")
    _call([sys.executable, "-m", "venv", "--clear", str(home)])
    print(f"  installing {', '.join(peer.requirements)} into {home}", file=sys.stderr, flush=True)
    _call([str(python), "-m", "pip", "install", "--quiet", *peer.requirements])
    done.write_text(wanted)
    return python


def _call(command: Sequence[str]) -> str:
    """What a command prints.

    Raises:
        SkippedError: With the last line of its errors, if it fails.
    """
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        last = (done.stderr.strip().splitlines() or ["no message"])[-1]
        raise SkippedError(f"{Path(command[0]).name} {' '.join(command[1:3])} failed: {last}")
    return done.stdout


def write_log(folder: Path, users: int) -> dict[str, int]:
    """A random log with times in order and every item in the training part; its sizes."""
    rng = np.random.default_rng(0)
    lengths = np.clip(rng.gamma(2.0, 9.0, users).astype(int), 1, 50) + 1
    rows = int(lengths.sum())
    items = rng.permutation(np.resize(np.arange(ITEMS), rows))
    train = _log(np.repeat(np.arange(users), lengths), items)
    held_out = _log(np.repeat(np.arange(users), 2), rng.integers(0, ITEMS, 2 * users), late=1)
    train.write_csv(folder / "train.csv")
    pl.concat([train, held_out]).sort("user_id", "timestamp").write_csv(folder / "all.csv")
    return {"users": users, "targets": rows - users, "median": int(np.median(lengths)) - 1}


def _log(users: np.ndarray, items: np.ndarray, late: int = 0) -> pl.DataFrame:
    times = 1_500_000_000 + late * 100_000_000 + np.arange(len(users)) * 10
    return pl.DataFrame({"user_id": users, "item_id": items, "timestamp": times})


def epoch(command: Sequence[str]) -> Usage:
    """One measured epoch of a runner."""
    found: dict[str, Any] = json.loads(_call(command).strip().splitlines()[-1])
    value = (found["targets"], found["batch_size"])
    return Usage(found["wall_s"], found["cpu_s"], 0, found["peak_bytes"], value)


def commands(cache: Path, folder: Path, install: bool) -> dict[str, list[str]]:
    """How to run every contender that can run here."""
    own = str(RUNNERS / "run_latentrec.py")
    found = {name: [sys.executable, own, str(folder), kind] for name, kind in OURS.items()}
    for name, peer in PEERS.items():
        try:
            python = environment(cache, peer, install)
        except SkippedError as why:
            print(f"  skipped {name}: {why}", file=sys.stderr, flush=True)
            continue
        found[name] = [str(python), str(RUNNERS / peer.runner), str(folder), *peer.arguments]
    return found


def rows_of(found: dict[str, Usage]) -> list[dict[str, Any]]:
    """A line for each contender; ratios of costs per target, so below 1 is cheaper than theirs."""
    cost = {name: 1e6 * usage.cpu_s / usage.value[0] for name, usage in found.items()}
    return [
        {
            "way": name,
            "batch": usage.value[1],
            "targets": usage.value[0],
            "CPU s": usage.cpu_s,
            "wall s": usage.wall_s,
            "CPU us per target": cost[name],
            "targets per CPU s": usage.value[0] / usage.cpu_s,
            "peak MiB": usage.peak_bytes / MIB,
            **{
                f"cost / {peer.split()[0]}": cost[name] / cost[peer]
                for peer in PEERS
                if peer in cost
            },
        }
        for name, usage in found.items()
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--scale", type=float, default=0.1, help="share of 20,000 users")
    parser.add_argument("--turns", type=int, default=1)
    parser.add_argument("--cache", type=Path, default=CACHE, help="holds the environments")
    parser.add_argument("--install", action="store_true", help="make missing environments")
    parser.add_argument(
        "--only", nargs="*", default=[""], help="ways whose name holds one of these"
    )
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        sizes = write_log(Path(scratch), round(USERS * asked.scale))
        ways = {
            name: partial(epoch, command)
            for name, command in commands(asked.cache, Path(scratch), asked.install).items()
            if any(part in name for part in asked.only)
        }
        found = interleaved(ways, asked.turns)
    notes = [
        f"{sizes['users']:,} users, {ITEMS:,} items, {sizes['targets']:,} training targets (median "
        f"{sizes['median']} a user, at most 50); d = 64, 2 layers, 2 heads, L = 50, full softmax",
        f"one epoch after a warm-up epoch, no validation, one thread; medians of {asked.turns}",
        f"batch: users; for RecBole prefixes, and {SLOW_USERS} of the users: divide by targets",
        "targets: what has a loss; RePlay also predicts each first item, from padding",
        "ratios are costs per target: below 1 is cheaper",
    ]
    write_results(
        "peers", "Cost of a training target against other libraries", rows_of(found), notes
    )


if __name__ == "__main__":
    main()
