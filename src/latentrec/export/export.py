"""Export a run: the graphs, the items and a manifest in one folder, checked against torch."""

from dataclasses import dataclass, replace
from importlib.metadata import version
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final, final

import onnx
import torch

from latentrec.config import ClozeConfig
from latentrec.data.dataset import Histories
from latentrec.errors import ConfigError, TrainingError
from latentrec.export.graph import OPSET, scores_graph, with_top_k
from latentrec.export.int8 import quantised, quantised_nodes
from latentrec.export.manifest import (
    ITEMS_FILE,
    MANIFEST,
    SCORES_FILE,
    TOP_K_FILE,
    WEIGHTS_FILE,
    Manifest,
    signature,
)
from latentrec.export.onnx_run import OnnxScorer
from latentrec.export.parity import LARGEST_GAP, drawn, parity
from latentrec.index import FIRST_ITEM
from latentrec.model.reasoner.plr import EarlyExit
from latentrec.run import Run
from latentrec.run.folder import weights_hash, write_json
from latentrec.run.items import write_counted_items
from latentrec.run.run import refuse_blend
from latentrec.train.atomic import publish_folder, sha256

PACKAGES: Final = ("latentrec", "torch", "onnx", "onnxscript", "onnxruntime")


@final
@dataclass(frozen=True)
class Exported:
    """What was written.

    Attributes:
        folder: Where it lies.
        manifest: What stands in manifest.json.
        bytes: Size of all files.
    """

    folder: Path
    manifest: Manifest
    bytes: int


def export(run: Run, folder: str | Path, *, top_k: int = 20, int8: bool = False) -> Exported:
    """Write a run as ONNX graphs into a new folder: history to scores, and history to the best.

    The whole model is inside, reasoning included; item vectors are constants. Both graphs share one
    file of weights. The folder appears whole or not at all.

    Args:
        run: What to export; `run.limited(..)` exports fewer streams or steps.
        folder: Where to; must not exist.
        top_k: List length, at least 1; callers of the graph may ask for another.
        int8: Keep the weights of matrix products in 8 bits.

    Returns:
        What was written, with the parity error against torch.

    Raises:
        ConfigError: If the folder exists, `top_k` is below 1, or the run stops early or is a blend.
        TrainingError: If graph and model differ.
    """
    folder = Path(folder)
    _check(run, folder, top_k)
    folder.parent.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(dir=folder.parent, prefix=f".{folder.name}.") as beside:
        made = Path(beside) / "made"
        made.mkdir()
        manifest = _write(run, made, min(top_k, len(run.index)), int8)
        write_json(made / MANIFEST, manifest.to_json())
        publish_folder(made, folder)
    return Exported(folder, manifest, sum(path.stat().st_size for path in folder.iterdir()))


def _write(run: Run, folder: Path, top_k: int, int8: bool) -> Manifest:
    cloze = isinstance(run.config.encoder, ClozeConfig)
    longest = run.scorer.max_length - cloze
    graph = scores_graph(run.scorer.model, cloze, longest)
    if int8:
        graph = quantised(graph)
    graphs = _write_graphs(graph, folder, top_k)
    counts = run.fallback.scores(Histories.from_lists([[FIRST_ITEM]]))[0].long()
    write_counted_items(
        folder / ITEMS_FILE, replace(run.catalogue, text=None), counts.numpy()[FIRST_ITEM:]
    )
    return Manifest(
        model=run.scorer.name,
        weights="int8" if int8 else "fp32",
        opset=OPSET,
        longest=longest,
        items=len(run.index),
        first_item=FIRST_ITEM,
        top_k=top_k,
        graphs=graphs,
        quantised_nodes=quantised_nodes(graph),
        parity=_checked_parity(run, folder / SCORES_FILE, longest, int8),
        run={"name": run.folder.resolve().name, "weights_sha256": weights_hash(run.folder)},
        versions={name: version(name) for name in PACKAGES},
        sha256={path.name: sha256(path) for path in sorted(folder.iterdir())},
    )


def _write_graphs(scores: onnx.ModelProto, folder: Path, top_k: int) -> dict[str, object]:
    """Both graphs over one file of weights; their signatures by file."""
    onnx.save_model(
        scores,
        str(folder / SCORES_FILE),
        save_as_external_data=True,
        location=WEIGHTS_FILE,
        size_threshold=1024,
    )
    weights = folder / WEIGHTS_FILE
    weights.touch()  # absent if every weight is so small that it stands in the graph
    weights.chmod(0o644)  # onnx makes it readable for its owner alone
    pointing = onnx.load(str(folder / SCORES_FILE), load_external_data=False)
    listing = with_top_k(pointing, top_k)
    onnx.save_model(listing, str(folder / TOP_K_FILE))
    return {SCORES_FILE: signature(pointing), TOP_K_FILE: signature(listing)}


def _checked_parity(run: Run, path: Path, longest: int, int8: bool) -> float:
    scorer = OnnxScorer(path, run.scorer.name, run.index.size, longest)
    gap = parity(run, scorer, drawn(run.index.size, longest))
    if not int8 and not gap <= LARGEST_GAP:
        raise TrainingError(
            f"export: the graph's scores differ from the model's by {gap:.1e} of the largest, at "
            f"most {LARGEST_GAP} was expected; please report it with the run's config.json"
        )
    return gap


def _check(run: Run, folder: Path, top_k: int) -> None:
    if top_k < 1:
        raise ConfigError(f"top_k={top_k}: must be at least 1")
    refuse_blend(run, "export")
    if folder.exists():
        raise ConfigError(f"export folder {folder}: exists already; take another one")
    if isinstance(run.scorer.model.reasoner, EarlyExit):
        raise ConfigError(
            "export: a graph takes the same steps for every history; leave exit_threshold at 0 "
            "and set steps"
        )
    if run.scorer.device != torch.device("cpu"):
        raise ConfigError(
            f"export: the run was loaded to {run.scorer.device}; load it with device='cpu'"
        )
