"""Progress of training: a bar with loss parts, speed and time left, and a line per epoch."""

from types import TracebackType
from typing import TYPE_CHECKING

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeRemainingColumn
from rich.table import Column

if TYPE_CHECKING:
    from latentrec.config import TrainConfig
    from latentrec.train.loop import EpochReport, Step


class TrainingProgress:
    """Shows training on a console; where there is no terminal, only the line per epoch.

    Args:
        console: Where to print.
        config: For the number of epochs and the monitor.
    """

    def __init__(self, console: Console, config: "TrainConfig") -> None:
        self._console = console
        self._config = config
        self._bar = Progress(
            TextColumn("epoch {task.fields[epoch]}"),
            BarColumn(bar_width=12),
            TextColumn("{task.percentage:>3.0f} %"),
            TextColumn("{task.fields[speed]:,.0f} targets/s"),
            TimeRemainingColumn(),
            # Takes what is left of the line; a narrow terminal cuts it and nothing else.
            TextColumn("{task.fields[losses]}", table_column=Column(ratio=1, no_wrap=True)),
            console=console,
            expand=True,
            transient=True,
            disable=not console.is_terminal,
        )
        self._task: TaskID | None = None

    def __enter__(self) -> "TrainingProgress":
        self._bar.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._bar.stop()

    def step(self, step: "Step") -> None:
        """Move the bar after a batch."""
        losses, speed = _parts(step.losses), step.targets_per_s
        if self._task is None:
            epoch = f"{step.epoch}/{self._config.epochs}"
            self._task = self._bar.add_task(
                "", total=step.targets, epoch=epoch, losses=losses, speed=speed
            )
        self._bar.update(self._task, completed=step.targets_done, losses=losses, speed=speed)

    def clear(self) -> None:
        """Take the bar of a finished epoch away."""
        if self._task is not None:
            self._bar.remove_task(self._task)
            self._bar.refresh()
            self._task = None

    def epoch(self, report: "EpochReport") -> None:
        """Print the line of a finished epoch."""
        self.clear()
        monitor = self._config.monitor
        value = report.metrics.get(monitor)
        judged = "" if value is None else f"  valid {monitor} {value:.4f}"
        star = " *" if report.is_best else ""
        seconds = f"{report.train_s:.1f} s + {report.validate_s:.1f} s"
        self._console.print(
            f"epoch {report.epoch:3d}  {_parts(report.losses)}{judged}{star}  "
            f"[{seconds}, {report.targets_per_s:,.0f} targets/s]",
            markup=False,
            highlight=False,
            soft_wrap=True,
        )
        for warning in report.warnings:
            self._console.print(f"warning: {warning}", markup=False, style="yellow", soft_wrap=True)
        if report.stop:
            best = f"best epoch: {report.best_epoch}"
            self._console.print(
                f"training ends: {report.stop}; {best}", markup=False, soft_wrap=True
            )


def _parts(losses: dict[str, float]) -> str:
    return "  ".join(f"{name.replace('_', ' ')} {value:.3f}" for name, value in losses.items())
