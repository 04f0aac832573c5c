"""A comparison as sections: tables, differences with intervals, seeds, and overlap of hits."""

from collections.abc import Sequence
from xml.etree.ElementTree import Element

from latentrec.evaluate.compare import Comparison
from latentrec.evaluate.compare_table import footnote, grids
from latentrec.report.chart import Interval, forest
from latentrec.report.html import Child, e, figure, grid_table, section, table


def comparison_sections(found: Comparison) -> list[Element]:
    """Everything of a comparison, in the order of reading."""
    values, *others, overlap = grids(found)
    return [
        section("Values", *_values(found), grid_table(values)),
        section("Differences", *_differences(found), *map(grid_table, others)),
        section("Overlap of hits", _overlap(overlap.title, overlap.head, found)),
        section("How to read it", *(e("p", text) for text in footnote(found).split(". "))),
    ]


def _values(found: Comparison) -> list[Child]:
    """Every system with its interval over users and, below it, one sd between seeds."""
    tested = {other.name for other in found.differences} | {found.reference}
    rows = [
        Interval(
            name=row.name + (f" ({row.seeds} seeds)" if row.seeds > 1 else ""),
            value=metric.value,
            low=metric.low,
            high=metric.high,
            ours=row.name in tested,
            seed_sd=row.seed_sd[found.metric] if row.seed_sd else None,
        )
        for row in found.rows
        for metric in [row.metrics[found.metric]]
    ]
    seeded = any(row.seed_sd is not None for row in rows)
    more = "; below it, one standard deviation between seeds to either side" if seeded else ""
    caption = f"{found.metric}, with intervals over users{more}"
    return [figure(caption, forest(caption, rows))]


def _differences(found: Comparison) -> list[Child]:
    if not found.differences:
        return [e("p", "Nothing was tested: there is only one system.")]
    rows = [
        Interval(other.name, other.difference.value, other.difference.low, other.difference.high,
                 ours=not other.difference.low <= 0.0 <= other.difference.high)
        for other in found.differences
    ]  # fmt: skip
    caption = (
        f"{found.metric} less that of {found.reference}, paired, with intervals over users; "
        "coloured where the interval leaves out 0"
    )
    return [figure(caption, forest(caption, rows, zero=True))]


def _overlap(title: str, head: Sequence[str], found: Comparison) -> Element:
    """The table of shared hits, darker where two systems find the same."""
    names = [row.name for row in found.rows]
    rows = [
        [name, *(f"{value:.2f}" for value in line)]
        for name, line in zip(names, found.overlap, strict=True)
    ]
    made = table(title, head, rows)
    for line, values in zip(made[0][2], found.overlap, strict=True):
        for heat, value in zip(line[1:], values, strict=True):
            heat.set("class", "heat")
            heat.set("style", f"--level: {0.5 * value:.2f}")
    return made
