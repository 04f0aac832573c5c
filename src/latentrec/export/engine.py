"""Engine: a run whose encoder and reasoner work in ONNX Runtime, and everything else in torch.

Scores, items and lists stay where they are, so item vectors exist once, and new items need no new
graph.
"""

import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final, final

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from latentrec.errors import TrainingError
from latentrec.export.onnx_run import open_session
from latentrec.export.parity import LARGEST_GAP, drawn, parity
from latentrec.export.states import PADDING, POSITIONS, STATES, VECTORS
from latentrec.run import Run

MODULE: Final = "latentrec.export.states"
TAIL: Final = 300
"""Characters of the exporter's last words that an error repeats."""


@final
class StatesGraph:
    """Ranking states through ONNX Runtime; see `latentrec.scorer.States`.

    Args:
        path: What `latentrec.export.states` wrote; not needed afterwards.
        threads: Threads of ONNX Runtime.
    """

    def __init__(self, path: Path, threads: int = 1) -> None:
        self._session = open_session(path, threads)

    def __call__(
        self,
        vectors: Float[Tensor, "B L D"],
        padding: Bool[Tensor, "B L"],
        positions: Int[Tensor, "B 1"],
    ) -> Float[Tensor, "B D"]:
        """The states that rank."""
        feeds = {VECTORS: vectors, PADDING: padding, POSITIONS: positions}
        found = self._session.run([STATES], {name: each.numpy() for name, each in feeds.items()})
        return torch.from_numpy(found[0])


def graph_of(run: Run) -> StatesGraph:
    """Export a run's encoder and reasoner in a process of its own, and check what comes.

    Args:
        run: A run on the CPU, as it was loaded from its folder.

    Raises:
        TrainingError: If the exporter fails, or graph and model differ.
    """
    with TemporaryDirectory() as folder:
        path = Path(folder) / "states.onnx"
        command = [sys.executable, "-m", MODULE, str(run.folder), str(path)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            raise TrainingError(f"export: the exporter failed: {done.stderr[-TAIL:].strip()}")
        graph = StatesGraph(path)
    gap = parity(run, through(run, graph).scorer, drawn(run.index.size, run.scorer.max_length))
    if not gap <= LARGEST_GAP:
        raise TrainingError(
            f"export: the graph's scores differ from the model's by {gap:.1e} of the largest, at "
            f"most {LARGEST_GAP} was expected; please report it with the run's config.json"
        )
    return graph


def through(run: Run, graph: StatesGraph) -> Run:
    """The run with its ranking states from a graph."""
    return replace(run, scorer=run.scorer.through(graph))
