"""Fewer dimensions: a repeatable truncated SVD of sparse or dense rows, and PCA, to be kept."""

from dataclasses import dataclass, replace
from typing import Any, Final, final

import numpy as np
import numpy.typing as npt

Float32s = npt.NDArray[np.float32]
Float64s = npt.NDArray[np.float64]

OVERSAMPLING: Final = 10
"""Directions beyond the wanted ones that the random search keeps."""
ROUNDS: Final = 4
"""Times that the search is sharpened."""
NEGLIGIBLE: Final = 1e-9
"""Singular values below this share of the largest count as zero."""


@final
@dataclass(frozen=True)
class Projection:
    """Rows in the coordinates of a few directions, counted from a centre.

    Attributes:
        directions: Orthogonal directions of length 1, shape (k, m).
        shift: Coordinates of the centre, shape (k,).
    """

    directions: Float32s | Float64s
    shift: Float64s

    def __call__(self, rows: Any) -> Float64s:
        """Coordinates, shape (n, k), of sparse or dense rows of shape (n, m)."""
        return rows @ self.directions.T.astype(np.float64) - self.shift

    def compact(self) -> "Projection":
        """Directions in float32, as they are kept in a file: what is fitted is what is kept."""
        return replace(self, directions=self.directions.astype(np.float32))


def truncated_svd(matrix: Any, dim: int) -> Projection:
    """Onto the `dim` strongest right singular directions of a matrix.

    Randomised range finder with a fixed seed, exact where `dim` and the oversampling reach the
    smaller side of the matrix. The sign of a direction makes its largest entry positive, so the
    same matrix gives the same result. Directions without weight are left out, so k <= dim.

    Args:
        matrix: Sparse or dense, shape (n, m).
        dim: Most directions to keep.
    """
    width = min(dim + OVERSAMPLING, *matrix.shape)
    start = np.random.default_rng(0).standard_normal((matrix.shape[1], width))
    basis = np.linalg.qr(matrix @ start)[0]
    for _ in range(ROUNDS):
        basis = np.linalg.qr(matrix @ np.linalg.qr(matrix.T @ basis)[0])[0]
    _, sizes, right = np.linalg.svd((matrix.T @ basis).T, full_matrices=False)
    kept = min(dim, int((sizes > NEGLIGIBLE * max(sizes[0], NEGLIGIBLE)).sum()))
    directions = right[:kept] * _signs(right[:kept])[:, None]
    return Projection(directions, np.zeros(kept))


def pca(rows: Float64s, dim: int) -> Projection:
    """Onto the `dim` strongest directions of rows around their mean, counted from the mean."""
    centre = rows.mean(axis=0)
    found = truncated_svd(rows - centre, dim)
    return Projection(found.directions, found(centre))


def _signs(directions: Float64s) -> Float64s:
    """+1 or -1 for each direction; of entries equally large up to rounding, the first decides."""
    sizes = np.abs(directions)
    shares = np.round(sizes / sizes.max(axis=1, keepdims=True), 6)
    largest = shares.argmax(axis=1)
    return np.sign(directions[np.arange(len(directions)), largest])
