"""How long an experiment will take: a few batches of every cell, timed."""

import math
import time
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import Final

import numpy as np
import torch

from latentrec.build import build_loss, build_model, build_objective, build_optimiser, build_samples
from latentrec.config import RunConfig
from latentrec.data.batch import Batch, TrainingSamples, batches
from latentrec.data.prepare import Prepared
from latentrec.experiment.execute import is_finished, prepared_once
from latentrec.experiment.spec import Cell
from latentrec.run.items import add_text
from latentrec.train.loop import TrainingStep

BATCHES: Final = 4
"""Timed batches of each phase of training, after one that warms up."""


def plan(todo: Sequence[Cell]) -> Iterator[tuple[Cell, float]]:
    """Every cell with the most minutes that it takes here; 0 if it is finished.

    The runs of a row take about equally long, so only one of them is timed.
    """
    timed: dict[str, float] = {}
    prepared = prepared_once()
    for cell in todo:
        if not is_finished(cell) and cell.row not in timed:
            timed[cell.row] = estimate_minutes(cell.config, prepared(cell.config))
        yield cell, 0.0 if is_finished(cell) else timed[cell.row]


def estimate_minutes(config: RunConfig, prepared: Prepared) -> float:
    """Most minutes that the training of a run takes here; early stopping may end it sooner.

    Validation is not counted. A time limit ends a run at the end of an epoch, not within one.

    Args:
        config: The run.
        prepared: Its data.
    """
    catalogue = add_text(prepared, config.items, None).dataset.catalogue
    torch.manual_seed(config.train.seed)
    model = build_model(config, catalogue)
    train = prepared.dataset.train()
    loss = build_loss(config.loss, train, catalogue.index.size)
    step = TrainingStep(model, build_objective(config.reasoner, loss)).train()
    optimiser = build_optimiser(model, config.train)
    samples = build_samples(config, train)
    warm = min(getattr(config.reasoner, "warmup_epochs", 0), config.train.epochs)
    seconds, limit = 0.0, 60 * (config.train.max_minutes or math.inf)
    for epoch, count in ((0, warm), (config.train.epochs, config.train.epochs - warm)):
        if count and seconds < limit:
            each = _epoch_s(step, optimiser, samples, config, epoch)
            seconds += each * min(count, _ceil((limit - seconds) / each))
    return seconds / 60


def _ceil(value: float) -> float:
    return value if math.isinf(value) else math.ceil(value)


def _epoch_s(
    step: TrainingStep,
    optimiser: torch.optim.Optimizer,
    samples: TrainingSamples,
    config: RunConfig,
    epoch: int,
) -> float:
    rng = np.random.default_rng(config.train.seed)
    drawn = list(islice(batches(samples, config.train.batch_size, rng, (0, 1)), BATCHES + 1))
    _train(step, optimiser, drawn[:1], epoch)
    timed: Sequence[Batch] = drawn[1:] or drawn
    started = time.perf_counter()
    _train(step, optimiser, timed, epoch)
    targets = sum(int(batch.predicted.sum()) for batch in timed)
    return (time.perf_counter() - started) * samples.targets / targets


def _train(
    step: TrainingStep, optimiser: torch.optim.Optimizer, todo: Iterable[Batch], epoch: int
) -> None:
    for batch in todo:
        optimiser.zero_grad()
        step(batch, epoch).total.backward()
        optimiser.step()
