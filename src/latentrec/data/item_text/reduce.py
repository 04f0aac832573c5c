"""Fewer dimensions: a repeatable truncated SVD of sparse or dense rows, and PCA."""

from typing import Any, Final

import numpy as np
import numpy.typing as npt

Float64s = npt.NDArray[np.float64]

OVERSAMPLING: Final = 10
"""Directions beyond the wanted ones that the random search keeps."""
ROUNDS: Final = 4
"""Times that the search is sharpened."""
NEGLIGIBLE: Final = 1e-9
"""Singular values below this share of the largest count as zero."""


def truncated_svd(matrix: Any, dim: int) -> Float64s:
    """Rows of a matrix in the coordinates of its `dim` strongest right singular directions.

    Randomised range finder with a fixed seed, exact where `dim` and the oversampling reach the
    smaller side of the matrix. The sign of a direction makes its largest entry positive, so the
    same matrix gives the same result. Directions without weight are left out.

    Args:
        matrix: Sparse or dense, shape (n, m).
        dim: Most directions to keep.

    Returns:
        Coordinates, shape (n, k) with k <= dim.
    """
    width = min(dim + OVERSAMPLING, *matrix.shape)
    start = np.random.default_rng(0).standard_normal((matrix.shape[1], width))
    basis = np.linalg.qr(matrix @ start)[0]
    for _ in range(ROUNDS):
        basis = np.linalg.qr(matrix @ np.linalg.qr(matrix.T @ basis)[0])[0]
    left, sizes, right = np.linalg.svd((matrix.T @ basis).T, full_matrices=False)
    kept = min(dim, int((sizes > NEGLIGIBLE * max(sizes[0], NEGLIGIBLE)).sum()))
    return (basis @ left[:, :kept]) * sizes[:kept] * _signs(right[:kept])


def pca(rows: Float64s, dim: int) -> Float64s:
    """Rows without their mean, in the coordinates of their `dim` strongest directions."""
    return truncated_svd(rows - rows.mean(axis=0), dim)


def _signs(directions: Float64s) -> Float64s:
    """+1 or -1 for each direction; of entries equally large up to rounding, the first decides."""
    sizes = np.abs(directions)
    shares = np.round(sizes / sizes.max(axis=1, keepdims=True), 6)
    largest = shares.argmax(axis=1)
    return np.sign(directions[np.arange(len(directions)), largest])
