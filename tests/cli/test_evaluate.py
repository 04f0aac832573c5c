"""`latentrec evaluate`: the same figures in three forms, and nothing but the judging can change."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import Result

Command = Callable[..., Result]
Trained = tuple[Path, str]


def test_the_table_shows_the_figures_of_the_run(latentrec: Command, trained: Trained) -> None:
    result = latentrec("evaluate", trained[0])
    assert result.exit_code == 0, result.stderr
    lines = result.stdout.splitlines()
    kept = json.loads((trained[0] / "evaluation.json").read_text())
    for row in kept["rows"]:
        shown = " ".join(line for line in lines if line.startswith(row["scorer"])).split()
        for name, metric in row["metrics"].items():
            assert f"{metric['value']:.4f}".removeprefix("0")[:5] in shown, name


def test_json_is_what_fit_kept(latentrec: Command, trained: Trained) -> None:
    result = latentrec("evaluate", trained[0], "--json")
    assert result.stdout == (trained[0] / "evaluation.json").read_text()
    assert json.loads(result.stdout)["cases"] == 20


def test_markdown_holds_one_row_a_scorer(latentrec: Command, trained: Trained) -> None:
    options = ("--markdown", "--set", "evaluate.top_k=[10]")
    lines = latentrec("evaluate", trained[0], *options).stdout.splitlines()
    assert lines[0] == "| scorer | recall@10 | ndcg@10 | mrr@10 |"
    assert [line.split(" | ")[0] for line in lines[2:8]] == [
        "| popularity", "| recent-popularity", "| markov", "| item-knn", "| ease", "| sasrec+plr"
    ]  # fmt: skip
    assert lines[-1].startswith("20 cases, ")


def test_one_form_at_a_time(latentrec: Command, trained: Trained) -> None:
    result = latentrec("evaluate", trained[0], "--json", "--markdown")
    assert result.exit_code == 2
    assert "give only one of --json and --markdown" in result.stderr


def test_the_judging_can_change(latentrec: Command, trained: Trained) -> None:
    """Also to lists without the K of the monitor, whose work is done."""
    settings = ("evaluate.top_k=[1]", "evaluate.exclude_seen=true", "evaluate.resamples=7")
    options = [option for setting in settings for option in ("--set", setting)]
    result = latentrec("evaluate", trained[0], "--json", *options)
    found = json.loads(result.stdout)
    assert list(found["rows"][0]["metrics"]) == ["recall@1", "ndcg@1", "mrr@1"]
    assert "items of the history hidden" in found["protocol"]
    assert "7 resamples" in found["protocol"]


def test_the_run_is_left_as_it_was(latentrec: Command, trained: Trained) -> None:
    # Figures of another protocol must not replace those that stand in the run.
    before = {path: path.read_bytes() for path in trained[0].rglob("*") if path.is_file()}
    latentrec("evaluate", trained[0], "--set", "evaluate.exclude_seen=true")
    after = {path: path.read_bytes() for path in trained[0].rglob("*") if path.is_file()}
    assert {path: after[path] for path in before} == before
    assert {path.parent.name for path in set(after) - set(before)} <= {"ranks"}


def test_further_sections_stand_under_the_same_protocol(
    latentrec: Command, trained: Trained
) -> None:
    text = latentrec("evaluate", trained[0], "--beyond", "--slices").stdout
    assert "diversity by categories" in text
    assert "Slices: ndcg@10" in text
    assert text.count("cases, 0 of them") == 2
    assert max(map(len, text.splitlines())) <= 120
    options = ("--beyond", "--slices", "--json")
    read = json.loads(latentrec("evaluate", trained[0], *options).stdout)
    assert 0 < read["beyond"]["sasrec+plr"]["coverage"] <= 1
    assert sum(s["cases"] for s in read["slices"] if s["name"].startswith("target r")) <= 20


def test_sections_of_two_calls_are_kept_together(
    latentrec: Command, trained: Trained, tmp_path: Path
) -> None:
    """Unless the figures have changed between the calls: then the old section is of others."""
    run = Path(shutil.copytree(trained[0], tmp_path / "run"))
    path = run / "evaluation.json"
    figures = ("protocol", "cases", "unknown_targets", "candidates", "notes", "rows")
    before = {name: json.loads(path.read_text())[name] for name in figures}
    path.write_text(json.dumps(before))
    for option in ("--slices", "--beyond"):
        assert latentrec("evaluate", run, option).exit_code == 0
    both = json.loads(path.read_text())
    assert list(both) == [*before, "beyond_top_k", "beyond", "slices_metric", "slices"]
    assert (both["beyond_top_k"], both["slices_metric"]) == (10, "ndcg@10")
    assert {name: both[name] for name in before} == before
    both["rows"][0]["metrics"]["ndcg@10"]["value"] += 0.01
    path.write_text(json.dumps(both))
    assert latentrec("evaluate", run, "--slices").exit_code == 0
    assert list(json.loads(path.read_text())) == [*before, "slices_metric", "slices"]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--set", "train.epochs=3"], "only settings of `evaluate.` can change after training"),
        (["--set", "evaluate.topk=3"], "evaluate.topk: unknown key; did you mean 'top_k'?"),
        (["--set", "evaluate.top_k=5"], "evaluate.top_k='5': must be a list"),
        (["--set", "evaluate.top_k=[]"], "evaluate.top_k='[]': Tuple should have at least 1"),
        (["--set", "evaluate.metrics=[]"], "evaluate.metrics='[]': Tuple should have at least 1"),
        (["--set", "evaluate.confidence=95"], "evaluate.confidence='95': "),
        (["--device", "nonsense"], "device 'nonsense': must be auto, cpu, cuda or mps"),
    ],
)
def test_what_cannot_be_asked_is_one_line(
    latentrec: Command, trained: Trained, options: list[str], message: str
) -> None:
    result = latentrec("evaluate", trained[0], *options)
    assert (result.exit_code, result.stderr.count("\n")) == (2, 1)
    assert message in result.stderr


def test_a_folder_without_a_run_is_one_line(latentrec: Command, tmp_path: Path) -> None:
    result = latentrec("evaluate", tmp_path)
    assert result.exit_code == 2
    assert "no run there (config.json is missing)" in result.stderr


def test_both_checkpoints_can_be_judged(latentrec: Command, trained: Trained) -> None:
    for mark in ("best", "last"):
        assert latentrec("evaluate", trained[0], "--checkpoint", mark).exit_code == 0
    assert latentrec("evaluate", trained[0], "--checkpoint", "first").exit_code == 2
