"""TF-IDF: texts as weighted counts of words and pairs of words."""

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Final, final

import numpy as np
import numpy.typing as npt
from scipy import sparse

RAREST: Final = 2
"""Terms in fewer texts than this are left out."""
MOST_TERMS: Final = 50_000
"""Most terms that are kept: those in the most texts, of equals the first in the alphabet."""


def terms_of(text: str) -> list[str]:
    """Lower-case words of a text, then its pairs of neighbouring words.

    Example:
        >>> terms_of("Kind of Blue")
        ['kind', 'of', 'blue', 'kind of', 'of blue']
    """
    words = re.findall(r"\w+", text.lower())
    return words + [f"{a} {b}" for a, b in pairwise(words)]


@final
@dataclass(frozen=True)
class Words:
    """The terms that texts are read by.

    Attributes:
        terms: Known terms, sorted.
        rarity: Weight of each term, at least 1: `1 + ln((1 + texts) / (1 + texts with it))`.
    """

    terms: tuple[str, ...]
    rarity: npt.NDArray[np.float64]

    def weights(self, texts: Sequence[str]) -> Any:
        """A sparse matrix of shape (texts, terms), rows of length 1 or, without any known term, 0.

        A term that occurs n times weighs `(1 + ln n)` times its rarity.
        """
        place = {term: column for column, term in enumerate(self.terms)}
        rows, columns, weights = [0], list[int](), list[float]()
        for text in texts:
            count = Counter(terms_of(text))
            found = sorted(place[term] for term in count if term in place)
            times = np.array([count[self.terms[column]] for column in found])
            each = (1 + np.log(times)) * self.rarity[found]
            columns += found
            weights += (each / np.linalg.norm(each)).tolist() if found else []
            rows.append(len(columns))
        return sparse.csr_array((weights, columns, rows), shape=(len(texts), len(self.terms)))


def learn_words(texts: Sequence[str]) -> Words:
    """The terms that several texts share, and how rare each is."""
    spread = Counter(term for text in texts for term in set(terms_of(text)))
    common = [term for term in spread if spread[term] >= RAREST]
    terms = sorted(sorted(common, key=lambda term: (-spread[term], term))[:MOST_TERMS])
    rarity = [1 + np.log((1 + len(texts)) / (1 + spread[term])) for term in terms]
    return Words(tuple(terms), np.array(rarity, dtype=np.float64))
