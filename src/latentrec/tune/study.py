"""A study: trials asked for, trained with pruning, told; everything kept, so that it can go on."""

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal, final

import numpy as np

from latentrec.config import RunConfig
from latentrec.data.prepare import Prepared, prepare
from latentrec.errors import ConfigError, TrainingError
from latentrec.run import fit
from latentrec.run.folder import CONFIG, METRICS, read_metrics
from latentrec.run.run import pick_device
from latentrec.train.loop import EpochReport, OnStep
from latentrec.tune.feasible import check_space
from latentrec.tune.space import Dimension, Space, Value
from latentrec.tune.trial import Trial, folder_of, kept

if TYPE_CHECKING:
    import optuna

JOURNAL: Final = "journal.log"
"""Optuna's storage in the folder of the study."""
NAME: Final = "latentrec"
STARTUP_TRIALS: Final = 5
"""Trials before any is pruned."""
WARMUP_EPOCHS: Final = 5
"""Epochs before the first after which a trial may be pruned: warm-ups of reasoners look alike."""

USUAL_TRIALS: Final = 20
"""Trials of a study that is not told how many."""

OnEpoch = Callable[[EpochReport], None]


@final
@dataclass(frozen=True)
class Plan:
    """What a study is.

    Attributes:
        space: What is tried.
        configure: The configuration with some settings `section.key=value` laid over it.
        out: Folder of the study; new, or that of the same study.
        sampler: `tpe` learns from the trials before, `grid` takes each point once, shuffled.
        trials: Most trials; None for 20, or for all points of a grid.
        minutes: No trial starts after this many minutes of one call.
        seed: Seed of the draws; the seed of training stays that of the configuration.
        prune: Stop trials that do worse than the median of others at the same epoch.

    Raises:
        ConfigError: If a grid has ranges, the space does not fit, or the device is not there.
    """

    space: Space
    configure: Callable[[Sequence[str]], RunConfig]
    out: Path
    sampler: Literal["tpe", "grid"] = "tpe"
    trials: int | None = None
    minutes: float | None = None
    seed: int = 0
    prune: bool = True

    def __post_init__(self) -> None:
        if self.sampler == "grid" and self.space.points is None:
            raise ConfigError(
                "sampler 'grid': the space has ranges (low, high); list values, or take "
                "--sampler tpe"
            )
        check_space(self.space, self.configure)
        pick_device(self.configure(()).train.device)  # would be no trial's fault

    @property
    def most(self) -> int:
        """Most trials."""
        points = self.space.points
        if self.sampler == "tpe" or points is None:
            return self.trials or USUAL_TRIALS
        return min(self.trials or points, points)


def tune(
    plan: Plan, on_step: OnStep | None = None, on_epoch: OnEpoch | None = None
) -> Iterator[Trial]:
    """Train trial after trial; what the folder holds of this study is kept and not done again.

    A trial is trained like any run and judged by validation alone: no test case is read.

    Args:
        plan: The study.
        on_step: Told about every batch.
        on_epoch: Told about every epoch.

    Raises:
        ConfigError: If the folder holds another study, also one on other data, or Optuna is not
            installed.
        DataError: If the data break a rule.
    """
    optuna = _optuna()
    started = time.monotonic()
    study, config = _open(plan, optuna), plan.configure(())
    prepared, monitor = prepare(config.data, config.split), config.train.monitor
    _check_same(plan, study, {"data_fingerprint": prepared.report.fingerprint})
    _take_up_interrupted(study)
    while _finished(study) < plan.most and not _is_over(plan, started):
        trial = _draw(plan, study, optuna)
        known = _same_values(study, trial)
        if known is None:
            state = _train(plan, trial, prepared, on_step, on_epoch)
        else:
            trial.set_user_attr("folder", folder_of(known))
            state = known.state.name
        found = kept(plan.out, monitor, trial, state)
        study.tell(
            trial,
            found.valid if state == "COMPLETE" else None,
            state=optuna.trial.TrialState[state],
        )
        yield found


def trials_of(plan: Plan) -> list[Trial]:
    """All finished trials of the study's folder, in their order."""
    study = _open(plan, _optuna())
    monitor = plan.configure(()).train.monitor
    again = {trial.user_attrs.get("again") for trial in study.trials}
    return [
        kept(plan.out, monitor, t, t.state.name)
        for t in study.trials
        if t.state.is_finished() and t.number not in again
    ]


def _optuna() -> Any:
    """Optuna, quiet.

    Raises:
        ConfigError: If it is not installed.
    """
    try:
        import optuna
    except ImportError:
        raise ConfigError("tuning needs Optuna: pip install 'latentrec[tune]'") from None
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    return optuna


def _open(plan: Plan, optuna: Any) -> "optuna.Study":
    """The study of a folder, made if there is none; another one's folder is refused."""
    plan.out.mkdir(parents=True, exist_ok=True)
    journal = optuna.storages.journal
    backend = journal.JournalFileBackend(str(plan.out / JOURNAL))
    study = optuna.create_study(
        storage=optuna.storages.JournalStorage(backend),
        study_name=NAME,
        direction="maximize",
        load_if_exists=True,
        pruner=_pruner(plan, optuna),
    )
    described = {
        "space": plan.space.model_dump(mode="json"),
        "config": plan.configure(()).model_dump(mode="json"),
        "sampler": plan.sampler,
        "seed": plan.seed,
        "prune": plan.prune,
    }
    _check_same(plan, study, described)
    return study


