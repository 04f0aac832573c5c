"""The training loop: an iterator of epoch reports, repeatable and resumable."""

import os
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from typing import Final, final

import numpy as np
import torch
from accelerate import Accelerator
from accelerate.utils import DistributedDataParallelKwargs
from torch import Tensor, nn

from latentrec.config import TrainConfig
from latentrec.data.batch import Batch, TrainingSamples, batches
from latentrec.errors import TrainingError
from latentrec.model.recommender import Recommender
from latentrec.objective.contract import Losses, Objective
from latentrec.train.checkpoint import CheckpointFolder, TrainingState, load_model, load_optimiser
from latentrec.train.stopping import Stopping
from latentrec.train.streams import ALIKE_COSINE, stream_cosine
from latentrec.train.sums import LossSums

Validate = Callable[[Recommender], dict[str, float]]
"""Computes validation metrics of a model; given by the caller, since evaluation lies above."""

OnStep = Callable[["Step"], None]
"""Told now and then, and at the end of every epoch, how far training is; for progress bars."""


FAR_NATS: Final = 5.0
"""Mean divergence of reasoning states above which they count as driven apart."""


@final
@dataclass(frozen=True)
class Step:
    """How far an epoch is, and the running means of the loss parts."""

    epoch: int
    targets_done: int
    targets: int
    losses: dict[str, float]
    targets_per_s: float


@final
@dataclass(frozen=True)
class EpochReport:
    """One finished epoch.

    Attributes:
        epoch: Counted from 1.
        losses: Mean of every loss part and diagnostic, weighted by targets.
        metrics: Validation metrics, empty in epochs without validation.
        train_s: Seconds of training.
        validate_s: Seconds of validation.
        targets_per_s: Training targets a second.
        best_epoch: Best epoch so far.
        is_best: Whether this one is it.
        warnings: Collapse alarm and the like, in words.
        stop: Why training ends after this epoch, None while it goes on.
    """

    epoch: int
    losses: dict[str, float]
    metrics: dict[str, float]
    train_s: float
    validate_s: float
    targets_per_s: float
    best_epoch: int
    is_best: bool
    warnings: tuple[str, ...]
    stop: str | None


Record = Callable[[EpochReport], None]
"""Keeps a report, for example in metrics.jsonl."""


@final
class TrainingStep(nn.Module):
    """Model and objective as one module, so that data-parallel wrappers see the whole step."""

    def __init__(self, model: Recommender, objective: Objective) -> None:
        super().__init__()
        self.model = model
        self.objective = objective

    def forward(self, batch: Batch, epoch: int) -> Losses:
        """The losses of one batch."""
        return self.objective(self.model.held(), batch, epoch)


def fit(
    model: Recommender,
    objective: Objective,
    optimiser: torch.optim.Optimizer,
    samples: TrainingSamples,
    config: TrainConfig,
    validate: Validate,
    checkpoints: CheckpointFolder,
    record: Record,
    resume: bool = False,
    on_step: OnStep | None = None,
) -> Iterator[EpochReport]:
    """Train until the last epoch, the time limit or early stopping, one report an epoch.

    Every epoch draws its order and dropout from (seed, epoch), so a run gives the same numbers
    twice on one machine, and a resumed run those of an uninterrupted one (docs/adr/0012).

    Args:
        model: Trained in place.
        objective: What is minimised.
        optimiser: Over the model's parameters.
        samples: Training samples.
        config: Batch size, epochs, patience and the like.
        validate: Validation metrics of the model; must hold `config.monitor`.
        checkpoints: Where best and last are saved after every epoch.
        record: Writes down every report, before the checkpoint of its epoch is saved.
        resume: Go on from the last checkpoint; epochs, patience and time limit may have changed.
        on_step: Told several times a second how far training is.

    Raises:
        TrainingError: If there is nothing to train on, or a loss or weight is not finite.
        CheckpointError: If `resume` finds no sound checkpoint.
    """
    check_targets(samples)
    trainer = _Trainer(model, objective, optimiser, samples, config, on_step)
    progress = _Progress(Stopping(config.patience, warmup_epochs=objective.warmup_epochs))
    if resume:
        progress = _resume(model, optimiser, checkpoints, config, objective.warmup_epochs)
    while not progress.stop:
        losses, train_s = trainer.run_epoch(progress.epoch)
        started = time.perf_counter()
        if "state_cosine" in losses and (cosine := stream_cosine(model, samples)) is not None:
            losses["stream_cosine"] = cosine
        metrics = validate(model) if progress.judge_next(config, train_s) else {}
        validate_s = time.perf_counter() - started
        progress = progress.after(config, metrics, train_s + validate_s)
        report = EpochReport(
            epoch=progress.epoch,
            losses=losses,
            metrics=metrics,
            train_s=train_s,
            validate_s=validate_s,
            targets_per_s=samples.targets / train_s,
            best_epoch=progress.stopping.best_epoch,
            is_best=progress.is_best,
            warnings=tuple(_alarms(losses, at_the_end=progress.stop is not None)),
            stop=progress.stop,
        )
        if trainer.is_main:
            record(report)  # before the checkpoint: a resumed run drops lines of unsaved epochs
            state = TrainingState(progress.epoch, asdict(progress))
            checkpoints.save(model, optimiser, state, progress.is_best)
        yield report


