"""text.safetensors: the vectoriser of a run, numbers as tensors and words as JSON beside them."""

from pathlib import Path
from typing import Any, Final

import numpy as np

from latentrec.data.item_text.reduce import Projection
from latentrec.data.item_text.tfidf import Words
from latentrec.data.item_text.vectoriser import TextVectoriser
from latentrec.errors import CheckpointError
from latentrec.run.tensor_file import TensorFile

FILE: Final = TensorFile("text.safetensors", key="vectoriser", version=1, way_out="train again")


def write_vectoriser(folder: Path, fitted: TextVectoriser) -> str:
    """Keep a vectoriser in a folder; its SHA-256."""
    tensors: dict[str, Any] = {}
    described: dict[str, Any] = {
        "source": fitted.source,
        "pooling": fitted.pooling,
        "width": fitted.width,
        "scale": fitted.scale,
        "terms": None if fitted.words is None else fitted.words.terms,
    }
    if fitted.words is not None:
        tensors["rarity"] = fitted.words.rarity
    if fitted.projection is not None:
        tensors["directions"] = np.ascontiguousarray(fitted.projection.directions)
        tensors["shift"] = fitted.projection.shift
    if fitted.blank is not None:
        tensors["blank"] = fitted.blank
    return FILE.write(folder, tensors, described)


def read_vectoriser(folder: Path, expected: object) -> TextVectoriser:
    """The vectoriser that `write_vectoriser` kept.

    Args:
        folder: Folder of the run.
        expected: The SHA-256 that the run wrote down; None if it has no such file.

    Raises:
        CheckpointError: If the file is missing, changed or of another version.
    """
    if expected is None:
        raise CheckpointError(
            f"{folder}: keeps no text vectoriser; only runs with items.kind='text' have one, those "
            "of older releases must be trained again"
        )
    return FILE.read(folder, expected, _vectoriser)


def _vectoriser(tensors: dict[str, Any], described: dict[str, Any]) -> TextVectoriser:
    terms, directions = described["terms"], tensors.get("directions")
    return TextVectoriser(
        described["source"],
        described["pooling"],
        described["width"],
        None if terms is None else Words(tuple(terms), tensors["rarity"]),
        None if directions is None else Projection(directions, tensors["shift"]),
        tensors.get("blank"),
        described["scale"],
    )
