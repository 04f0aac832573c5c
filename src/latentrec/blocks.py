"""Blocks: scores of few enough histories at once, and only finite ones."""

from typing import Final

from jaxtyping import Float
from torch import Tensor

from latentrec.data.dataset import Histories
from latentrec.errors import TrainingError
from latentrec.index import FIRST_ITEM
from latentrec.scorer import Scorer

SCORES_BYTES: Final = 32 * 2**20
"""Upper bound of one block of float32 scores, in bytes."""


def rows_per_block(size: int) -> int:
    """How many histories to score at once so that N float32 scores each stay in `SCORES_BYTES`."""
    return max(1, SCORES_BYTES // (4 * size))


def finite_scores(scorer: Scorer, histories: Histories) -> Float[Tensor, "B N"]:
    """The scorer's scores, refused where the score of an item is not finite.

    A comparison with NaN is always false: without this check a model of NaN would rank every
    target first and recommend items in no order at all.

    Raises:
        TrainingError: If the score of an item is NaN or infinite.
    """
    scores = scorer.scores(histories)
    items = scores[:, FIRST_ITEM:]
    low, high = items.amin(dim=1), items.amax(dim=1)  # both pass NaN on; aminmax is far slower
    bad = ~(low.isfinite() & high.isfinite())
    if bad.any():
        raise TrainingError(
            f"scorer '{scorer.name}': the scores after {int(bad.sum())} of {len(bad)} histories "
            "are NaN or infinite; every item needs a finite score (if this is a trained model, "
            "train it again with a lower train.learning_rate)"
        )
    return scores
