"""TF-IDF by hand on three titles."""

import math
from typing import Any

import numpy as np
import pytest

from latentrec.data.item_text import tfidf as module
from latentrec.data.item_text.tfidf import learn_words, terms_of


def tfidf(texts: list[str]) -> Any:
    return learn_words(texts).weights(texts)


def test_three_titles_by_hand() -> None:
    """Terms in one text only are left out; counts grow by their logarithm; rows have length 1."""
    found = tfidf(["Blue blue train", "blue NOTE", "note train"]).toarray()
    # Kept, in order: blue, note, train, each in 2 of 3 texts; every pair occurs in one text only.
    assert found.shape == (3, 3)
    twice = 1 + math.log(2)
    expected = np.array([[twice, 0, 1], [1, 1, 0], [0, 1, 1]])
    expected /= np.linalg.norm(expected, axis=1, keepdims=True)
    np.testing.assert_allclose(found, expected, rtol=1e-12)


def test_rare_terms_weigh_more() -> None:
    found = tfidf(["a b", "a b", "a c", "a c", "a c", "a"]).toarray()
    # a, a b, a c, b, c are kept; b is in 2 of 6 texts, a in all.
    a, b = 1 + math.log(7 / 7), 1 + math.log(7 / 3)
    row = np.array([a, b, 0, b, 0])
    np.testing.assert_allclose(found[0], row / np.linalg.norm(row), rtol=1e-12)


def test_words_and_pairs_of_any_script() -> None:
    assert terms_of("Größe, ДОМ-2") == ["größe", "дом", "2", "größe дом", "дом 2"]


def test_a_text_without_known_terms_is_zero() -> None:
    found = tfidf(["x y", "x y", "alone", ""])
    assert np.diff(found.indptr).tolist() == [3, 3, 0, 0]


def test_the_vocabulary_is_bounded_by_the_most_common_terms(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "MOST_TERMS", 1)
    assert tfidf(["a b", "b a", "b"]).toarray().tolist() == [[1], [1], [1]]


def test_new_texts_are_read_by_the_known_words() -> None:
    """The same text has the same row whichever texts stand beside it; new words are not read."""
    words = learn_words(["blue train", "blue note", "note train"])
    found = words.weights(["brand new note", "blue train", "unheard of"]).toarray()
    known = words.weights(["blue train"]).toarray()
    assert found[1].tobytes() == known[0].tobytes()
    assert found[0].tolist() == [0, 1, 0]
    assert not found[2].any()
