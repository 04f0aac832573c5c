"""Evaluation end to end: what is ranked, in which order, what can never look good by mistake."""

import numpy as np
import pytest
import torch
from torch import Tensor

from latentrec import blocks
from latentrec.baselines.popularity import Popularity
from latentrec.data.catalogue import Catalogue
from latentrec.data.dataset import Cases, Histories, SequenceDataset
from latentrec.errors import DataError, TrainingError
from latentrec.evaluate.evaluate import Evaluation, evaluate, intervals, rank_cases
from latentrec.evaluate.metrics import metrics_of, value_of
from latentrec.evaluate.ranks import MISS
from latentrec.index import FIRST_ITEM, UNKNOWN, ItemIndex
from latentrec.scorer import Scorer

OPTIONS = {"top_k": (5, 10), "exclude_seen": False, "resamples": 100, "confidence": 0.95}


def dataset_of(rows: list[list[int]], items: int, unknown: tuple[int, ...] = ()) -> SequenceDataset:
    """Leave-one-out by hand: the last item of each row is the test target, all else training."""
    flat = Histories.from_lists(rows)
    index = ItemIndex(f"i{item:04}" for item in range(items))
    targets = np.array([UNKNOWN if u in unknown else row[-1] for u, row in enumerate(rows)])
    users = np.arange(len(rows))
    ends = flat.offsets[1:] - 1
    test = Cases(users, ends, targets.astype(np.int32), np.zeros(len(rows), np.int64))
    none = Cases(users[:0], ends[:0], test.targets[:0], test.timestamps[:0])
    return SequenceDataset(
        index=index,
        catalogue=Catalogue(index),
        user_ids=np.array([f"u{u}" for u in users]),
        items=flat.items,
        timestamps=np.zeros(len(flat.items), np.int64),
        offsets=flat.offsets,
        train_ends=ends,
        valid=none,
        test=test,
        protocol="by hand",
    )


def random_dataset(users: int, items: int, unknown: tuple[int, ...] = ()) -> SequenceDataset:
    rng = np.random.default_rng(0)
    lengths = rng.integers(2, 9, users)
    high = FIRST_ITEM + items
    return dataset_of([rng.integers(FIRST_ITEM, high, n).tolist() for n in lengths], items, unknown)


class Noise:
    """Scores that depend on the history alone, without a tie."""

    name = "noise"

    def __init__(self, size: int) -> None:
        self.size = size
        self.blocks: list[int] = []

    def scores(self, histories: Histories) -> Tensor:
        self.blocks.append(len(histories))
        rows = [histories[row].tolist() for row in range(len(histories))]
        seeds = [torch.Generator().manual_seed(hash(tuple(row)) % 2**31) for row in rows]
        return torch.stack([torch.rand(self.size, generator=seed) for seed in seeds])


class Constant:
    """One score for everything."""

    name = "constant"

    def __init__(self, size: int, score: float = 0.0) -> None:
        self.size, self.score = size, score

    def scores(self, histories: Histories) -> Tensor:
        return torch.full((len(histories), self.size), self.score)


def run(scorer: Scorer, dataset: SequenceDataset, **changed: object) -> Evaluation:
    return evaluate(scorer, dataset, dataset.test, **{**OPTIONS, **changed})


def test_popularity_by_hand() -> None:
    # Training counts: item 2 three times, 3 twice, 4 once, 5 never. Targets: 3, 5, 2.
    dataset = dataset_of([[2, 3, 3], [2, 4, 3, 5], [2, 2]], items=4)
    scorer = Popularity.fit(dataset.train(), dataset.index.size)
    found = run(scorer, dataset)
    assert found.ranks.tolist() == [2, 4, 1]
    assert found.metrics["mrr@5"].value == pytest.approx((1 / 2 + 1 / 4 + 1) / 3)
    # Seen items go (2 and 3; 2, 3 and 4), a target never does (user 2 saw its target 2).
    assert run(scorer, dataset, exclude_seen=True).ranks.tolist() == [1, 1, 1]


def test_a_random_scorer_gets_k_of_n() -> None:
    dataset = random_dataset(users=3000, items=100)
    metrics = run(Noise(dataset.index.size), dataset).metrics
    for k in (5, 10):
        noise = (k / 100 * (1 - k / 100) / 3000) ** 0.5
        assert metrics[f"recall@{k}"].value == pytest.approx(k / 100, abs=4 * noise)


def test_a_random_scorer_gets_the_ndcg_and_mrr_of_chance() -> None:
    """Every rank of N is equally likely, so each metric is its mean over ranks 1 to N."""
    dataset = random_dataset(users=3000, items=100)
    found = run(Noise(dataset.index.size), dataset)
    for name, metric in found.metrics.items():
        each = value_of(np.arange(1, 101), name)
        assert metric.value == pytest.approx(each.mean(), abs=4 * each.std() / 3000**0.5), name


