"""Item-to-item weights: how a history is weighed, and which weights are kept."""

import numpy as np
import pytest
import scipy.sparse as sp

from latentrec.baselines.item_to_item import ItemToItem
from latentrec.data.dataset import Histories

RNG = np.random.default_rng(0)
WEIGHTS = RNG.normal(size=(7, 7)).astype(np.float32)
TIES = np.linspace(0, 1e-5, 7, dtype=np.float32)
HISTORIES = Histories.from_lists([[2, 3, 2, 4], [], [6, 5, 4, 3, 2]])


def by_hand(places: list[dict[int, float]]) -> np.ndarray:
    rows = [sum((w * WEIGHTS[i] for i, w in row.items()), np.zeros(7)) for row in places]
    return np.stack(rows) + TIES


def test_a_bag_counts_an_item_once_at_its_last_place() -> None:
    scores = ItemToItem(WEIGHTS, 0.5, None, TIES).scores(HISTORIES)
    bags = [{4: 1, 2: 0.5, 3: 0.25}, {}, {2: 1, 3: 0.5, 4: 0.25, 5: 0.125, 6: 0.0625}]
    np.testing.assert_allclose(scores.numpy(), by_hand(bags), rtol=1e-5, atol=1e-6)


def test_a_window_counts_every_interaction_in_it() -> None:
    scores = ItemToItem(sp.csr_array(WEIGHTS), 0.5, 3, TIES).scores(HISTORIES)
    windows = [{4: 1, 2: 0.5, 3: 0.25}, {}, {2: 1, 3: 0.5, 4: 0.25}]
    np.testing.assert_allclose(scores.numpy(), by_hand(windows), rtol=1e-5, atol=1e-6)
    twice = ItemToItem(WEIGHTS, 0.5, 4, TIES).scores(HISTORIES)[0].numpy()
    expected = by_hand([{4: 1, 2: 0.5 + 0.125, 3: 0.25}])[0]
    np.testing.assert_allclose(twice, expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("weights", [WEIGHTS, sp.csr_array(WEIGHTS)])
def test_the_strongest_weights_of_each_item_are_kept(weights: object) -> None:
    links = ItemToItem(weights, 0.5, None, TIES)  # pyright: ignore[reportArgumentType]
    kept = sp.csr_array(links.strongest(3).weights).toarray()
    for row, was in zip(kept, WEIGHTS, strict=True):
        order = np.argsort(-np.abs(was))
        np.testing.assert_array_equal(np.flatnonzero(row), np.sort(order[:3]))
        np.testing.assert_array_equal(row[order[:3]], was[order[:3]])
    everything = links.strongest(100).scores(HISTORIES)
    np.testing.assert_allclose(everything.numpy(), links.scores(HISTORIES).numpy(), atol=1e-6)
