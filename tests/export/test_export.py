"""An export is whole, says truly what it is, and refuses what a graph cannot be."""

import json
from pathlib import Path

import pytest

from latentrec.errors import CheckpointError, ConfigError, TrainingError
from latentrec.export import export, load_exported
from latentrec.export import export as package_export
from latentrec.export.export import _checked_parity
from latentrec.export.manifest import SCORES_FILE, read_manifest
from latentrec.model.reasoner.effort import Effort
from latentrec.run import Run


def test_the_manifest_describes_the_graphs(run: Run, exported: Path) -> None:
    """Somebody without our code calls the graph by this file alone."""
    manifest = read_manifest(exported)
    assert (manifest.model, manifest.weights, manifest.longest) == ("sasrec+plr", "fp32", 6)
    assert (manifest.items, manifest.first_item, manifest.top_k) == (len(run.index), 2, 5)
    assert manifest.parity < 3e-5
    signature = manifest.graphs["top_k.onnx"]
    assert [(v["name"], v["shape"]) for v in signature["inputs"]] == [
        ("items", ["rows", "length"]),
        ("hidden", ["rows", "hidden_items"]),
        ("top_k", [1]),
    ]
    assert [v["name"] for v in signature["outputs"]] == ["top_items", "top_scores"]
    written = {path.name for path in exported.iterdir()} - {"manifest.json"}
    assert written == set(manifest.sha256)


def test_no_path_of_this_machine_is_inside(exported: Path) -> None:
    """The exporter notes stacks of source files beside every node."""
    for name in ("scores.onnx", "top_k.onnx"):
        assert b".py" not in (exported / name).read_bytes()


def test_a_changed_file_is_refused(exported: Path, tmp_path: Path) -> None:
    for path in exported.iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    assert load_exported(tmp_path).manifest.model == "sasrec+plr"
    (tmp_path / "weights.bin").write_bytes(b"x" + (exported / "weights.bin").read_bytes()[1:])
    with pytest.raises(CheckpointError, match=r"weights\.bin: its SHA-256 differs"):
        load_exported(tmp_path)
    values = json.loads((exported / "manifest.json").read_text())
    (tmp_path / "manifest.json").write_text(json.dumps(values | {"format_version": 9}))
    with pytest.raises(CheckpointError, match="format_version 9"):
        load_exported(tmp_path)
    with pytest.raises(CheckpointError, match=r"manifest\.json is missing"):
        load_exported(tmp_path / "gone")


def test_what_cannot_be_exported_is_refused_before_work(
    run: Run, exported: Path, tmp_path: Path
) -> None:
    with pytest.raises(ConfigError, match="exists already"):
        export(run, exported)
    with pytest.raises(ConfigError, match="top_k=0"):
        export(run, tmp_path / "a", top_k=0)
    with pytest.raises(ConfigError, match="same steps for every history"):
        export(run.limited(Effort(exit_threshold=0.1)), tmp_path / "a")
    assert package_export is export
    assert list(tmp_path.iterdir()) == []


def test_a_graph_of_other_weights_is_found_out(run: Run, exported: Path) -> None:
    """The parity check can fail: here the run ranks without reasoning, the graph with it."""
    with pytest.raises(TrainingError, match="differ from the model's"):
        _checked_parity(run.limited(Effort(steps=0)), exported / SCORES_FILE, 6, int8=False)
