"""manifest.json: what an export holds, how to call it, and hashes to check it by."""

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final, final

import onnx

from latentrec.errors import CheckpointError
from latentrec.run.folder import read_json
from latentrec.train.atomic import sha256

FORMAT_VERSION: Final = 1
"""Version of the folder layout; raised when an older reader could misread a newer folder."""
MANIFEST: Final = "manifest.json"
SCORES_FILE: Final = "scores.onnx"
TOP_K_FILE: Final = "top_k.onnx"
WEIGHTS_FILE: Final = "weights.bin"
ITEMS_FILE: Final = "items.parquet"


@final
@dataclass(frozen=True)
class Manifest:
    """What is known of an export.

    Attributes:
        model: Name of the model, for example `sasrec+plr`.
        weights: `fp32` or `int8`.
        opset: Version of the ONNX operators.
        longest: Most items of a history that the graphs take; callers cut off older ones.
        items: Number of items; row i of items.parquet is item index `first_item + i`.
        first_item: Item index of the first item.
        top_k: List length, unless a caller gives another one.
        graphs: Inputs and outputs of each graph, by file.
        quantised_nodes: Matrix products in 8 bits.
        parity: Largest difference from torch's scores over the largest score, on drawn histories.
        run: Folder name of the run, SHA-256 of its best weights.
        versions: Packages that made it.
        sha256: Of every other file.
        format_version: Version of the folder layout.
    """

    model: str
    weights: str
    opset: int
    longest: int
    items: int
    first_item: int
    top_k: int
    graphs: dict[str, Any]
    quantised_nodes: int
    parity: float
    run: dict[str, str]
    versions: dict[str, str]
    sha256: dict[str, str]
    format_version: int = FORMAT_VERSION

    def to_json(self) -> dict[str, Any]:
        """As plain values."""
        return asdict(self)


def read_manifest(folder: Path) -> Manifest:
    """The manifest of an export whose files all have the hashes that stand in it.

    Raises:
        CheckpointError: If there is no sound export.
    """
    path = folder / MANIFEST
    if not path.exists():
        raise CheckpointError(
            f"{folder}: no export there ({MANIFEST} is missing); give the folder that "
            "`latentrec export --out FOLDER` wrote"
        )
    values = read_json(path)
    if values.get("format_version") != FORMAT_VERSION:
        raise CheckpointError(
            f"{path}: format_version {values.get('format_version')!r}, this latentrec reads "
            f"{FORMAT_VERSION}; export the run again"
        )
    try:
        manifest = Manifest(**values)
        wrong = [n for n, known in manifest.sha256.items() if sha256(folder / n) != known]
    except (TypeError, OSError) as error:
        raise CheckpointError(f"{path}: not readable ({error}); export the run again") from None
    if wrong:
        raise CheckpointError(
            f"{folder / wrong[0]}: its SHA-256 differs from {MANIFEST}; export the run again"
        )
    return manifest


def signature(model: onnx.ModelProto) -> dict[str, Any]:
    """Names, types and shapes of a graph's inputs and outputs; a name in a shape is any size."""
    graph = model.graph
    return {"inputs": _values(graph.input), "outputs": _values(graph.output)}


def _values(infos: Any) -> list[dict[str, Any]]:
    return [
        {
            "name": info.name,
            "type": onnx.TensorProto.DataType.Name(info.type.tensor_type.elem_type).lower(),
            "shape": [d.dim_param or d.dim_value for d in info.type.tensor_type.shape.dim],
        }
        for info in infos
    ]
