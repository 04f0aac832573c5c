"""Which training targets a model already ranks high at least once: what post-training is fed."""

from typing import Final

import numpy as np
import torch
from torch import Tensor

from latentrec.data.batch import Batch, Samples, batches
from latentrec.data.targets import only_targets, place_targets
from latentrec.index import FIRST_ITEM
from latentrec.model.reasoner.lares import LaresReasoner
from latentrec.model.recommender import Recommender
from latentrec.objective.target import target_ranks

SEED: Final = 0
"""Seed of the start states from which targets are ranked."""


def reachable_targets(
    model: Recommender, samples: Samples, top_k: int, runs: int, batch_size: int
) -> Samples:
    """The samples with only those targets that are among the best `top_k` in at least one run.

    Each run ranks every target at the depth of evaluation, without dropout, from start states
    drawn anew. Seeds torch's global generators.

    Paper: LARES (arXiv 2505.16865), data of the post-training; details as in the authors' code.

    Args:
        model: A LARES model; put into evaluation mode.
        samples: Training samples.
        top_k: Rank that is good enough.
        runs: Number of runs.
        batch_size: Samples that are ranked at once.
    """
    model.eval()
    torch.manual_seed(SEED)
    device = next(model.parameters()).device
    items = torch.from_numpy(samples.items).long()
    reached = np.zeros(len(samples.items), dtype=np.bool_)
    with torch.inference_mode():
        candidates = model.items.candidates()[FIRST_ITEM:]
        for batch in batches(place_targets(samples), batch_size, np.random.default_rng(SEED)):
            places = batch.targets[batch.predicted]
            wanted = (items[places] - FIRST_ITEM).to(device)
            ranks = _best_ranks(model, batch.to(device), candidates, wanted, runs)
            reached[places.numpy()] = (ranks <= top_k).cpu().numpy()
    return only_targets(samples, reached)


def _best_ranks(
    model: Recommender, batch: Batch, candidates: Tensor, wanted: Tensor, runs: int
) -> Tensor:
    """Best rank of each target of a batch in several runs."""
    reasoner = model.reasoner
    assert isinstance(reasoner, LaresReasoner), "config.py allows post_train with LARES only"
    encoded, rows = model.encode(batch.items), batch.predicted
    found: list[Tensor] = []
    for _ in range(runs):
        start, depth = reasoner.fresh_start(encoded), reasoner.choose_depth()
        reasoned = reasoner.reason(encoded, batch.positions, model.encoder, depth, start)
        queries = model.items.queries(reasoned.infer_state[rows])
        found.append(target_ranks(queries, candidates, wanted))
    return torch.stack(found).amin(0)
