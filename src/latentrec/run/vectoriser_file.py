"""text.safetensors: the vectoriser of a run, numbers as tensors and words as JSON beside them."""

import json
from pathlib import Path
from typing import Any, Final

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file

from latentrec.data.item_text.reduce import Projection
from latentrec.data.item_text.tfidf import Words
from latentrec.data.item_text.vectoriser import TextVectoriser
from latentrec.errors import CheckpointError
from latentrec.train.atomic import sha256

VECTORISER: Final = "text.safetensors"
FORMAT_VERSION: Final = 1
"""Raised when an older reader could misread a newer file."""


def write_vectoriser(folder: Path, fitted: TextVectoriser) -> str:
    """Keep a vectoriser in a folder; its SHA-256."""
    tensors: dict[str, Any] = {}
    described: dict[str, Any] = {
        "format_version": FORMAT_VERSION,
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
    path = folder / VECTORISER
    save_file(tensors, path, {"vectoriser": json.dumps(described, ensure_ascii=False)})
    return sha256(path)


def read_vectoriser(folder: Path, expected: object) -> TextVectoriser:
    """The vectoriser that `write_vectoriser` kept.

    Args:
        folder: Folder of the run.
        expected: The SHA-256 that the run wrote down; None if it has no such file.

    Raises:
        CheckpointError: If the file is missing, changed or of another version.
    """
    path = folder / VECTORISER
    if expected is None:
        raise CheckpointError(
            f"{folder}: keeps no text vectoriser; only runs with items.kind='text' have one, those "
            "of older releases must be trained again"
        )
    try:
        if sha256(path) != expected:
            raise CheckpointError(
                f"{path}: its SHA-256 differs from run.json; the file was changed: give back the "
                "old file or train again"
            )
        return _read(path)
    except (OSError, SafetensorError, KeyError, TypeError, ValueError) as error:
        raise CheckpointError(f"{path}: not readable ({error})") from None


def _read(path: Path) -> TextVectoriser:
    with safe_open(path, framework="numpy") as file:
        described = json.loads(file.metadata()["vectoriser"])
        tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    if described["format_version"] != FORMAT_VERSION:
        raise CheckpointError(
            f"{path}: format version {described['format_version']}, this latentrec reads "
            f"{FORMAT_VERSION}; use the release that wrote it, or train again"
        )
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
