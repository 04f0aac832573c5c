"""Run the cells of an experiment one after another; what is done is not done again."""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, final

from latentrec.config import RunConfig
from latentrec.data.prepare import Prepared, prepare
from latentrec.errors import ConfigError
from latentrec.evaluate.baselines import evaluate_baselines
from latentrec.evaluate.table import to_json
from latentrec.experiment.spec import Cell
from latentrec.run import evaluate_run, fit, load
from latentrec.run.folder import (
    CONFIG,
    EVALUATION,
    METRICS,
    RUN,
    best_value,
    check_data,
    read_config,
    read_json,
    read_metrics,
    write_json,
)
from latentrec.run.judged import has_ranks, keep_ranks, read_ranks
from latentrec.train.atomic import write_text

BASELINES: Final = "baselines.json"
"""File of the judged baselines, in the folder of an experiment."""


@final
@dataclass(frozen=True)
class CellResult:
    """A finished cell.

    Attributes:
        cell: Which.
        metrics: Test metrics of the model.
        valid: The monitored validation metric of the best epoch.
        epochs: Epochs trained.
        best_epoch: The epoch that was judged.
        minutes: Minutes of training, validation included.
        again: Whether it had been finished before.
    """

    cell: Cell
    metrics: dict[str, float]
    valid: float
    epochs: int
    best_epoch: int
    minutes: float
    again: bool


def execute(todo: Sequence[Cell], beside: Sequence[Cell] = ()) -> Iterator[CellResult]:
    """Train and judge every cell that is not finished; an interrupted one goes on.

    Data that several cells share are prepared once. Where all is done the log need not be there.

    Args:
        todo: What is to be done.
        beside: Cells whose figures stand beside theirs; checked only.

    Raises:
        CheckpointError: If a folder holds a run on other data.
        ConfigError: If a folder holds a run with other settings.
        DataError: If the data break a rule.
        TrainingError: If a loss is not finite.
    """
    prepared = prepared_once()
    check_folders(todo, beside, prepared)
    for cell in todo:
        done = is_finished(cell)
        if not done:
            _run(cell, prepared(cell.config))
        yield _result(cell, done)


def choose(results: Sequence[CellResult]) -> dict[str, tuple[str, ...]]:
    """The tuned settings of each row that were best on validation; the first of equals."""
    best: dict[str, CellResult] = {}
    for result in results:
        row = result.cell.row
        if row not in best or result.valid > best[row].valid:
            best[row] = result
    return {row: result.cell.tuned for row, result in best.items()}


def settled(tried: Sequence[Cell]) -> dict[str, tuple[str, ...]]:
    """`choose` for the rows whose trials are all finished; nothing is trained."""
    open_rows = {cell.row for cell in tried if not is_finished(cell)}
    return choose([_result(cell, again=True) for cell in tried if cell.row not in open_rows])


def _log_is_there(config: RunConfig) -> bool:
    return config.data.kind != "files" or Path(config.data.path).exists()


def collect(every: Sequence[Cell], known: Mapping[Path, CellResult]) -> dict[Path, CellResult]:
    """The results of all finished cells by folder, in the order of the cells.

    Args:
        every: All cells of the experiment, also those that another command trains.
        known: Results that need not be read again, by folder.
    """
    return {
        cell.folder: known.get(cell.folder) or _result(cell, again=True)
        for cell in every
        if cell.folder in known or is_finished(cell)
    }


def is_finished(cell: Cell) -> bool:
    """Whether a cell has been trained to its end and judged.

    `latentrec evaluate` judges an interrupted one too.
    """
    epochs = read_metrics(cell.folder / METRICS)
    return (cell.folder / EVALUATION).exists() and bool(epochs and epochs[-1]["stop"])


def prepared_once() -> Callable[[RunConfig], Prepared]:
    """`prepare` that keeps the data of its last call, for runs on the same data in a row."""
    kept: dict[str, Prepared] = {}

    def prepared(config: RunConfig) -> Prepared:
        key = config.data.model_dump_json() + config.split.model_dump_json()
        if key not in kept:
            kept.clear()
            kept[key] = prepare(config.data, config.split)
        return kept[key]

    return prepared


