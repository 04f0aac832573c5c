"""One history of 50 items at a time, one thread: PLR in torch, compiled, through ONNX Runtime.

Encoder, reasoning and scores of 1,000 items, PLR with two streams of two steps, beside plain
SASRec that computes its last layer at every position. Weights are random. Ways take turns.

    OMP_NUM_THREADS=1 python benchmarks/export_latency.py [TURNS [CALLS]]
"""

import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import onnx
import torch
from _measure import interleaved, measured, write_results

from latentrec.build import build_model
from latentrec.configure import parse_config
from latentrec.data.catalogue import Catalogue
from latentrec.export.graph import HistoriesToScores, scores_graph
from latentrec.export.int8 import quantised
from latentrec.export.onnx_run import open_session
from latentrec.export.states import PADDING, POSITIONS, VECTORS, states_graph
from latentrec.index import ItemIndex

LENGTH, ITEMS = 50, 1000
PLAIN = "SASRec, torch"


def _model(dim: int, reasoner: str) -> Any:
    torch.manual_seed(0)
    config = parse_config(
        {"encoder": {"dim": dim, "max_length": LENGTH}, "reasoner": {"kind": reasoner}}
    )
    return build_model(config, Catalogue(ItemIndex(f"i{n:04}" for n in range(ITEMS)))).eval()


def _torch(module: Any) -> Callable[[np.ndarray], Any]:
    hidden = torch.zeros(1, 1, dtype=torch.long)

    @torch.inference_mode()
    def call(items: np.ndarray) -> Any:
        return module(torch.from_numpy(items), hidden)

    return call


def _plain(model: Any) -> Callable[[np.ndarray], Any]:
    """SASRec as published code computes it: every position of every layer."""
    positions = torch.tensor([[LENGTH - 1]])

    @torch.inference_mode()
    def call(items: np.ndarray) -> Any:
        states = model.reason(model.encode(torch.from_numpy(items)), positions).infer_state[:, 0]
        return states @ model.items.candidates().T

    return call


def _onnx(graph: onnx.ModelProto, folder: Path, name: str) -> Callable[[np.ndarray], Any]:
    path = folder / f"{name}.onnx"
    onnx.save(graph, str(path))
    session, hidden = open_session(path), np.zeros((1, 1), np.int64)
    return lambda items: session.run(None, {"items": items, "hidden": hidden})


def _states(model: Any, folder: Path) -> Callable[[np.ndarray], Any]:
    """Encoder and reasoner alone, as the server runs them; items are looked up outside."""
    path = folder / "states.onnx"
    onnx.save(states_graph(model, LENGTH), str(path))
    session, table = open_session(path), model.items.table().detach().numpy()
    positions = np.array([[LENGTH - 1]])
    return lambda items: session.run(
        None, {VECTORS: table[items], PADDING: items == 0, POSITIONS: positions}
    )


def _calls(call: Callable[[np.ndarray], Any], inputs: list[np.ndarray]) -> None:
    for items in inputs:
        call(items)


def _ways(dim: int, folder: Path) -> dict[str, Callable[[np.ndarray], Any]]:
    plr = _model(dim, "plr")
    graph = scores_graph(plr, masked=False, longest=LENGTH)
    module = HistoriesToScores(plr, masked=False).eval()
    return {
        PLAIN: _plain(_model(dim, "none")),
        "PLR, torch": _torch(module),
        "PLR, torch.compile": _torch(torch.compile(module)),
        "PLR, ONNX Runtime": _onnx(graph, folder, f"fp32-{dim}"),
        "PLR without scores, ONNX Runtime": _states(plr, folder),
        "PLR, ONNX Runtime, INT8": _onnx(quantised(graph), folder, f"int8-{dim}"),
    }


def main(turns: int = 7, calls: int = 200) -> None:
    torch.set_num_threads(1)
    rng = np.random.default_rng(0)
    inputs = [rng.integers(2, ITEMS + 2, (1, LENGTH)) for _ in range(calls)]
    rows: list[dict[str, Any]] = []
    for dim in (64, 256):
        with TemporaryDirectory() as folder:
            ways = _ways(dim, Path(folder))
            for call in ways.values():
                _calls(call, inputs[:3])  # compiles and allocates
            found = interleaved(
                {name: partial(measured, partial(_calls, w, inputs)) for name, w in ways.items()},
                turns,
            )
        plain = found[PLAIN]
        rows += [
            {
                "d": dim,
                "way": name,
                "CPU ms a call": 1000 * usage.cpu_s / calls,
                "wall ms a call": 1000 * usage.wall_s / calls,
                "CPU against plain SASRec": usage.cpu_s / plain.cpu_s,
            }
            for name, usage in found.items()
        ]
    notes = [f"medians of {turns} turns of {calls} calls; batch 1, L = {LENGTH}, {ITEMS} items"]
    write_results("export_latency", "One history at a time", rows, notes)


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
