"""Beyond accuracy: which items the lists hold, how known they are and how much alike."""

from dataclasses import dataclass
from itertools import combinations
from typing import Final, TypeAlias, final

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp

from latentrec.baselines.bags import bags
from latentrec.data.catalogue import Catalogue, CategoricalField
from latentrec.data.dataset import Cases, Histories, Int32s, SequenceDataset
from latentrec.evaluate.metrics import Float64s
from latentrec.index import FIRST_ITEM, PAD, UNKNOWN

Lists: TypeAlias = Int32s

MIXED: Final = 0.01
"""How much of the history's shares is mixed into those of a list (Steck's alpha)."""
PREFERRED: Final = ("categories", "genres", "genre", "class")
"""Fields that say what an item is, best first; without any of them the first field is taken."""


@final
@dataclass(frozen=True)
class Beyond:
    """What the first K items of all lists are like.

    Attributes:
        coverage: Share of the catalogue that stands in at least one list.
        gini: Inequality of how often items are listed: 0 all alike, 1 one item takes all; NaN, as
            the next three, if all lists are empty.
        novelty: Mean -log2 of the share of training users who have the item, in bits.
        popularity: Mean share of training users who have a listed item.
        lift: Popularity of the lists over that of the histories, less 1: 0 is no bias. Every
            history counts once, however long, as every list does (Abdollahpouri et al. 2019).
        diversity: Mean over the lists of how different two listed items are, from 0 to 1: Jaccard
            distance of their categories; NaN without categories.
        miscalibration: Mean divergence in nats of the categories of a list from those of the user's
            history, see `miscalibration`; 0 in the same proportions; NaN without categories.
    """

    coverage: float
    gini: float
    novelty: float
    popularity: float
    lift: float
    diversity: float
    miscalibration: float


def beyond(lists: Lists, dataset: SequenceDataset, cases: Cases) -> Beyond:
    """Describe the lists of one scorer.

    Args:
        lists: Item indices, best first, PAD where they ran out, shape (C, K).
        dataset: Where the histories, the popularity and the categories come from; popularity is
            counted in the training part only.
        cases: The cases of the lists.
    """
    shares = user_shares(dataset.train(), dataset.index.size)
    shown = lists[lists != PAD]
    counts = np.bincount(shown, minlength=dataset.index.size)[FIRST_ITEM:]
    novelty, popularity = _known(shares[shown])
    return Beyond(
        coverage=float((counts > 0).mean()),
        gini=gini(counts) if len(shown) else float("nan"),
        novelty=novelty,
        popularity=popularity,
        lift=popularity / _mean_share(dataset.histories(cases), shares) - 1.0,
        diversity=diversity(lists, dataset.catalogue),
        miscalibration=miscalibration(lists, dataset.histories(cases), dataset.catalogue),
    )


def _mean_share(histories: Histories, shares: Float64s) -> float:
    """Mean over the histories of the mean share of their items; empty ones are left out."""
    rows = np.repeat(np.arange(len(histories)), histories.lengths)
    sums = np.bincount(rows, shares[histories.items], len(histories))
    full = histories.lengths > 0
    return float((sums[full] / histories.lengths[full]).mean())


def of_targets(dataset: SequenceDataset, cases: Cases) -> tuple[float, float]:
    """Novelty and popularity of what users chose (targets that training knows); NaN without any."""
    shares = user_shares(dataset.train(), dataset.index.size)
    return _known(shares[cases.targets[cases.targets != UNKNOWN]])


def _known(shares: Float64s) -> tuple[float, float]:
    """Novelty and popularity of items by the shares of users who have them; NaN without items."""
    if not len(shares):
        return float("nan"), float("nan")
    return float(-np.log2(shares).mean()), float(shares.mean())


def user_shares(train: Histories, size: int) -> Float64s:
    """Share of the training users who have each item, shape (N,)."""
    users = np.asarray(bags(train, size).sum(axis=0), np.float64)
    return users / max(1, int((train.lengths > 0).sum()))


