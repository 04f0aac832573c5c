"""A catalogue of a million items at d = 64: one training step of each loss, and ranking users.

Each line is a fresh process. A step is forward, backward and Adam on 2,048 targets (64 histories of
32 items); ranking finds the 10 best items for each of 1,000 users. The limit is 8 GiB. Without
arguments it looks at 100,000 items once, so that `make bench` stays short.

    python benchmarks/million_items.py [--items 1000000] [--turns 3] [--only ranking]
"""

import argparse
from collections.abc import Callable
from functools import partial
from typing import Any

from _measure import GIB, Usage, alone, interleaved, usage_columns, write_results

ROWS, LENGTH = 64, 32
LOSSES: dict[str, dict[str, Any]] = {
    "exact": {},
    "sampled": {"kind": "sampled"},
    "in-batch": {"kind": "in-batch"},
    "sce": {"kind": "sce"},
    "gbce": {"kind": "gbce"},
}


def _model(items: int, reasoner: str, loss: dict[str, Any]) -> tuple[Any, Any, Any]:
    """A model over a catalogue of that size, its objective and its optimiser."""
    import numpy as np
    import torch

    from latentrec.build import build_loss, build_model, build_objective, build_optimiser
    from latentrec.configure import parse_config
    from latentrec.data.catalogue import Catalogue
    from latentrec.data.dataset import Histories
    from latentrec.index import FIRST_ITEM, ItemIndex

    torch.manual_seed(0)
    knobs = {"kind": reasoner} | ({"warmup_epochs": 0} if reasoner == "plr" else {})
    config = parse_config({"reasoner": knobs, "loss": loss})
    index = ItemIndex(f"i{item:07}" for item in range(items))
    train = Histories(
        np.arange(FIRST_ITEM, index.size, dtype=np.int32), np.array([0, items], np.int64)
    )
    model = build_model(config, Catalogue(index)).train()
    objective = build_objective(config.reasoner, build_loss(config.loss, train, index.size))
    return model, objective, build_optimiser(model, config.train)


def step(items: int, reasoner: str, loss: dict[str, Any]) -> Callable[[], Any]:
    """One training step; a first one is not measured: it makes Adam's state."""
    import torch

    from latentrec.data.batch import Batch

    model, objective, optimiser = _model(items, reasoner, loss)
    sequences = torch.randint(2, items + 2, (ROWS, LENGTH + 1))
    positions = torch.arange(LENGTH).expand(ROWS, LENGTH)
    batch = Batch(sequences[:, :-1].contiguous(), positions, sequences[:, 1:].contiguous())

    def work() -> None:
        optimiser.zero_grad()
        objective(model, batch, 0).total.backward()
        optimiser.step()

    work()
    return work


def ranking(items: int, reasoner: str, users: int = 1000) -> Callable[[], Any]:
    """The 10 best items for each of 1,000 users, through the public function."""
    import torch

    from latentrec.index import ItemIndex
    from latentrec.recommend import recommend
    from latentrec.scorer import ModelScorer

    model, _, _ = _model(items, reasoner, {})
    index = ItemIndex(f"i{item:07}" for item in range(items))
    scorer = ModelScorer(model, reasoner, 50, torch.device("cpu"))
    drawn = torch.randint(items, (users, LENGTH)).tolist()
    histories = [[index.all_ids[item] for item in row] for row in drawn]
    return lambda: len(recommend(scorer, index, histories, top_k=10))


def _ratio(found: dict[str, Usage], name: str) -> float | str:
    exact = found.get(f"{name.split(',')[0]}, exact: training step")
    if exact is None or "step" not in name:
        return ""
    return exact.cpu_s / found[name].cpu_s


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--items", type=int, default=100_000)
    parser.add_argument("--turns", type=int, default=1)
    parser.add_argument("--only", default="", help="lines whose name holds this text")
    asked = parser.parse_args()
    ways = {
        f"{reasoner}, {name}: training step": partial(alone, step, asked.items, reasoner, loss)
        for reasoner in ("none", "plr")
        for name, loss in LOSSES.items()
    }
    ways |= {
        f"{reasoner}: ranking": partial(alone, ranking, asked.items, reasoner)
        for reasoner in ("none", "plr")
    }
    ways = {name: way for name, way in ways.items() if asked.only in name}
    found = interleaved(ways, asked.turns)
    rows = [
        {
            "what": name,
            **usage_columns(usage),
            "times faster than exact (CPU)": _ratio(found, name),
            "within 8 GiB": "yes" if usage.peak_bytes < 8 * GIB else "no",
        }
        for name, usage in found.items()
    ]
    notes = [f"{ROWS * LENGTH:,} targets, d = 64, 2 layers; medians of {asked.turns} processes"]
    write_results("million_items", f"A catalogue of {asked.items:,} items", rows, notes)


if __name__ == "__main__":
    main()
