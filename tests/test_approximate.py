"""The item index: the flat kind is exact, the others are measured, and seen items stay hidden."""

import json
from pathlib import Path

import numpy as np
import pytest

from latentrec.approximate import (
    ApproximateRun,
    build_vectors,
    drawn,
    load_approximate,
    recall,
    save_vectors,
)
from latentrec.configure import parse_config
from latentrec.errors import CheckpointError, ConfigError, UnknownItemError
from latentrec.run import Run, fit, load


def trained(folder: Path, items: dict[str, object]) -> Run:
    config = parse_config(
        {
            "data": {"users": 150, "items": 400, "interests": 6, "mean_length": 8},
            "items": items,
            "encoder": {"dim": 8, "inner": 12, "layers": 1, "max_length": 6},
            "train": {"epochs": 1, "learning_rate": 0.05, "device": "cpu"},
        }
    )
    list(fit(config, folder))
    return load(folder, device="cpu")


@pytest.fixture(scope="module", params=["id", "text"])
def run(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Run:
    """Scored by products, and by cosines."""
    text = {"kind": "text", "experts": 2, "dim_text": 6}
    items = text if request.param == "text" else {}
    return trained(tmp_path_factory.mktemp("runs") / request.param, items)


@pytest.mark.parametrize("exclude_seen", [True, False])
def test_the_flat_index_is_exact(run: Run, exclude_seen: bool) -> None:
    """Also behind hidden and denied items, with unknown ones, and where nothing is known."""
    flat = ApproximateRun(run, build_vectors(run, "flat"))
    histories = [run.index.item_ids(row) for row in drawn(run, 20)]
    histories += [["unknown"], [*histories[0], "unknown"]]
    deny = run.recommend(histories[:1], top_k=2)[0].item_ids
    found = flat.recommend(histories, exclude_seen=exclude_seen, deny=deny)
    expected = run.recommend(histories, exclude_seen=exclude_seen, deny=deny)
    for ours, exact in zip(found, expected, strict=True):
        assert (ours.source, ours.unknown_items) == (exact.source, exact.unknown_items)
        assert len(ours.item_ids) == 10
        np.testing.assert_allclose(ours.scores, exact.scores, rtol=1e-4, atol=1e-5)
        close = np.isclose(np.diff(exact.scores), 0, atol=1e-5).any()
        assert close or ours.item_ids == exact.item_ids
    rows = drawn(run, 50)
    assert recall(flat, rows, 10) > 0.99  # ties may change places


@pytest.mark.parametrize("kind", ["hnsw", "ivf"])
def test_recall_rises_with_effort(run: Run, kind: str) -> None:
    rows = drawn(run, 50)
    little, much = (
        recall(ApproximateRun(run, build_vectors(run, kind, effort)), rows, 10)
        for effort in (1, 400)
    )
    # Small catalogues hold no hard case for a graph, nor do the few distinct texts for cells.
    easy = kind == "hnsw" or run.config.items.kind == "text"
    assert little <= much if easy else little < much, (little, much)
    assert much > 0.95, much


def test_lists_are_full_behind_seen_items(run: Run) -> None:
    """A search for `top_k` alone would come back short after the hidden items are taken out."""
    flat = ApproximateRun(run, build_vectors(run, "flat"))
    best = run.recommend([[run.index.all_ids[0]]], top_k=30, exclude_seen=False)[0]
    (found,) = flat.recommend([list(best.item_ids)], top_k=10)
    assert len(found.item_ids) == 10
    assert not set(found.item_ids) & set(best.item_ids)
    (rest,) = flat.recommend([list(best.item_ids)], top_k=10_000)
    assert len(rest.item_ids) == len(run.index) - 30


def test_a_kept_index_is_checked(run: Run, tmp_path: Path) -> None:
    approximate = ApproximateRun(run, build_vectors(run, "ivf", 3))
    folder = save_vectors(approximate, {"recall@10": 0.5})
    again = load_approximate(run)
    assert (again.vectors.kind, again.vectors.effort) == ("ivf", 3)
    histories = [run.index.item_ids(row) for row in drawn(run, 5)]
    assert again.recommend(histories) == approximate.recommend(histories)
    about = json.loads((folder / "index.json").read_text())
    assert about["measured"] == {"recall@10": 0.5}
    (folder / "index.json").write_text(json.dumps(about | {"weights_sha256": "other"}))
    with pytest.raises(CheckpointError, match="changed since it was made"):
        load_approximate(run)
    (folder / "index.json").unlink()
    with pytest.raises(CheckpointError, match="has no item index"):
        load_approximate(run)


def test_wrong_questions_are_refused(run: Run) -> None:
    flat = ApproximateRun(run, build_vectors(run, "flat"))
    known = [run.index.all_ids[0]]
    with pytest.raises(ConfigError, match="top_k=0"):
        flat.recommend([known], top_k=0)
    with pytest.raises(UnknownItemError, match="zz"):
        flat.recommend([known], deny=["zz"])
    with pytest.raises(ConfigError, match="index kind 'tree'"):
        build_vectors(run, "tree")
