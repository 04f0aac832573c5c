"""The fitted vectoriser: the same text has the same vector, whatever stands beside it."""

import numpy as np
import pytest

from latentrec.data.item_text.texts import drop_words
from latentrec.data.item_text.vectoriser import fit_given, fit_words
from latentrec.errors import DataError

TEXTS = ["blue train", "blue note", "night train", "night note blue", "alone"]


def test_a_text_has_one_vector_in_any_company() -> None:
    fitted = fit_words(TEXTS, 3)
    all_at_once = fitted.vectors(TEXTS)
    for place, text in enumerate(TEXTS):
        assert fitted.vectors([text])[0].tobytes() == all_at_once[place].tobytes()
    assert fitted.dim == all_at_once.shape[1] == 3


def test_a_text_without_a_known_word_stands_at_the_mean() -> None:
    fitted = fit_words(TEXTS, 3)
    mean = fitted.vectors(TEXTS[:4]).mean(axis=0)
    np.testing.assert_allclose(fitted.vectors(["unheard of", ""]), [mean, mean], rtol=1e-5)


def test_given_vectors_keep_their_projection() -> None:
    rows = np.random.default_rng(0).normal(size=(30, 8))
    fitted = fit_given(rows, 5)
    np.testing.assert_allclose(fitted.vectors(rows[3:5]), fitted.vectors(rows)[3:5], atol=1e-6)
    assert np.square(fitted.vectors(rows)).mean() == pytest.approx(1, rel=1e-5)
    with pytest.raises(DataError, match=r"\(2, 7\): must be rows of 8 numbers"):
        fitted.vectors(rows[:2, :7])


def test_dropped_words_are_a_share_of_all_and_repeatable() -> None:
    texts = ["a b c d"] * 2000
    dropped = drop_words(texts, 0.15, seed=1)
    assert dropped == drop_words(texts, 0.15, seed=1)
    left = sum(len(text.split()) for text in dropped) / 8000
    assert left == pytest.approx(0.85, abs=0.02)
