"""The sections of a run's report that its folder tells by itself."""

import json
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from statistics import mean
from typing import Any, Final
from xml.etree.ElementTree import Element

from pydantic import TypeAdapter
from safetensors import safe_open

from latentrec.data.report import DataReport
from latentrec.errors import CheckpointError
from latentrec.evaluate.evaluate import Metric
from latentrec.evaluate.sections import half as slices_cell
from latentrec.evaluate.table import cell, number
from latentrec.report.chart import Interval, curve, forest
from latentrec.report.html import Child, e, figure, folded, pairs, section, table
from latentrec.run.folder import CHECKPOINTS
from latentrec.toml_text import to_toml
from latentrec.train.checkpoint import MODEL, CheckpointFolder

BEYOND: Final = ("coverage", "gini", "novelty", "popularity", "lift", "diversity", "miscalibration")
"""What lists are like, in the order of the table."""

Json = Mapping[str, Any]


def results(evaluation: Json, metric: str) -> Element:
    """Every metric with its interval beside the baselines, a table for each list length."""
    rows = evaluation["rows"]
    names = list(rows[0]["metrics"])
    lengths = dict.fromkeys(name.partition("@")[2] for name in names)
    shown = metric if metric in names else names[0]
    drawn = [Interval(row["scorer"], **row["metrics"][shown], ours=row is rows[-1]) for row in rows]
    caption = f"{shown} on the test cases, with intervals over users"
    return section(
        "Results",
        figure(caption, forest(caption, drawn)),
        *(
            _metric_table(rows, [name for name in names if name.partition("@")[2] == k], k)
            for k in lengths
        ),
    )


def _metric_table(rows: Sequence[Json], names: Sequence[str], top_k: str) -> Element:
    cells = [
        [row["scorer"], *(_value(Metric(**row["metrics"][name])) for name in names)] for row in rows
    ]
    made = table(f"The first {top_k} items: value [interval]", ["scorer", *names], cells)
    made[0][2][-1].set("class", "ours")
    return made


def _value(metric: Metric) -> Element:
    """A value as it is printed, with the number in full for those who read it by machine."""
    return e("data", cell(metric), value=repr(metric.value))


def how_judged(evaluation: Json) -> Element:
    """Protocol and notes, without which no figure means anything."""
    counts = (
        f"{evaluation['cases']:,} cases, {evaluation['unknown_targets']:,} of them with a target "
        "that training never saw (a miss for every scorer)."
    )
    rules = [part.strip() for part in str(evaluation["protocol"]).split("; ")]
    notes = [e("li", str(note)) for note in evaluation["notes"]]
    return section(
        "How it was judged",
        e("p", counts),
        e("ul", *(e("li", rule) for rule in rules)),
        *([e("p", "Notes:", class_="soft"), e("ul", *notes)] if notes else []),
    )


def learning(epochs: Sequence[Json], monitor: str) -> Element:
    """Curves of the validation metric and of every loss part, and what went wrong."""
    if not epochs:
        return section("Learning", e("p", "No epoch was finished."))
    judged = [line for line in epochs if line["metrics"]]
    best = epochs[-1]["best_epoch"]
    figures: list[Element] = []
    if judged:
        of = [line["metrics"][monitor] for line in judged]
        drawing = curve(f"validation {monitor}", [line["epoch"] for line in judged], of, best)
        figures.append(figure(f"validation {monitor}; best epoch {best}", drawing))
    for name in dict.fromkeys(name for line in epochs for name in line["losses"]):
        of = [line["losses"].get(name) for line in epochs]
        words = name.replace("_", " ") + (" (what is minimised)" if name == "loss" else "")
        drawing = curve(words, [line["epoch"] for line in epochs], of, best)
        figures.append(figure(words, drawing))
    stop = epochs[-1]["stop"]
    return section(
        "Learning",
        e("p", f"{len(epochs)} epochs. " + (f"Training ended: {stop}." if stop else
                                            "Training has not ended.")),
        *_warnings(epochs),
        e("div", *figures, class_="charts"),
    )  # fmt: skip


def _warnings(epochs: Sequence[Json]) -> list[Element]:
    said = [(line["epoch"], text) for line in epochs for text in line["warnings"]]
    rows = [e("li", f"epoch {epoch}: {text}") for epoch, text in said]
    return [e("p", "Warnings:", class_="warn"), e("ul", *rows)] if rows else []


def beyond_and_slices(evaluation: Json) -> list[Element]:
    """What lists are like, and for whom they work, if that was computed."""
    found: list[Child] = []
    if "beyond" in evaluation:
        rows = [
            [name, *(_plain(values.get(key)) for key in BEYOND)]
            for name, values in evaluation["beyond"].items()
        ]
        length = evaluation.get("beyond_top_k")
        lists = f"the first {length} items of each list" if length else "the lists"
        found.append(table(f"Beyond accuracy: {lists}", ["scorer", *BEYOND], rows))
    if evaluation.get("slices"):
        slices = evaluation["slices"]
        names = list(slices[0]["values"])
        rows = [
            [
                piece["name"],
                f"{piece['cases']:,}",
                *(slices_cell(Metric(**piece["values"][name]), users) for name in names),
            ]
            for piece in slices
            for users in (piece.get("users", piece["cases"]),)
        ]
        metric = evaluation.get("slices_metric", "value")
        caption = f"Slices: {metric} ± half the width of its interval"
        found.append(table(caption, ["slice", "cases", *names], rows))
    if not found:
        return []
    return [section("Beyond accuracy, and for whom", *found)]


