"""The tables must put the paper's number beside ours, and say when the data are not the paper's."""

from pathlib import Path

from latentrec.analyse.finding import write
from latentrec.evaluate.evaluate import Metric
from latentrec.paper.published import Statistics
from latentrec.paper.tables import Against, Line, Table1, Table2, Table3

LINES = (
    Line("markov", {}, {"ndcg@20": Metric(0.05, 0.04, 0.06)}, 0),
    Line("sasrec", {"ndcg@20": 0.0305}, {"ndcg@20": Metric(0.0285, 0.0274, 0.0296)}, 3),
)


def test_table_1_shows_the_difference(tmp_path: Path) -> None:
    paper, ours = Statistics(100, 2000, 30_000), Statistics(90, 2100, 30_000)
    table = Table1("mine", "CDs & Vinyl", True, paper, ours)
    assert "| users | 100 | 90 | -10 |" in table.to_markdown()
    assert "| items | 2,000 | 2,100 | +100 |" in table.to_markdown()
    assert "Our data are not" not in table.to_markdown()
    assert write(table, tmp_path)[2].stat().st_size > 0


def test_table_2_has_paper_ours_interval_and_difference(tmp_path: Path) -> None:
    against = (Against("sasrec", 0.0034, Metric(-0.001, -0.002, 0.0), 0.04),)
    table = Table2("by time", "CDs & Vinyl", True, ("ndcg@20",), LINES, "ndcg@20", against)
    text = table.to_markdown()
    assert "| sasrec | .0305 | .0285 | [.0274, .0296] | -.0020 | 3 |" in text
    assert "| markov |  | .0500 | [.0400, .0600] |  |  |" in text
    assert "| sasrec | +.0034 | -.0010 | [-.0020, +.0000] | 0.04 |" in text
    assert "Our data are not" not in text
    assert write(table, tmp_path)[2].stat().st_size > 0


def test_other_data_are_said_to_be_other(tmp_path: Path) -> None:
    table = Table3("by time", "CDs & Vinyl", False, ("ndcg@20",), LINES)
    counts = Statistics(100, 2000, 30_000)
    for other in (table, Table1("mine", "CDs & Vinyl", False, counts, counts)):
        assert "Our data are not CDs & Vinyl" in other.to_markdown()
    assert write(table, tmp_path)[2].stat().st_size > 0
