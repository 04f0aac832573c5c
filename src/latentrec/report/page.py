"""Whole pages: one run, or several with their comparison on top."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any
from xml.etree.ElementTree import Element

from latentrec.errors import ConfigError
from latentrec.evaluate.compare import Comparison
from latentrec.evaluate.metrics import top_k_of
from latentrec.report import sections
from latentrec.report.analyses import analyses
from latentrec.report.comparison import comparison_sections
from latentrec.report.examples import examples
from latentrec.report.html import Child, e, page
from latentrec.run.comparison import compare, run_names
from latentrec.run.folder import (
    CONFIG,
    DATA,
    EVALUATION,
    GIVEN,
    METRICS,
    RUN,
    read_json,
    read_metrics,
)
from latentrec.train.atomic import write_text

EXAMPLES = 5
"""Examples in the report of a run."""


def write_report(
    runs: Sequence[str | Path],
    out: str | Path,
    *,
    baseline: str | None = None,
    metric: str | None = None,
    count: int = EXAMPLES,
) -> None:
    """Write the report of a run, or of several with their comparison on top, as one HTML file.

    Args:
        runs: Folders of runs, at least one.
        out: The file.
        baseline: What the runs are tested against; by default the first of several, and nothing
            where there is one.
        metric: What is drawn and tested; by default what the first run's training watched.
        count: Examples of each run, for which its data are read again; 0 for none.

    Raises:
        CheckpointError: If a folder holds no run.
        ConfigError: If the runs cannot be compared, or the metric is not there.
    """
    folders = [Path(run) for run in runs]
    if len(folders) == 1 and baseline is None:
        _check_metric(folders[0], metric)
        title = f"{folders[0].resolve().name}: latentrec report"
        text = page(title, *_head(folders[0]), *run_sections(folders[0], count, metric), _foot())
    else:
        watched = metric or str(read_json(folders[0] / CONFIG)["train"]["monitor"])
        found = compare(folders, baseline=baseline, metric=watched, top_k=())
        bodies = [run_sections(folder, count, metric) for folder in folders]
        text = _several(found, list(zip(run_names(folders), bodies, strict=True)))
    Path(out).parent.mkdir(parents=True, exist_ok=True)
    write_text(Path(out), text)


def comparison_page(found: Comparison) -> str:
    """A comparison alone as a page."""
    return page(_title(found), e("h1", _title(found)), *comparison_sections(found), _foot())


def _check_metric(folder: Path, metric: str | None) -> None:
    """Refuse a metric that a run was not judged by."""
    if metric is None:
        return
    top_k_of(metric)  # says so if there is no such metric
    kept = _kept(folder)
    if kept and metric not in kept["rows"][0]["metrics"]:
        raise ConfigError(
            f"report: metric '{metric}' was not kept with {folder}; one of "
            f"{', '.join(kept['rows'][0]['metrics'])}, or `latentrec compare` for any other"
        )


def _kept(folder: Path) -> dict[str, Any] | None:
    """The evaluation of a run, None if it has not been judged."""
    return read_json(folder / EVALUATION) if (folder / EVALUATION).exists() else None


def run_sections(folder: Path, count: int, metric: str | None = None) -> list[Element]:
    """Everything about one run, in the order of reading.

    Args:
        folder: Folder of the run.
        count: Number of examples.
        metric: What is drawn of its evaluation, if it was kept; by default what training watched.

    Raises:
        CheckpointError: If the folder holds no run.
    """
    config, epochs = read_json(folder / CONFIG), read_metrics(folder / METRICS)
    monitor = str(config["train"]["monitor"])
    evaluation = _kept(folder)
    known = evaluation["rows"][0]["metrics"] if evaluation else {}
    shown = metric if metric and metric in known else monitor
    found = [sections.headline(evaluation, epochs, shown)]
    if evaluation:
        found += [sections.results(evaluation, shown), sections.how_judged(evaluation)]
    else:
        found.append(e("p", "The run has not been judged yet.", class_="warn"))
    found.append(sections.learning(epochs, monitor))
    if evaluation:
        found += sections.beyond_and_slices(evaluation)
    if count and epochs:
        found.append(examples(folder, count))
    return [
        *found,
        *analyses(folder),
        sections.efficiency(folder, epochs),
        sections.data_report(read_json(folder / DATA)),
        sections.settings(read_json(folder / GIVEN), config),
        sections.environment(read_json(folder / RUN)),
    ]


def _several(found: Comparison, parts: Sequence[tuple[str, list[Element]]]) -> str:
    links = [e("li", e("a", name, href=f"#run-{i}")) for i, (name, _) in enumerate(parts)]
    bodies = [
        e("section", e("h2", f"Run {name}"), *_deeper(body), id=f"run-{i}")
        for i, (name, body) in enumerate(parts)
    ]
    top: list[Child] = [e("h1", _title(found)), e("nav", e("ul", *links), aria_label="Runs")]
    return page(_title(found), *top, *comparison_sections(found), *bodies, _foot())


def _deeper(body: Sequence[Element]) -> list[Element]:
    """The sections of a run with their headings one level further down."""
    for part in body:
        for heading in [each for each in part.iter() if each.tag in ("h2", "h3")]:
            heading.tag = f"h{int(heading.tag[1]) + 1}"
    return list(body)


def _head(folder: Path) -> list[Child]:
    model = str(read_json(folder / RUN)["model"])
    return [e("h1", model), e("p", "Run ", e("code", str(folder.resolve().name)), class_="soft")]


def _title(found: Comparison) -> str:
    tested = [other.name for other in found.differences]
    if not tested:
        return f"{found.metric}: {found.reference}"
    systems = tested[0] if len(tested) == 1 else f"{len(tested)} systems"
    return f"{found.metric}: {systems} against {found.reference}"


def _foot() -> Element:
    words = (
        "Written by latentrec. Every figure is about the protocol that stands with it; intervals "
        "are over users, not over training seeds."
    )
    return e("footer", e("p", words, class_="soft"))
