"""Our copy of the paper's numbers must be the paper's: its own percentages follow from them."""

import pytest

from latentrec.experiment.studies import PARTS
from latentrec.paper.plan import WHOLE
from latentrec.paper.published import TABLE_2, published

IMPROVEMENTS = {
    ("CDs & Vinyl", "sasrec"): (5.59, 12.07, -0.37, 4.95),
    ("CDs & Vinyl", "bert4rec"): (6.28, 4.29, 2.81, 2.08),
    ("CDs & Vinyl", "unisrec"): (14.91, 8.56, 7.21, 4.89),
    ("Movies & TV", "sasrec"): (5.56, 3.09, 2.46, 3.90),
    ("Movies & TV", "bert4rec"): (0.97, 3.16, 1.23, 2.49),
    ("Movies & TV", "unisrec"): (9.35, 4.35, 6.69, 3.88),
    ("Video & Games", "sasrec"): (2.42, 2.99, 3.49, 2.72),
    ("Video & Games", "bert4rec"): (-3.53, 0.10, 2.69, 4.07),
    ("Video & Games", "unisrec"): (1.02, 2.13, -3.40, -1.82),
}


@pytest.mark.parametrize(("category", "backbone"), IMPROVEMENTS)
def test_the_printed_improvements_follow_from_our_copy(category: str, backbone: str) -> None:
    rows = published().quality[category]
    plr = rows[f"{backbone}+plr"]
    others = [rows[backbone], *(rows[f"{backbone}+{name}"] for name in ("erl", "prl", "lares"))]
    for metric, percent in zip(TABLE_2, IMPROVEMENTS[category, backbone], strict=True):
        best = max(other[metric] for other in others)
        assert 100 * (plr[metric] / best - 1) == pytest.approx(percent, abs=0.006)


def test_the_costs_follow_too() -> None:
    cost = published().efficiency
    base = cost["sasrec"]
    for name, flops, latency in (("sasrec+erl", 2.69, 5.55), ("sasrec+plr", 5.22, 5.80)):
        assert 100 * (cost[name].flops / base.flops - 1) == pytest.approx(flops, abs=0.006)
        assert 100 * (cost[name].latency_s / base.latency_s - 1) == pytest.approx(
            latency, abs=0.006
        )


def test_the_whole_model_of_the_ablation_is_that_of_table_2() -> None:
    paper = published()
    for category, rows in paper.ablation.items():
        assert rows[WHOLE].items() <= paper.quality[category][WHOLE].items()
        assert set(rows) - {WHOLE} <= set(PARTS)
