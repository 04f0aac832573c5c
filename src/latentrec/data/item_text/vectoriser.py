"""A fitted way from texts or given vectors to the text vectors of a run: it outlives training."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias, final

import numpy as np

from latentrec.data.item_text.encoder import Pooling
from latentrec.data.item_text.reduce import Float32s, Float64s, Projection, pca, truncated_svd
from latentrec.data.item_text.tfidf import Words, learn_words
from latentrec.errors import DataError

Raw: TypeAlias = Sequence[str] | Float64s
"""What a vectoriser reads, one an item: texts, or the vectors that a file or a model gives."""

TFIDF = "tfidf"
"""Source of vectors from the items' own words."""
GIVEN = "given"
"""Source of vectors that files give."""


@final
@dataclass(frozen=True)
class TextVectoriser:
    """Makes the same vector of the same text, in training and ever after.

    Attributes:
        source: `tfidf`, `given`, or `model:` and the folder or name of a text model.
        pooling: How the model's token vectors become one.
        width: Length of the vectors that are read; the number of terms for `tfidf`.
        words: The known terms, for `tfidf` only.
        projection: To fewer dimensions; None where vectors are short enough as they are.
        blank: Where a text without a known term stands, shape (X,), before scaling.
        scale: One number for all vectors, so that an entry has mean square 1 in training.
    """

    source: str
    pooling: Pooling | None
    width: int
    words: Words | None
    projection: Projection | None
    blank: Float32s | None
    scale: float

    @property
    def dim(self) -> int:
        """Length X of the vectors that are made."""
        return self.width if self.projection is None else len(self.projection.directions)

    def vectors(self, raw: Raw) -> Float32s:
        """Text vectors, shape (n, X).

        Raises:
            DataError: If given vectors are not as long as those that were fitted.
        """
        return (self.scale * self._unscaled(raw)).astype(np.float32)

    def _unscaled(self, raw: Raw) -> Float64s:
        if self.words is not None:
            weights = self.words.weights(list[str](raw))
            assert self.projection is not None, "TF-IDF is always projected"
            rows = self.projection(weights)
            rows[without_terms(weights)] = self.blank
            return rows
        vectors = np.asarray(raw, dtype=np.float64)
        if vectors.ndim != 2 or vectors.shape[1] != self.width:
            raise DataError(
                f"text vectors of shape {vectors.shape}: must be rows of {self.width} numbers, "
                "as those that the vectoriser was fitted on"
            )
        return vectors if self.projection is None else self.projection(vectors)


def fit_words(texts: Sequence[str], dim: int) -> TextVectoriser:
    """TF-IDF and truncated SVD; a text without a known term stands at the mean of the others.

    Raises:
        DataError: If no two texts share a word.
    """
    words = learn_words(texts)
    weights = words.weights(texts)
    empty = without_terms(weights)
    if empty.all():
        raise DataError(
            "items.source=tfidf: no two items share a word in title, categories or store; give an "
            "item table with text (--items), or train with items.kind='id'"
        )
    projection = truncated_svd(weights, dim).compact()
    rows = projection(weights)
    blank = rows[~empty].mean(axis=0).astype(np.float32)
    rows[empty] = blank
    return TextVectoriser(TFIDF, None, len(words.terms), words, projection, blank, _scale(rows))


def fit_given(
    rows: Float64s, dim: int, source: str = GIVEN, pooling: Pooling | None = None
) -> TextVectoriser:
    """Vectors as they are, or by PCA where they are longer than `dim`."""
    width = rows.shape[1]
    projection = pca(rows, dim).compact() if width > dim else None
    scale = _scale(rows if projection is None else projection(rows))
    return TextVectoriser(source, pooling, width, None, projection, None, scale)


def without_terms(weights: Any) -> Any:
    """True for each row of a sparse matrix without an entry."""
    return np.diff(weights.indptr) == 0


def _scale(rows: Float64s) -> float:
    """What brings the mean square of an entry to 1; 1 where all rows are zero."""
    return float(np.sqrt(rows.size / np.square(rows).sum())) if rows.any() else 1.0
