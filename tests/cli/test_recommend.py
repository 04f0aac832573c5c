"""`latentrec recommend`: one history or many lines in, lists out, and bad lines named by number."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from typer.testing import Result

from latentrec.cli import recommend
from latentrec.run import load

Command = Callable[..., Result]
Trained = tuple[Path, str]


def refused(result: Result) -> str:
    assert (result.exit_code, result.stderr.count("\n")) == (2, 1), result.output
    return result.stderr


def answers(text: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in text.splitlines()]


@pytest.fixture
def lines(tmp_path: Path) -> Path:
    path = tmp_path / "histories.jsonl"
    path.write_text(
        '["i01", "i02"]\n\n{"user_id": 7, "history": ["i03", "new"]}\n'
        '{"user_id": "é", "history": [], "more": 1}\n',
        encoding="utf-8",
    )
    return path


# --- one history ----------------------------------------------------------------------------------


def test_one_history_gives_a_list_with_titles(latentrec: Command, trained: Trained) -> None:
    result = latentrec("recommend", trained[0], "--history", "i01, i02", "--top-k", "3")
    assert (result.exit_code, result.stderr) == (0, "")
    found = load(trained[0]).recommend([["i01", "i02"]], top_k=3)[0]
    rows = [line.split(maxsplit=3) for line in result.stdout.splitlines()]
    assert [row[0] for row in rows] == ["1", "2", "3"]
    assert tuple(row[1] for row in rows) == found.item_ids
    assert [float(row[2]) for row in rows] == pytest.approx(found.scores, abs=1e-4)
    for row in rows:
        assert row[3:] == ([f"Thing {int(row[1][1:])}, blue"] if row[1] != "i11" else [])


def test_what_was_not_read_is_said(latentrec: Command, trained: Trained) -> None:
    result = latentrec("recommend", trained[0], "--history", "i01,new,newer")
    assert result.stderr == "not in the catalogue, not read: new, newer\n"
    assert len(result.stdout.splitlines()) == 10


@pytest.mark.parametrize("history", ["", "new", " , "])
def test_without_a_known_item_it_falls_back_and_says_so(
    latentrec: Command, trained: Trained, history: str
) -> None:
    result = latentrec("recommend", trained[0], "--history", history, "--top-k", "2")
    assert result.exit_code == 0
    assert "no known item in the history: this is by popularity" in result.stderr
    assert len(result.stdout.splitlines()) == 2


def test_an_empty_answer_is_explained(latentrec: Command, trained: Trained, tmp_path: Path) -> None:
    (tmp_path / "allow").write_text("i01\n")
    options = ("--history", "i01", "--allow", tmp_path / "allow")
    result = latentrec("recommend", trained[0], *options)
    assert (result.exit_code, result.stdout) == (0, "")
    assert "nothing left to recommend" in result.stderr
    shown = latentrec("recommend", trained[0], *options, "--no-exclude-seen")
    assert shown.stdout.split()[:2] == ["1", "i01"]


def test_effort_can_be_chosen(latentrec: Command, trained: Trained) -> None:
    def scores(*options: str) -> list[str]:
        result = latentrec("recommend", trained[0], "--history", "i01,i02", *options)
        assert (result.exit_code, result.stderr) == (0, "")
        return sorted(line.split()[2] for line in result.stdout.splitlines())

    assert scores("--streams", "2", "--steps", "2") == scores()
    assert scores("--exit-threshold", "9") == scores("--steps", "1") != scores()
    assert scores("--steps", "0") != scores("--streams", "1") != scores()


# --- many histories -------------------------------------------------------------------------------


def test_lines_in_lines_out(latentrec: Command, trained: Trained, lines: Path) -> None:
    result = latentrec("recommend", trained[0], "--input", lines, "--top-k", "2")
    assert (result.exit_code, result.stderr) == (0, "")
    first, second, third = answers(result.stdout)
    assert set(first) == {"item_ids", "scores", "unknown_items", "source"}
    assert (second["user_id"], second["unknown_items"]) == (7, ["new"])
    assert (third["user_id"], third["source"], len(third["item_ids"])) == ("é", "popularity", 2)
    one = load(trained[0]).recommend([["i01", "i02"]], top_k=2)[0]
    assert first["item_ids"] == list(one.item_ids)


def test_a_file_holds_the_same_lines(
    latentrec: Command, trained: Trained, lines: Path, tmp_path: Path
) -> None:
    printed = latentrec("recommend", trained[0], "--input", lines)
    output = tmp_path / "out.jsonl"
    result = latentrec("recommend", trained[0], "--input", lines, "--output", output)
    assert (result.exit_code, result.stdout) == (0, "")
    assert output.read_text(encoding="utf-8") == printed.stdout


def test_standard_input_is_read(latentrec: Command, trained: Trained, lines: Path) -> None:
    printed = latentrec("recommend", trained[0], "--input", lines)
    text = lines.read_text(encoding="utf-8")
    assert latentrec("recommend", trained[0], "--input", "-", input=text).stdout == printed.stdout
    assert latentrec("recommend", trained[0], "--input", "-", input="").stdout == ""


def test_batches_do_not_change_the_answers(
    latentrec: Command, trained: Trained, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "many.jsonl"
    path.write_text("".join(f'["i{n % 12:02}", "i{n * 5 % 12:02}"]\n' for n in range(25)))
    whole = answers(latentrec("recommend", trained[0], "--input", path).stdout)
    monkeypatch.setattr(recommend, "BATCH", 4)
    parts = answers(latentrec("recommend", trained[0], "--input", path).stdout)
    assert len(whole) == 25
    for one, other in zip(whole, parts, strict=True):
        assert one["scores"] == pytest.approx(other["scores"], abs=1e-5)


def test_a_file_with_a_byte_order_mark_is_read(
    latentrec: Command, trained: Trained, tmp_path: Path
) -> None:
    # As editors on Windows write it.
    (tmp_path / "in").write_bytes(b'\xef\xbb\xbf["i01"]\r\n')
    (tmp_path / "deny").write_bytes(b"\xef\xbb\xbfi02\r\n")
    options = ("--input", tmp_path / "in", "--deny", tmp_path / "deny", "--top-k", "12")
    (found,) = answers(latentrec("recommend", trained[0], *options).stdout)
    assert found["unknown_items"] == []
    assert len(found["item_ids"]) == 10
    assert "i02" not in found["item_ids"]


# --- Parquet --------------------------------------------------------------------------------------


@pytest.fixture
def table(tmp_path: Path) -> Path:
    path = tmp_path / "histories.parquet"
    rows = [["i01", "i02"], ["i03", "new"], []]
    frame = pl.DataFrame({"user_id": ["u1", "u2", "u3"], "history": rows})
    frame.write_parquet(path)
    return path


def test_parquet_in_parquet_out(
    latentrec: Command, trained: Trained, table: Path, tmp_path: Path
) -> None:
    output = tmp_path / "recs.parquet"
    options = ("--input", table, "--output", output, "--top-k", "2")
    done = latentrec("recommend", trained[0], *options)
    assert (done.exit_code, done.stderr) == (0, "")
    assert done.stdout.startswith("3 histories in ")
    assert str(output) in done.stdout
    found = pl.read_parquet(output)
    assert found.columns == ["user_id", "item_ids", "scores", "unknown_items", "source"]
    assert found["user_id"].to_list() == ["u1", "u2", "u3"]
    assert found["unknown_items"].to_list() == [[], ["new"], []]
    assert found["source"].to_list()[2] == "popularity"
    wanted = load(trained[0]).recommend([["i01", "i02"]], top_k=2)[0]
    assert found["scores"][0].to_list() == pytest.approx(wanted.scores, abs=1e-5)
    assert sorted(path.name for path in tmp_path.iterdir()) == [table.name, output.name]


def test_parquet_with_a_row_an_item(
    latentrec: Command, trained: Trained, table: Path, tmp_path: Path
) -> None:
    output = tmp_path / "long.parquet"
    options = ("--input", table, "--output", output, "--top-k", "2", "--long")
    assert latentrec("recommend", trained[0], *options).exit_code == 0
    found = pl.read_parquet(output)
    assert found.columns == ["user_id", "rank", "item_id", "score", "source"]
    assert found["user_id"].to_list() == ["u1", "u1", "u2", "u2", "u3", "u3"]
    assert found["rank"].to_list() == [1, 2] * 3


def test_parquet_goes_to_parquet_only(
    latentrec: Command, trained: Trained, table: Path, tmp_path: Path
) -> None:
    for output in ((), ("--output", tmp_path / "out.jsonl")):
        done = latentrec("recommend", trained[0], "--input", table, *output)
        assert "must be a .parquet file, as --input is one" in refused(done)
    bad = tmp_path / "bad.parquet"
    bad.write_text("no table")
    done = latentrec("recommend", trained[0], "--input", bad, "--output", tmp_path / "o.parquet")
    assert f"{bad}: not readable as Parquet" in refused(done)


# --- what is refused ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("line", "rule"),
    [
        ('["i01"', "not JSON"),
        ("i01,i02", "not JSON"),
        ('"i01"', "must be a list of item ids"),
        ("[1, 2]", "must be a list of item ids (texts)"),
        ("[null]", "must be a list of item ids"),
        ("{}", "must be a list of item ids"),
        ('{"history": "i01"}', "must be a list of item ids"),
        ("[" * 100_000, "not JSON"),
        (r'["\ud800"]', "not JSON"),  # half of a pair: it could not be written again
    ],
)
def test_a_bad_line_is_named_and_nothing_is_written(
    latentrec: Command, trained: Trained, tmp_path: Path, line: str, rule: str
) -> None:
    path, output = tmp_path / "in.jsonl", tmp_path / "out.jsonl"
    path.write_text(f'["i01"]\n{line}\n')
    result = latentrec("recommend", trained[0], "--input", path, "--output", output)
    message = refused(result)
    assert f"{path}, line 2: {rule}" in message
    assert sorted(p.name for p in tmp_path.iterdir()) == ["in.jsonl"]


def test_bytes_that_are_no_text_are_refused(
    latentrec: Command, trained: Trained, tmp_path: Path
) -> None:
    path = tmp_path / "in.jsonl"
    path.write_bytes(b'["i01"]\n["\xff"]\n')
    assert "not readable" in refused(latentrec("recommend", trained[0], "--input", path))
    options = ("--history", "i01", "--allow", path)
    assert "not readable" in refused(latentrec("recommend", trained[0], *options))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ([], 'give either --history "id1,id2" or --input FILE'),
        (["--history", "i01", "--input", "-"], "give either"),
        (["--input", "none.jsonl"], "none.jsonl: not readable (No such file or directory)"),
        (
            ["--history", "i01", "--allow", "none.txt"],
            "none.txt: not readable (No such file or directory)",
        ),
        (["--history", "i01", "--streams", "3"], "streams=3: this model has 2"),
        (["--history", "i01", "--steps", "-1"], "steps=-1: must be at least 0"),
        (["--history", "i01", "--top-k", "0"], "top_k=0: must be at least 1"),
        (
            ["--history", "i01", "--device", "nonsense"],
            "device 'nonsense': must be auto, cpu, cuda or mps",
        ),
    ],
)
def test_what_cannot_be_asked_is_one_line(
    latentrec: Command, trained: Trained, options: list[str], message: str
) -> None:
    assert message in refused(latentrec("recommend", trained[0], *options))


def test_an_unknown_item_on_a_list_of_items_is_refused(
    latentrec: Command, trained: Trained, tmp_path: Path
) -> None:
    # A misspelt id on a deny list would be shown after all.
    (tmp_path / "deny").write_text("i01\nI02\n")
    options = ("--history", "i01", "--deny", tmp_path / "deny")
    assert "item 'I02' is not among the 12" in refused(latentrec("recommend", trained[0], *options))


def test_an_output_that_cannot_be_written_is_one_line(
    latentrec: Command, trained: Trained, lines: Path, tmp_path: Path
) -> None:
    options = ("--input", lines, "--output", tmp_path / "none" / "out.jsonl")
    assert "No such file" in refused(latentrec("recommend", trained[0], *options))


def test_an_earlier_output_survives_an_error(
    latentrec: Command, trained: Trained, tmp_path: Path
) -> None:
    path, output = tmp_path / "in.jsonl", tmp_path / "out.jsonl"
    path.write_text("wrong\n")
    output.write_text("old\n")
    refused(latentrec("recommend", trained[0], "--input", path, "--output", output))
    assert output.read_text() == "old\n"
