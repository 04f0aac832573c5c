"""Whether the streams of a model are still several."""

from typing import Final

import numpy as np
import torch

from latentrec.data.batch import TrainingSamples
from latentrec.model.recommender import Recommender
from latentrec.objective.terms import mean_cosine

ALIKE_COSINE: Final = 0.99
"""Mean cosine of states above which they count as one."""
HISTORIES: Final = 256
"""Training histories that are looked at."""


@torch.no_grad()
def stream_cosine(model: Recommender, samples: TrainingSamples) -> float | None:
    """Mean cosine of the streams' pooled states where nothing is dropped; None below two streams.

    In training each stream has dropout masks of its own, which part even equal streams: only
    without them is it seen whether a model has one stream or several (docs/adr/0049).

    The model is left in evaluation mode. No random number is drawn from torch.
    """
    rng = np.random.default_rng(0)
    rows = rng.choice(len(samples), min(HISTORIES, len(samples)), replace=False)
    batch = samples.collate(rows, rng).to(next(model.parameters()).device)
    columns = torch.arange(batch.predicted.shape[1], device=batch.predicted.device)
    last = (batch.predicted * columns).amax(dim=1, keepdim=True)
    model.eval()
    streams = model(batch.items, batch.positions.gather(1, last)).steps[:, 0].mean(dim=2)
    return float(mean_cosine(streams)) if streams.shape[1] > 1 else None