def check_targets(samples: TrainingSamples) -> None:
    """Refuse samples that hold nothing to train on.

    Raises:
        TrainingError: If there is no target.
    """
    if not len(samples):
        raise TrainingError(
            "no training targets: every user has fewer than two training interactions"
        )


@final
@dataclass(frozen=True)
class _Progress:
    """Where training stands between two epochs; part of every checkpoint."""

    stopping: Stopping
    epoch: int = 0
    elapsed_s: float = 0.0
    stop: str | None = None

    @property
    def is_best(self) -> bool:
        return self.stopping.best_epoch == self.epoch

    def judge_next(self, config: TrainConfig, train_s: float) -> bool:
        """Whether the epoch that has just been trained is validated; the last one always is."""
        epoch, over = self.epoch + 1, _is_over(config, self.elapsed_s + train_s)
        return over or epoch % config.evaluate_every == 0 or epoch == config.epochs

    def after(self, config: TrainConfig, metrics: dict[str, float], took_s: float) -> "_Progress":
        """The state after one more epoch."""
        epoch, elapsed_s = self.epoch + 1, self.elapsed_s + took_s
        stopping = self.stopping.after(epoch, metrics[config.monitor]) if metrics else self.stopping
        return _Progress(
            stopping, epoch, elapsed_s, _reason_to_stop(config, stopping, epoch, elapsed_s)
        )


def _resume(
    model: Recommender,
    optimiser: torch.optim.Optimizer,
    checkpoints: CheckpointFolder,
    config: TrainConfig,
    warmup_epochs: int,
) -> _Progress:
    """The saved state, under what the configuration says now of epochs, patience and time."""
    path = checkpoints.find("last")
    state = load_model(path, model)
    load_optimiser(path, model, optimiser)
    now = {"patience": config.patience, "warmup_epochs": warmup_epochs}
    stopping = Stopping(**state.progress["stopping"] | now)
    elapsed_s = state.progress["elapsed_s"]
    stop = _reason_to_stop(config, stopping, state.epoch, elapsed_s)
    return _Progress(stopping, state.epoch, elapsed_s, stop)


def _is_over(config: TrainConfig, elapsed_s: float) -> bool:
    return config.max_minutes is not None and elapsed_s >= 60 * config.max_minutes


def _reason_to_stop(
    config: TrainConfig, stopping: Stopping, epoch: int, elapsed_s: float
) -> str | None:
    if stopping.exhausted:
        return f"no better {config.monitor} for {config.patience} validations"
    if _is_over(config, elapsed_s):
        return f"the time limit of {config.max_minutes:g} minutes is reached"
    return f"all {config.epochs} epochs are done" if epoch >= config.epochs else None


