"""Batch scoring on the command line: a bar with rate and time left, and one line at the end."""

import time
from collections.abc import Iterator
from typing import TYPE_CHECKING

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

if TYPE_CHECKING:
    from latentrec.offline import Job


def show(job: "Job", steps: Iterator[tuple[int, int]]) -> None:
    """Go through a job; the bar appears on a terminal only."""
    console = Console(stderr=True)
    bar = Progress(
        TextColumn("{task.completed:,} of {task.total:,} histories"),
        BarColumn(bar_width=20),
        TextColumn("{task.fields[rate]:,.0f}/s"),
        TimeRemainingColumn(),
        console=console,
        transient=True,
        disable=not console.is_terminal,
    )
    begun, done = time.perf_counter(), 0
    with bar:
        task = bar.add_task("", total=None, rate=0.0)
        for done, total in steps:
            rate = done / (time.perf_counter() - begun)
            bar.update(task, completed=done, total=total, rate=rate)
    print(f"{done:,} histories in {time.perf_counter() - begun:.1f} s: {job.target}")
