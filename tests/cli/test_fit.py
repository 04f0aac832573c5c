"""`latentrec fit` as a new user meets it: it works on their file, or one line says why not."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from typer.testing import Result

Command = Callable[..., Result]
HEAD = "user_id,item_id,timestamp\n"
GOOD = "".join(f"u{u},i{(u + n) % 6},{1_700_000_000 + n}\n" for u in range(6) for n in range(5))


def refused(result: Result) -> str:
    """The one line of an expected error."""
    assert result.exit_code == 2, result.output
    assert result.stderr.startswith("error: ")
    assert result.stderr.count("\n") == 1
    assert "Traceback" not in result.output
    return result.stderr


def json_of(path: Path) -> Any:
    return json.loads(path.read_text())


# --- what works -----------------------------------------------------------------------------------


def test_a_log_becomes_a_judged_run(trained: tuple[Path, str]) -> None:
    run, shown = trained
    config = json_of(run / "config.json")
    assert config["data"]["user_column"] == "who"
    assert config["encoder"]["dim"] == 8
    assert json_of(run / "given.json")["user_column"] == "who"
    rows = json_of(run / "evaluation.json")["rows"]
    baselines = ["popularity", "recent-popularity", "markov", "item-knn", "ease"]
    assert [row["scorer"] for row in rows] == [*baselines, "sasrec+plr"]
    titles = pl.read_parquet(run / "items.parquet")["title"].to_list()
    assert titles.count(None) == 1
    assert "Thing 0, blue" in titles
    assert "\x1b" not in shown


def test_it_prints_what_it_found_epoch_by_epoch_and_the_table(trained: tuple[Path, str]) -> None:
    _, shown = trained
    lines = shown.splitlines()
    assert lines[0] == "source: table clicks.csv with items goods.csv"
    assert "rows read: 120 (0 blank, 0 bad)" in shown
    assert "1 training items are not in it" in shown
    assert sum(line.startswith("epoch ") for line in lines) == 2
    assert "training ends: all 2 epochs are done; best epoch: " in shown
    assert "full ranking of 12 items" in " ".join(lines)
    assert [line for line in lines if line.startswith("sasrec+plr")]


def test_settings_come_from_preset_file_options_and_set(
    latentrec: Command, shop: Path, columns: Any, small: list[str], tmp_path: Path
) -> None:
    file = tmp_path / "mine.toml"
    file.write_text('[data]\nuser_column = "nobody"\n[train]\nseed = 5\nepochs = 99\n')
    arguments = ("--preset", "sasrec", "--config", file, "--split", "time", *small[:-2])
    more = ("--set", "split.valid_quantile=0.5", "--run", tmp_path / "run")
    result = latentrec("fit", shop / "clicks.csv", *columns, *arguments, *more)
    assert result.exit_code == 0, result.stderr
    config = json_of(tmp_path / "run" / "config.json")
    assert config["reasoner"] == {"kind": "none"}
    assert config["data"]["user_column"] == "who"
    assert (config["train"]["seed"], config["train"]["epochs"]) == (5, 2)
    assert (config["split"]["kind"], config["split"]["valid_quantile"]) == ("time", 0.5)
    assert "sasrec " in result.stdout


def test_every_data_option_reaches_the_reader(
    latentrec: Command, shop: Path, columns: Any, small: list[str], tmp_path: Path
) -> None:
    # The errors of the data stage name these options as the way out.
    options = ("--rating-column", "stars", "--time-unit", "s", "--bad-rows", "report")
    more = ("--format", "table", "--items", shop / "goods.csv", "--run", tmp_path / "run")
    result = latentrec("fit", shop / "clicks.csv", *columns, *options, *more, *small)
    assert result.exit_code == 0, result.stderr
    data = json_of(tmp_path / "run" / "config.json")["data"]
    assert (data["rating_column"], data["time_unit"], data["bad_rows"]) == ("stars", "s", "report")
    assert (data["format"], data["items_path"]) == ("table", str(shop / "goods.csv"))


def test_without_a_log_it_trains_on_synthetic_users(
    latentrec: Command, small: list[str], tmp_path: Path
) -> None:
    data = ("--set", "data.users=40", "--set", "data.items=30", "--set", "data.mean_length=6")
    result = latentrec("fit", *small, *data, "--run", tmp_path / "run")
    assert result.exit_code == 0, result.stderr
    assert "source: synthetic, seed 7" in result.stdout


def test_a_user_with_one_interaction_is_counted(
    latentrec: Command, small: list[str], tmp_path: Path
) -> None:
    log = tmp_path / "log.csv"
    log.write_text(HEAD + GOOD + "single,i0,1700000000\n")
    result = latentrec("fit", log, *small, "--run", tmp_path / "run")
    assert result.exit_code == 0, result.stderr
    assert "1 users are too short to be evaluated" in result.stdout


def test_bad_rows_can_be_listed_in_the_run(
    latentrec: Command, small: list[str], tmp_path: Path
) -> None:
    log, run = tmp_path / "log.csv", tmp_path / "run"
    log.write_text(HEAD + GOOD + ",i0,1700000000\nu0,nan,1700000000\nu0,i0,-5\n")
    result = latentrec("fit", log, *small, "--bad-rows", "report", "--run", run)
    assert result.exit_code == 0, result.stderr
    assert "rows read: 33 (0 blank, 3 bad (written to" in result.stdout
    assert len(pl.read_csv(run / "bad_rows.csv")) == 3


# --- what is refused ------------------------------------------------------------------------------


def write(content: str | bytes) -> Callable[[Path], None]:
    raw = content if isinstance(content, bytes) else content.encode()
    return lambda path: path.write_bytes(raw) and None


BROKEN: dict[str, tuple[Callable[[Path], None], str]] = {
    "empty": (write(""), "log.csv: is empty"),
    "only a header": (write(HEAD), "log.csv: has no rows"),
    "missing column": (
        write("user,item_id,timestamp\n1,2,3\n"),
        "has no column 'user_id'; its columns are: user, item_id, timestamp. Choose with "
        "--user-column",
    ),
    "nan ids": (write(HEAD + GOOD + "nan,i0,1700000000\n"), "log.csv:32: user_id is missing"),
    "no ids": (write(HEAD + GOOD + "u0,,1700000000\n"), "log.csv:32: item_id is missing"),
    "negative time": (write(HEAD + GOOD + "u0,i0,-5\n"), "log.csv:32: timestamp='-5' must"),
    "text time": (write(HEAD + GOOD + "u0,i0,soon\n"), "log.csv:32: timestamp='soon' must"),
    "mixed units": (write(HEAD + GOOD + "u0,i0,1700000000000\n"), "log.csv:32: "),
    "one line of 50 MB": (write(HEAD + "u" * 50_000_000), "log.csv:2: "),
    "not utf-8": (write(HEAD.encode() + GOOD.encode() + b"u\xff,i0,1700000000\n"), "log.csv:32: "),
    "binary": (write(bytes(range(256)) * 8), "log.csv"),
    "a directory": (lambda path: path.mkdir(), "no known data set; the folder holds: nothing"),
    "not there": (lambda path: None, "does not exist"),
    "only short users": (
        write(HEAD + "".join(f"u{n},i{n},{1_700_000_000 + n}\n" for n in range(9))),
        "split: the validation part is empty",
    ),
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_log_that_cannot_be_used_is_one_line(
    latentrec: Command, tmp_path: Path, name: str
) -> None:
    make, message = BROKEN[name]
    make(tmp_path / "log.csv")
    line = refused(latentrec("fit", tmp_path / "log.csv", "--run", tmp_path / "run"))
    assert message in line
    assert len(line) < 1000
    assert not (tmp_path / "run").exists()  # so that the corrected command works


def test_an_item_table_that_disagrees_with_itself_is_refused(
    latentrec: Command, tmp_path: Path
) -> None:
    (tmp_path / "log.csv").write_text(HEAD + GOOD)
    (tmp_path / "items.csv").write_text("item_id,title\ni0,One\ni0,Other\n")
    options = ("--items", tmp_path / "items.csv", "--run", tmp_path / "run")
    line = refused(latentrec("fit", tmp_path / "log.csv", *options))
    assert "items.csv: item 'i0' has rows that disagree" in line


def test_a_run_folder_under_a_file_is_refused_at_once(latentrec: Command, tmp_path: Path) -> None:
    (tmp_path / "log.csv").write_text(HEAD + GOOD)
    result = latentrec("fit", tmp_path / "log.csv", "--run", tmp_path / "log.csv" / "x")
    assert "must be a folder that can be made or written to (Not a directory)" in refused(result)
    assert result.stdout == ""


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--set", "encoder.dims=3"], "encoder.dims: unknown key; did you mean 'dim'?"),
        (["--set", "reasoner.stream=3"], "reasoner.stream: unknown key; did you mean 'streams'?"),
        (["--set", "encoder"], "--set encoder: must read section.key=value"),
        (["--set", "encoder.heads=3"], "encoder: heads=3 must divide dim=64"),
        (["--set", "train.monitor=auc"], "train.monitor='auc' must be one of"),
        (["--preset", "plr"], "preset 'plr': unknown; "),
        (["--config", "none.toml"], "config file none.toml: does not exist"),
        (["--set", "items.fields=[\"colour\"]"], "'colour' is not a field of the item table"),
        (["--set", "train.device=nonsense"], "device 'nonsense': must be auto, cpu, cuda or mps"),
        (["--split", "given"], "split 'given': these files do not say"),
        (["--items", "none.csv"], "none.csv"),
    ],
)  # fmt: skip
def test_settings_that_cannot_work_are_one_line(
    latentrec: Command, tmp_path: Path, options: list[str], message: str
) -> None:
    (tmp_path / "log.csv").write_text(HEAD + GOOD)
    result = latentrec("fit", tmp_path / "log.csv", *options, "--run", tmp_path / "run")
    assert message in refused(result)
    assert not (tmp_path / "run").exists()


def test_column_options_without_a_log_are_refused(latentrec: Command, tmp_path: Path) -> None:
    line = refused(latentrec("fit", "--user-column", "who", "--run", tmp_path / "run"))
    assert "data.path: must be given" in line


def test_a_folder_with_a_run_is_refused_at_once(
    latentrec: Command, trained: tuple[Path, str]
) -> None:
    # Before the log is read, which may take minutes; here it does not even exist.
    result = latentrec("fit", "none.csv", "--run", trained[0])
    assert "holds a run already; go on with --resume or take another folder" in refused(result)
    assert result.stdout == ""


# --- resuming -------------------------------------------------------------------------------------


@pytest.fixture
def copied(trained: tuple[Path, str], tmp_path: Path) -> Path:
    return Path(shutil.copytree(trained[0], tmp_path / "copied"))


def test_a_cut_run_is_resumed_by_the_same_command(
    latentrec: Command, shop: Path, columns: Any, small: list[str], trained: tuple[Path, str],
    tmp_path: Path,
) -> None:  # fmt: skip
    run = tmp_path / "run"
    command = ("fit", shop / "clicks.csv", "--items", shop / "goods.csv", *columns, *small)
    assert latentrec(*command, "--set", "train.epochs=1", "--run", run).exit_code == 0
    # The stop after one epoch is undone as if the run had been killed there.
    manifest = next(run.glob("checkpoints/epoch-*/manifest.json"))
    cut = json_of(manifest)
    cut["progress"]["stop"] = None
    manifest.write_text(json.dumps(cut))
    result = latentrec(*command, "--run", run, "--resume")
    assert result.exit_code == 0, result.stderr
    assert "\nepoch   2  " in result.stdout
    assert "\nepoch   1  " not in result.stdout
    assert (run / "evaluation.json").read_text() == (trained[0] / "evaluation.json").read_text()


def test_resume_alone_takes_the_run_s_own_settings(latentrec: Command, copied: Path) -> None:
    result = latentrec("fit", "--run", copied, "--resume")
    assert result.exit_code == 0, result.stderr
    assert "training had ended before: no epoch is left" in result.stdout
    assert "sasrec+plr" in result.stdout


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--set", "encoder.dim=16"], "encoder.dim: the run was started with 8, not 16"),
        (["--preset", "sasrec"], "the run was started with"),
        (["other.csv"], "data.path: the run was started with "),
        (["--user-column", "else"], "data.user_column: the run was started with 'who'"),
    ],
)
def test_resume_does_not_ignore_what_is_asked(
    latentrec: Command, copied: Path, options: list[str], message: str
) -> None:
    # An option without effect would let the user believe that it had one.
    assert message in refused(latentrec("fit", *options, "--run", copied, "--resume"))


def test_resuming_nothing_is_refused(latentrec: Command, tmp_path: Path) -> None:
    line = refused(latentrec("fit", "--run", tmp_path / "none", "--resume"))
    assert "no run there" in line
