"""Post-training a run: settings, what it refuses, and a folder that is whole without its source."""

import shutil
from pathlib import Path
from typing import Any

import polars as pl
import pytest

import latentrec
from latentrec.errors import CheckpointError, ConfigError, TrainingError
from latentrec.run import evaluate_run, fit, load, post_train
from latentrec.run.folder import read_config, read_json
from latentrec.run.post_train import post_train_config
from latentrec.train.checkpoint import CheckpointFolder

LARES = latentrec.RunConfig.model_validate({"reasoner": {"kind": "lares", "core_layers": 1}})
QUICK = ("train.epochs=2", "post_train.rollouts=2")


@pytest.fixture(scope="module")
def lares(tiny: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of a LARES run; not to be changed."""
    folder = tmp_path_factory.mktemp("lares") / "first"
    list(fit(tiny(reasoner=LARES.reasoner, train={"epochs": 1, "max_minutes": 5}), folder))
    return folder


@pytest.fixture(scope="module")
def second(lares: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of its second phase; not to be changed."""
    folder = tmp_path_factory.mktemp("lares") / "second"
    assert len(list(post_train(lares, folder, overrides=QUICK))) == 2
    return folder


def weights(folder: Path) -> bytes:
    path = CheckpointFolder(folder / "checkpoints").find("last")
    return (path / "model.safetensors").read_bytes()


# --- settings -------------------------------------------------------------------------------------


def test_settings_are_the_run_s_the_authors_and_the_user_s(lares: Path) -> None:
    first = read_config(lares)
    found = post_train_config(lares, ["post_train.rollouts=8", "train.epochs=7"])
    assert found.post_train is not None
    assert found.post_train.source == str(lares.resolve())
    assert (found.post_train.rollouts, found.train.epochs) == (8, 7)
    assert (found.post_train.penalty_weight, found.post_train.reward) == (1.0, "recall")
    assert (found.train.learning_rate, found.train.max_minutes) == (5e-4, None)
    assert (found.encoder.dropout, found.encoder.attention_dropout) == (0.1, 0.1)
    assert found.train.batch_size == first.train.batch_size  # all positions: not in targets
    assert (found.data, found.split, found.reasoner) == (first.data, first.split, first.reasoner)


def test_with_one_target_a_sample_the_batch_is_the_authors(lares: Path, tmp_path: Path) -> None:
    copy = Path(shutil.copytree(lares, tmp_path / "copy"))
    text = (copy / "config.json").read_text().replace('"positions": "all"', '"positions": "last"')
    (copy / "config.json").write_text(text)
    assert post_train_config(copy).train.batch_size == 400
    assert post_train_config(copy, ["train.batch_size=50"]).train.batch_size == 50


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ("encoder.dim=16", "only post_train"),
        ("data.seed=3", "only post_train"),
        ("post_train.rollouts=1", r"post_train\.rollouts='1': .*greater than or equal to 2"),
        ("post_train.rollout=3", r"post_train\.rollout: unknown key; did you mean 'rollouts'"),
        ("post_train.reward=mrr", r"post_train\.reward"),
    ],
)
def test_settings_that_cannot_be_are_refused(lares: Path, setting: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        post_train_config(lares, [setting])


def test_other_reasoners_are_refused(trained: Path, tiny: Any, tmp_path: Path) -> None:
    """By the command, and in a configuration that names a run itself."""
    with pytest.raises(ConfigError, match=r"has reasoner 'plr'.*reasoner\.kind='lares'"):
        post_train(trained, tmp_path / "new")
    values = tiny().model_dump(mode="json") | {"post_train": {"source": str(trained)}}
    with pytest.raises(ValueError, match=r"post_train goes with reasoner\.kind='lares' only"):
        latentrec.RunConfig.model_validate(values)
    config = tiny(reasoner=LARES.reasoner).model_copy(
        update={"post_train": latentrec.RunConfig.model_validate(
            LARES.model_dump() | {"post_train": {"source": str(trained)}}
        ).post_train}
    )  # fmt: skip
    with pytest.raises(ConfigError, match="has reasoner 'plr'"):
        fit(config, tmp_path / "new")
    with pytest.raises(CheckpointError, match="no run there"):
        post_train(tmp_path / "none", tmp_path / "new")


# --- the new run ----------------------------------------------------------------------------------


def test_the_new_run_says_where_it_comes_from(lares: Path, second: Path) -> None:
    config = read_json(second / "config.json")
    assert config["post_train"]["source"] == str(lares.resolve())
    assert config["post_train"]["rollouts"] == 2
    assert read_json(second / "run.json")["model"] == "sasrec+lares+rpt"
    counts = read_json(second / "targets.json")
    assert 0 < counts["kept"] <= counts["of"]
    lines = pl.read_ndjson(second / "metrics.jsonl").to_dicts()
    assert set(lines[0]["losses"]) == {"loss", "reward", "contested", "penalty"}


def test_it_starts_from_the_best_weights(lares: Path, second: Path, tmp_path: Path) -> None:
    """With a vanishing step nothing moves; with the usual one something does."""
    best = CheckpointFolder(lares / "checkpoints").find("best") / "model.safetensors"
    assert (second / "reference" / "model.safetensors").read_bytes() == best.read_bytes()
    list(post_train(lares, tmp_path / "new", overrides=[*QUICK, "train.learning_rate=1e-30"]))
    assert weights(tmp_path / "new") == best.read_bytes()
    assert weights(second) != best.read_bytes()


def test_it_is_judged_beside_what_it_was(lares: Path, second: Path) -> None:
    found = {e.scorer: e for e in evaluate_run(load(second))}
    assert list(found)[-2:] == ["sasrec+lares", "sasrec+lares+rpt"]
    before = evaluate_run(load(lares))[-1]
    assert found["sasrec+lares"].metrics == before.metrics


def test_it_needs_its_source_no_more(lares: Path, second: Path, tmp_path: Path) -> None:
    """Cut after an epoch, its source gone: it goes on to the same weights."""
    source = Path(shutil.copytree(lares, tmp_path / "source"))
    reports = post_train(source, tmp_path / "cut", overrides=QUICK)
    next(reports)
    del reports
    shutil.rmtree(source)
    config = read_config(tmp_path / "cut")
    assert [r.epoch for r in fit(config, tmp_path / "cut", resume=True)] == [2]
    assert weights(tmp_path / "cut") == weights(second)
    run = load(tmp_path / "cut")
    assert "sasrec+lares" in [found.scorer for found in evaluate_run(run)]
    assert len(run.recommend([["i01", "i02"]], top_k=3)[0].item_ids) == 3


def test_a_post_trained_run_can_be_trained_on(second: Path, tmp_path: Path) -> None:
    config = post_train_config(second, ["train.epochs=1"])
    assert config.post_train is not None
    assert config.post_train.rollouts == 4  # not what the phase before had
    assert len(list(post_train(second, tmp_path / "third", overrides=["train.epochs=1"]))) == 1


def test_without_a_target_in_reach_no_run_is_left(lares: Path, tmp_path: Path) -> None:
    """The rank 1 of 40 items is out of reach for a model whose weights are all zero."""
    from safetensors.torch import load_file, save_file

    from latentrec.train.atomic import sha256

    source = Path(shutil.copytree(lares, tmp_path / "source"))
    best = CheckpointFolder(source / "checkpoints").find("best")
    tensors = {k: v * 0 for k, v in load_file(best / "model.safetensors").items()}
    old = sha256(best / "model.safetensors")
    save_file(tensors, best / "model.safetensors")
    manifest = best / "manifest.json"
    new = sha256(best / "model.safetensors")
    manifest.write_text(manifest.read_text().replace(old, new))
    with pytest.raises(TrainingError, match=r"post_train\.filter_top_k=1: .* raise it, or set"):
        post_train(source, tmp_path / "new", overrides=["post_train.filter_top_k=1"])
    assert not (tmp_path / "new" / "config.json").exists()
    every = [*QUICK, "post_train.filter_top_k=0"]
    post_train(source, tmp_path / "new", overrides=every)
    counts = read_json(tmp_path / "new" / "targets.json")
    assert counts["kept"] == counts["of"]


def test_changed_data_are_refused(lares: Path, tiny: Any, tmp_path: Path) -> None:
    from latentrec.data.prepare import prepare

    other = prepare(tiny(data={"seed": 8}).data, tiny().split)
    with pytest.raises(CheckpointError, match="the data changed"):
        post_train(lares, tmp_path / "new", prepared=other)