def _alarms(losses: dict[str, float], at_the_end: bool) -> Iterator[str]:
    if losses.get("state_cosine", 0.0) > ALIKE_COSINE:
        yield (
            f"reasoning states are alike (mean cosine {losses['state_cosine']:.3f}, pairwise KL "
            f"{losses['pairwise_kl']:.2g} nats), collapsed into one; raise reasoner.kl_weight"
        )
    if at_the_end and losses.get("stream_cosine", 0.0) > ALIKE_COSINE:
        yield (
            f"the streams are one where nothing is dropped (mean cosine "
            f"{losses['stream_cosine']:.4f}): they rank as a single one would; raise "
            "reasoner.trigger_std, or save their time with reasoner.streams=1"
        )
    if at_the_end and losses.get("pairwise_kl", 0.0) > FAR_NATS:
        yield (
            f"reasoning states are far apart (pairwise KL {losses['pairwise_kl']:.1f} nats): "
            "diversity outgrew the next item, and a step may rank badly by itself (see `latentrec "
            "analyse RUN ceiling`); lower reasoner.kl_weight"
        )


@final
class _Trainer:
    """What one epoch needs: the wrapped step, the device, and the order of batches."""

    def __init__(
        self,
        model: Recommender,
        objective: Objective,
        optimiser: torch.optim.Optimizer,
        samples: TrainingSamples,
        config: TrainConfig,
        on_step: OnStep | None,
    ) -> None:
        # A warm-up uses no reasoner; buffers are constants, the same on every process.
        unused = DistributedDataParallelKwargs(find_unused_parameters=True, broadcast_buffers=False)
        # Accelerate knows one device for all runs of a process. A run that has the process to
        # itself stays where its model is: the next one may be elsewhere.
        several = int(os.environ.get("WORLD_SIZE", "1")) > 1
        self.accelerator = Accelerator(
            device_placement=several,
            cpu=several and config.device == "cpu",
            kwargs_handlers=[unused],
        )
        self.device = self.accelerator.device if several else next(model.parameters()).device
        step = TrainingStep(model, objective).to(self.device)
        self.step, self.optimiser = self.accelerator.prepare(step, optimiser)
        self.samples, self.config, self.on_step = samples, config, on_step
        self.parameters = list(model.parameters())

    @property
    def is_main(self) -> bool:
        return self.accelerator.is_main_process

    def run_epoch(self, epoch: int) -> tuple[dict[str, float], float]:
        """Train one epoch; the mean of every loss part, and the seconds it took."""
        rng = np.random.default_rng([self.config.seed, epoch])
        torch.manual_seed(int(rng.integers(2**62)))
        self.step.train()
        started, sums = time.perf_counter(), LossSums(epoch)
        share = (self.accelerator.process_index, self.accelerator.num_processes)
        for batch in batches(self.samples, self.config.batch_size, rng, share):
            count = int(batch.predicted.sum())  # on the CPU: nobody waits for the device
            sums.add(self._update(batch.to(self.device), epoch), count)
            if sums.due:
                self._look(epoch, sums, started)
        self._look(epoch, sums, started)
        _check_weights(self.parameters, epoch)
        return sums.means, time.perf_counter() - started

    def _update(self, batch: Batch, epoch: int) -> dict[str, Tensor]:
        # Not Accelerate's own precision, which is one for all runs of a process.
        bf16 = self.config.precision == "bf16"
        with torch.autocast(self.device.type, torch.bfloat16, enabled=bf16):
            losses: Losses = self.step(batch, epoch)
        self.optimiser.zero_grad()
        self.accelerator.backward(losses.total)
        if self.config.gradient_clip:
            self.accelerator.clip_grad_norm_(self.parameters, self.config.gradient_clip)
        self.optimiser.step()
        return {"loss": losses.total.detach(), **losses.parts}

    def _look(self, epoch: int, sums: LossSums, started: float) -> None:
        """Wait for the device, check the losses so far and tell about them."""
        sums.read()
        if self.on_step is not None:
            speed = sums.done / (time.perf_counter() - started)
            self.on_step(Step(epoch + 1, sums.done, self.samples.targets, sums.means, speed))


def _check_weights(parameters: list[nn.Parameter], epoch: int) -> None:
    """The last update of an epoch may break what its losses do not show yet."""
    norms = torch.stack([parameter.detach().norm() for parameter in parameters])
    if not bool(norms.isfinite().all()):
        raise TrainingError(
            f"epoch {epoch + 1}: a weight is not finite after the last update; the last "
            "checkpoint is kept. Lower train.learning_rate"
        )
