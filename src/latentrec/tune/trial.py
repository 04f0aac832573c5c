"""What came of a trial, the best of several, and their table."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal, TypeAlias, final

from latentrec.errors import ConfigError
from latentrec.evaluate.grid import Grid, grids_markdown
from latentrec.run.folder import METRICS, best_value, read_metrics
from latentrec.tune.space import Value

if TYPE_CHECKING:
    import optuna

State: TypeAlias = Literal["done", "pruned", "failed"]
STATES: Final[Mapping[str, State]] = {"COMPLETE": "done", "PRUNED": "pruned", "FAIL": "failed"}
"""Our word for each of Optuna's final states."""


@final
@dataclass(frozen=True)
class Trial:
    """One finished trial.

    Attributes:
        number: Counted from 0.
        values: What was tried, by the name of the dimension.
        state: `done`, `pruned`, or `failed`.
        valid: The monitored validation metric of the best epoch; None if it failed before one.
        epochs: Epochs trained.
        minutes: Minutes of training and validation.
        folder: Its run folder; that of an earlier trial if the same values were drawn again, or if
            that one was interrupted. One that failed at once has none.
        reason: Why it failed: a loss was not finite, or its values do not go together.
    """

    number: int
    values: dict[str, Value]
    state: State
    valid: float | None
    epochs: int
    minutes: float
    folder: Path
    reason: str = ""


def folder_of(trial: "optuna.Trial | optuna.trial.FrozenTrial") -> str:
    """The run folder of a trial within that of its study."""
    return trial.user_attrs.get("folder") or f"trials/{trial.number:04d}"


def kept(
    out: Path, monitor: str, trial: "optuna.Trial | optuna.trial.FrozenTrial", state: str
) -> Trial:
    """A trial as Optuna and its run folder tell it."""
    folder = out / folder_of(trial)
    lines = read_metrics(folder / METRICS)
    return Trial(
        number=trial.number,
        values=trial.params,
        state=STATES[state],
        valid=best_value(lines, monitor),
        epochs=len(lines),
        minutes=sum(line["train_s"] + line["validate_s"] for line in lines) / 60,
        folder=folder,
        reason=trial.user_attrs.get("reason", ""),
    )


def best(trials: Sequence[Trial]) -> Trial:
    """The trial that was best on validation among those trained to their end, the first of equals.

    Raises:
        ConfigError: If none was.
    """
    done = [trial for trial in trials if trial.state == "done"]
    if not done:
        raise ConfigError(
            "tuning: no trial was trained to its end; give more --trials or --minutes"
        )
    return max(done, key=lambda trial: trial.valid or 0.0)


def to_markdown(title: str, monitor: str, trials: Sequence[Trial]) -> str:
    """A Markdown table of trials, best first; the pruned and failed ones last."""
    order = sorted(trials, key=lambda t: (t.state != "done", -(t.valid or 0.0)))
    names = list(trials[0].values)
    head = ("trial", *names, f"valid {monitor}", "state", "epochs", "minutes", "folder")
    rows = tuple(
        (
            str(trial.number),
            *(
                f"{trial.values[name]:.3g}"
                if isinstance(trial.values[name], float)
                else str(trial.values[name])
                for name in names
            ),
            "-" if trial.valid is None else f"{trial.valid:.4f}",
            trial.state,
            str(trial.epochs),
            f"{trial.minutes:.1f}",
            f"{trial.folder.parent.name}/{trial.folder.name}",
        )
        for trial in order
    )
    feet = [
        "Judged on validation cases only. A trial that goes on after an interruption keeps its "
        "folder under a new number; values that are drawn again share one.",
        *(f"Trial {trial.number} failed: {trial.reason}" for trial in order if trial.reason),
    ]
    return grids_markdown([Grid(f"# {title}", head, rows)], "\n\n".join(feet))
