"""What is recommended is what was judged: rank r in the evaluation is place r in the list.

Evaluation counts, recommendation sorts, and one works on item indices, the other on item ids. If
they parted, published figures would say nothing about the lists that users see.
"""

import numpy as np
import pytest
import torch

from latentrec.configure import parse_config
from latentrec.data.dataset import SequenceDataset
from latentrec.data.prepare import Prepared, prepare
from latentrec.evaluate.evaluate import rank_cases
from latentrec.index import UNKNOWN
from latentrec.run import Run, blend, fit, load

TOP_K = 10
GAP = 1e-5
"""Scores closer than this may change places between two ways of putting batches together."""


@pytest.fixture(
    scope="module",
    params=[("sasrec", "none"), ("sasrec", "plr"), ("bert4rec-cloze", "none"), ("sasrec", "blend")],
    ids="-".join,
)
def trained(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Run, Prepared]:
    encoder, reasoner = request.param
    blended = reasoner == "blend"
    config = parse_config(
        {
            "data": {"users": 150, "items": 40, "interests": 6, "mean_length": 8},
            "encoder": {"kind": encoder, "dim": 8, "inner": 8, "layers": 1, "max_length": 6},
            "reasoner": {"kind": "none" if blended else reasoner},
            "train": {"epochs": 4, "learning_rate": 0.01, "batch_size": 16, "device": "cpu"},
        }
    )
    folder = tmp_path_factory.mktemp("runs") / encoder
    prepared = prepare(config.data, config.split)
    list(fit(config, folder, prepared=prepared))
    if blended:
        return blend(folder, folder.with_name("blend"), partner="item-knn"), prepared
    return load(folder, device="cpu"), prepared


def clear_cases(run: Run, dataset: SequenceDataset) -> list[int]:
    """Test cases with a known, unseen target whose score no other item comes near."""
    scores = run.ranker.scores(dataset.histories(dataset.test))
    chosen: list[int] = []
    for row, target in enumerate(dataset.test.targets.tolist()):
        history = dataset.histories(dataset.test, row, row + 1)[0]
        if target == UNKNOWN or target in history:
            continue
        near = (scores[row, 2:] - scores[row, target]).abs() < GAP
        if int(torch.count_nonzero(near)) == 1:
            chosen.append(row)
    return chosen


def test_the_rank_of_the_evaluation_is_the_place_in_the_list(
    trained: tuple[Run, Prepared],
) -> None:
    run, prepared = trained
    dataset = prepared.dataset
    ranks = rank_cases(run.ranker, dataset, dataset.test, exclude_seen=True)
    rows = clear_cases(run, dataset)
    cases = [dataset.histories(dataset.test, row, row + 1)[0] for row in rows]
    lists = run.recommend([run.index.item_ids(items.tolist()) for items in cases], top_k=TOP_K)
    hits = 0
    for row, found in zip(rows, lists, strict=True):
        (target,) = run.index.item_ids([int(dataset.test.targets[row])])
        place = found.item_ids.index(target) + 1 if target in found.item_ids else None
        assert place == (ranks[row] if ranks[row] <= TOP_K else None)
        hits += place is not None
    assert len(rows) > 50  # else the test would say nothing
    assert 10 < hits < len(rows)


def test_seen_items_are_hidden_from_both(trained: tuple[Run, Prepared]) -> None:
    """Hiding the history moves targets up by exactly the seen items that stood before them."""
    run, prepared = trained
    dataset = prepared.dataset
    hidden = rank_cases(run.ranker, dataset, dataset.test, exclude_seen=True)
    shown = rank_cases(run.ranker, dataset, dataset.test, exclude_seen=False)
    scores = run.ranker.scores(dataset.histories(dataset.test)).numpy()
    rows = clear_cases(run, dataset)
    for row in rows:
        seen = np.unique(dataset.histories(dataset.test, row, row + 1)[0])
        before = int((scores[row, seen] > scores[row, dataset.test.targets[row]]).sum())
        assert shown[row] - hidden[row] == before
    assert (shown > hidden).any()