def _run(cell: Cell, prepared: Prepared) -> None:
    resume = (cell.folder / CONFIG).exists()
    for _ in fit(cell.config, cell.folder, prepared=prepared, resume=resume):
        pass
    knobs = cell.config.evaluate.model_copy(update={"baselines": ()})  # once for all, see below
    found = evaluate_run(load(cell.folder), prepared, knobs)
    keep_ranks(cell.folder, prepared, cell.config.evaluate, found)
    write_text(cell.folder / EVALUATION, to_json(found))


def baseline_metrics(finished: Sequence[Cell], path: Path) -> dict[str, dict[str, float]]:
    """Test metrics of the baselines by name, judged once and kept in a file.

    They are judged again where the data or the judging are others than those of the file. Their
    ranks stay with the first cell's run, for comparisons.

    Args:
        finished: Finished cells on the same data, at least one; the first says how to judge.
        path: Where they are kept.
    """
    first, wanted = finished[0], _judging(finished[0])
    kept: dict[str, Any] = read_json(path) if path.exists() else {}
    names = {row["scorer"] for row in kept.get("rows", ())}
    if kept.get("of") != wanted or not any(names <= _ranked(cell) for cell in finished):
        prepared, knobs = prepare(first.config.data, first.config.split), first.config.evaluate
        found = evaluate_baselines(prepared.dataset, knobs)
        keep_ranks(first.folder, prepared, knobs, found)
        judged: dict[str, Any] = json.loads(to_json(found)) if found else {"rows": []}
        kept = judged | {"of": wanted}
        write_json(path, kept)
    return {row["scorer"]: _values(row) for row in kept["rows"]}


def _judging(cell: Cell) -> dict[str, Any]:
    """What the figures of the baselines hang on."""
    sections = {"data", "split", "evaluate"}
    fingerprint = {"data_fingerprint": read_json(cell.folder / RUN)["data_fingerprint"]}
    return fingerprint | cell.config.model_dump(mode="json", include=sections)


def _ranked(cell: Cell) -> set[str]:
    """Whose ranks a cell's run holds."""
    hidden = cell.config.evaluate.exclude_seen
    return set(read_ranks(cell.folder, hidden).ranks) if has_ranks(cell.folder, hidden) else set()


def check_folders(
    todo: Sequence[Cell], beside: Sequence[Cell], prepared: Callable[[RunConfig], Prepared]
) -> None:
    """Raise if a folder holds a run with other settings or data; see `execute`."""
    every = [*todo, *beside]
    check_settings(every)
    if not all(map(is_finished, todo)) or all(_log_is_there(cell.config) for cell in every):
        for cell in (cell for cell in every if (cell.folder / CONFIG).exists()):
            check_data(cell.folder, prepared(cell.config))


def check_settings(cells: Iterable[Cell]) -> None:
    """Raise ConfigError if a folder of the cells holds a run with other settings."""
    for cell in cells:
        if (cell.folder / CONFIG).exists() and read_config(cell.folder) != cell.config:
            raise ConfigError(
                f"run folder {cell.folder}: holds a run with other settings than row "
                f"'{cell.row}'; take another --out folder, or delete it"
            )


def _result(cell: Cell, again: bool) -> CellResult:
    epochs = read_metrics(cell.folder / METRICS)
    valid = best_value(epochs, cell.config.train.monitor)
    assert valid is not None, "the last epoch is always validated"
    return CellResult(
        cell=cell,
        metrics=model_metrics(read_json(cell.folder / EVALUATION)),
        valid=valid,
        epochs=len(epochs),
        best_epoch=epochs[-1]["best_epoch"],
        minutes=sum(line["train_s"] + line["validate_s"] for line in epochs) / 60,
        again=again,
    )


def model_metrics(evaluation: dict[str, Any]) -> dict[str, float]:
    """Metrics of the trained model, the last row of an evaluation.json."""
    return _values(evaluation["rows"][-1])


def _values(row: dict[str, Any]) -> dict[str, float]:
    return {name: metric["value"] for name, metric in row["metrics"].items()}
