"""What every benchmark shares: time and memory of a piece of work, fair comparison, a table.

A benchmark is a file `benchmarks/NAME.py` without a leading underscore; `make bench` runs it
without arguments. It names contenders, runs them in turns, writes `results/NAME.json` and `.md`:

    from functools import partial
    from _measure import alone, interleaved, usage_columns, write_results

    def ours(rows):             # runs in a fresh process: imports and inputs are not measured
        import polars as pl
        return lambda: pl.DataFrame({"a": range(rows)}).height    # this is

    if __name__ == "__main__":
        ways = {"ours": partial(alone, ours, 10), "theirs": partial(alone, theirs, 10)}
        found = interleaved(ways)
        rows = [{"way": name, **usage_columns(usage)} for name, usage in found.items()]
        write_results("name", "What is compared", rows, notes=["..."])

Work whose memory does not matter need not have its own process: `partial(measured, work)`.
"""

import json
import multiprocessing
import os
import platform
import resource
import statistics
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

RESULTS = Path(__file__).parent / "results"
MIB, GIB = 2**20, 2**30
_PACKAGES = ("latentrec", "torch", "numpy", "polars", "pandas")
_STATUS, _CLEAR = Path("/proc/self/status"), Path("/proc/self/clear_refs")


@dataclass(frozen=True)
class Usage:
    """What one piece of work took.

    Attributes:
        wall_s: Seconds on the clock.
        cpu_s: Seconds of processor time, all threads together; steadier on a busy machine.
        base_bytes: Resident memory of the process before the work.
        peak_bytes: Highest resident memory during the work.
        value: What the work returned.
    """

    wall_s: float
    cpu_s: float
    base_bytes: int
    peak_bytes: int
    value: Any = None

    @property
    def extra_bytes(self) -> int:
        """Memory that the work took on top of what was there."""
        return max(0, self.peak_bytes - self.base_bytes)


def measured(work: Callable[[], Any]) -> Usage:
    """Run work in this process. Its peak is exact on Linux; elsewhere it is that of the process."""
    if _CLEAR.exists():
        _CLEAR.write_text("5", encoding="ascii")  # forget the highest memory so far
    base, wall, cpu = _memory("VmRSS"), time.perf_counter(), time.process_time()
    value = work()
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    return Usage(wall, cpu, base, _memory("VmHWM"), value)


def alone(setup: Callable[..., Callable[[], Any]], *arguments: Any) -> Usage:
    """Run work in a fresh process.

    Args:
        setup: Function of the benchmark's own file. Called in the new process, it imports what is
            needed and returns the work without arguments; only that work is measured.
        arguments: For `setup`; sent to the process, as is what the work returns.
    """
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        return pool.apply(_set_up_and_measure, (setup, arguments))


def _set_up_and_measure(setup: Callable[..., Callable[[], Any]], arguments: tuple[Any]) -> Usage:
    return measured(setup(*arguments))


def interleaved(
    contenders: Mapping[str, Callable[[], Usage]], repeats: int = 3
) -> dict[str, Usage]:
    """Run contenders in turns, so that a busy machine harms all alike; the median of each figure.

    Args:
        contenders: By name, for example `partial(alone, setup)` or `partial(measured, work)`.
        repeats: Turns.
    """
    runs: dict[str, list[Usage]] = {name: [] for name in contenders}
    for turn in range(repeats):
        for name, contender in contenders.items():
            usage = contender()
            runs[name].append(usage)
            shown = f"{usage.wall_s:.3f} s, peak {usage.peak_bytes / GIB:.2f} GiB"
            print(f"  turn {turn + 1} of {repeats}: {name}: {shown}", file=sys.stderr, flush=True)
    return {name: _median(usages) for name, usages in runs.items()}


def _median(usages: Sequence[Usage]) -> Usage:
    return Usage(
        statistics.median(usage.wall_s for usage in usages),
        statistics.median(usage.cpu_s for usage in usages),
        int(statistics.median(usage.base_bytes for usage in usages)),
        int(statistics.median(usage.peak_bytes for usage in usages)),
        usages[0].value,
    )


def machine() -> dict[str, Any]:
    """The machine and the versions in words and numbers; no names of hosts or users."""
    return {
        "processor": _processor(),
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else None,
        "memory_gib": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / GIB, 1),
        "threads": os.environ.get("OMP_NUM_THREADS", "all"),
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "load": round(os.getloadavg()[0], 1),
        **{name: found for name in _PACKAGES if (found := _version(name))},
    }


def write_results(
    name: str, title: str, rows: Sequence[Mapping[str, Any]], notes: Sequence[str] = ()
) -> None:
    """Print a table, and write it to `results/NAME.md` and with the machine to `results/NAME.json`.

    Args:
        name: Stem of the benchmark file.
        title: What was compared.
        rows: Lines of the table, all with the same columns; units belong into column names.
        notes: What a reader needs to know: sizes, seeds, what is not included.
    """
    about = machine()
    table = _table(rows)
    where = ", ".join(f"{key} {value}" for key, value in about.items())
    text = "\n".join([f"# {title}", "", table, "", *(f"- {note}" for note in notes), f"- {where}"])
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / f"{name}.md").write_text(text + "\n", encoding="utf-8")
    found = {"title": title, "machine": about, "notes": list(notes), "rows": list(map(dict, rows))}
    (RESULTS / f"{name}.json").write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    print(text, flush=True)


def usage_columns(usage: Usage) -> dict[str, Any]:
    """The figures of a usage as columns of a table."""
    return {
        "seconds": usage.wall_s,
        "CPU seconds": usage.cpu_s,
        "peak MiB": usage.peak_bytes / MIB,
        "extra MiB": usage.extra_bytes / MIB,
    }


def _table(rows: Sequence[Mapping[str, Any]]) -> str:
    columns = list(rows[0])
    cells = [[_cell(row[column]) for column in columns] for row in rows]
    widths = [max(map(len, [column, *each])) for column, *each in zip(columns, *cells, strict=True)]
    lines = [columns, ["-" * width for width in widths], *cells]
    padded = [[c.ljust(w) for c, w in zip(line, widths, strict=True)] for line in lines]
    return "\n".join(f"| {' | '.join(line)} |" for line in padded)


def _cell(value: Any) -> str:
    if not isinstance(value, float):
        return f"{value:,}" if isinstance(value, int) else str(value)
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"


def _memory(field: str) -> int:
    """A memory figure of this process in bytes; the highest so far where there is no /proc."""
    if not _STATUS.exists():
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    lines = _STATUS.read_text(encoding="ascii", errors="replace").splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith(f"{field}:"))


def _processor() -> str:
    info = Path("/proc/cpuinfo")
    lines = info.read_text(encoding="utf-8").splitlines() if info.exists() else []
    models = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return models[0] if models else platform.processor()


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None
