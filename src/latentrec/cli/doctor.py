"""`latentrec doctor`: what this machine offers, whether latentrec works on it, and known traps."""

import os
import platform
import re
import shutil
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path
from typing import Final, Literal, TypeAlias, final

import typer
from rich.console import Console
from rich.text import Text

import latentrec

State: TypeAlias = Literal["ok", "note", "warn", "fail"]

REQUIRED: Final = ("torch", "numpy", "polars", "pydantic", "safetensors", "scipy", "accelerate")
"""Distributions without which nothing runs."""
OLDEST_TORCH: Final = (2, 11)
"""First release of torch whose functions suffice (see pyproject.toml)."""
TESTED_TORCH: Final = (2, 13)
"""Release of torch that the tests run with (see constraints.txt)."""
OPTIONAL: Final = (
    ("pandas", "pandas DataFrames as input of the Python API"),
    ("sentence_transformers", "item texts read by a language model (extra: text)"),
    ("fastapi", "the server, `latentrec serve` (extra: serve)"),
    ("redis", "a history store in Redis for the server (extra: serve)"),
    ("onnxruntime", "ONNX files, `latentrec export` (extra: onnx)"),
    ("optuna", "searches for settings, `latentrec tune` (extra: tune)"),
    ("faiss", "an index for large catalogues, `latentrec index` (extra: ann)"),
    ("matplotlib", "figures of `latentrec analyse` and `paper` (extra: plot)"),
    ("pytest", "`make test` and `make check` of the source tree (extra: dev)"),
)
"""Optional modules and what each switches on."""
GIB: Final = 2**30
_STYLES: Final = {"ok": "green", "note": "cyan", "warn": "yellow", "fail": "bold red"}


@final
@dataclass(frozen=True)
class Finding:
    """One line of the report.

    Attributes:
        name: What was looked at.
        value: What was found.
        state: `fail` makes latentrec unusable here; `warn` is a known trap.
        advice: What to do about it, empty if nothing.
    """

    name: str
    value: str
    state: State = "ok"
    advice: str = ""


def doctor() -> None:
    """Check this machine: versions, device, memory, optional parts, a short self test."""
    console = Console()
    usable = True
    for finding in findings():
        console.print(_line(finding), soft_wrap=True)
        usable = usable and finding.state != "fail"
    console.print("usable" if usable else "not usable: see the lines marked fail", soft_wrap=True)
    if not usable:
        raise typer.Exit(2)


def findings() -> Iterator[Finding]:
    """All findings, in the order of the report."""
    yield check_python(sys.version_info[:2])
    yield Finding("latentrec", latentrec.__version__)
    for name in REQUIRED:
        yield check_library(name, _version(name))
    yield Finding("memory", _gib(_memory_bytes()))
    yield Finding("free disk", _gib(shutil.disk_usage(Path.cwd()).free))
    for name, use in OPTIONAL:
        yield check_optional(name, use)
    if os.environ.get("HF_HUB_OFFLINE", "0") not in ("", "0"):
        yield Finding("HF_HUB_OFFLINE", "set", "note", "fine: latentrec itself downloads nothing")
    yield from _torch_findings()


def check_python(found: tuple[int, ...]) -> Finding:
    """Whether the interpreter is new enough."""
    text = f"{platform.python_version()} ({platform.system()} {platform.machine()})"
    if found < (3, 11):
        return Finding("python", text, "fail", "latentrec needs Python 3.11 or newer")
    return Finding("python", text)


def check_library(name: str, found: str | None) -> Finding:
    """Whether a required library is there, in a release that was tried.

    Example:
        >>> check_library("numpy", "1.26.4").state
        'fail'
    """
    if found is None:
        return Finding(name, "missing", "fail", "install it: pip install latentrec")
    release = _release(found)
    if name == "numpy" and release < (2, 0):
        return Finding(name, found, "fail", "latentrec needs numpy 2: pip install 'numpy>=2'")
    if name == "torch" and release != TESTED_TORCH:
        newer: State = "warn" if release > TESTED_TORCH else "note"
        state: State = "fail" if release < OLDEST_TORCH else newer
        return Finding(name, found, state, "latentrec needs torch 2.11 and is tested with 2.13")
    return Finding(name, found)


def check_optional(name: str, use: str) -> Finding:
    """Whether an optional module is there, and what it is for."""
    if find_spec(name) is None:
        return Finding(name, "not installed", "note", f"optional, for {use}")
    return Finding(name, _version(name) or "found", advice=f"gives {use}")


def check_threads(threads: int, cores: int) -> Finding:
    """Whether torch uses the cores it may use.

    Example:
        >>> check_threads(1, 8).state
        'note'
    """
    value = f"{threads} of {cores} cores"
    if threads == 1 and cores > 1:
        return Finding("threads", value, "note", "fine beside other work; OMP_NUM_THREADS sets it")
    if cores == 1:
        return Finding("threads", value, "warn", "slow: training wants two cores or more")
    return Finding("threads", value)


def self_test(device: str) -> Finding:
    """A forward and a backward pass of one small attention layer.

    Args:
        device: Where it runs, `cpu`, `cuda` or `mps`.
    """
    import torch
    from torch import nn

    start_s = time.perf_counter()
    try:
        layer = nn.MultiheadAttention(32, 2, batch_first=True).to(device)
        states = torch.randn(4, 16, 32, device=device)
        layer(states, states, states, need_weights=False)[0].square().mean().backward()
        good = all(bool(p.grad.isfinite().all()) for p in layer.parameters() if p.grad is not None)
    except RuntimeError as error:
        return Finding("self test", str(error)[:200], "fail", "torch cannot compute here")
    if not good:
        return Finding("self test", "gradients are not finite", "fail", "reinstall torch")
    milliseconds = 1000 * (time.perf_counter() - start_s)
    return Finding("self test", f"forward and backward on {device} in {milliseconds:.0f} ms")


def _torch_findings() -> Iterator[Finding]:
    try:
        import torch
    except (ImportError, OSError) as error:
        yield Finding("import torch", str(error)[:200], "fail", "reinstall torch")
        return
    cuda, mps = torch.cuda.is_available(), torch.backends.mps.is_available()
    device = "cuda" if cuda else "cpu"
    name = torch.cuda.get_device_name() if cuda else platform.processor()
    advice = "mps is there too: --set train.device=mps" if mps else ""
    yield Finding("device", f"{device} {name}".strip(), advice=advice)
    yield check_threads(torch.get_num_threads(), _cores())
    yield self_test(device)


def _line(finding: Finding) -> Text:
    text = Text.assemble(
        (f"{finding.state:<4}  ", _STYLES[finding.state]),
        f"{finding.name:<14}  {finding.value}",
    )
    return text.append(f"  ({finding.advice})" if finding.advice else "")


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def _release(text: str) -> tuple[int, ...]:
    """Major and minor number of a version such as `2.13.0+cpu`."""
    return tuple(int(part) for part in re.findall(r"\d+", text)[:2])


def _cores() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _memory_bytes() -> int | None:
    try:
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, ValueError, OSError):
        return None


def _gib(size_bytes: int | None) -> str:
    return "unknown" if size_bytes is None else f"{size_bytes / GIB:.1f} GiB"
