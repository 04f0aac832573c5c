"""Time of serving: the model alone, then a server process under 50 clients, PLR beside SASRec.

Runs have random weights, 12,000 items and histories of 50. Clients share the machine with the
server, so figures are what one machine of two cores does in all. Run it as

    python benchmarks/serving.py [--seconds 20] [--rate 300] [--dim 64]
"""

import argparse
import asyncio
import json
import random
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import torch

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

ITEM_COUNT = 12_000
LENGTH = 50
CLIENTS = 50
WARM_UP_S = 2.0


def write_run(folder: Path, reasoner: str, dim: int) -> Path:
    """A run folder with random weights, as `latentrec fit` lays it out."""
    config = parse_config(
        {
            "encoder": {"dim": dim, "max_length": LENGTH},
            "reasoner": {"kind": reasoner},
            "train": {"device": "cpu"},
        }
    )
    folder.mkdir()
    catalogue = Catalogue(ItemIndex(f"item{number:06}" for number in range(ITEM_COUNT)))
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


@dataclass
class Tally:
    """What the clients of one round saw."""

    ms: list[float] = field(default_factory=list)
    errors: int = 0


@contextmanager
def server(folder: Path) -> Iterator[int]:
    """A server process; yields its port."""
    code = "from latentrec.cli.main import main; main()"
    with tempfile.NamedTemporaryFile("w+") as log:
        command = [sys.executable, "-c", code, "serve", str(folder), "--port", "0"]
        process = subprocess.Popen(command, stderr=log)
        try:
            yield _port(process, Path(log.name))
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


async def client(port: int, until: float, gap_s: float, seed: int, tally: Tally) -> None:
    """One client on one connection: ask, wait for the answer, keep its pace, ask again."""
    rng = random.Random(seed)
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    due = time.perf_counter() + rng.random() * gap_s
    while (now := time.perf_counter()) < until:
        if due > now:
            await asyncio.sleep(due - now)
        items = [f"item{rng.randrange(ITEM_COUNT):05}" for _ in range(LENGTH)]
        body = json.dumps({"histories": [items], "top_k": 20}).encode()
        head = (
            "POST /recommend HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
            f"Content-Length: {len(body)}\r\n\r\n"
        )
        begun = max(due, now) if gap_s else time.perf_counter()
        writer.write(head.encode() + body)
        status = await _answer(reader)
        tally.ms.append(1000 * (time.perf_counter() - begun))
        tally.errors += status != 200
        due += gap_s
    writer.close()


async def _answer(reader: asyncio.StreamReader) -> int:
    head = (await reader.readuntil(b"\r\n\r\n")).lower()
    length = int(head.split(b"content-length:")[1].split(b"\r\n")[0])
    await reader.readexactly(length)
    return int(head.split(b" ", 2)[1])


def measure(port: int, seconds: float, rate: float | None) -> Tally:
    """50 clients, at a common rate or as fast as answers come."""

    async def run(seconds: float) -> Tally:
        tally, until = Tally(), time.perf_counter() + seconds
        gap_s = CLIENTS / rate if rate else 0.0
        await asyncio.gather(*(client(port, until, gap_s, n, tally) for n in range(CLIENTS)))
        return tally

    asyncio.run(run(WARM_UP_S))
    return asyncio.run(run(seconds))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=20.0)
    parser.add_argument("--rate", type=float, default=300.0)
    parser.add_argument("--dim", type=int, default=64)
    asked = parser.parse_args()
    torch.set_num_threads(1)
    top: dict[str, float] = {}
    with tempfile.TemporaryDirectory() as root:
        for reasoner in ("none", "plr"):
            folder = write_run(Path(root) / reasoner, reasoner, asked.dim)
            p50, p99 = model_ms(folder)
            print(f"{reasoner:5} model alone, batch 1: p50 {p50:.2f} ms, p99 {p99:.2f} ms")
            with server(folder) as port:
                for rate in (asked.rate, None):
                    tally = measure(port, asked.seconds, rate)
                    p50, p99 = percentiles(tally.ms)
                    per_s = len(tally.ms) / asked.seconds
                    name = f"at {rate:.0f}/s" if rate else "as fast as it goes"
                    print(
                        f"{reasoner:5} {CLIENTS} clients {name}: {per_s:.0f} requests/s, "
                        f"p50 {p50:.1f} ms, p99 {p99:.1f} ms, {tally.errors} errors"
                    )
                    top[reasoner] = per_s
    print(f"throughput of PLR over no reasoning: {top['plr'] / top['none']:.2f}")


if __name__ == "__main__":
    main()
