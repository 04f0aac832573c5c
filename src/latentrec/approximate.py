"""Approximate: the best items through a faiss index over item vectors, for large catalogues."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, final

import faiss
import numpy as np
import numpy.typing as npt
import torch

from latentrec.data.dataset import Histories
from latentrec.errors import CheckpointError, ConfigError
from latentrec.index import FIRST_ITEM, ItemIndex
from latentrec.recommend import Recommendations, read_histories
from latentrec.run import Run
from latentrec.run.folder import read_json, weights_hash, write_json
from latentrec.run.run import refuse_blend
from latentrec.train.atomic import sha256

KINDS: Final = ("flat", "hnsw", "ivf")
LINKS: Final = 32
"""Neighbours of an item in the HNSW graph."""
TIE: Final = 1e-5
"""Relative difference of scores that two ways of computing them may have."""
FOLDER, INDEX, ABOUT = "index", "items.faiss", "index.json"


@final
@dataclass(frozen=True)
class ItemVectors:
    """A faiss index over the candidate vectors of a model; row i is item index `i + FIRST_ITEM`.

    Attributes:
        kind: `flat`: all items, exact. `hnsw`: a graph. `ivf`: the cells nearest to the query.
        effort: Items (hnsw) or cells (ivf) that a search looks at; more is better and slower.
        faiss: The index.
    """

    kind: str
    effort: int
    faiss: Any


@final
@dataclass(frozen=True)
class ApproximateRun:
    """A run that looks its lists up in an index in place of scoring the whole catalogue.

    Scores are those of the model; an item may be missed, see `recall`. Ties have no order.

    Attributes:
        run: The run.
        vectors: Index over its items.
    """

    run: Run
    vectors: ItemVectors

    @property
    def index(self) -> ItemIndex:
        """Item ids and item indices."""
        return self.run.index

    def recommend(
        self,
        histories: Sequence[Sequence[str]],
        *,
        top_k: int = 10,
        exclude_seen: bool = True,
        deny: Sequence[str] = (),
    ) -> list[Recommendations]:
        """The best items that the index finds; see `Run.recommend`, which also takes `allow`.

        Histories without a known item are answered by the run itself, exactly.
        """
        known, unknown = read_histories(self.index, histories)
        bare = [h for h, items in zip(histories, known, strict=True) if not items]
        exact = iter(self.run.recommend(bare, top_k=top_k, exclude_seen=exclude_seen, deny=deny))
        denied = {self.index.index(item_id) for item_id in deny}
        rows = [items for items in known if items]
        hidden = [denied | set(items) if exclude_seen else denied for items in rows]
        found = iter(self.search(rows, top_k, hidden))
        return [
            self._listed(next(found), names) if items else next(exact)
            for items, names in zip(known, unknown, strict=True)
        ]

    def search(
        self, rows: list[list[int]], top_k: int, hidden: list[set[int]]
    ) -> list[tuple[list[int], list[float]]]:
        """Item indices and scores after each history of item indices, best first.

        Looks for as many items more as are hidden, so that lists are full.
        """
        if not rows:
            return []
        queries = self.run.scorer.queries(Histories.from_lists(rows)).float().cpu().numpy()
        wanted = min(top_k + max(map(len, hidden)), len(self.index))
        scores, places = self.vectors.faiss.search(queries, wanted)
        return [
            _shown(p, s, away, top_k) for p, s, away in zip(places, scores, hidden, strict=True)
        ]

    def _listed(
        self, found: tuple[list[int], list[float]], unknown: tuple[str, ...]
    ) -> Recommendations:
        items, scores = found
        item_ids = tuple(self.index.item_ids(items))
        return Recommendations(item_ids, tuple(scores), unknown, self.run.scorer.name)


def build_vectors(run: Run, kind: str, effort: int | None = None) -> ItemVectors:
    """Index the item vectors of a run by inner product (cosines where items are texts).

    Args:
        run: The run.
        kind: `flat`, `hnsw` or `ivf`.
        effort: Items (hnsw) or cells (ivf) that a search looks at; None takes a common choice.

    Raises:
        ConfigError: If there is no such kind, or the run is a blend.
    """
    refuse_blend(run, "index")
    with torch.no_grad():
        vectors = run.scorer.model.items.candidates()[FIRST_ITEM:].float().cpu().numpy()
    items, dim = vectors.shape
    index = empty_index(kind, items, dim)
    if kind == "ivf":
        index.train(vectors)
    index.add(vectors)
    usual = {"flat": 0, "hnsw": 256, "ivf": max(8, index.nlist // 16) if kind == "ivf" else 0}
    return _aimed(kind, usual[kind] if effort is None else effort, index)


def recall(approximate: ApproximateRun, rows: list[list[int]], top_k: int) -> float:
    """Share of the exact best items that the index finds, seen items left out.

    An item that ties with the last exact one is as good as that.

    Args:
        approximate: The run with its index.
        rows: Histories of item indices to try it on.
        top_k: List length.
    """
    run, hidden = approximate.run, [set(row) for row in rows]
    found = approximate.search(rows, top_k, hidden)
    exact = run.recommend([run.index.item_ids(row) for row in rows], top_k=top_k)
    least = [best.scores[-1] - TIE * abs(best.scores[-1]) for best in exact]
    hits = sum(s >= low for (_, scores), low in zip(found, least, strict=True) for s in scores)
    return hits / sum(len(best.item_ids) for best in exact)


def drawn(run: Run, count: int) -> list[list[int]]:
    """Histories of items drawn from the catalogue, up to as long as is read; always the same."""
    rng, longest = np.random.default_rng(0), run.scorer.max_length
    lengths = rng.integers(1, longest + 1, count)
    return [rng.integers(FIRST_ITEM, run.index.size, n).tolist() for n in lengths]


def save_vectors(approximate: ApproximateRun, measured: dict[str, Any]) -> Path:
    """Keep the index in the run's folder, with what was measured of it; replaces an older one."""
    run, vectors = approximate.run, approximate.vectors
    folder = run.folder / FOLDER
    folder.mkdir(exist_ok=True)
    beside = folder / f"{INDEX}.tmp"
    faiss.write_index(vectors.faiss, str(beside))
    (folder / ABOUT).unlink(missing_ok=True)
    beside.replace(folder / INDEX)
    about = {
        "kind": vectors.kind,
        "effort": vectors.effort,
        "sha256": sha256(folder / INDEX),
        "weights_sha256": weights_hash(run.folder),
        "measured": measured,
    }
    write_json(folder / ABOUT, about)
    return folder


