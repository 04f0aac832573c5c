"""Table: several evaluations side by side, with the protocol that makes them comparable."""

import io
import json
from collections.abc import Mapping, Sequence
from typing import Any

from rich import box
from rich.console import Console, Group
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from latentrec.errors import ConfigError
from latentrec.evaluate.evaluate import Evaluation, Metric


def to_rich(evaluations: Sequence[Evaluation]) -> Group:
    """One table for each list length K, a row for each scorer, and the protocol below.

    Args:
        evaluations: Evaluations of the same cases under the same protocol, at least one.

    Raises:
        ConfigError: If two evaluations differ in protocol, cases or metrics.
    """
    check_comparable(evaluations)
    blocks = _blocks(evaluations[0])
    width = max(len(evaluation.scorer) for evaluation in evaluations)
    tables = [_rich_table(evaluations, names, width) for names in blocks]
    return Group(*tables, Text(footnote(evaluations), style="dim"))


def to_text(evaluations: Sequence[Evaluation], width: int = 100) -> str:
    """`to_rich` as plain text, for logs and files.

    Raises:
        ConfigError: If two evaluations differ in protocol, cases or metrics.
    """
    console = Console(file=io.StringIO(), width=width, color_system=None)
    with console.capture() as capture:
        console.print(to_rich(evaluations))
    return "\n".join(line.rstrip() for line in capture.get().splitlines()) + "\n"


def to_markdown(evaluations: Sequence[Evaluation]) -> str:
    """One Markdown table for each list length K, and the protocol below.

    Raises:
        ConfigError: If two evaluations differ in protocol, cases or metrics.
    """
    check_comparable(evaluations)
    parts: list[str] = []
    for names in _blocks(evaluations[0]):
        lines = ["| scorer | " + " | ".join(names) + " |", "|---|" + "---|" * len(names)]
        for evaluation in evaluations:
            cells = " | ".join(cell(evaluation.metrics[name]) for name in names)
            lines.append(f"| {evaluation.scorer} | {cells} |")
        parts.append("\n".join(lines))
    return "\n\n".join([*parts, footnote(evaluations)]) + "\n"


def to_json(evaluations: Sequence[Evaluation], sections: Mapping[str, Any] | None = None) -> str:
    """Everything except the ranks of single cases, for other programs.

    Args:
        evaluations: Evaluations of the same cases under the same protocol, at least one.
        sections: More values under the same protocol, by name.

    Raises:
        ConfigError: If two evaluations differ in protocol, cases or metrics.
    """
    check_comparable(evaluations)
    first = evaluations[0]
    rows = [
        {
            "scorer": evaluation.scorer,
            "metrics": {
                name: {"value": metric.value, "low": metric.low, "high": metric.high}
                for name, metric in evaluation.metrics.items()
            },
        }
        for evaluation in evaluations
    ]
    head = {
        "protocol": first.protocol,
        "cases": first.cases,
        "unknown_targets": first.unknown_targets,
        "candidates": first.candidates,
        "notes": notes(evaluations),
    }
    return (
        json.dumps({**head, "rows": rows, **(sections or {})}, indent=2, ensure_ascii=False) + "\n"
    )


def check_comparable(evaluations: Sequence[Evaluation]) -> None:
    """Refuse to put evaluations into one table that did not face the same task.

    Raises:
        ConfigError: If there is none, or two differ in protocol, cases or metrics.
    """
    if not evaluations:
        raise ConfigError("table of evaluations: there is none; give at least one")
    first = evaluations[0]
    for other in evaluations[1:]:
        if other.protocol != first.protocol:
            problem = f"the protocols differ: '{first.protocol}' and '{other.protocol}'"
        elif other.cases != first.cases or (other.users != first.users).any():
            problem = f"the cases differ ({first.cases} and {other.cases})"
        elif list(other.metrics) != list(first.metrics):
            problem = f"the metrics differ: {', '.join(first.metrics)}; {', '.join(other.metrics)}"
        else:
            continue
        raise ConfigError(
            f"table of '{first.scorer}' and '{other.scorer}': {problem}; "
            "evaluate both on the same cases with the same settings"
        )


def footnote(evaluations: Sequence[Evaluation]) -> str:
    """Number of cases, protocol, how many targets are misses for every scorer, and notes."""
    first = evaluations[0]
    known = notes(evaluations)
    return (
        f"{first.cases} cases, {first.unknown_targets} of them with a target that "
        f"training never saw (a miss for every scorer). Protocol: {first.protocol}."
        + (f" Notes: {'; '.join(known)}." if known else "")
    )


def notes(evaluations: Sequence[Evaluation]) -> list[str]:
    """The notes of all evaluations, each once."""
    return list(dict.fromkeys(note for found in evaluations for note in found.notes))


def _blocks(evaluation: Evaluation) -> list[list[str]]:
    """Metric names grouped by their K, in the order of first use."""
    groups: dict[str, list[str]] = {}
    for name in evaluation.metrics:
        groups.setdefault(name.partition("@")[2], []).append(name)
    return list(groups.values())


def _rich_table(evaluations: Sequence[Evaluation], names: Sequence[str], width: int) -> Padding:
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, 2, 0, 0))
    table.add_column("scorer", min_width=width)
    for name in names:
        table.add_column(name)
    for evaluation in evaluations:
        cells = [Text(cell(evaluation.metrics[name])) for name in names]
        table.add_row(Text(evaluation.scorer), *cells)
    return Padding(table, (0, 0, 1, 0))


def cell(metric: Metric) -> str:
    """The value and its interval without leading zeros: three of them fit into 80 columns."""
    return f"{number(metric.value)} [{number(metric.low)}, {number(metric.high)}]"


def number(value: float) -> str:
    """Four decimals without the leading zero; from 1 on rounded to as many signs as fit there.

    Example:
        >>> [number(value) for value in (0.12345, -0.5, -0.00001, 1.2399, 12.346)]
        ['.1235', '-.5000', '.0000', '1.240', '12.35']
    """
    for places in (4, 3, 2, 1):
        text = f"{value:z.{places}f}"
        sign, size = ("-", text[1:]) if text.startswith("-") else ("", text)
        if len(size.removeprefix("0")) <= 5:
            return sign + size.removeprefix("0")
    return f"{value:.0f}"
