"""Mean and standard deviation over seeds, known by hand, and the table that shows them."""

from pathlib import Path

from latentrec.config import RunConfig
from latentrec.experiment.execute import CellResult
from latentrec.experiment.spec import Cell
from latentrec.experiment.summary import summarise, to_markdown


def result(row: str, seed: int, value: float) -> CellResult:
    cell = Cell(row, seed, (), RunConfig(), Path(row))
    return CellResult(cell, {"ndcg@10": value}, 0.0, 4 + seed, 3, 1.0 + seed, False)


def test_mean_and_deviation_over_seeds() -> None:
    results = [result("a", 0, 0.1), result("b", 0, 0.5), result("a", 1, 0.3), result("a", 2, 0.2)]
    a, b = summarise(results)
    assert (a.row, a.seeds, b.row, b.seeds) == ("a", 3, "b", 1)
    assert abs(a.means["ndcg@10"] - 0.2) < 1e-12
    assert a.deviations is not None
    assert abs(a.deviations["ndcg@10"] - 0.1) < 1e-12  # sqrt((.01 + .01 + 0) / 2)
    assert b.deviations is None
    assert (a.minutes, a.epochs) == (2.0, 5.0)


def test_the_table_has_a_line_a_row() -> None:
    results = [result("a", 0, 0.1), result("a", 1, 0.3), result("b", 0, 0.5)]
    assert to_markdown(summarise(results), ["ndcg@10"], {"popularity": {"ndcg@10": 0.01}}) == (
        "| method | ndcg@10 | seeds | epochs | minutes |\n"
        "|---|---|---|---|---|\n"
        "| popularity | .0100 |  |  |  |\n"
        "| a | .2000 (.1414) | 2 | 4 | 1.5 |\n"
        "| b | .5000 | 1 | 4 | 1.0 |\n"
    )
