"""partner.safetensors: the baseline that ranks together with a blended run's model."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, final

import numpy as np
import scipy.sparse as sp

from latentrec.baselines.item_to_item import ItemToItem
from latentrec.run.tensor_file import TensorFile

FILE: Final = TensorFile("partner.safetensors", key="partner", version=1, way_out="blend again")


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
        "decay": partner.links.decay,
        "window": partner.links.window,
        "weight": partner.weight,
        "settings": partner.settings,
    }
    return FILE.write(folder, tensors, described)


def read_partner(folder: Path, expected: object) -> Partner:
    """The partner that `write_partner` kept.

    Args:
        folder: Folder of the run.
        expected: The SHA-256 that the run wrote down.

    Raises:
        CheckpointError: If the file is missing, changed or of another version.
    """
    return FILE.read(folder, expected, _partner)


def _partner(tensors: dict[str, Any], described: dict[str, Any]) -> Partner:
    size = len(tensors["ties"])
    entries = (tensors["values"], tensors["columns"], tensors["starts"])
    links = ItemToItem(
        sp.csr_array(entries, (size, size)),
        described["decay"],
        described["window"],
        tensors["ties"],
    )
    return Partner(links, described["weight"], described["settings"])
