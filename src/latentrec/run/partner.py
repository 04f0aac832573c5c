"""partner.safetensors: the baseline that ranks together with a blended run's model."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, final

import numpy as np
import scipy.sparse as sp
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file

from latentrec.baselines.item_to_item import ItemToItem
from latentrec.errors import CheckpointError
from latentrec.train.atomic import sha256

PARTNER: Final = "partner.safetensors"
FORMAT_VERSION: Final = 1
"""Raised when an older reader could misread a newer file."""


@final
@dataclass(frozen=True)
class Partner:
    """A baseline and how much it counts beside a model.

    Attributes:
        links: The baseline.
        weight: Weight of its standard scores; the model's is 1.
        settings: What was found on validation, in words.
    """

    links: ItemToItem
    weight: float
    settings: str


def write_partner(folder: Path, partner: Partner) -> str:
    """Keep a partner in a run's folder; its SHA-256."""
    weights = sp.csr_array(partner.links.weights)
    tensors = {
        "values": weights.data.astype(np.float32),
        "columns": weights.indices.astype(np.int32),
        "starts": weights.indptr.astype(np.int64),
        "ties": partner.links.ties,
    }
    described: dict[str, Any] = {
        "format_version": FORMAT_VERSION,
        "decay": partner.links.decay,
        "window": partner.links.window,
        "weight": partner.weight,
        "settings": partner.settings,
    }
    path = folder / PARTNER
    save_file(tensors, path, {"partner": json.dumps(described)})
    return sha256(path)


def read_partner(folder: Path, expected: object) -> Partner:
    """The partner that `write_partner` kept.

    Args:
        folder: Folder of the run.
        expected: The SHA-256 that the run wrote down.

    Raises:
        CheckpointError: If the file is missing, changed or of another version.
    """
    path = folder / PARTNER
    try:
        if sha256(path) != expected:
            raise CheckpointError(
                f"{path}: its SHA-256 differs from run.json; the file was changed: give back the "
                "old file or blend again"
            )
        return _read(path)
    except (OSError, SafetensorError, KeyError, TypeError, ValueError) as error:
        raise CheckpointError(f"{path}: not readable ({error}); blend again") from None


def _read(path: Path) -> Partner:
    with safe_open(path, framework="numpy") as file:
        described = json.loads(file.metadata()["partner"])
        tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    if described["format_version"] != FORMAT_VERSION:
        raise CheckpointError(
            f"{path}: format version {described['format_version']}, this latentrec reads "
            f"{FORMAT_VERSION}; use the release that wrote it, or blend again"
        )
    size = len(tensors["ties"])
    entries = (tensors["values"], tensors["columns"], tensors["starts"])
    links = ItemToItem(
        sp.csr_array(entries, (size, size)),
        described["decay"],
        described["window"],
        tensors["ties"],
    )
    return Partner(links, described["weight"], described["settings"])