def gini(counts: npt.NDArray[np.integer]) -> float:
    """Gini coefficient of non-negative counts, of which at least one is above 0.

    It is half the mean absolute difference of two counts, over their mean; the largest value of n
    counts, 1 - 1/n, is divided out, so that one item taking all gives 1.

    Example:
        >>> gini(np.array([1, 1, 1])), gini(np.array([0, 0, 9]))
        (0.0, 1.0)
    """
    count = len(counts)
    if count < 2:
        return 0.0
    ordered = np.sort(counts)
    weights = 2 * np.arange(1, count + 1) - count - 1
    return float((weights * ordered).sum() / (count - 1) / ordered.sum())


def diversity(lists: Lists, catalogue: Catalogue) -> float:
    """Mean Jaccard distance of the categories of two listed items; NaN without categories.

    A pair of which neither item has a category is left out, a list without a pair as well.
    """
    field = field_of(catalogue)
    if field is None or lists.shape[1] < 2:
        return float("nan")
    held = _values_of(field)
    sizes = np.asarray(held.sum(axis=1))
    total, pairs = np.zeros(len(lists)), np.zeros(len(lists))
    for a, b in combinations(range(lists.shape[1]), 2):
        left, right = lists[:, a], lists[:, b]
        both = np.asarray(held[left].multiply(held[right]).sum(axis=1))
        either = sizes[left] + sizes[right] - both
        counted = (either > 0) & (left != PAD) & (right != PAD)
        total[counted] += 1.0 - both[counted] / either[counted]
        pairs += counted
    full = pairs > 0
    return float((total[full] / pairs[full]).mean()) if full.any() else float("nan")


def miscalibration(lists: Lists, histories: Histories, catalogue: Catalogue) -> float:
    """Mean divergence KL(p || q') of the categories of lists from those of histories, in nats.

    An item's weight is shared by its categories; p is their share in the history and q' that in the
    list, mixed with a hundredth of p so that a missing category costs much but not everything.
    Histories or lists without any category are left out.

    Paper: Steck, "Calibrated Recommendations" (RecSys 2018), equations 1 to 4.

    Args:
        lists: Item indices, best first, PAD where they ran out, shape (C, K).
        histories: The history of each list.
        catalogue: The categories.
    """
    field = field_of(catalogue)
    if field is None:
        return float("nan")
    held = _shares(_values_of(field))
    shown = Histories(lists.ravel(), np.arange(len(lists) + 1) * lists.shape[1])
    p, q = (_shares(_counts(of, len(field.offsets) - 1) @ held) for of in (histories, shown))
    known = (np.asarray(p.sum(axis=1)) > 0) & (np.asarray(q.sum(axis=1)) > 0)
    if not known.any():
        return float("nan")
    p, q = p[known].tocoo(), q[known].tocsr()
    mixed = (1 - MIXED) * np.asarray(q[p.coords[0], p.coords[1]]).ravel() + MIXED * p.data
    return float((p.data * np.log(p.data / mixed)).sum() / known.sum())


def _counts(of: Histories, size: int) -> sp.csr_array:
    """How often each history (row) has each item (column); padding never counts."""
    rows = np.repeat(np.arange(len(of)), of.lengths)
    real = of.items != PAD
    ones = np.ones(int(real.sum()))
    return sp.coo_array((ones, (rows[real], of.items[real])), (len(of), size)).tocsr()


def _shares(counts: sp.csr_array) -> sp.csr_array:
    """Rows divided by their sums; empty rows stay empty."""
    sums = np.asarray(counts.sum(axis=1))
    return sp.diags_array(1.0 / np.where(sums > 0, sums, 1.0)).tocsr() @ counts


def field_of(catalogue: Catalogue) -> CategoricalField | None:
    """The field that diversity is measured by, if there is any."""
    known = {field.name: field for field in catalogue.fields}
    named = [known[name] for name in PREFERRED if name in known]
    return next(iter([*named, *catalogue.fields]), None)


def _values_of(field: CategoricalField) -> sp.csr_array:
    """Items as rows, values as columns, a 1 where an item has the value."""
    rows = len(field.offsets) - 1
    items = np.repeat(np.arange(rows), np.diff(field.offsets))
    pairs = np.unique(np.stack([items, field.codes]), axis=1)
    ones = np.ones(pairs.shape[1])
    return sp.csr_array((ones, (pairs[0], pairs[1])), (rows, max(1, len(field.values))))
