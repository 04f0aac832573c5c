"""text.safetensors: what is read makes the vectors that the fitted one made, or is refused."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from latentrec.data.item_text.vectoriser import TextVectoriser, fit_given, fit_words
from latentrec.errors import CheckpointError
from latentrec.run import vectoriser_file
from latentrec.run.vectoriser_file import read_vectoriser, write_vectoriser

TEXTS = ["blue träin", "blue note", "night träin", "alone"]
ROWS = np.random.default_rng(0).normal(size=(30, 8))


@pytest.mark.parametrize(
    ("fitted", "raw"),
    [
        (fit_words(TEXTS, 3), [*TEXTS, "new note"]),
        (fit_given(ROWS, 5), ROWS),
        (fit_given(ROWS, 8, "model:x", "cls"), ROWS),
    ],
)
def test_it_makes_the_same_bits(fitted: TextVectoriser, raw: object, tmp_path: Path) -> None:
    found = read_vectoriser(tmp_path, write_vectoriser(tmp_path, fitted))
    assert found.vectors(raw).tobytes() == fitted.vectors(raw).tobytes()
    assert (found.source, found.pooling) == (fitted.source, fitted.pooling)


def test_a_missing_changed_or_newer_file_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(CheckpointError, match="keeps no text vectoriser"):
        read_vectoriser(tmp_path, None)
    with pytest.raises(CheckpointError, match="not readable"):
        read_vectoriser(tmp_path, "0")
    digest = write_vectoriser(tmp_path, fit_given(ROWS, 5))
    with pytest.raises(CheckpointError, match="SHA-256 differs"):
        read_vectoriser(tmp_path, digest[::-1])
    monkeypatch.setattr(vectoriser_file, "FILE", replace(vectoriser_file.FILE, version=2))
    with pytest.raises(CheckpointError, match="format version 1, this latentrec reads 2"):
        read_vectoriser(tmp_path, digest)