def test_a_random_scorer_differs_from_another_only_by_chance() -> None:
    from latentrec.evaluate.statistics import paired_tests

    dataset = random_dataset(users=1000, items=30)
    first = run(Noise(dataset.index.size), dataset)
    shuffled = np.random.default_rng(1).permutation(first.ranks)
    tests = paired_tests(value_of(first.ranks, "ndcg@10") - value_of(shuffled, "ndcg@10"))
    assert min(tests.t, tests.wilcoxon, tests.permutation) > 1e-3
    assert abs(tests.dz) < 0.12


def test_a_constant_scorer_shows_everybody_the_first_items_and_hits_nothing() -> None:
    from latentrec.evaluate.beyond import beyond

    dataset = random_dataset(users=600, items=100)
    found = run(Constant(dataset.index.size), dataset, list_k=10)
    assert (found.lists == np.arange(2, 12)).all()
    described = beyond(found.lists, dataset, dataset.test)
    assert described.coverage == 0.1
    assert described.gini == pytest.approx(0.9 * 100 / 99)


def test_a_constant_scorer_gets_nothing() -> None:
    dataset = random_dataset(users=50, items=100)
    found = run(Constant(dataset.index.size), dataset)
    assert {metric.value for metric in found.metrics.values()} == {0.0}
    assert set(found.ranks.tolist()) == {100}


def test_a_scorer_of_nan_is_refused_by_name() -> None:
    dataset = random_dataset(users=5, items=20)
    with pytest.raises(TrainingError, match="scorer 'constant'"):
        run(Constant(dataset.index.size, float("nan")), dataset)


def test_unknown_targets_are_misses_and_are_counted() -> None:
    dataset = random_dataset(users=40, items=8, unknown=tuple(range(20)))
    found = run(Noise(dataset.index.size), dataset)
    assert found.unknown_targets == 20
    assert set(found.ranks[:20].tolist()) == {MISS}
    assert found.metrics["recall@10"].value == 0.5  # all 8 items fit into 10 places


@pytest.mark.parametrize("exclude_seen", [False, True])
def test_blocks_and_order_do_not_change_ranks(
    monkeypatch: pytest.MonkeyPatch, exclude_seen: bool
) -> None:
    dataset = random_dataset(users=60, items=30)
    scorer = Noise(dataset.index.size)
    whole = rank_cases(scorer, dataset, dataset.test, exclude_seen=exclude_seen)
    monkeypatch.setattr(blocks, "SCORES_BYTES", 7 * 4 * scorer.size)
    small = Noise(dataset.index.size)
    assert np.array_equal(
        whole, rank_cases(small, dataset, dataset.test, exclude_seen=exclude_seen)
    )
    assert scorer.blocks == [60]
    assert small.blocks == [7] * 8 + [4]


def test_evaluation_repeats_and_agrees_with_the_plain_metrics() -> None:
    dataset = random_dataset(users=80, items=30)
    scorer = Noise(dataset.index.size)
    found = run(scorer, dataset)
    assert found.metrics == run(scorer, dataset).metrics
    plain = metrics_of(found.ranks, OPTIONS["top_k"])
    assert plain == pytest.approx({name: m.value for name, m in found.metrics.items()})
    assert all(m.low <= m.value <= m.high for m in found.metrics.values())
    assert (found.scorer, found.cases, found.candidates) == ("noise", 80, 30)


def test_the_protocol_says_what_was_done() -> None:
    dataset = random_dataset(users=5, items=20)
    scorer = Noise(dataset.index.size)
    shown, hidden = (run(scorer, dataset, exclude_seen=e).protocol for e in (False, True))
    assert shown.startswith("by hand; full ranking of 20 items")
    assert "no item hidden" in shown
    assert "items of the history hidden, never the target" in hidden
    assert "95% bootstrap over users, 100 resamples" in shown


@pytest.mark.parametrize(
    ("confidence", "shown"), [(0.95, "95%"), (0.999, "99.9%"), (0.29, "29%"), (0.9995, "99.95%")]
)
def test_the_protocol_does_not_round_the_confidence(confidence: float, shown: str) -> None:
    """There is no interval of 100%."""
    assert intervals(7, confidence) == f"intervals: {shown} bootstrap over users, 7 resamples"


def test_impossible_evaluations_say_why() -> None:
    dataset = random_dataset(users=5, items=20)
    scorer = Noise(dataset.index.size)
    with pytest.raises(DataError, match="there is no case"):
        evaluate(scorer, dataset, dataset.valid, **OPTIONS)
    with pytest.raises(DataError, match="scorer 'noise' knows 7 items and the data have 20"):
        run(Noise(9), dataset)
    bare = dataset_of([[2, 3], [4]], items=5)
    with pytest.raises(DataError, match=r"case 1 \(user 'u1'\) has no history"):
        run(Noise(bare.index.size), bare)
