"""UniSRec's pre-training against a float64 oracle: plain loops, one row at a time."""

import math
from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from latentrec.build import build_pretraining
from latentrec.data.batch import Batch
from latentrec.model.encoder import TransformerEncoder
from latentrec.model.reasoner.none import NoReasoner
from latentrec.model.recommender import Recommender
from latentrec.model.text_items import TextItemEncoder
from latentrec.pretrain_config import ContrastConfig

Stack = Callable[[object, list[Tensor]], list[Tensor]]
ITEMS = torch.tensor([[5, 9, 2, 7], [3, 8, 0, 0], [4, 6, 2, 0]])
TARGETS = torch.tensor([[9, 2, 7, 4], [8, 7, 0, 0], [6, 2, 3, 0]])
BATCH = Batch(ITEMS, torch.arange(4).expand(3, 4), TARGETS)
ROWS = [(b, p) for b, p in ((0, 0), (0, 1), (0, 2), (0, 3), (1, 0), (1, 1), (2, 0), (2, 1), (2, 2))]
TAU = 0.3


def model() -> Recommender:
    torch.manual_seed(0)
    text = torch.randn(12, 5)
    items = TextItemEncoder(text, 8, 3, 0.0, TAU, use_ids=False)
    encoder = TransformerEncoder(8, 2, 2, 12, 6, 0.0, 0.0, causal=True)
    built = Recommender(items, encoder, NoReasoner()).double().eval().requires_grad_(False)
    for parameter in built.parameters():  # away from the small initial values
        torch.nn.init.normal_(parameter, std=0.4)
    return built


def state(built: Recommender, vectors: list[Tensor], stack: Stack) -> Tensor:
    """The encoder's last state of a history of item vectors."""
    place = built.encoder.position.weight
    return stack(built.encoder, [v + place[i] for i, v in enumerate(vectors)])[-1]


def cosine(a: Tensor, b: Tensor) -> float:
    return float(a @ b) / math.sqrt(float(a @ a) * float(b @ b))


def contrast(anchors: list[Tensor], others: list[Tensor], mask_compat: bool) -> float:
    """Mean of -log(own / sum over rows); rows with the same next item are masked."""
    targets = [int(TARGETS[row]) for row in ROWS]
    total = 0.0
    for i, anchor in enumerate(anchors):
        mass = 0.0
        for j, other in enumerate(others):
            if i != j and targets[i] == targets[j]:
                mass += 1.0 if mask_compat else 0.0
            else:
                mass += math.exp(cosine(anchor, other) / TAU)
        total += math.log(mass) - cosine(anchor, others[i]) / TAU
    return total / len(anchors)


@pytest.mark.parametrize("mask_compat", [False, True])
@pytest.mark.parametrize("by_words", [False, True])
def test_losses_equal_the_loops(mask_compat: bool, by_words: bool, stack: Stack) -> None:
    """Both contrasts and the total, with copies by dropped items and by dropped words."""
    built, dropped = model(), torch.randn(12, 5, dtype=torch.float64)
    knobs = ContrastConfig(
        sequence_weight=0.5,
        mask_compat=mask_compat,
        item_drop=0.4,
        word_share=0.5,
        item_drop_chance=0.0 if by_words else 1.0,
        term_positions=0,
    )
    torch.manual_seed(4)
    found = build_pretraining(knobs, dropped)(built, BATCH, 0)
    torch.manual_seed(4)
    torch.rand(())  # which kind of copy
    draws = torch.rand(ITEMS.shape)
    table, other = built.items.mixture(built.items.text), built.items.mixture(dropped)
    anchors, copies = [], []
    for b, p in ROWS:
        history = [int(item) for item in ITEMS[b, : p + 1]]
        anchors.append(state(built, [table[item] for item in history], stack))
        if by_words:
            swapped = [float(draws[b, i]) < 0.5 for i in range(p + 1)]
            changed = [(other if s else table)[v] for s, v in zip(swapped, history, strict=True)]
        else:
            kept = [i == 0 or float(draws[b, i]) >= 0.4 for i in range(p + 1)]
            changed = [table[v] for k, v in zip(kept, history, strict=True) if k]
        copies.append(state(built, changed, stack))
    item = contrast(anchors, [table[TARGETS[row]] for row in ROWS], mask_compat)
    alike = contrast(anchors, copies, mask_compat)
    assert found.parts["sequence_item"].item() == pytest.approx(item, abs=1e-9)
    assert found.parts["sequence_sequence"].item() == pytest.approx(alike, abs=1e-9)
    assert found.total.item() == pytest.approx(item + 0.5 * alike, abs=1e-9)
