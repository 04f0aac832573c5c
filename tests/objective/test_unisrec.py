"""UniSRec's two contrasts by hand: what is masked, what is dropped, what must not change."""

import math

import pytest
import torch
import torch.nn.functional as F

from latentrec.data.batch import Batch
from latentrec.model.encoder import TransformerEncoder
from latentrec.model.reasoner.none import NoReasoner
from latentrec.model.recommender import Recommender
from latentrec.model.text_items import TextItemEncoder
from latentrec.objective.unisrec import (
    UnisrecObjective,
    changed_by_items,
    changed_by_words,
    row_contrast,
)

ITEMS = torch.tensor([[5, 9, 2, 7], [3, 8, 0, 0], [4, 6, 2, 0]])
TARGETS = torch.tensor([[9, 2, 7, 4], [8, 7, 0, 0], [6, 2, 3, 0]])
BATCH = Batch(ITEMS, torch.arange(4).expand(3, 4), TARGETS)


def model() -> Recommender:
    torch.manual_seed(0)
    text = torch.randn(12, 5)
    text[:2] = 0
    items = TextItemEncoder(text, 8, 3, 0.0, 0.07, use_ids=False)
    encoder = TransformerEncoder(8, 1, 2, 12, 6, 0.0, 0.0, causal=True)
    return Recommender(items, encoder, NoReasoner()).eval()


def objective(dropped: torch.Tensor | None = None, **changed: float) -> UnisrecObjective:
    knobs = {"sequence_weight": 1e-3, "item_drop": 0.2, "item_drop_chance": 0.9, **changed}
    return UnisrecObjective(
        mask_compat=False, word_share=0.2, term_positions=0, dropped=dropped, **knobs
    )


@pytest.mark.parametrize(("mask_compat", "extra"), [(False, 0.0), (True, 1.0)])
def test_masked_false_negatives_count_nothing_or_one(mask_compat: bool, extra: float) -> None:
    """P15: rows 0 and 1 share their next item; the other is no negative, or adds exp(0) = 1."""
    queries, candidates = F.normalize(torch.randn(2, 3, 4), dim=-1)
    found = row_contrast(queries, candidates, torch.tensor([7, 7, 9]), mask_compat)
    logits = (queries @ candidates.T).tolist()
    shared = [math.exp(logits[r][r]) + math.exp(logits[r][2]) + extra for r in (0, 1)]
    sums = [*shared, sum(math.exp(value) for value in logits[2])]
    expected = sum(math.log(s) - logits[r][r] for r, s in enumerate(sums)) / 3
    assert found.item() == pytest.approx(expected, rel=1e-5)


def test_one_next_item_for_all_rows_leaves_nothing_to_tell_apart() -> None:
    queries, candidates = F.normalize(torch.randn(2, 3, 4), dim=-1)
    same = torch.tensor([7, 7, 7])
    assert row_contrast(queries, candidates, same, mask_compat=False).item() == 0
    assert row_contrast(queries, candidates, same, mask_compat=True).item() > 0


def test_dropped_items_leave_the_histories_of_what_is_kept() -> None:
    """The state of a position is that of the kept items up to it; the first item always stays."""
    kept = torch.tensor([[0, 1, 0, 1], [0, 0, 1, 1], [1, 0, 1, 1]], dtype=torch.bool)
    built = model()
    encoded, moved = changed_by_items(built, ITEMS, BATCH.positions, kept)
    histories = [[[5], [5, 9], [5, 9], [5, 9, 7]], [[3], [3]], [[4], [4], [4, 2]]]
    for row, of_row in enumerate(histories):
        for position, history in enumerate(of_row):
            state = encoded.at(moved)[row, position]
            alone = built.encode(torch.tensor([history])).hidden[0, -1]
            torch.testing.assert_close(state, alone)


def test_swapped_items_are_read_by_their_other_text() -> None:
    built = model()
    other = torch.randn(12, 5)
    swapped = torch.zeros(3, 4, dtype=torch.bool)
    swapped[0, 2] = swapped[2, 1] = True
    found = changed_by_words(built, ITEMS, swapped, other)
    embedded = built.items(ITEMS).clone()
    embedded[0, 2] = built.items.mixture(other[2:3])[0]
    embedded[2, 1] = built.items.mixture(other[6:7])[0]
    expected = built.encoder(embedded, ITEMS == 0)
    torch.testing.assert_close(found.hidden[0], expected.hidden[0])
    torch.testing.assert_close(found.hidden[2, :3], expected.hidden[2, :3])


def test_without_second_texts_every_batch_drops_items() -> None:
    # Given vectors have no words: with nothing dropped either, copies equal the histories.
    never_items = objective(item_drop=0.0, item_drop_chance=0.0)
    built = model()
    found = never_items(built, BATCH, 0).parts["sequence_sequence"]
    states = built.encode(ITEMS).at(BATCH.positions)[BATCH.predicted]
    targets = TARGETS[BATCH.predicted]
    unit = F.normalize(states, dim=-1)
    torch.testing.assert_close(found, row_contrast(unit / 0.07, unit, targets, mask_compat=False))


@pytest.mark.parametrize("chance", [0.0, 1.0])
def test_every_parameter_learns(chance: float) -> None:
    built = model().train()
    losses = objective(torch.randn(12, 5), item_drop_chance=chance)(built, BATCH, 0)
    losses.total.backward()
    for name, parameter in built.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.isfinite().all(), name


def test_positions_of_each_history_can_be_few() -> None:
    torch.manual_seed(3)
    few = UnisrecObjective(0.0, False, 0.2, 0.9, 0.2, 1, None)
    assert set(few(model(), BATCH, 0).parts) == {"sequence_item"}
    assert few(model(), BATCH, 0).total.item() != objective()(model(), BATCH, 0).total.item()
