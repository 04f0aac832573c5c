"""TF-IDF: texts as weighted counts of words and pairs of words."""

import re
from collections import Counter
from collections.abc import Sequence
from itertools import pairwise
from typing import Any, Final

import numpy as np
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


def tfidf(texts: Sequence[str]) -> Any:
    """A sparse matrix of shape (texts, terms), rows of length 1 or, without any known term, 0.

    A term that occurs n times weighs `(1 + ln n) (1 + ln((1 + texts) / (1 + texts with it)))`.
    """
    counts = [Counter(terms_of(text)) for text in texts]
    spread = Counter(term for count in counts for term in count)
    common = [term for term in spread if spread[term] >= RAREST]
    terms = sorted(sorted(common, key=lambda term: (-spread[term], term))[:MOST_TERMS])
    place = {term: column for column, term in enumerate(terms)}
    rare = np.array([1 + np.log((1 + len(texts)) / (1 + spread[term])) for term in terms])
    rows, columns, weights = [0], list[int](), list[float]()
    for count in counts:
        found = sorted(place[term] for term in count if term in place)
        each = np.array([1 + np.log(count[terms[column]]) for column in found]) * rare[found]
        columns += found
        weights += (each / np.linalg.norm(each)).tolist() if found else []
        rows.append(len(columns))
    return sparse.csr_array((weights, columns, rows), shape=(len(texts), len(terms)))
