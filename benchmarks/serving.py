"""Time of serving: the model alone, then a server process under 50 clients, PLR beside SASRec.

Runs have random weights and histories of 50. Clients (`_load.py`) are one light process that shares
the machine with the server, so figures are what one machine does in all. Run it as

    python benchmarks/serving.py [--seconds 20] [--rates 300 0] [--runs none plr] [--dim 64]
        [--items 12000] [--engine onnx]

A rate is requests a second of all clients together, 0 is as fast as answers come.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from _load import LENGTH
from _measure import MIB, write_results

from latentrec.build import build_model, build_optimiser
from latentrec.configure import parse_config
from latentrec.data.batch import last_items
from latentrec.data.catalogue import Catalogue
from latentrec.data.dataset import Histories
from latentrec.index import FIRST_ITEM, ItemIndex
from latentrec.run import load
from latentrec.run.folder import CHECKPOINTS, CONFIG, ITEMS, RUN, write_json
from latentrec.run.items import write_items
from latentrec.train.atomic import sha256
from latentrec.train.checkpoint import CheckpointFolder, TrainingState

CLIENTS = 50
WARM_UP_S = 3.0
ALL = "all it can"
LOAD = Path(__file__).with_name("_load.py")


def write_run(folder: Path, reasoner: str, dim: int, items: int) -> Path:
    """A run folder with random weights, as `latentrec fit` lays it out."""
    config = parse_config(
        {
            "encoder": {"dim": dim, "max_length": LENGTH},
            "reasoner": {"kind": reasoner},
            "train": {"device": "cpu"},
        }
    )
    folder.mkdir()
    catalogue = Catalogue(ItemIndex(f"item{number:06}" for number in range(items)))
    every = list(range(FIRST_ITEM, catalogue.index.size))
    write_items(folder / ITEMS, catalogue, Histories.from_lists([every]))
    write_json(folder / RUN, {"items_sha256": sha256(folder / ITEMS)})
    write_json(folder / CONFIG, config.model_dump(mode="json"))
    torch.manual_seed(0)
    model = build_model(config, catalogue)
    optimiser = build_optimiser(model, config.train)
    CheckpointFolder(folder / CHECKPOINTS).save(model, optimiser, TrainingState(1, {}), best=True)
    return folder


def model_ms(folder: Path, repeats: int = 300) -> tuple[float, float]:
    """Median and 99th percentile of encoder and reasoning for one history, in milliseconds."""
    run = load(folder, device="cpu")
    model = run.scorer.model
    batch = last_items(Histories.from_lists([list(range(2, 2 + LENGTH))]), LENGTH)
    times: list[float] = []
    with torch.inference_mode():
        for _ in range(repeats):
            begun = time.perf_counter()
            model(batch.items, batch.positions)
            times.append(1000 * (time.perf_counter() - begun))
    return percentiles(times[repeats // 10 :])


def percentiles(times: list[float]) -> tuple[float, float]:
    """Median and 99th percentile."""
    cuts = statistics.quantiles(times, n=100)
    return cuts[49], cuts[98]


@contextmanager
def server(folder: Path, engine: str) -> Iterator[tuple[int, int]]:
    """A server process; yields its port and its process id."""
    code = "from latentrec.cli.main import main; main()"
    options = ["--port", "0", "--engine", engine]
    with tempfile.NamedTemporaryFile("w+") as log:
        command = [sys.executable, "-c", code, "serve", str(folder), *options]
        process = subprocess.Popen(command, stderr=log)
        try:
            yield _port(process, Path(log.name)), process.pid
        finally:
            process.terminate()
            process.wait()


def _port(process: subprocess.Popen[bytes], log: Path) -> int:
    while process.poll() is None:
        for line in log.read_text().splitlines():
            if '"listening"' in line:
                return json.loads(line)["port"]
        time.sleep(0.05)
    raise SystemExit(log.read_text())


def resident_mib(process: int) -> float:
    """Memory that a process holds now; 0 where there is no /proc."""
    path = Path(f"/proc/{process}/statm")
    pages = int(path.read_text().split()[1]) if path.exists() else 0
    return pages * os.sysconf("SC_PAGE_SIZE") / MIB


def load_on(port: int, seconds: float, rate: float, items: int) -> dict[str, Any]:
    """What clients of a process of their own saw, at a common rate or (0) as fast as it goes."""
    command = [sys.executable, str(LOAD), *map(str, (port, seconds, rate, CLIENTS, items))]
    return json.loads(subprocess.run(command, check=True, capture_output=True).stdout)


def rounds(folder: Path, reasoner: str, asked: argparse.Namespace) -> Iterator[dict[str, Any]]:
    """One server under each load."""
    with server(folder, asked.engine) as (port, process):
        for rate in asked.rates:
            load_on(port, WARM_UP_S, rate, asked.items)
            before = resident_mib(process)
            found = load_on(port, asked.seconds, rate, asked.items)
            p50, p99 = percentiles(found["ms"])
            yield {
                "run": reasoner,
                "asked a second": rate or ALL,
                "answered a second": len(found["ms"]) / asked.seconds,
                "p50 ms": p50,
                "p99 ms": p99,
                "longest ms": found["ms"][-1],
                "errors": found["errors"],
                "clients' CPU": found["cpu_s"] / asked.seconds,
                "server MiB": resident_mib(process),
                "grown by MiB": resident_mib(process) - before,
            }


def _asked() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=20.0)
    parser.add_argument("--rates", type=float, nargs="+", default=[300.0, 0.0])
    parser.add_argument("--runs", nargs="+", default=["none", "plr"])
    parser.add_argument("--dim", type=int, default=64)
    parser.add_argument("--items", type=int, default=12_000)
    parser.add_argument("--engine", default="torch")
    return parser.parse_args()


def main() -> None:
    asked = _asked()
    torch.set_num_threads(1)
    rows: list[dict[str, Any]] = []
    notes = [f"{asked.items:,} items, d = {asked.dim}, L = {LENGTH}, engine {asked.engine}"]
    with tempfile.TemporaryDirectory() as root:
        for reasoner in asked.runs:
            folder = write_run(Path(root) / reasoner, reasoner, asked.dim, asked.items)
            p50, p99 = model_ms(folder)
            notes.append(f"{reasoner}: torch alone, one history: p50 {p50:.2f}, p99 {p99:.2f} ms")
            rows += rounds(folder, reasoner, asked)
    most = {row["run"]: row["answered a second"] for row in rows if row["asked a second"] == ALL}
    if {"none", "plr"} <= set(most):
        notes.append(f"throughput of PLR over no reasoning: {most['plr'] / most['none']:.2f}")
    write_results("serving", f"A server under {CLIENTS} clients", rows, notes)


if __name__ == "__main__":
    main()
