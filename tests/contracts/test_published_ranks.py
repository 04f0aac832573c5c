"""The evidence page shows what the published ranks come to, and anybody can compare them."""

from pathlib import Path

import pytest

import latentrec
from latentrec.evaluate.metrics import value_of
from latentrec.evaluate.table import number
from latentrec.run.folder import read_json
from latentrec.run.judged import read_ranks

RESULTS = Path(__file__).parents[2] / "docs" / "results"
RANKS = RESULTS / "ranks"
RUNS = sorted(path.parent for path in RANKS.rglob("config.json"))
METHODS = sorted({run.parent for run in RUNS})
BLEND = "blend"


def name_of(path: Path) -> str:
    return path.relative_to(RANKS).as_posix()


def ndcg(run: Path) -> float:
    judged = read_ranks(run, exclude_seen=True)
    return float(value_of(judged.ranks[judged.model], "ndcg@10").mean())


def section_of(method: Path) -> str:
    """The part of the evidence page that the method belongs to."""
    sections = (RESULTS / "evidence.md").read_text(encoding="utf-8").split("\n## ")
    log, name = name_of(method).split("/")
    mark = "Blends with counting" if name.startswith(BLEND) else f"experiments/evidence-{log}.toml"
    (found,) = [s for s in sections[1:] if mark in s.partition("| ---")[0]]
    return found


@pytest.mark.parametrize("run", RUNS, ids=name_of)
def test_ranks_come_to_the_judged_value(run: Path) -> None:
    rows = {row["scorer"]: row["metrics"] for row in read_json(run / "evaluation.json")["rows"]}
    model = read_json(run / "run.json")["model"]
    assert ndcg(run) == pytest.approx(rows[model]["ndcg@10"]["value"], abs=1e-9)


@pytest.mark.parametrize("method", METHODS, ids=name_of)
def test_the_page_shows_their_mean_over_the_seeds(method: Path) -> None:
    seeds = [ndcg(run) for run in RUNS if run.parent == method]
    assert number(sum(seeds) / len(seeds)) in section_of(method)


def test_they_can_be_compared_without_weights_and_data() -> None:
    folders = sorted((RANKS / "ml-100k-time").glob("*/seed-0"))
    found = latentrec.compare(folders, baseline="sasrec")
    assert [row.name for row in found.rows[-len(folders) :]] == [f.parent.name for f in folders]
    assert found.cases == 9926
