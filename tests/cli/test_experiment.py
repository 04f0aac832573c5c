"""`latentrec experiment` plans, runs, goes on, and writes its table."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from latentrec.cli.main import app

FILE = """
title = "tiny"
set = [
  "data.users=40", "data.items=30", "encoder.dim=8", "encoder.heads=1",
  "train.epochs=1", "evaluate.resamples=20",
]
rows = [{ name = "sasrec", preset = "sasrec" }, { name = "plr", preset = "plr-sasrec" }]
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "tiny.toml"
    path.write_text(FILE, encoding="utf-8")
    return path


def test_plan_trains_nothing(file: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    shown = CliRunner().invoke(app, ["experiment", str(file), "--out", str(out), "--plan"]).stdout
    assert "tiny: 0 trials, 2 runs" in shown
    assert "plr seed 0: about" in shown
    assert not out.exists()


def test_the_plan_of_a_tuned_experiment_knows_what_is_finished(file: Path, tmp_path: Path) -> None:
    """The folders of the later seeds carry the chosen settings in their names."""
    tuned = file.read_text(encoding="utf-8") + '[tune]\n"encoder.dropout" = [0.1, 0.3]\n'
    file.write_text("seeds = [0, 1]\n" + tuned, encoding="utf-8")
    command = ["experiment", str(file), "--out", str(tmp_path / "out")]
    assert CliRunner().invoke(app, [*command, "--row", "sasrec"]).exit_code == 0
    shown = CliRunner().invoke(app, [*command, "--plan"]).stdout.splitlines()
    states = [line.partition(":")[2].strip() for line in shown if line.startswith("sasrec")]
    assert states == ["finished"] * 3
    assert sum("plr" in line and "about" in line for line in shown) == 3
    shown = CliRunner().invoke(app, [*command, "--row", "sasrec", "--plan"]).stdout
    assert "together about 0.0 hours" in shown


def test_runs_and_goes_on(file: Path, tmp_path: Path) -> None:
    command = ["experiment", str(file), "--out", str(tmp_path / "out")]
    first = CliRunner().invoke(app, [*command, "--row", "sasrec"])
    assert first.exit_code == 0, first.output
    second = CliRunner().invoke(app, [*command, "--metrics", "ndcg@5"])
    assert "sasrec seed 0: ndcg@5" in second.stdout
    assert second.stdout.count("(was finished)") == 1
    table = (tmp_path / "out" / "table.md").read_text(encoding="utf-8")
    assert table.startswith("# tiny\n")
    assert table.count("\n| ") == 3 + 5  # head, two rows, five baselines
    compared = (tmp_path / "out" / "comparison.md").read_text(encoding="utf-8")
    assert "paired tests of ndcg@5 against sasrec" in second.stdout
    for name in ("sasrec", "plr", "popularity", "markov", "ease"):
        assert f"\n| {name} | " in compared


def test_a_log_that_changed_in_its_place_is_refused(file: Path, tmp_path: Path) -> None:
    """Old rows must not stand beside new ones, also where another row is asked for."""
    text = file.read_text(encoding="utf-8").replace('"data.users=40", "data.items=30", ', "")
    file.write_text(text, encoding="utf-8")
    log, out = tmp_path / "log.csv", tmp_path / "out"
    for items in (6, 7):
        rows = [f"u{u},i{u * t % items},{1_700_000_000 + t}" for u in range(20) for t in range(8)]
        log.write_text("user_id,item_id,timestamp\n" + "\n".join(rows) + "\n", encoding="utf-8")
        command = ["experiment", str(file), str(log), "--out", str(out)]
        if items == 6:
            assert CliRunner().invoke(app, [*command, "--row", "sasrec"]).exit_code == 0
    failed = CliRunner().invoke(app, [*command, "--row", "plr"])
    assert failed.exit_code == 2
    assert "the data changed since the run was started" in failed.stderr
    assert not (out / "plr").exists()


def lines_of(table: Path) -> list[str]:
    """Rows of a table by name, without the baselines."""
    names = [line.split(" ")[1] for line in table.read_text(encoding="utf-8").splitlines()[4:]]
    return [name for name in names if name in ("sasrec", "plr")]


def test_a_part_of_the_runs_leaves_the_others_in_the_tables(file: Path, tmp_path: Path) -> None:
    """Several terminals each train a row or seed in one folder; the last one shows all."""
    file.write_text("seeds = [0, 1]\n" + file.read_text(encoding="utf-8"), encoding="utf-8")
    out = tmp_path / "out"
    command = ["experiment", str(file), "--out", str(out)]
    for part in (["plr", "1"], ["plr", "0"], ["sasrec", "0"], ["sasrec", "1"]):
        done = CliRunner().invoke(app, [*command, "--row", part[0], "--seed", part[1]])
        assert done.exit_code == 0, done.output
        if part == ["plr", "0"]:
            assert lines_of(out / "table.md") == ["plr"]
            assert "| 2 | 1 |" in (out / "table.md").read_text(encoding="utf-8")
    assert lines_of(out / "table.md") == ["sasrec", "plr"]
    assert "paired tests of ndcg@10 against sasrec" in done.stdout
    parts = [(out / name).read_text(encoding="utf-8") for name in ("table.md", "comparison.md")]
    assert CliRunner().invoke(app, command).exit_code == 0
    assert parts == [(out / name).read_text("utf-8") for name in ("table.md", "comparison.md")]


def test_a_part_of_a_tuned_experiment_shows_rows_that_are_chosen(
    file: Path, tmp_path: Path
) -> None:
    tuned = file.read_text(encoding="utf-8") + '[tune]\n"encoder.dropout" = [0.1, 0.3]\n'
    file.write_text(tuned, encoding="utf-8")
    command = ["experiment", str(file), "--out", str(tmp_path / "out")]
    for row in ("sasrec", "plr"):
        assert CliRunner().invoke(app, [*command, "--row", row]).exit_code == 0
    assert lines_of(tmp_path / "out" / "table.md") == ["sasrec", "plr"]


@pytest.mark.parametrize("place", ["tiny.toml", "tiny.toml/below"])
def test_an_out_that_is_no_folder_is_refused(file: Path, tmp_path: Path, place: str) -> None:
    """By its name and before any training, like that of `study` and `tune`."""
    out = str(tmp_path / place)
    for command in (["experiment", str(file)], ["study", "ablation"], ["tune"]):
        failed = CliRunner().invoke(app, [*command, "--out", out])
        assert failed.exit_code == 2
        assert f"--out {out}: must be a folder" in failed.stderr
        assert "Errno" not in failed.stderr


def test_an_unknown_metric_is_refused_before_training(file: Path, tmp_path: Path) -> None:
    command = ["experiment", str(file), "--out", str(tmp_path / "out"), "--metrics", "ndcg@7"]
    failed = CliRunner().invoke(app, command)
    assert failed.exit_code == 2
    assert "--metrics ndcg@7" in failed.stderr
    assert not (tmp_path / "out").exists()


def test_a_table_of_what_is_finished_trains_nothing(file: Path, tmp_path: Path) -> None:
    tuned = file.read_text(encoding="utf-8") + '[tune]\n"encoder.dropout" = [0.1, 0.3]\n'
    file.write_text(tuned.replace("title", "seeds = [0, 1]\ntitle"), encoding="utf-8")
    out = tmp_path / "out"
    command = ["experiment", str(file), "--out", str(out)]
    failed = CliRunner().invoke(app, [*command, "--finished"])
    assert failed.exit_code == 2
    assert "none of these runs is finished" in failed.stderr
    assert not out.exists()
    assert CliRunner().invoke(app, [*command, "--row", "sasrec", "--seed", "1"]).exit_code == 0
    runs = sorted(path.parent.relative_to(out) for path in out.rglob("evaluation.json"))
    # Two trials, always with the first seed of the file, and the chosen one with seed 1.
    assert sorted(run.name for run in runs) == ["seed-0", "seed-0", "seed-1"]
    shown = CliRunner().invoke(app, [*command, "--finished"])
    assert shown.exit_code == 0, shown.output
    assert "not finished: plr encoder.dropout=0.1 seed 0" in shown.stdout
    assert shown.stdout.count("(was finished)") == 4
    assert lines_of(out / "table.md") == ["sasrec"]
    assert not (out / "plr").exists()


def test_a_row_with_open_trials_stands_in_no_table_of_what_is_finished(
    file: Path, tmp_path: Path
) -> None:
    """The best of a part of its trials had a smaller budget than the other rows."""
    plain, part = file.read_text(encoding="utf-8"), tmp_path / "part.toml"
    part.write_text(plain + '[tune]\n"encoder.dropout" = [0.1]\n', encoding="utf-8")
    file.write_text(plain + '[tune]\n"encoder.dropout" = [0.1, 0.3]\n', encoding="utf-8")
    out = tmp_path / "out"
    for path, row in ((part, "plr"), (file, "sasrec")):
        command = ["experiment", str(path), "--out", str(out)]
        assert CliRunner().invoke(app, [*command, "--row", row]).exit_code == 0
    shown = CliRunner().invoke(app, [*command, "--finished"])
    assert shown.exit_code == 0, shown.output
    assert "not finished: plr encoder.dropout=0.3 seed 0" in shown.stdout
    assert "chosen for plr" not in shown.stdout
    assert lines_of(out / "table.md") == ["sasrec"]
