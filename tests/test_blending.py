"""Blend: two scorers by their standard scores, whatever units and offsets their scores have."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from latentrec.baselines.item_to_item import ItemToItem
from latentrec.blending import Blend, standardised
from latentrec.data.dataset import Histories
from latentrec.index import FIRST_ITEM

HISTORIES = Histories.from_lists([[2, 3], [4], [6, 6, 5]])
SIZE = 7


class Given:
    """A scorer that knows its scores."""

    name = "given"
    size = SIZE

    def __init__(self, scores: torch.Tensor) -> None:
        self._scores = scores

    def scores(self, histories: Histories) -> torch.Tensor:
        assert len(histories) == len(self._scores)
        return self._scores


def partner(scale: float = 1.0, offset: float = 0.0) -> ItemToItem:
    weights = scale * np.random.default_rng(1).normal(size=(SIZE, SIZE)).astype(np.float32)
    return ItemToItem(weights, 0.9, None, np.full(SIZE, offset, np.float32))


def test_standard_scores_by_hand() -> None:
    found = standardised(torch.tensor([[9.0, 9.0, 1.0, 3.0, 5.0], [7.0, 7.0, 2.0, 2.0, 2.0]]))
    root = (8 / 3) ** 0.5  # deviation of 1, 3, 5 around 3; PAD and MASK play no part
    torch.testing.assert_close(found[0], torch.tensor([0, 0, -2 / root, 0, 2 / root]))
    assert found[1].tolist() == [0.0] * 5  # equal scores say nothing


def test_a_blend_is_the_weighted_sum_of_standard_scores() -> None:
    own = torch.randn(3, SIZE, generator=torch.Generator().manual_seed(0))
    blend = Blend(Given(own), partner(), 0.4, "both")
    assert (blend.name, blend.size) == ("both", SIZE)
    for row, found in enumerate(blend.scores(HISTORIES).numpy()):
        parts = own[row, FIRST_ITEM:].numpy(), partner().scores(HISTORIES)[row, FIRST_ITEM:].numpy()
        one, other = ((part - part.mean()) / part.std() for part in parts)
        np.testing.assert_allclose(found[FIRST_ITEM:], one + 0.4 * other, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(("scale", "offset"), [(1000.0, 0.0), (1.0, 50.0), (1e-4, -3.0)])
def test_units_and_offsets_play_no_part(scale: float, offset: float) -> None:
    own = torch.randn(3, SIZE, generator=torch.Generator().manual_seed(0))
    expected = Blend(Given(own), partner(), 0.7, "both").scores(HISTORIES)
    found = Blend(Given(17 * own - 4), partner(scale, offset), 0.7, "both").scores(HISTORIES)
    torch.testing.assert_close(found, expected, rtol=1e-3, atol=1e-3)


def test_weight_0_ranks_as_the_model_does() -> None:
    own = torch.randn(3, SIZE, generator=torch.Generator().manual_seed(0))
    found = Blend(Given(own), partner(), 0.0, "both").scores(HISTORIES)[:, FIRST_ITEM:]
    assert torch.equal(found.argsort(), own[:, FIRST_ITEM:].argsort())


@pytest.mark.parametrize("weight", [0.3, 4.0])
def test_after_items_without_links_the_model_ranks_alone(weight: float) -> None:
    """What settles ties is tiny, but standard scores have no size."""
    own = torch.randn(3, SIZE, generator=torch.Generator().manual_seed(0))
    links = replace(partner(), ties=np.linspace(0, 1e-5, SIZE, dtype=np.float32))
    links.weights[4] = 0.0  # pyright: ignore[reportIndexIssue]  # the only item of the second history
    found = Blend(Given(own), links, weight, "both").scores(HISTORIES)
    torch.testing.assert_close(found[1], standardised(own)[1])


def test_a_score_that_is_not_finite_is_not_hidden() -> None:
    own = torch.zeros(3, SIZE)
    own[1, 4] = torch.nan
    found = Blend(Given(own), partner(), 0.5, "both").scores(HISTORIES)[:, FIRST_ITEM:]
    assert found.isfinite().all(dim=1).tolist() == [True, False, True]
