"""Comparing runs: seeds become one system, and what cannot be compared is refused."""

import json
import shutil
from pathlib import Path
from typing import Any

import polars as pl
import pytest

import latentrec
from latentrec.config import RunConfig
from latentrec.errors import CheckpointError, ConfigError
from latentrec.run import evaluate_run, fit, load, post_train
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
        latentrec.compare([runs / "erl"], baseline="eas")
    with pytest.raises(ConfigError, match="top_k=0: a list has at least 1 item"):
        latentrec.compare([runs / "erl"], top_k=(5, 0))
    with pytest.raises(ConfigError, match="there is no run"):
        latentrec.compare([])
    with pytest.raises(CheckpointError, match="no run there"):
        latentrec.compare([tmp_path])


@pytest.mark.parametrize(
    ("folders", "name"),
    [
        (("lares1", "lares2"), "lares"), (("plr-s0", "plr-s1"), "plr"), (("a/s0", "a/s1"), "a"),
        (("sasrecseed0", "sasrecseed1"), "sasrec"), (("mars_2", "mars_3"), "mars"),
    ],
)  # fmt: skip
def test_only_a_seed_is_cut_off_the_name(
    runs: Path, tmp_path: Path, folders: tuple[str, str], name: str
) -> None:
    for source, place in zip(("plr-s0", "plr-s1"), folders, strict=True):
        shutil.copytree(runs / source, tmp_path / place)
    found = latentrec.compare([tmp_path / place for place in folders])
    assert (found.rows[-1].name, found.rows[-1].seeds) == (name, 2)


def test_a_baseline_that_no_run_keeps_is_judged_now(runs: Path, tmp_path: Path) -> None:
    run = Path(shutil.copytree(runs / "erl", tmp_path / "erl"))
    found = latentrec.compare([run], baseline="item-knn")
    assert found.reference == "item-knn"
    assert any(note.startswith("item-knn tuned on validation") for note in found.notes)
    assert [row.name for row in found.rows] == ["popularity", "markov", "item-knn", "erl"]
    knobs = load(run, device="cpu").config.evaluate.model_copy(update={"baselines": ("item-knn",)})
    judged = evaluate_run(load(run, device="cpu"), knobs=knobs)[0]
    assert found.rows[2].metrics["ndcg@10"] == judged.metrics["ndcg@10"]


def test_a_baseline_without_its_log_is_an_error_that_says_so(runs: Path, tmp_path: Path) -> None:
    run = Path(shutil.copytree(runs / "erl", tmp_path / "erl"))
    latentrec.compare([run])  # keeps ranks
    config = json.loads((run / "config.json").read_text())
    config["data"] = {"kind": "files", "path": str(tmp_path / "gone.csv")}
    (run / "config.json").write_text(json.dumps(config))
    with pytest.raises(
        ConfigError, match=r"keeps ranks of baseline 'ease', .*gone\.csv: does not exist"
    ):
        latentrec.compare([run], baseline="ease")


def test_ranks_of_baselines_alone_are_completed(runs: Path, tmp_path: Path) -> None:
    """As an experiment leaves them where somebody removed the file of the first run."""
    run = Path(shutil.copytree(runs / "erl", tmp_path / "erl"))
    whole = latentrec.compare([run])
    (path,) = (run / "ranks").iterdir()
    described = pl.read_parquet_metadata(path)
    names = ["user", "rank:popularity", "rank:markov"]
    pl.read_parquet(path, columns=names).write_parquet(path, metadata=described)
    assert latentrec.compare([run]) == whole


def test_there_is_a_name_for_each_run(runs: Path) -> None:
    with pytest.raises(ConfigError, match="2 runs and 1 names"):
        latentrec.compare([runs / "erl", runs / "plr-s0"], names=["a"])


def test_seeds_that_were_trained_further_are_one_row(tiny: Any, tmp_path: Path) -> None:
    """Each from the first phase of its own seed; after another first phase it is another method."""
    quick = ["train.epochs=1", "post_train.rollouts=2", "post_train.filter_top_k=0"]
    lares = RunConfig.model_validate({"reasoner": {"kind": "lares", "core_layers": 1}}).reasoner
    for name, seed in (("first/seed-0", 0), ("first/seed-1", 1), ("other/seed-1", 1)):
        config = tiny(reasoner=lares, train={"epochs": 1, "seed": seed}, evaluate=SHORT)
        list(fit(config, tmp_path / name))
        list(post_train(tmp_path / name, tmp_path / name.replace("/", "/rpt/"), overrides=quick))
    rows = latentrec.compare(sorted(tmp_path.glob("*/rpt/seed-*"))).rows
    assert [(row.name, row.seeds) for row in rows[-2:]] == [("first", 2), ("other", 1)]


def test_blends_of_other_baselines_stand_apart_unless_named(runs: Path, tmp_path: Path) -> None:
    latentrec.blend(runs / "plr-s0", tmp_path / "blend-s0", partner="markov")
    latentrec.blend(runs / "plr-s1", tmp_path / "blend-s1", partner="item-knn")
    folders = [tmp_path / "blend-s0", tmp_path / "blend-s1"]
    apart = latentrec.compare([*folders, runs / "plr-s0", runs / "plr-s1"])
    assert [(row.name, row.seeds) for row in apart.rows[-3:]] == [
        ("blend-s0", 1), ("blend-s1", 1), ("plr", 2)
    ]  # fmt: skip
    for name, place in (("blend-s0", "blend/seed-0"), ("blend-s1", "blend/seed-1")):
        shutil.copytree(tmp_path / name, tmp_path / place)
    folders = [tmp_path / "blend/seed-0", tmp_path / "blend/seed-1"]
    apart = latentrec.compare([*folders, runs / "plr-s0", runs / "plr-s1"], baseline="plr")
    assert [row.name for row in apart.rows[-3:]] == ["blend+markov", "blend+item-knn", "plr"]
    assert "blend+markov blends a model, which reads the last" in apart.notes[-3]
    named = latentrec.compare(folders, names=["blend", "blend"])
    assert [(row.name, row.seeds) for row in named.rows if row.seeds == 2][-1] == ("blend", 2)
    with pytest.raises(ConfigError, match="differ in more than the seed"):
        latentrec.compare([folders[0], runs / "plr-s1"], names=["x", "x"])
