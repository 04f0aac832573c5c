"""Results: the tables and figures of section 6, from the finished runs of a domain."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final, final

from latentrec.analyse.attention import attention
from latentrec.analyse.ceiling import ceiling
from latentrec.analyse.cost import measure
from latentrec.analyse.finding import Finding
from latentrec.analyse.robustness import robustness
from latentrec.analyse.study import sensitivity_of
from latentrec.analyse.subject import Subject, subject_of
from latentrec.data.prepare import Prepared, prepare
from latentrec.evaluate.compare import Comparison
from latentrec.evaluate.evaluate import Metric
from latentrec.experiment.execute import CellResult
from latentrec.experiment.studies import DEFAULT, NO_STEPS, PARTS
from latentrec.experiment.summary import paired
from latentrec.index import FIRST_ITEM
from latentrec.paper.domains import Domain
from latentrec.paper.figures import figure_4, table_4
from latentrec.paper.plan import BACKBONES, WHOLE, backbone_of
from latentrec.paper.published import TABLE_2, TABLE_3, Statistics, published
from latentrec.paper.tables import Against, Line, Table1, Table2, Table3
from latentrec.run import load
from latentrec.run.folder import check_data, read_json

TESTED: Final = "ndcg@20"
"""The metric of the figures, and of the differences in Table 2."""
CASES: Final = 2000
"""Test cases that figures 3 to 5 look at, drawn with a fixed seed."""
BATCHES: Final = (1, 64)
"""Histories in the timed calls of Table 4."""


@final
@dataclass(frozen=True)
class Material:
    """What the findings of a domain are made from.

    Attributes:
        domain: The domain.
        results: Its finished cells; there is a row `sasrec+plr`, or no study.
        baselines: File with the judged baselines.
        prepared: Its data.
    """

    domain: Domain
    results: Sequence[CellResult]
    baselines: Path
    prepared: Prepared

    @property
    def methods(self) -> list[str]:
        """Rows of Table 2."""
        rows = dict.fromkeys(result.cell.row for result in self.results)
        return [row for row in rows if backbone_of(row) in BACKBONES]

    def of(self, rows: Sequence[str]) -> list[CellResult]:
        """All seeds of some rows, row by row."""
        return [x for row in rows for x in self.results if x.cell.row == row]

    def subject(self, row: str) -> Subject:
        """The row's run with the first seed, on a sample of the test cases."""
        run = load(self.of([row])[0].cell.folder)
        return subject_of(run, prepared=self.prepared, sample=CASES, name=row)


def material_of(domain: Domain, results: Sequence[CellResult], baselines: Path) -> Material:
    """Finished cells of a domain with their data.

    Raises:
        CheckpointError: If the data changed since a cell was trained.
    """
    config = results[0].cell.config
    prepared = prepare(config.data, config.split)
    for result in results:
        check_data(result.cell.folder, prepared)
    return Material(domain, results, baselines, prepared)


def findings(of: Material) -> Iterator[Finding]:
    """Every table and figure that the domain has runs for, in the paper's order.

    Paper: PLR (arXiv 2601.03153), section 6.
    """
    yield table_1(of)
    yield table_2(of)
    if WHOLE not in of.methods:
        return
    if of.domain.sensitivity:
        yield sensitivity_of(_studied(of.results), [TESTED, "recall@20"])
    if of.domain.ablation:
        yield table_3(of)
    if of.domain.sensitivity:
        subjects = {row: of.subject(row) for row in of.methods}
        sasrec = {row: x for row, x in subjects.items() if backbone_of(row) == "sasrec"}
        yield robustness([*sasrec.values()], TESTED, ("missing",))
        yield _ceilings([x for row, x in subjects.items() if "+" in row])
        yield _costs(of, sasrec)
        yield attention(subjects[WHOLE])


def table_1(of: Material) -> Table1:
    """Users, items and interactions."""
    data = of.prepared.dataset
    ours = Statistics(data.users, data.index.size - FIRST_ITEM, len(data.items))
    beside = of.domain.beside
    paper = published().statistics[beside]
    return Table1(of.domain.name, beside, not of.domain.sample, paper, ours)


def table_2(of: Material) -> Table2:
    """Every method, and PLR against the others of its backbone."""
    paper = published().quality[of.domain.beside]
    lines, against, protocol = list(_baselines(of.baselines)), list[Against](), ""
    for backbone in dict.fromkeys(map(backbone_of, of.methods)):
        rows = [row for row in of.methods if backbone_of(row) == backbone]
        found = paired(of.of(sorted(rows, key=lambda row: row != f"{backbone}+plr")), TESTED)
        lines += _lines(found, rows, paper)
        against += _against(found, paper)
        protocol = found.protocol
    beside, same = of.domain.beside, not of.domain.sample
    return Table2(protocol, beside, same, TABLE_2, tuple(lines), TESTED, tuple(against))


def table_3(of: Material) -> Table3:
    """The whole model and what is left without each part."""
    paper = published().ablation.get(of.domain.beside, {})
    rows = [WHOLE, *PARTS]
    found = paired(of.of(rows), TESTED)
    lines = tuple(_lines(found, rows, paper))
    return Table3(found.protocol, of.domain.beside, not of.domain.sample, TABLE_3, lines)


def _baselines(path: Path) -> Iterator[Line]:
    for row in read_json(path)["rows"]:
        yield Line(row["scorer"], {}, {name: _metric(x) for name, x in row["metrics"].items()}, 0)


def _metric(values: dict[str, Any]) -> Metric:
    return Metric(values["value"], values["low"], values["high"])


def _lines(
    found: Comparison, rows: Sequence[str], paper: dict[str, dict[str, float]]
) -> Iterator[Line]:
    by_name = {row.name: row for row in found.rows}
    for row in rows:
        yield Line(row, paper.get(row, {}), by_name[row].metrics, by_name[row].seeds)


def _against(found: Comparison, paper: dict[str, dict[str, float]]) -> Iterator[Against]:
    """The differences with PLR first, where the comparison has the other first."""
    for other in found.differences:
        x = other.difference
        theirs = paper[found.reference][TESTED] - paper[other.name][TESTED]
        ours = Metric(-x.value, -x.high, -x.low)
        yield Against(other.name, theirs, ours, other.adjusted.t)


def _studied(results: Sequence[CellResult]) -> list[CellResult]:
    """The results with the whole model and its backbone alone named as in a study."""
    names = {WHOLE: DEFAULT, backbone_of(WHOLE): NO_STEPS}
    return [
        replace(x, cell=replace(x.cell, row=names.get(x.cell.row, x.cell.row))) for x in results
    ]


def _ceilings(subjects: Sequence[Subject]) -> Finding:
    found = {subject.name: ceiling(subject, (TESTED,)) for subject in subjects}
    return figure_4(found, subjects[0].task, TESTED)


def _costs(of: Material, subjects: Mapping[str, Subject]) -> Finding:
    import torch

    one = next(iter(subjects.values())).scorer
    encoder = of.results[0].cell.config.encoder
    setting = (
        f"{one.size - FIRST_ITEM:,} items, d = {encoder.dim}, histories of {one.max_length}, "
        f"{one.device.type}, {torch.get_num_threads()} threads"
    )
    costs = {row: measure(subject.scorer, BATCHES) for row, subject in subjects.items()}
    beside, same = of.domain.beside, not of.domain.sample
    return table_4(costs, published().efficiency, setting, beside, same)
