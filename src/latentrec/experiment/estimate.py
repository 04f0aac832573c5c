"""How long an experiment will take: a few batches and validation cases of every cell, timed."""

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
from latentrec.data.dataset import Cases, Int64s, SequenceDataset
from latentrec.data.prepare import Prepared
from latentrec.evaluate.evaluate import rank_cases
from latentrec.experiment.execute import check_folders, is_finished, prepared_once
from latentrec.experiment.spec import Cell
from latentrec.model.recommender import Recommender
from latentrec.run.items import add_text
from latentrec.run.run import model_scorer, pick_device
from latentrec.scorer import Scorer
from latentrec.train.loop import TrainingStep, check_targets

BATCHES: Final = 4
"""Timed batches of each phase of training, after one that warms up."""
CASES: Final = 512
"""Most validation cases that are timed."""


def plan(todo: Sequence[Cell]) -> Iterator[tuple[Cell, float]]:
    """Every cell with the minutes that it takes here if it does not stop early; 0 if finished.

    Runs that differ in the seed only take about equally long, so one of them is timed.

    Raises:
        CheckpointError: If a folder holds a run on other data.
        ConfigError: If a folder holds a run with other settings, or a device is not there.
        TrainingError: If there is nothing to train on.
    """
    timed: dict[str, float] = {}
    prepared = prepared_once()
    check_folders(todo, (), prepared)
    for cell in todo:
        train = cell.config.train.model_copy(update={"seed": 0})
        key = cell.config.model_copy(update={"train": train}).model_dump_json()
        if not is_finished(cell) and key not in timed:
            timed[key] = estimate_minutes(cell.config, prepared(cell.config))
        yield cell, 0.0 if is_finished(cell) else timed[key]


def estimate_minutes(config: RunConfig, prepared: Prepared) -> float:
    """Minutes that training and validation of a run take here if it does not stop early.

    A time limit ends a run at the end of an epoch, not within one.

    Args:
        config: The run.
        prepared: Its data.

    Raises:
        ConfigError: If the device is not there.
        TrainingError: If there is nothing to train on.
    """
    dataset = add_text(prepared, config.items, None).dataset
    torch.manual_seed(config.train.seed)
    model, device = build_model(config, dataset.catalogue), pick_device(config.train.device)
    train = dataset.train()
    loss = build_loss(config.loss, train, dataset.catalogue.index.size)
    step = TrainingStep(model, build_objective(config.reasoner, loss)).to(device).train()
    optimiser = build_optimiser(model, config.train)
    samples = build_samples(config, train)
    check_targets(samples)
    judging = _validation_s(model, dataset, config) / config.train.evaluate_every
    warm = min(getattr(config.reasoner, "warmup_epochs", 0), config.train.epochs)
    seconds, limit = 0.0, 60 * (config.train.max_minutes or math.inf)
    for epoch, count in ((0, warm), (config.train.epochs, config.train.epochs - warm)):
        if count and seconds < limit:
            each = judging + _epoch_s(step, optimiser, samples, config, epoch)
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
    weight = next(step.parameters())
    for batch in todo:
        optimiser.zero_grad()
        step(batch.to(weight.device), epoch).total.backward()
        optimiser.step()
    weight.flatten()[0].item()  # waits for the device


def _validation_s(model: Recommender, dataset: SequenceDataset, config: RunConfig) -> float:
    """Seconds of one validation: item vectors and a first case, then some cases for all."""
    valid = dataset.valid
    rows = np.random.default_rng(0).permutation(len(valid))[:CASES]
    started = time.perf_counter()
    scorer = model_scorer(config, model)
    _rank(scorer, dataset, rows[:1], config)
    ready = time.perf_counter()
    _rank(scorer, dataset, rows, config)
    return ready - started + (time.perf_counter() - ready) * len(valid) / len(rows)


def _rank(scorer: Scorer, dataset: SequenceDataset, rows: Int64s, config: RunConfig) -> None:
    of = dataset.valid
    cases = Cases(of.users[rows], of.ends[rows], of.targets[rows], of.timestamps[rows])
    rank_cases(scorer, dataset, cases, exclude_seen=config.evaluate.exclude_seen)
