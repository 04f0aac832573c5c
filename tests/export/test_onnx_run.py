"""An exported run recommends what the run recommends, and its top-k graph lists the same."""

from pathlib import Path

import numpy as np
import pytest

from latentrec.errors import CheckpointError
from latentrec.export import load_exported
from latentrec.export.onnx_run import open_session
from latentrec.run import Run


@pytest.mark.parametrize("exclude_seen", [True, False])
def test_lists_are_those_of_the_run(run: Run, exported: Path, exclude_seen: bool) -> None:
    """Every length, longer than the model reads, unknown items, no known item, allow and deny."""
    ids = list(run.index.all_ids)
    histories = [ids[:n] for n in range(1, 10)] + [[ids[3], "unknown"], ["unknown"]]
    found = load_exported(exported)
    for knobs in ({}, {"allow": ids[5:25]}, {"deny": ids[:4]}):
        asked = {"top_k": 7, "exclude_seen": exclude_seen, **knobs}
        expected = run.recommend(histories, **asked)
        for ours, theirs in zip(found.recommend(histories, **asked), expected, strict=True):
            assert ours.item_ids == theirs.item_ids
            assert (ours.source, ours.unknown_items) == (theirs.source, theirs.unknown_items)
            np.testing.assert_allclose(ours.scores, theirs.scores, atol=3e-5)


def test_the_top_k_graph_hides_and_lists_as_the_run_does(run: Run, exported: Path) -> None:
    """Called as somebody without our code would: item indices in, item indices out."""
    session = open_session(exported / "top_k.onnx")
    items = np.array([[4, 9, 3, 22], [7, 5, 0, 0], [4, 4, 4, 0]])
    histories = [run.index.item_ids(row[row > 0].tolist()) for row in items]
    for exclude_seen in (True, False):
        hidden = items if exclude_seen else np.zeros((3, 1), np.int64)
        feeds = {"items": items, "hidden": hidden}
        for extra, top_k in (({}, 5), ({"top_k": np.array([12])}, 12)):
            best, scores = session.run(["top_items", "top_scores"], feeds | extra)
            wanted = run.recommend(histories, top_k=top_k, exclude_seen=exclude_seen)
            assert [run.index.item_ids(row) for row in best] == [list(w.item_ids) for w in wanted]
            np.testing.assert_allclose(scores, [w.scores for w in wanted], atol=3e-5)


def test_padding_and_mask_are_never_listed(run: Run, exported: Path) -> None:
    session = open_session(exported / "top_k.onnx")
    feeds = {"items": np.array([[4]]), "hidden": np.array([[0]])}
    best, scores = session.run(None, feeds | {"top_k": np.array([len(run.index)])})
    assert sorted(best[0]) == list(range(2, run.index.size))
    assert np.isfinite(scores).all()


def test_a_file_that_is_no_graph_is_named(tmp_path: Path) -> None:
    (tmp_path / "bad.onnx").write_bytes(b"no graph")
    with pytest.raises(CheckpointError, match=r"bad\.onnx: ONNX Runtime cannot read it"):
        open_session(tmp_path / "bad.onnx")
