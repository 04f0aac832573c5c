"""Recommend: histories of item ids in, ranked item ids with scores out."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final, final

import numpy as np
import torch
from jaxtyping import Bool, Float
from torch import Tensor

from latentrec.blocks import finite_scores, rows_per_block
from latentrec.data.dataset import Histories
from latentrec.errors import ConfigError
from latentrec.index import FIRST_ITEM, UNKNOWN, ItemIndex
from latentrec.scorer import Scorer

BLOCK: Final = 256
"""Items of a block whose largest score is looked at first."""


@final
@dataclass(frozen=True)
class Recommendations:
    """What is recommended after one history.

    Attributes:
        item_ids: Recommended item ids, best first; equal scores in the order of item indices.
        scores: The score of each.
        unknown_items: Item ids of the history that the catalogue lacks; they were not read.
        source: Name of the scorer that gave the list: the fallback's where no item of the history
            is known.
    """

    item_ids: tuple[str, ...]
    scores: tuple[float, ...]
    unknown_items: tuple[str, ...]
    source: str


def recommend(
    scorer: Scorer,
    index: ItemIndex,
    histories: Sequence[Sequence[str]],
    *,
    top_k: int = 10,
    exclude_seen: bool = True,
    allow: Iterable[str] | None = None,
    deny: Iterable[str] = (),
    fallback: Scorer | None = None,
    batch_rows: int | None = None,
) -> list[Recommendations]:
    """The best items after each history.

    Args:
        scorer: What gives the scores.
        index: The item index of the scorer.
        histories: Item ids of each history, oldest first.
        top_k: Length of each list; a list is shorter where fewer items may be shown.
        exclude_seen: Hide the items of the history.
        allow: Recommend only these item ids; None allows all.
        deny: Never recommend these item ids, even if allowed.
        fallback: What recommends where a history holds no known item, usually `Popularity`.
        batch_rows: Histories scored at once; None keeps a block of scores at 32 MiB.

    Returns:
        One entry for each history, in the order of the histories.

    Raises:
        ConfigError: If `top_k` is below 1, a history is not a list of item ids, or one without a
            known item meets no fallback.
        UnknownItemError: If an id of `allow` or `deny` is not in the catalogue.
        TrainingError: If the scorer gives an item a score that is not finite.

    Example:
        >>> from latentrec.baselines.popularity import Popularity
        >>> index = ItemIndex(["a", "b", "c"])
        >>> scorer = Popularity.fit(Histories.from_lists([[2, 3, 3], [3, 4]]), index.size)
        >>> recommend(scorer, index, [["b", "z"]], top_k=2)[0]
        Recommendations(item_ids=('a', 'c'), scores=(1.0, 1.0), unknown_items=('z',), \
source='popularity')
    """
    _check_counts(top_k, batch_rows)
    allowed = _allowed(index, allow, deny)
    known, unknown = read_histories(index, histories)
    full = [row for row, items in enumerate(known) if items]
    bare = [row for row, items in enumerate(known) if not items]
    if bare and fallback is None:
        raise ConfigError(
            f"history {bare[0]}: holds no item of the catalogue and there is no fallback; "
            "pass fallback=Popularity.fit(...), or leave such histories out"
        )
    found: dict[int, Recommendations] = {}
    for source, rows in ((scorer, full), (fallback or scorer, bare)):
        _check_size(source, index)
        step = batch_rows or rows_per_block(index.size)
        for start in range(0, len(rows), step):
            block = rows[start : start + step]
            seen = Histories.from_lists([known[row] for row in block])
            candidates = _candidates(finite_scores(source, seen), allowed, seen, exclude_seen)
            for row, (items, scores) in zip(block, best(candidates, top_k), strict=True):
                item_ids = tuple(index.item_ids(items))
                found[row] = Recommendations(item_ids, scores, unknown[row], source.name)
    return [found[row] for row in range(len(known))]


def _candidates(
    scores: Float[Tensor, "B N"], allowed: Bool[Tensor, " N"], seen: Histories, exclude_seen: bool
) -> Float[Tensor, "B N"]:
    """The scores, minus infinity where an item may not be shown."""
    hidden = torch.zeros_like(allowed, dtype=scores.dtype).masked_fill_(~allowed, -torch.inf)
    shown = scores + hidden.to(scores.device)  # several times faster than to fill by a mask
    if exclude_seen:
        rows = np.repeat(np.arange(len(seen)), seen.lengths)
        shown[torch.from_numpy(rows), torch.from_numpy(seen.items).long()] = -torch.inf
    return shown


def best(scores: Float[Tensor, "B N"], top_k: int) -> Iterator[tuple[list[int], tuple[float, ...]]]:
    """The best finite scores of each row: higher first, then the lower item index.

    Rows are looked at through the maxima of blocks of items: k blocks reach the k-th largest
    maximum, so no better item lies in a block that does not. `topk` leaves open which of several
    equal items it returns, so all items that reach that bound are sorted.
    """
    count = scores.shape[1]
    maxima = _maxima(scores)
    largest = maxima if maxima.shape[1] >= top_k else scores
    bound = largest.topk(min(top_k, count)).values[:, -1:]
    reached = (maxima >= bound).cpu().numpy()
    columns = np.arange(BLOCK)
    for row, low, blocks in zip(scores.cpu().numpy(), bound.tolist(), reached, strict=True):
        items = (np.flatnonzero(blocks)[:, None] * BLOCK + columns).ravel()
        items = items[: np.searchsorted(items, count)]
        found = row[items]
        kept = (found >= low) & np.isfinite(found)
        items, found = items[kept], found[kept]
        order = np.argsort(-found, kind="stable")[:top_k]
        yield items[order].tolist(), tuple(found[order].tolist())


def _maxima(scores: Float[Tensor, "B N"]) -> Float[Tensor, "B n"]:
    """The largest score in every block of `BLOCK` items, the last of which may be shorter."""
    whole = scores.shape[1] // BLOCK * BLOCK
    parts = [scores[:, :whole].unflatten(1, (-1, BLOCK)).amax(dim=2)] if whole else []
    rest = scores[:, whole:]
    return torch.cat([*parts, rest.amax(dim=1, keepdim=True)] if rest.shape[1] else parts, dim=1)


def read_histories(
    index: ItemIndex, histories: Sequence[Sequence[str]]
) -> tuple[list[list[int]], list[tuple[str, ...]]]:
    """Known item indices and unknown item ids of each history.

    Raises:
        ConfigError: If a history is not a list of item ids.
    """
    _check_not_text("histories", histories)
    known: list[list[int]] = []
    unknown: list[tuple[str, ...]] = []
    for row, history in enumerate(histories):
        _check_ids(f"history {row}", history)
        items = index.indices(history)
        read = items[items != UNKNOWN]
        known.append(read.tolist())
        missing = () if len(read) == len(items) else (i for i in history if i not in index)
        unknown.append(tuple(dict.fromkeys(missing)))
    return known, unknown


def _allowed(
    index: ItemIndex, allow: Iterable[str] | None, deny: Iterable[str]
) -> Bool[Tensor, " N"]:
    """True for each item index that may be recommended to anybody."""
    allowed = torch.full((index.size,), allow is None)
    allowed[:FIRST_ITEM] = False
    for name, item_ids, value in (("allow", allow or (), True), ("deny", deny, False)):
        _check_not_text(name, item_ids)
        items = [index.index(item_id) for item_id in item_ids]
        allowed[torch.tensor(items, dtype=torch.long)] = value
    return allowed


def _check_counts(top_k: int, batch_rows: int | None) -> None:
    for name, count in (("top_k", top_k), ("batch_rows", batch_rows)):
        if count is not None and count < 1:
            raise ConfigError(f"{name}={count}: must be at least 1")


def _check_size(scorer: Scorer, index: ItemIndex) -> None:
    if scorer.size != index.size:
        raise ConfigError(
            f"scorer '{scorer.name}' knows {scorer.size - FIRST_ITEM} items and the item index "
            f"{len(index)}: use the index of the run that the scorer comes from"
        )


def _check_ids(name: str, item_ids: Sequence[object]) -> None:
    _check_not_text(name, item_ids)
    for item_id in item_ids:
        if not isinstance(item_id, str):
            raise ConfigError(
                f"{name}: item id {item_id!r} is of type {type(item_id).__name__} and item ids "
                f"are text; pass str({item_id!r})"
            )


def _check_not_text(name: str, value: object) -> None:
    if isinstance(value, str):
        raise ConfigError(
            f"{name}: is the text {value[:40]!r} and not a list of item ids; put it into a list, "
            'like ["a"] (and one history alone into a list of histories, like [["a", "b"]])'
        )
