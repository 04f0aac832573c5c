"""Truncated SVD: exact against numpy, repeatable to the bit, signs and order of items settled."""

from typing import Any

import numpy as np
import pytest
from scipy import sparse

from latentrec.data.item_text import reduce

RNG = np.random.default_rng(3)
LOW_RANK = RNG.normal(size=(60, 6)) * [9, 7, 5, 3, 2, 1] @ RNG.normal(size=(6, 40))


def truncated_svd(matrix: Any, dim: int) -> np.ndarray:
    return reduce.truncated_svd(matrix, dim)(matrix)


def test_it_keeps_what_the_exact_decomposition_keeps() -> None:
    """Inner products of rows equal those of numpy's full SVD, cut to 4 directions."""
    left, sizes, _ = np.linalg.svd(LOW_RANK, full_matrices=False)
    expected = left[:, :4] * sizes[:4]
    found = truncated_svd(LOW_RANK, 4)
    np.testing.assert_allclose(found @ found.T, expected @ expected.T, atol=1e-8)


def test_a_slowly_falling_spectrum_is_still_found() -> None:
    """The random search must find strong directions among many weaker ones."""
    matrix = RNG.normal(size=(200, 150)) * np.linspace(3, 1, 150)
    exact = np.linalg.svd(matrix, compute_uv=False)[:5]
    found = np.linalg.norm(truncated_svd(matrix, 5), axis=0)
    np.testing.assert_allclose(found, exact, rtol=0.02)


def test_equal_input_gives_equal_bits_sparse_or_dense() -> None:
    once, again = truncated_svd(LOW_RANK, 4), truncated_svd(LOW_RANK.copy(), 4)
    assert once.tobytes() == again.tobytes()
    np.testing.assert_allclose(truncated_svd(sparse.csr_array(LOW_RANK), 4), once, atol=1e-9)


def test_the_order_of_the_items_moves_nothing() -> None:
    """Permuted items have permuted vectors, signs included."""
    order = np.random.default_rng(0).permutation(60)
    found = truncated_svd(LOW_RANK, 4)
    np.testing.assert_allclose(truncated_svd(LOW_RANK[order], 4), found[order], atol=1e-8)


def test_the_largest_entry_of_a_direction_is_positive() -> None:
    """The sign is the matrix's, not the library's: -A has the opposite coordinates."""
    found = truncated_svd(LOW_RANK, 3)
    directions = LOW_RANK.T @ found  # proportional to the right singular vectors
    largest = np.abs(directions).argmax(axis=0)
    assert (directions[largest, range(3)] > 0).all()
    np.testing.assert_allclose(truncated_svd(-LOW_RANK, 3), -found, atol=1e-8)


@pytest.mark.parametrize("dim", [3, 6, 50])
def test_directions_without_weight_are_left_out(dim: int) -> None:
    assert truncated_svd(LOW_RANK, dim).shape == (60, min(dim, 6))


def test_pca_is_the_svd_of_centred_rows() -> None:
    rows = LOW_RANK + 100
    found = reduce.pca(rows, 40)(rows)
    centred = rows - rows.mean(axis=0)
    np.testing.assert_allclose(found @ found.T, centred @ centred.T, atol=1e-7)
    np.testing.assert_allclose(found.mean(axis=0), 0, atol=1e-9)
