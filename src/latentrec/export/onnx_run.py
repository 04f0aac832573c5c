"""OnnxRun: an exported run that recommends through ONNX Runtime, like the run that it came from."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, final

import numpy as np
import onnxruntime
import torch
from jaxtyping import Float
from torch import Tensor

from latentrec.baselines.popularity import Popularity
from latentrec.data.batch import last_items
from latentrec.data.catalogue import Catalogue
from latentrec.data.dataset import Histories
from latentrec.errors import CheckpointError
from latentrec.export.graph import HIDDEN, ITEMS, SCORES
from latentrec.export.manifest import ITEMS_FILE, SCORES_FILE, Manifest, read_manifest
from latentrec.index import PAD, ItemIndex
from latentrec.recommend import Recommendations, recommend
from latentrec.run.items import read_items


@final
class OnnxScorer:
    """An exported graph as a scorer.

    Args:
        path: The graph, history to scores.
        name: Row label in tables.
        size: Number of item indices N.
        longest: Most items of a history that it reads.
        threads: Threads of ONNX Runtime; 0 takes one a core.
    """

    def __init__(self, path: Path, name: str, size: int, longest: int, threads: int = 1) -> None:
        self._session = open_session(path, threads)
        self._name = name
        self._size = size
        self._longest = longest

    @property
    def name(self) -> str:
        """Row label in tables."""
        return self._name

    @property
    def size(self) -> int:
        """Number of item indices N."""
        return self._size

    def scores(self, histories: Histories) -> Float[Tensor, "B N"]:
        """Scores of all item indices after non-empty histories."""
        items = last_items(histories, self._longest).items.numpy()
        feeds = {ITEMS: items, HIDDEN: np.full((len(items), 1), PAD)}
        return torch.from_numpy(self._session.run([SCORES], feeds)[0])


@final
@dataclass(frozen=True)
class OnnxRun:
    """An exported run, ready to recommend.

    Attributes:
        folder: Where it lies.
        manifest: What is known of it.
        catalogue: Items that it can recommend.
        scorer: The graph.
        fallback: Popularity, for histories without any known item.
    """

    folder: Path
    manifest: Manifest
    catalogue: Catalogue
    scorer: OnnxScorer
    fallback: Popularity

    @property
    def index(self) -> ItemIndex:
        """Item ids and item indices."""
        return self.catalogue.index

    def recommend(
        self,
        histories: Sequence[Sequence[str]],
        *,
        top_k: int = 10,
        exclude_seen: bool = True,
        allow: Sequence[str] | None = None,
        deny: Sequence[str] = (),
    ) -> list[Recommendations]:
        """The best items after each history of raw item ids; see `latentrec.run.Run.recommend`."""
        return recommend(
            self.scorer,
            self.index,
            histories,
            top_k=top_k,
            exclude_seen=exclude_seen,
            allow=allow,
            deny=deny,
            fallback=self.fallback,
        )


def load_exported(folder: str | Path, *, threads: int = 1) -> OnnxRun:
    """Load what `export` wrote; every file is checked against its hash.

    Args:
        folder: The folder.
        threads: Threads of ONNX Runtime; 0 takes one a core.

    Raises:
        CheckpointError: If the folder holds no sound export.
    """
    folder = Path(folder)
    manifest = read_manifest(folder)
    catalogue, counts = read_items(folder / ITEMS_FILE)
    size, longest = catalogue.index.size, manifest.longest
    scorer = OnnxScorer(folder / SCORES_FILE, manifest.model, size, longest, threads)
    return OnnxRun(folder, manifest, catalogue, scorer, Popularity(counts))


def open_session(path: Path, threads: int = 1) -> Any:
    """An ONNX Runtime session on the CPU.

    Raises:
        CheckpointError: If ONNX Runtime cannot read the graph.
    """
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    try:
        return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    except Exception as error:  # its exceptions share no narrower public base
        reason = str(error).splitlines()[0][:200]
        raise CheckpointError(f"{path}: ONNX Runtime cannot read it ({reason})") from None
