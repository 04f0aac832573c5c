"""`latentrec data` as a user meets it: options reach the readers, errors stay errors of ours."""

import json
import subprocess
import sys
from pathlib import Path

import polars as pl
import pytest
from typer.testing import CliRunner

from latentrec.cli.data import app
from latentrec.config import FilesConfig, LeaveOneOutConfig
from latentrec.data.prepare import prepare
from latentrec.errors import ConfigError, DataError

RUNNER = CliRunner()


@pytest.fixture
def log(tmp_path: Path) -> Path:
    path = tmp_path / "clicks.csv"
    rows = [f"u{user},i{(user + place) % 5},{place % 5 + 1},{1_700_000_000 + place * 60}"
            for user in range(4) for place in range(8)]  # fmt: skip
    path.write_text("who,what,stars,when\n" + "\n".join(rows))
    return path


COLUMNS = ["--user-column", "who", "--item-column", "what", "--time-column", "when"]


def test_inspect_prints_the_report(log: Path) -> None:
    result = RUNNER.invoke(app, ["inspect", str(log), *COLUMNS], catch_exceptions=False)
    assert "rows read: 32 (0 blank, 0 bad)" in result.stdout
    assert "time: seconds since 1970" in result.stdout
    assert "test: 4 cases" in result.stdout


def test_every_option_reaches_the_reader(log: Path) -> None:
    more = ["--rating-column", "stars", "--rating-above", "2", "--min-user-interactions", "2",
            "--min-item-interactions", "2", "--duplicates", "keep", "--repeats", "last",
            "--bad-rows", "report", "--time-unit", "s", "--format", "table", "--json",
            "--split", "time", "--valid-from", "1700000240", "--test-from", "1700000400",
    ]  # fmt: skip
    result = RUNNER.invoke(app, ["inspect", str(log), *COLUMNS, *more], catch_exceptions=False)
    report = json.loads(result.stdout)
    assert report["filtered"]["low_ratings"] == 16
    assert report["split"]["protocol"].startswith("by time: validation from 2023-11-14T22:17:20Z")


def test_prepare_writes_files_that_read_back_the_same(log: Path, tmp_path: Path) -> None:
    items = tmp_path / "goods.csv"
    items.write_text("what,title,colour\ni0,Zero,red\ni1,One,blue|red\n")
    to = tmp_path / "out" / "put"
    options = [*COLUMNS, "--items", str(items), "--more-field", "colour", "--to", str(to)]
    RUNNER.invoke(app, ["prepare", str(log), *options], catch_exceptions=False)
    assert sorted(file.name for file in to.iterdir()) == [
        "interactions.parquet", "items.parquet", "report.json"
    ]  # fmt: skip
    again = prepare(FilesConfig(path=str(to), more_fields=("colour",)), LeaveOneOutConfig())
    report = json.loads((to / "report.json").read_text())
    assert again.report.fingerprint == report["fingerprint"]
    assert report["item_table"]["fields"] == ["colour"]


def test_bad_rows_are_listed_beside_the_result(log: Path, tmp_path: Path) -> None:
    log.write_text(log.read_text() + "\n,,,\n")
    to = tmp_path / "out"
    with pytest.raises(DataError, match=r"clicks\.csv:34: who is missing"):
        RUNNER.invoke(app, ["prepare", str(log), *COLUMNS, "--to", str(to)], catch_exceptions=False)
    options = [*COLUMNS, "--to", str(to), "--bad-rows", "report"]
    RUNNER.invoke(app, ["prepare", str(log), *options], catch_exceptions=False)
    assert pl.read_csv(to / "bad_rows.csv")["line"].to_list() == [34]


@pytest.mark.parametrize("command", ["inspect", "prepare"])
@pytest.mark.parametrize("as_json", [False, True])
def test_what_was_read_is_said_before_a_split_is_refused(
    log: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: str, as_json: bool
) -> None:
    """The bad rows have been written by then, and may be why."""
    monkeypatch.chdir(tmp_path)
    log.write_text(log.read_text() + "\n,,,\n")
    to = ["--to", str(tmp_path)] if command == "prepare" else []
    more = ["--bad-rows", "report", "--split", "given", *to, *["--json"][: int(as_json)]]
    result = RUNNER.invoke(app, [command, str(log), *COLUMNS, *more])
    assert "split 'given'" in str(result.exception)
    shown, other = (result.stdout, result.stderr)[:: -1 if as_json else 1]
    place = tmp_path / "bad_rows.csv" if to else "bad_rows.csv"
    assert f"rows read: 33 (0 blank, 1 bad (written to {place}))" in shown
    assert "taken out: 0 by rating" in shown
    assert other == ""


def test_errors_are_ours(tmp_path: Path, log: Path) -> None:
    with pytest.raises(DataError, match="does not exist"):
        RUNNER.invoke(app, ["inspect", str(tmp_path / "none")], catch_exceptions=False)
    options = ["--split", "time", "--valid-from", "5"]
    with pytest.raises(ConfigError, match="give both"):
        RUNNER.invoke(app, ["inspect", str(log), *COLUMNS, *options], catch_exceptions=False)


def test_downloads_offline_are_one_line(tmp_path: Path) -> None:
    for arguments in (["amazon-2023", "--category", "Toys"], ["movielens", "--name", "ml-1m"]):
        options = ["--to", str(tmp_path), "--base-url", "http://127.0.0.1:9"]
        with pytest.raises(DataError, match="is this machine online"):
            RUNNER.invoke(app, ["download", *arguments, *options], catch_exceptions=False)


def test_the_commands_load_neither_torch_nor_polars_before_they_run() -> None:
    code = "import sys, latentrec.cli.data; print({'torch', 'polars'} & set(sys.modules))"
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert result.stdout.strip() == "set()"
