"""`latentrec paper` plans before it trains, and says what it needs."""

import sys
from pathlib import Path

import pytest
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
    assert lines[0] == "PLR, section 6, sample: log"
    assert lines[1].startswith("sasrec seed 0: about")
    assert lines[-1].startswith("together about")
    assert len(lines) == 1 + 5 + 8 + 6 + 1
    assert not out.exists()


def test_what_cannot_end_well_is_refused_before_the_plan(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sample = ["paper", "--sample", "--backbone", "sasrec"]
    sized = CliRunner().invoke(app, [*sample, "--grid", "paper"])
    assert (sized.exit_code, "--grid paper: a sample has sizes of its own" in sized.output) == (
        2,
        True,
    )
    (tmp_path / "file").touch()
    nowhere = CliRunner().invoke(app, [*sample, "--out", str(tmp_path / "file")])
    assert (nowhere.exit_code, "must be a folder" in nowhere.output) == (2, True)
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    for command in (sample, ["study", "ablation"]):
        bare = CliRunner().invoke(app, [*command, "--out", str(tmp_path / "out")])
        assert (bare.exit_code, "pip install 'latentrec[plot]'" in bare.output) == (2, True)
        assert "seed 0" not in bare.output
    assert not (tmp_path / "out").exists()


def test_without_data_it_says_what_to_give() -> None:
    done = CliRunner().invoke(app, ["paper"])
    assert done.exit_code == 2
    assert "give the folder of Amazon Reviews 2023 files, or --sample" in done.output