def _plain(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"


def efficiency(folder: Path, epochs: Sequence[Json]) -> Element:
    """What training cost, and how large the model is."""
    rows = [*_size(folder)]
    if epochs:
        trained = sum(line["train_s"] for line in epochs)
        validated = sum(line["validate_s"] for line in epochs)
        rows += [
            ("training", f"{trained / 60:.1f} min ({trained / len(epochs):.1f} s an epoch)"),
            ("validation", f"{validated / 60:.1f} min"),
            ("speed", f"{mean(line['targets_per_s'] for line in epochs):,.0f} targets/s"),
        ]
    return section("Efficiency", pairs(rows))


def _size(folder: Path) -> list[tuple[str, Child]]:
    path = _weights(folder)
    if path is None:
        return []
    return [
        ("parameters", f"{_count_parameters(path):,}"),
        ("weights", f"{path.stat().st_size / 2**20:.1f} MiB"),
    ]


def _weights(folder: Path) -> Path | None:
    """Of the best checkpoint, before the first validation of the last one; None before both."""
    checkpoints = CheckpointFolder(folder / CHECKPOINTS)
    for mark in ("best", "last"):
        with suppress(CheckpointError):
            return checkpoints.find(mark) / MODEL
    return None


def _count_parameters(path: Path) -> int:
    total = 0
    with safe_open(path, "np") as tensors:
        for name in tensors.keys():  # noqa: SIM118 - not a dict
            size = 1
            for length in tensors.get_slice(name).get_shape():
                size *= length
            total += size
    return total


def data_report(data: Json) -> Element:
    """What was read, filtered and split."""
    report = TypeAdapter(DataReport).validate_python(
        {k: v for k, v in data.items() if k != "density"}
    )
    rows: list[tuple[str, Child]] = []
    for line in report.lines():
        name, colon, rest = line.partition(": ")
        rows.append((name, rest) if colon else ("time span", line))
    return section("Data", pairs(rows))


def settings(given: Json, config: Json) -> Element:
    """What was asked for, and what it came to."""
    asked = [
        (
            name.rstrip("_"),
            value if isinstance(value, str) else json.dumps(value, ensure_ascii=False),
        )
        for name, value in given.items()
    ]
    resolved = folded("All settings, as TOML for --config", e("pre", to_toml(config)))
    head: Child = pairs(asked) if asked else e("p", "Nothing was asked for: all defaults.")
    return section("Settings", e("h3", "Asked for"), head, e("h3", "Resolved"), resolved)


def environment(run: Json) -> Element:
    """Versions, machine and hashes."""
    about = run["environment"]
    rows: list[tuple[str, Child]] = [("Python", str(about["python"]))]
    rows += [(name, str(value)) for name, value in about["versions"].items()]
    rows += [("platform", str(about["platform"])), ("threads", str(about["threads"]))]
    hashes = {"data_fingerprint": "data", "items_sha256": "items", "text_sha256": "text"}
    rows += [
        (f"SHA-256 of {words}", e("code", str(run[key])))
        for key, words in hashes.items()
        if key in run
    ]
    return section("Environment and hashes", pairs(rows))


def tiles(rows: Sequence[tuple[str, str, str]]) -> Element:
    """The few figures that are read first: name, value, remark."""
    made = [e("div", e("dt", name), e("dd", value, e("small", more))) for name, value, more in rows]
    return e("dl", *made, class_="tiles")


def headline(evaluation: Json | None, epochs: Sequence[Json], watched: str) -> Element:
    """Model, best baseline, epochs and time."""
    rows: list[tuple[str, str, str]] = []
    if evaluation:
        found = [(row["scorer"], row["metrics"].get(watched)) for row in evaluation["rows"]]
        found = [(name, metric) for name, metric in found if metric]
        if found:
            name, metric = found[-1]
            rows.append((f"test {watched}", number(metric["value"]), _ends(metric)))
        if len(found) > 1:
            name, metric = max(found[:-1], key=lambda pair: pair[1]["value"])
            rows.append((f"best beside it: {name}", number(metric["value"]), _ends(metric)))
    if epochs:
        seconds = sum(line["train_s"] + line["validate_s"] for line in epochs)
        rows.append(("best epoch", str(epochs[-1]["best_epoch"] or "-"), f"of {len(epochs)}"))
        rows.append(("training", f"{seconds / 60:.1f} min", "validation included"))
    return tiles(rows)


def _ends(metric: Json) -> str:
    return f"[{number(metric['low'])}, {number(metric['high'])}]"
