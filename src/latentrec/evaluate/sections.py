"""Sections: what stands below the table of metrics when asked for, as grids and as plain values."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any, Final

from latentrec.data.dataset import Cases, SequenceDataset
from latentrec.evaluate.beyond import Beyond, field_of, of_targets
from latentrec.evaluate.evaluate import Metric
from latentrec.evaluate.grid import Grid
from latentrec.evaluate.slices import Slice
from latentrec.evaluate.table import number

FEW: Final = 30
"""Slices of fewer users are shown without an interval: the bootstrap, which draws users, does not
hold there."""

SECTIONS: Final = ("beyond_top_k", "beyond", "slices_metric", "slices")
"""Names of the sections beside the figures, and of what each is about, in their order."""


def beyond_grid(
    found: Mapping[str, Beyond], top_k: int, dataset: SequenceDataset, cases: Cases
) -> Grid:
    """One row a scorer, and a last one for what users chose.

    Args:
        found: Description of the lists by scorer.
        top_k: Length of the lists.
        dataset: Where the cases come from.
        cases: The cases of the lists.
    """
    field = field_of(dataset.catalogue)
    by = f"diversity by {field.name}" if field else "diversity"
    head = (
        "scorer",
        f"coverage@{top_k}",
        "gini",
        "novelty (bits)",
        "popularity",
        "lift",
        by,
        "miscalibration",
    )
    rows = [(name, *_beyond_cells(value)) for name, value in found.items()]
    novelty, popularity = of_targets(dataset, cases)
    known = (_or_dash(novelty, "z.2f"), _or_dash(popularity))
    chosen = ("(targets)", "-", "-", *known, "-", "-", "-")
    title = f"Beyond accuracy: the first {top_k} items of each list"
    return Grid(title, head, (*rows, chosen))


def slices_grid(slices: Sequence[Slice], metric: str) -> Grid:
    """One row a slice, a column a scorer; ± is half the width of the interval."""
    names = tuple(slices[0].values)
    rows = tuple(
        (found.name, str(found.cases), *(half(found.values[name], found.users) for name in names))
        for found in slices
    )
    title = f"Slices: {metric} ± half the width of its interval (none below {FEW} users)"
    return Grid(title, ("slice", "cases", *names), rows)


def sections_json(
    found: Mapping[str, Beyond], slices: Sequence[Slice], top_k: int, metric: str
) -> dict[str, Any]:
    """The same values in full; a value that does not exist is null.

    Args:
        found: Description of the lists by scorer.
        slices: The slices.
        top_k: Length of the lists.
        metric: What the slices hold, like `ndcg@10`.
    """
    plain: dict[str, Any] = {}
    if found:
        plain["beyond_top_k"] = top_k
        plain["beyond"] = {
            name: {key: None if value != value else value for key, value in asdict(row).items()}
            for name, row in found.items()
        }
    if slices:
        plain["slices_metric"] = metric
        plain["slices"] = [asdict(piece) for piece in slices]
    return plain


def with_kept_sections(new: Mapping[str, Any], kept: Mapping[str, Any]) -> dict[str, Any]:
    """An evaluation as plain values, with those sections of a kept one that it has not itself.

    Only where both hold the same values of the same scorers: sections of other figures would
    mislead.

    Args:
        new: The evaluation, see `latentrec.evaluate.table.to_json`.
        kept: What was written before, empty if there was nothing.
    """
    if _values(new) != _values(kept):
        return dict(new)
    sections = {name: {**kept, **new}.get(name) for name in SECTIONS}
    head = {name: value for name, value in new.items() if name not in SECTIONS}
    return head | {name: value for name, value in sections.items() if value}


def _values(evaluation: Mapping[str, Any]) -> dict[str, dict[str, float]]:
    """The metrics of each scorer, without their intervals."""
    return {
        row["scorer"]: {name: metric["value"] for name, metric in row["metrics"].items()}
        for row in evaluation.get("rows", ())
    }


def _beyond_cells(value: Beyond) -> tuple[str, ...]:
    return (
        number(value.coverage),
        _or_dash(value.gini),
        _or_dash(value.novelty, "z.2f"),
        _or_dash(value.popularity),
        _or_dash(value.lift, "+z.2f"),
        _or_dash(value.diversity),
        _or_dash(value.miscalibration),
    )


def _or_dash(value: float, form: str | None = None) -> str:
    if value != value:
        return "-"
    return number(value) if form is None else f"{value:{form}}"


def half(metric: Metric, users: int) -> str:
    """The value and half the width of its interval; without it where users are few."""
    value = f"{metric.value:.3f}".removeprefix("0")
    if users < FEW:
        return value
    half = f"{(metric.high - metric.low) / 2:.3f}".removeprefix("0")
    return f"{value}±{half}"
