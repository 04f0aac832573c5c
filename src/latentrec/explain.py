"""Explain: which past items moved a recommendation, and what streams and steps looked at."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import final

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from latentrec.blocks import finite_scores, rows_per_block
from latentrec.data.batch import last_items
from latentrec.data.dataset import Histories
from latentrec.errors import ConfigError
from latentrec.index import FIRST_ITEM, UNKNOWN, ItemIndex
from latentrec.model.attention_tap import AttentionTap
from latentrec.model.encoder import Encoded, TransformerEncoder
from latentrec.model.items import ItemEncoder
from latentrec.model.reasoner.contract import Reasoned
from latentrec.recommend import best
from latentrec.scorer import ModelScorer


@final
@dataclass(frozen=True)
class Stream:
    """What one stream of a gated reasoner argues for.

    Attributes:
        weight: Its share in the mix, from the gate; all shares sum to 1.
        item_ids: What would be ranked first if this stream alone decided, best first.
        scores: This stream's score of each explained item. The weighted mean over streams is
            the model's score.
    """

    weight: float
    item_ids: tuple[str, ...]
    scores: tuple[float, ...]


@final
@dataclass(frozen=True)
class Explanation:
    """Why a history leads to some items.

    Attributes:
        history: The items that the model read, oldest first: known ones, the last L of them.
        item_ids: The explained items.
        influence: For each explained item, what each item of the history adds to the logarithm of
            its probability: full history against the history without that one interaction.
            Positive: it argues for the item. Empty where the history is one item, since nothing
            is left to compare with.
        streams: One entry a stream; empty where no gate mixes streams.
        attention: For each stream and step, the weight of each item of the history in the last
            layer, averaged over heads; what is missing to 1 went to the stream's own steps. Empty
            where steps do not attend to the history through the encoder (no reasoning, LARES).
    """

    history: tuple[str, ...]
    item_ids: tuple[str, ...]
    influence: tuple[tuple[float, ...], ...]
    streams: tuple[Stream, ...]
    attention: tuple[tuple[tuple[float, ...], ...], ...]


@torch.inference_mode()
def explain(
    scorer: ModelScorer,
    index: ItemIndex,
    history: Sequence[str],
    item_ids: Sequence[str],
    *,
    top_k: int = 5,
) -> Explanation:
    """Explain the scores of some items after one history.

    The influence is counterfactual (docs/adr/0038): it says how the answer changes, where attention
    only says where the model looked.

    Args:
        scorer: A trained model.
        index: The item index of the scorer.
        history: Item ids, oldest first.
        item_ids: What to explain, usually what was recommended.
        top_k: Length of the list of each stream.

    Raises:
        ConfigError: If no item of the history is known.
        UnknownItemError: If an item to explain is not in the catalogue.
    """
    targets = torch.tensor([index.index(item_id) for item_id in item_ids], dtype=torch.long)
    known = index.indices(history)
    known = known[known != UNKNOWN][-scorer.max_length :]
    if not len(known):
        raise ConfigError("history: holds no item of the catalogue, so there is nothing to explain")
    encoded, reasoned, tap = _think(scorer, known)
    return Explanation(
        tuple(index.item_ids(known.tolist())),
        tuple(item_ids),
        _influence(scorer, known, targets),
        tuple(_streams(scorer.items, index, encoded, reasoned, targets, top_k)),
        _attention(tap, len(known)),
    )


def _influence(
    scorer: ModelScorer, known: np.ndarray, targets: Tensor
) -> tuple[tuple[float, ...], ...]:
    """Log-probability of each target, full history minus each history with one item left out."""
    if len(known) == 1:
        return ()
    rows = [known.tolist(), *(np.delete(known, place).tolist() for place in range(len(known)))]
    histories, step = Histories.from_lists(rows), rows_per_block(scorer.size)
    blocks = (
        finite_scores(scorer, histories.block(start, min(start + step, len(rows))))
        for start in range(0, len(rows), step)
    )
    logs = torch.cat([s[:, FIRST_ITEM:].log_softmax(-1)[:, targets - FIRST_ITEM] for s in blocks])
    return tuple(tuple(row) for row in (logs[0] - logs[1:]).T.tolist())


def _think(scorer: ModelScorer, known: np.ndarray) -> tuple[Encoded, Reasoned, AttentionTap | None]:
    """One history encoded and reasoned about, with a tap where the encoder allows one."""
    model = scorer.model
    batch = last_items(Histories.from_lists([known.tolist()]), scorer.max_length).to(scorer.device)
    encoded = model.encode(batch.items)
    tap = AttentionTap(model.encoder) if isinstance(model.encoder, TransformerEncoder) else None
    reasoned = model.reasoner(encoded, batch.positions, tap or model.encoder)
    return encoded, reasoned, tap


def _streams(
    items: ItemEncoder,
    index: ItemIndex,
    encoded: Encoded,
    reasoned: Reasoned,
    targets: Tensor,
    top_k: int,
) -> Iterator[Stream]:
    """Each stream of a gate alone: h_0 plus the mean of its steps (PLR Eq. 6, 9, 10)."""
    if reasoned.gate is None:
        return
    mixed = (reasoned.gate.unsqueeze(-1) * reasoned.steps.mean(dim=3)).sum(dim=2, keepdim=True)
    base = reasoned.infer_state.unsqueeze(2) - mixed
    states: Float[Tensor, "M D"] = (base + reasoned.steps.mean(dim=3))[0, 0]
    scores = (items.queries(states) @ items.candidates().T).float().cpu()
    scores[:, :FIRST_ITEM] = -torch.inf
    weights = reasoned.gate[0, 0].tolist()
    for weight, row, (ranked, _) in zip(weights, scores, best(scores, top_k), strict=True):
        yield Stream(weight, tuple(index.item_ids(ranked)), tuple(row[targets].tolist()))


def _attention(tap: AttentionTap | None, length: int) -> tuple[tuple[tuple[float, ...], ...], ...]:
    """Weights over the history as M lists of T lists of L numbers."""
    if tap is None or not tap.steps:
        return ()
    steps = torch.stack([weights[0, 0, :, :length] for weights in tap.steps], dim=1)
    return tuple(tuple(tuple(step) for step in stream) for stream in steps.tolist())
