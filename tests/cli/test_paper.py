"""`latentrec paper` plans before it trains, and says what it needs."""

from pathlib import Path

from typer.testing import CliRunner

from latentrec.cli.main import app


def test_a_plan_trains_nothing(tmp_path: Path) -> None:
    out = tmp_path / "out"
    log = tmp_path / "log.csv"
    rows = [f"u{u},i{(u * 7 + 3 * t) % 20},{1_700_000_000 + 1000 * t + u}"
            for u in range(30) for t in range(8)]  # fmt: skip
    log.write_text("user_id,item_id,timestamp\n" + "\n".join(rows) + "\n", encoding="utf-8")
    arguments = ["paper", str(log), "--sample", "--plan", "--backbone", "sasrec", "--out", str(out)]
    done = CliRunner().invoke(app, arguments, catch_exceptions=False)
    lines = done.output.splitlines()
    assert lines[0].startswith("sasrec seed 0: at most")
    assert lines[-1].startswith("together at most")
    assert len(lines) == 5 + 8 + 6 + 1
    assert not out.exists()


def test_without_data_it_says_what_to_give() -> None:
    done = CliRunner().invoke(app, ["paper"])
    assert done.exit_code == 2
    assert "give the folder of Amazon Reviews 2023 files, or --sample" in done.output
