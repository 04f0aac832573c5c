"""The filter of post-training keeps what some run ranks high, judged one target at a time."""

from typing import Literal

import numpy as np
import pytest
import torch

from latentrec.data.batch import training_samples
from latentrec.data.dataset import Histories
from latentrec.index import PAD
from latentrec.model.encoder import TransformerEncoder
from latentrec.model.items import IdItemEncoder
from latentrec.model.reasoner.lares import AddAdapter, LaresReasoner
from latentrec.model.recommender import Recommender
from latentrec.train.reachable import reachable_targets

TRAIN = Histories.from_lists([[2, 5, 9, 4, 7, 3], [8, 6], [10, 2, 11, 5]])


def model(state_scale: float, mean_steps: int = 2) -> Recommender:
    torch.manual_seed(1)
    encoder = TransformerEncoder(8, 1, 1, 8, 4, 0.5, 0.5, causal=True)
    lares = LaresReasoner(AddAdapter(), 8, 1, 1, 8, 4, 0.5, 0.5, mean_steps, 1.0, state_scale)
    built = Recommender(IdItemEncoder(12, 8), encoder, lares)
    for parameter in built.parameters():
        torch.nn.init.normal_(parameter, std=0.5)
    return built


@pytest.mark.parametrize("positions", ["all", "last"])
def test_it_keeps_what_a_plain_ranking_keeps(positions: Literal["all", "last"]) -> None:
    """Without noise each run is the same; every target is ranked alone, as in evaluation."""
    built = model(state_scale=0.0)
    samples = training_samples(TRAIN, 4, positions, "split")
    kept = reachable_targets(built, samples, top_k=3, runs=2, batch_size=2)
    expected: set[int] = set()
    for start, end in zip(TRAIN.offsets[:-1], TRAIN.offsets[1:], strict=True):
        for place in range(int(start) + 1, int(end)):
            window = max(int(start), place - 4)
            if positions == "all":  # windows are cut from the end of each history
                window = max(int(start), int(end) - 1 - 4 * -(-(int(end) - place) // 4))
            history = torch.from_numpy(TRAIN.items[window:place].astype(np.int64))[None]
            with torch.no_grad():
                scores = built.logits(history, torch.tensor([[history.shape[1] - 1]]))[0, 0, 2:]
            rank = int((scores >= scores[TRAIN.items[place] - 2]).sum())
            expected |= {place} if rank <= 3 else set()
    assert kept.labels is not None
    assert set(np.flatnonzero(kept.labels != PAD).tolist()) == expected
    assert 0 < len(expected) < 9


def test_one_good_run_is_enough() -> None:
    """Start states are drawn anew for each run, so many of them reach targets that one misses.

    After a single step the start still matters, whatever numbers a processor draws.
    """
    built, rng = model(state_scale=5.0, mean_steps=1), np.random.default_rng(0)
    rows = [rng.integers(2, 12, rng.integers(2, 7)).tolist() for _ in range(20)]
    samples = training_samples(Histories.from_lists(rows), 4, "last", "split")
    one, again, many = (
        reachable_targets(built, samples, 3, runs, 2).targets for runs in (1, 1, 30)
    )
    assert one == again  # repeatable
    assert 0 < one < many < samples.targets
    assert reachable_targets(built, samples, 10, 1, 2).targets == samples.targets