def load_approximate(run: Run) -> ApproximateRun:
    """A run with the index that `save_vectors` kept.

    Raises:
        CheckpointError: If there is none, or it is not of these weights.
    """
    folder = run.folder / FOLDER
    if not (folder / ABOUT).exists():
        raise CheckpointError(f"{run.folder}: has no item index; make one with `latentrec index`")
    about = read_json(folder / ABOUT)
    if about["sha256"] != sha256(folder / INDEX) or about["weights_sha256"] != weights_hash(
        run.folder
    ):
        raise CheckpointError(
            f"{folder}: the index or the run's weights changed since it was made; make it anew "
            "with `latentrec index`"
        )
    index = faiss.read_index(str(folder / INDEX))
    return ApproximateRun(run, _aimed(about["kind"], about["effort"], index))


def empty_index(kind: str, items: int, dim: int) -> Any:
    """A faiss index for so many vectors, with none in it yet; `ivf` is to be trained.

    Raises:
        ConfigError: If there is no such kind.
    """
    inner = faiss.METRIC_INNER_PRODUCT
    if kind == "flat":
        return faiss.IndexFlatIP(dim)
    if kind == "hnsw":
        return faiss.IndexHNSWFlat(dim, LINKS, inner)
    if kind == "ivf":
        cells = max(1, min(round(4 * items**0.5), items // 39))  # faiss wants 39 items a cell
        return faiss.IndexIVFFlat(faiss.IndexFlatIP(dim), dim, cells, inner)
    raise ConfigError(f"index kind '{kind}': must be one of {', '.join(KINDS)}")


def _aimed(kind: str, effort: int, index: Any) -> ItemVectors:
    """The index, told how much to look at."""
    if kind == "hnsw":
        index.hnsw.efSearch = effort
    if kind == "ivf":
        index.nprobe = effort
    return ItemVectors(kind, effort, index)


def _shown(
    places: npt.NDArray[np.int64], scores: npt.NDArray[np.float32], away: set[int], top_k: int
) -> tuple[list[int], list[float]]:
    """The first items that may be shown; faiss fills up with -1 where it found no more."""
    kept = [
        (place + FIRST_ITEM, score)
        for place, score in zip(places.tolist(), scores.tolist(), strict=True)
        if place >= 0 and place + FIRST_ITEM not in away
    ][:top_k]
    return [item for item, _ in kept], [score for _, score in kept]