def _check_same(plan: Plan, study: "optuna.Study", described: dict[str, Any]) -> None:
    """Write down what a study is; raise ConfigError if it was something else before."""
    known = study.user_attrs
    for name, value in described.items():
        if known.get(name, value) != value:
            raise ConfigError(
                f"tuning folder {plan.out}: holds a study with another {name.replace('_', ' ')}; "
                "take another --out, or start it as before"
            )
        study.set_user_attr(name, value)


def _pruner(plan: Plan, optuna: Any) -> Any:
    """What stops trials; Optuna asks from which epoch on, the first being 1."""
    if not plan.prune:
        return optuna.pruners.NopPruner()
    return optuna.pruners.MedianPruner(STARTUP_TRIALS, WARMUP_EPOCHS + 1)


def _take_up_interrupted(study: "optuna.Study") -> None:
    """Queue trials that an interrupted command left behind: they go on in their folders."""
    from optuna.trial import TrialState

    queued = {trial.user_attrs.get("again") for trial in study.trials}
    for trial in study.get_trials(states=(TrialState.RUNNING,)):
        if trial.number not in queued:  # first, so that no kill in between loses it
            attributes = {"again": trial.number, "folder": folder_of(trial)}
            study.enqueue_trial(trial.params, user_attrs=attributes)
        study.tell(trial.number, state=TrialState.FAIL)


def _finished(study: "optuna.Study") -> int:
    """Finished trials; one that was interrupted and taken up again counts once."""
    trials = study.trials
    again = sum("again" in trial.user_attrs for trial in trials)
    return sum(trial.state.is_finished() for trial in trials) - again


def _is_over(plan: Plan, started: float) -> bool:
    return plan.minutes is not None and time.monotonic() - started >= 60 * plan.minutes


def _draw(plan: Plan, study: "optuna.Study", optuna: Any) -> "optuna.Trial":
    """The next trial, its values drawn from (seed, draws before): the same after a restart."""
    trials = study.trials
    draws = sum("again" not in trial.user_attrs for trial in trials)
    state = np.random.SeedSequence([plan.seed, draws]).generate_state(1)
    study.sampler = optuna.samplers.TPESampler(seed=int(state[0]))
    waiting = any(trial.state.name == "WAITING" for trial in trials)
    if plan.sampler == "grid" and not waiting:
        study.enqueue_trial(next_point(plan, [trial.params for trial in trials]))
    return study.ask({d.name: _distribution(d, optuna) for d in plan.space.search})


def next_point(plan: Plan, tried: Sequence[dict[str, Value]]) -> dict[str, Value]:
    """The first point of the shuffled grid that was not tried."""
    names = [dimension.name for dimension in plan.space.search]
    points = [
        dict(zip(names, p, strict=True)) for p in product(*(d.values for d in plan.space.search))
    ]
    order = np.random.default_rng(plan.seed).permutation(len(points))
    return next(points[i] for i in order if points[i] not in tried)


def _distribution(dimension: Dimension, optuna: Any) -> Any:
    if dimension.values:
        return optuna.distributions.CategoricalDistribution(dimension.values)
    return optuna.distributions.FloatDistribution(dimension.low, dimension.high, log=dimension.log)


def _same_values(study: "optuna.Study", trial: "optuna.Trial") -> "optuna.trial.FrozenTrial | None":
    """An earlier trial with the same values, which need not be trained twice."""
    for known in study.trials:
        if known.state.name in ("COMPLETE", "PRUNED") and known.params == trial.params:
            return known
    return None


def _train(
    plan: Plan,
    trial: "optuna.Trial",
    prepared: Prepared,
    on_step: OnStep | None,
    on_epoch: OnEpoch | None,
) -> str:
    """Train a trial in its folder, or go on there; the name of the state that it ends in."""
    folder = plan.out / folder_of(trial)
    resume = (folder / CONFIG).exists()
    try:
        config = plan.configure(plan.space.overrides(trial.params))
        reports = fit(config, folder, prepared=prepared, resume=resume, on_step=on_step)
        for line in read_metrics(folder / METRICS):
            _report(trial, line["epoch"], line["metrics"], config)
        for report in reports:
            if on_epoch is not None:
                on_epoch(report)
            _report(trial, report.epoch, report.metrics, config)
            if report.metrics and trial.should_prune():
                return "PRUNED"
    except (ConfigError, TrainingError) as error:  # its values do not go together, or diverge
        trial.set_user_attr("reason", str(error))
        return "FAIL"
    return "COMPLETE"


def _report(
    trial: "optuna.Trial", epoch: int, metrics: dict[str, float], config: RunConfig
) -> None:
    if metrics:
        trial.report(metrics[config.train.monitor], epoch)
