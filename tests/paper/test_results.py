"""The whole way on a small log: every run, every table and figure of section 6, and the pages."""

from pathlib import Path

import pytest

from latentrec.analyse.finding import write
from latentrec.analyse.subject import subject_of
from latentrec.data.prepare import prepare
from latentrec.errors import CheckpointError
from latentrec.experiment import cells, execute
from latentrec.experiment.execute import BASELINES, baseline_metrics
from latentrec.experiment.studies import PARTS
from latentrec.paper.domains import sample_domain
from latentrec.paper.plan import FEW, WHOLE, Scale, experiment_of
from latentrec.paper.results import Material, findings, material_of, table_2
from latentrec.paper.tables import Table1, Table2, Table3
from latentrec.paper.write import TITLES, write_pages
from latentrec.run import load

SMALL = (
    "data.users=60",
    "data.items=60",
    "data.mean_length=10",
    "train.epochs=1",
    "encoder.dim=8",
    "encoder.inner=8",
    "evaluate.resamples=20",
)


@pytest.fixture(scope="module")
def material(tmp_path_factory: pytest.TempPathFactory) -> Material:
    out, domain = tmp_path_factory.mktemp("paper"), sample_domain(None)
    experiment = experiment_of(Scale.SAMPLE, domain, backbones=["sasrec"])
    small = experiment.model_copy(update={"set": (*experiment.set, *SMALL)})
    todo = cells(small, out)
    results = list(execute(todo))
    baseline_metrics(todo, out / BASELINES)
    return material_of(domain, results, out / BASELINES)


def test_figures_of_other_data_than_the_runs_are_refused(tmp_path: Path) -> None:
    """Otherwise Table 1 would be of new data and Table 2 of old ranks."""
    log = tmp_path / "log.csv"
    for items in (6, 7):
        rows = [f"u{u},i{u * t % items},{1_700_000_000 + t}" for u in range(20) for t in range(8)]
        log.write_text("user_id,item_id,timestamp\n" + "\n".join(rows) + "\n", encoding="utf-8")
        if items == 6:
            domain = sample_domain(log)
            of = experiment_of(Scale.SAMPLE, domain, backbones=["sasrec"])
            small = of.model_copy(update={"set": (*of.set, *SMALL[3:]), "rows": of.rows[:1]})
            results = list(execute(cells(small, tmp_path / "out", data=log)))
    with pytest.raises(CheckpointError, match="the data changed since"):
        material_of(domain, results, tmp_path / BASELINES)
    run = load(results[0].cell.folder)
    changed = prepare(run.config.data, run.config.split)
    with pytest.raises(CheckpointError, match="the data changed since"):
        subject_of(run, prepared=changed)


@pytest.mark.slow
def test_all_of_section_6_comes_out(material: Material, tmp_path: Path) -> None:
    found = list(findings(material))
    assert [finding.name for finding in found] == list(TITLES)
    for finding in found:
        write(finding, tmp_path / "sample")
    text, page = write_pages(tmp_path, {"synthetic users": (tmp_path / "sample", found)})
    markdown, html = text.read_text("utf-8"), page.read_text("utf-8")
    for name, title in TITLES.items():
        assert f"### {title}\n\n![{title}](sample/{name}.png)" in markdown
        assert f"<h3>{title}</h3>" in html
    assert 'src="data:image/svg+xml' in html
    assert "http" not in html.replace("http://www.w3.org", "")


@pytest.mark.slow
def test_the_tables_hold_what_was_judged(material: Material) -> None:
    table = table_2(material)
    assert isinstance(table, Table2)
    judged = {result.cell.row: result.metrics for result in material.results}
    lines = {line.method: line for line in table.lines}
    assert {"popularity", "markov", "ease"} <= set(lines)
    for row in material.methods:
        for metric in table.metrics:
            assert lines[row].ours[metric].value == pytest.approx(judged[row][metric])
    for other in table.against:
        plr = judged[WHOLE]["ndcg@20"]
        assert other.ours.value == pytest.approx(plr - judged[other.method]["ndcg@20"])
        assert other.ours.low <= other.ours.value <= other.ours.high
    one, _, _, three, *_ = findings(material)
    assert isinstance(one, Table1)
    assert not any(table.same for table in (one, table, three))  # type: ignore[union-attr]
    assert one.ours.users == 60
    assert isinstance(three, Table3)
    assert [line.method for line in three.lines] == [WHOLE, *PARTS]
    assert len(material.results) == 5 + sum(map(len, FEW.values())) + len(PARTS)
