"""Comparison tables: values, tested differences and overlap as text, Markdown, LaTeX or JSON."""

import json
import math
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any, Final

from latentrec.evaluate.compare import Comparison, Difference, Row
from latentrec.evaluate.grid import Grid, grids_markdown, grids_text
from latentrec.evaluate.table import cell, number

SMALLEST: Final = 0.0001
"""p values below are printed as such."""


def to_text(found: Comparison, width: int = 120) -> str:
    """Plain text for a terminal or a log."""
    return grids_text(grids(found), footnote(found), width)


def to_markdown(found: Comparison) -> str:
    """Markdown tables with the footnote below."""
    return grids_markdown(grids(found), footnote(found))


def to_latex(found: Comparison) -> str:
    """LaTeX `tabular` environments (package booktabs), with the footnote as a paragraph."""
    parts: list[str] = []
    for grid in grids(found):
        lines = [f"% {grid.title}", rf"\begin{{tabular}}{{l{'r' * (len(grid.head) - 1)}}}"]
        lines += [r"\toprule", _tex(grid.head), r"\midrule", *map(_tex, grid.rows)]
        parts.append("\n".join([*lines, r"\bottomrule", r"\end{tabular}"]))
    return "\n\n".join([*parts, _escaped(footnote(found))]) + "\n"


def to_json(found: Comparison) -> str:
    """Every number in full, for other programs; null where it is not finite."""
    plain = _finite(asdict(found))
    return json.dumps(plain, indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def _finite(value: Any) -> Any:
    """The same nested values, None for numbers that JSON cannot write."""
    if isinstance(value, dict):
        return {key: _finite(each) for key, each in value.items()}  # pyright: ignore
    if isinstance(value, list | tuple):
        return [_finite(each) for each in value]  # pyright: ignore
    return None if isinstance(value, float) and not math.isfinite(value) else value


def footnote(found: Comparison) -> str:
    """What the columns mean, and the protocol."""
    seeded = any(row.seeds > 1 for row in found.rows)
    seeds = (
        " Several seeds: values are means over the seeds, tests are of these means, hits (McNemar, "
        "overlap) are of the first seed of each, and 'sd seeds' is the standard deviation of the "
        "seeds' means."
        if seeded
        else ""
    )
    together = ", as if those of one user were independent" if found.cases > found.users else ""
    tests = (
        " p values are two-sided and corrected by Holm over the comparisons; t, Wilcoxon and "
        f"permutation are over users, McNemar over cases{together}."
        if found.differences
        else ""
    )
    if _seeds_are_tested(found):
        tests += " 'p seeds' (Welch over the seeds' means) is not corrected."
    notes = f" Notes: {'; '.join(found.notes)}." if found.notes else ""
    return (
        f"{found.cases} cases of {found.users} users.{tests}{seeds} Protocol: {found.protocol}."
        f"{notes}"
    )


def _seeds_are_tested(found: Comparison) -> bool:
    return any(other.seeds_p is not None for other in found.differences)


def grids(found: Comparison) -> list[Grid]:
    """The tables: values first, then differences and effects where something is tested, overlap."""
    made = [_values(found)]
    if found.differences:
        made += [_differences(found), _effects(found)]
    return [*made, _overlap(found)]


def _values(found: Comparison) -> Grid:
    seeded = any(row.seeds > 1 for row in found.rows)
    names = tuple(found.rows[0].metrics)
    head = ("system", *(("seeds",) if seeded else ()), *names)
    head += (f"sd seeds, {found.metric}",) if seeded else ()
    return Grid("Values [interval]", head, tuple(_value_row(r, found, seeded) for r in found.rows))


def _value_row(row: Row, found: Comparison, seeded: bool) -> tuple[str, ...]:
    cells = tuple(cell(metric) for metric in row.metrics.values())
    if not seeded:
        return (row.name, *cells)
    spread = number(row.seed_sd[found.metric]) if row.seed_sd else "-"
    return (row.name, str(row.seeds), *cells, spread)


def _differences(found: Comparison) -> Grid:
    seeded = _seeds_are_tested(found)
    head = (f"against {found.reference}", f"difference, {found.metric}")
    head += ("p t", "p Wilcoxon", "p permutation", *(("p seeds",) if seeded else ()))
    rows = tuple(_difference_row(other, seeded) for other in found.differences)
    return Grid("Differences [interval]", head, rows)


def _difference_row(other: Difference, seeded: bool) -> tuple[str, ...]:
    p = other.adjusted
    of_seeds = ("-" if other.seeds_p is None else _p(other.seeds_p),) if seeded else ()
    tests = (_p(p.t), _p(p.wilcoxon), _p(p.permutation))
    return (other.name, cell(other.difference), *tests, *of_seeds)


def _effects(found: Comparison) -> Grid:
    top_k = found.metric.partition("@")[2]
    head = (f"against {found.reference}", "Cohen's dz", "rank-biserial", "users that differ")
    head += (f"hits@{top_k} only here", "only there", "p McNemar")
    rows = tuple(
        (
            other.name,
            f"{other.tests.dz:+z.3f}",
            f"{other.tests.rank_biserial:+z.3f}",
            str(other.tests.changed),
            str(other.hits.only_first),
            str(other.hits.only_second),
            _p(other.adjusted.mcnemar),
        )
        for other in found.differences
    )
    return Grid("Effects and hits", head, rows)


def _overlap(found: Comparison) -> Grid:
    names = tuple(row.name for row in found.rows)
    top_k = found.metric.partition("@")[2]
    rows = tuple(
        (name, *(f"{value:.2f}" for value in line))
        for name, line in zip(names, found.overlap, strict=True)
    )
    return Grid(f"Overlap: hits@{top_k} of both over hits of either", ("", *names), rows)


def _p(value: float) -> str:
    return f"<{number(SMALLEST)}" if value < SMALLEST else number(value)


def _tex(cells: Sequence[str]) -> str:
    return " & ".join(map(_escaped, cells)) + r" \\"


def _escaped(text: str) -> str:
    signs = {"\\": r"\textbackslash{}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}"}
    signs |= {sign: f"${sign}$" for sign in "<>|"}
    signs |= {sign: "\\" + sign for sign in "&%$#_{}"}
    return "".join(signs.get(sign, sign) for sign in text)
