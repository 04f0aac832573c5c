"""Figure 4 and Table 4 must take from oracles and costs what the paper takes."""

from dataclasses import replace
from pathlib import Path

import pytest

from latentrec.analyse.ceiling import ACHIEVED, Ceiling, Oracle
from latentrec.analyse.cost import Cost, Latency
from latentrec.analyse.finding import write
from latentrec.evaluate.evaluate import Metric
from latentrec.paper.figures import figure_4, table_4
from latentrec.paper.published import published


def metric(value: float) -> dict[str, Metric]:
    return {"ndcg@20": Metric(value, value - 0.01, value + 0.01)}


def oracle(name: str, value: float) -> Oracle:
    return Oracle(name, 2, metric(value), {}, "pooled", {})


def test_figure_4_shows_the_gap_of_every_method(tmp_path: Path) -> None:
    oracles = (oracle("steps", 0.05), oracle("streams", 0.06), oracle("all states", 0.07))
    found = figure_4(
        {"sasrec+plr": Ceiling("all", {ACHIEVED: metric(0.04)}, oracles)}, "all", "ndcg@20"
    )
    assert [(room.oracle, room.best.value) for room in found.rooms] == [
        ("steps", 0.05),
        ("all states", 0.07),
    ]
    assert "| .0400 [.0300, .0500] | .0700 [.0600, .0800] | .0300 |" in found.to_markdown()
    assert write(found, tmp_path)[2].stat().st_size > 0


def cost(flops: int, ms: float) -> Cost:
    return Cost(1, 1, 1, flops, flops, (Latency(1, ms), Latency(64, 8 * ms)), None)


def test_table_4_is_relative_to_plain_sasrec(tmp_path: Path) -> None:
    costs = {
        "sasrec": cost(100_000_000, 1.0),
        "sasrec+lares": cost(300_000_000, 3.0),
        "sasrec+plr": cost(110_000_000, 1.2),
    }
    table = table_4(costs, published().efficiency, "here", "CDs & Vinyl", True)
    plain, lares, plr = table.prices
    assert (plain.extra, plain.paper_extra) == (0.0, 0.0)
    assert (lares.extra, lares.paper_extra) == (2.0, None)
    assert plr.extra == pytest.approx(0.1)
    assert plr.paper_extra == pytest.approx(0.0522, abs=5e-5)
    assert plr.latency == {1: pytest.approx(0.2), 64: pytest.approx(0.2)}
    assert "| 1.4150e8 | 1.1000e8 | +5.22% | +10.00% | +4.78% | +5.80% |" in table.to_markdown()
    assert "Our data are not" not in table.to_markdown()
    other = replace(table, same=False)
    assert "Our data are not CDs & Vinyl" in other.to_markdown()
    assert write(table, tmp_path)[2].stat().st_size > 0
