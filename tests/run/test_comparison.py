"""Comparing runs: seeds become one system, and what cannot be compared is refused."""

import shutil
from pathlib import Path
from typing import Any

import pytest

import latentrec
from latentrec.errors import CheckpointError, ConfigError
from latentrec.run import evaluate_run, fit, load
from latentrec.run.comparison import run_names

SHORT = {"resamples": 20, "baselines": ["popularity", "markov"]}


@pytest.fixture(scope="module")
def runs(tiny: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two seeds of one model, and another model, of one epoch each."""
    folder = tmp_path_factory.mktemp("compared")
    for name, seed, kind in (("plr-s0", 0, "plr"), ("plr-s1", 1, "plr"), ("erl", 0, "erl")):
        train = {"epochs": 1, "seed": seed}
        config = tiny(train=train, reasoner={"kind": kind}, evaluate=SHORT)
        list(fit(config, folder / name))
    return folder


def test_seeds_are_one_system_beside_the_baselines(runs: Path) -> None:
    found = latentrec.compare([runs / "plr-s0", runs / "erl", runs / "plr-s1"])
    assert [(row.name, row.seeds) for row in found.rows] == [
        ("popularity", 1), ("markov", 1), ("plr", 2), ("erl", 1)
    ]  # fmt: skip
    assert (found.reference, [d.name for d in found.differences]) == ("plr", ["erl"])
    assert "no item hidden; intervals: 95% bootstrap over users, 20 resamples" in found.protocol
    judged = evaluate_run(load(runs / "erl", device="cpu"))[-1]
    assert found.rows[3].metrics["ndcg@10"] == judged.metrics["ndcg@10"]  # the interval, too


def test_a_second_look_scores_nothing(runs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = latentrec.compare([runs / "plr-s0", runs / "erl"], baseline="markov", top_k=(5, 20))
    monkeypatch.setattr("latentrec.run.comparison.load", None)
    again = latentrec.compare([runs / "plr-s0", runs / "erl"], baseline="markov", top_k=(5, 20))
    assert again == first
    assert first.reference == "markov"
    assert [d.name for d in first.differences] == ["plr-s0", "erl"]
    assert "recall@20" in first.rows[0].metrics


def test_names_can_be_given(runs: Path) -> None:
    folders = [runs / "plr-s0", runs / "erl", runs / "plr-s1"]
    found = latentrec.compare(folders, names=["b", "a", "b"])
    assert [(row.name, row.seeds) for row in found.rows][-2:] == [("b", 2), ("a", 1)]


def test_names_that_would_mislead_are_refused(runs: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="both named 'x', but differ in more than the seed"):
        latentrec.compare([runs / "plr-s0", runs / "erl"], names=["x", "x"])
    with pytest.raises(ConfigError, match="name 'markov' is a baseline's"):
        latentrec.compare([runs / "erl"], names=["markov"])
    shutil.copytree(runs / "erl", tmp_path / "markov")
    found = latentrec.compare([tmp_path / "markov"], baseline="markov")
    assert [row.name for row in found.rows] == ["popularity", "markov", "run markov"]
    assert [other.name for other in found.differences] == ["run markov"]


def test_folders_that_are_named_by_their_seed_take_the_name_above(
    runs: Path, tmp_path: Path
) -> None:
    for name, place in (("plr-s0", "plr/seed-0"), ("plr-s1", "plr/seed-1"), ("erl", "erl/seed-0")):
        shutil.copytree(runs / name, tmp_path / place)
    found = latentrec.compare(sorted(tmp_path.glob("*/seed-*")))
    assert {row.name: row.seeds for row in found.rows}.items() >= {"plr": 2, "erl": 1}.items()


def test_folders_of_one_name_are_told_apart_by_those_above(runs: Path, tmp_path: Path) -> None:
    for name, place in (("plr-s0", "new/it/s0"), ("plr-s1", "new/it/s1"), ("erl", "old/it/s0")):
        shutil.copytree(runs / name, tmp_path / place)
    found = latentrec.compare(sorted(tmp_path.glob("*/*/s*")))
    assert [(row.name, row.seeds) for row in found.rows[-2:]] == [("new", 2), ("old", 1)]


def test_a_trial_is_named_with_its_method(runs: Path, tmp_path: Path) -> None:
    shutil.copytree(runs / "plr-s0", tmp_path / "plr/d=0.5/seed-0")
    found = latentrec.compare([tmp_path / "plr/d=0.5/seed-0", runs / "erl"])
    assert [row.name for row in found.rows[-2:]] == ["plr/d=0.5", "erl"]


def test_a_folder_inside_another_of_its_name_keeps_its_own(runs: Path, tmp_path: Path) -> None:
    shutil.copytree(runs / "plr-s0", tmp_path / "plr")
    shutil.copytree(runs / "erl", tmp_path / "plr/plr")
    found = latentrec.compare([tmp_path / "plr", tmp_path / "plr/plr"])
    assert [row.name for row in found.rows[-2:]] == ["plr", "plr/plr"]


def test_each_run_has_the_name_of_its_row_and_its_seed(runs: Path, tmp_path: Path) -> None:
    for name, place in (("plr-s0", "plr/seed-0"), ("plr-s1", "plr/seed-1"), ("erl", "erl/seed-0")):
        shutil.copytree(runs / name, tmp_path / place)
    folders = [tmp_path / "plr/seed-1", tmp_path / "erl/seed-0", tmp_path / "plr/seed-0"]
    assert run_names(folders) == ["plr, seed 1", "erl", "plr, seed 0"]
    assert run_names(folders[:2]) == ["plr", "erl"]


def test_the_same_seed_twice_is_refused(runs: Path, tmp_path: Path) -> None:
    shutil.copytree(runs / "erl", tmp_path / "copy")
    with pytest.raises(ConfigError, match="same configuration and seed 0, so they are one run"):
        latentrec.compare([runs / "erl", tmp_path / "copy"])


def test_other_data_are_refused(runs: Path, tiny: Any, tmp_path: Path) -> None:
    other = tiny(train={"epochs": 1}, data={"seed": 8}, evaluate=SHORT)
    list(fit(other, tmp_path / "other"))
    with pytest.raises(ConfigError, match="different data or splits"):
        latentrec.compare([runs / "erl", tmp_path / "other"])


def test_any_metric_can_be_tested(runs: Path) -> None:
    """`evaluate.metrics` says what is printed, not what exists."""
    found = latentrec.compare([runs / "plr-s0", runs / "erl"], metric="hit@5", top_k=())
    assert list(found.rows[0].metrics) == ["recall@5", "ndcg@5", "mrr@5", "hit@5"]
    same = found.rows[0].metrics
    assert same["hit@5"].value == same["recall@5"].value


def test_what_is_not_there_is_said(runs: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="one of popularity, markov, erl"):
        latentrec.compare([runs / "erl"], baseline="ease")
    with pytest.raises(ConfigError, match="top_k=0: a list has at least 1 item"):
        latentrec.compare([runs / "erl"], top_k=(5, 0))
    with pytest.raises(ConfigError, match="there is no run"):
        latentrec.compare([])
    with pytest.raises(CheckpointError, match="no run there"):
        latentrec.compare([tmp_path])
