"""Pre-training on several domains and fine-tuning: one text space, repeatable, safe to cut."""

from pathlib import Path
from shutil import copytree, rmtree
from typing import Any

import numpy as np
import polars as pl
import pytest
import torch

from latentrec.configure import parse_config
from latentrec.data.prepare import prepare
from latentrec.errors import CheckpointError, ConfigError, DataError
from latentrec.pretrain_config import PretrainConfig, parse_pretrain
from latentrec.run import fit, load, pretrain
from latentrec.run.pretrained import start_settings
from latentrec.train.checkpoint import CheckpointFolder

USERS = {"items": 30, "interests": 3, "interests_per_user": 2, "mean_length": 7}
ENCODER = {"dim": 8, "inner": 8, "layers": 1, "heads": 1, "max_length": 6}
TRAIN = {"epochs": 2, "batch_size": 16, "device": "cpu"}
TEXT = {"experts": 2, "dim_text": 12}


def configured(**changed: Any) -> PretrainConfig:
    domains = {
        name: {"data": {"kind": "synthetic", "users": users, "seed": seed, **USERS}}
        for name, users, seed in (("one", 40, 1), ("two", 30, 2))
    }
    values = {"domains": domains, "items": TEXT, "encoder": ENCODER, "train": TRAIN, **changed}
    return parse_pretrain(values)


def tuning(folder: Path, **items: Any) -> Any:
    """Fine-tuning on the second domain."""
    start = start_settings(folder)
    return parse_config(
        {
            "data": {"kind": "synthetic", "users": 30, "seed": 2, **USERS},
            "items": {**start["items"], **items},
            "encoder": start["encoder"],
            "reasoner": {"kind": "none"},
            "train": {**TRAIN, "epochs": 1},
        }
    )


def weights(folder: Path, mark: str = "last") -> dict[str, torch.Tensor]:
    from safetensors.torch import load_file

    return load_file(CheckpointFolder(folder / "checkpoints").find(mark) / "model.safetensors")


@pytest.fixture(scope="module")
def pretrained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("runs") / "pretrained"
    reports = list(pretrain(configured(), folder))
    assert [report.epoch for report in reports] == [1, 2]
    assert {"sequence_item", "sequence_sequence"} < set(reports[0].losses)
    return folder


def test_a_cut_pre_training_ends_with_the_same_weights(pretrained: Path, tmp_path: Path) -> None:
    next(iter(pretrain(configured(), tmp_path / "cut")))
    list(pretrain(configured(), tmp_path / "cut", resume=True))
    found, expected = weights(tmp_path / "cut"), weights(pretrained)
    assert all(torch.equal(found[name], expected[name]) for name in expected)


def test_nothing_in_the_folder_needs_unpickling(pretrained: Path) -> None:
    endings = {path.suffix for path in pretrained.rglob("*") if path.is_file()}
    assert endings <= {".json", ".jsonl", ".safetensors", ""}


def test_a_folder_is_not_used_twice_or_resumed_otherwise(pretrained: Path) -> None:
    with pytest.raises(ConfigError, match="holds a run or a pre-training already"):
        pretrain(configured(), pretrained)
    with pytest.raises(ConfigError, match="holds a run already"):
        fit(tuning(pretrained), pretrained)
    with pytest.raises(ConfigError, match="started with other settings"):
        pretrain(configured(contrast={"item_drop": 0.5}), pretrained, resume=True)
    with pytest.raises(CheckpointError, match="no run there"):
        load(pretrained)


@pytest.mark.parametrize("use_ids", [False, True])
def test_fine_tuning_keeps_what_is_fixed_and_trains_the_rest(
    pretrained: Path, tmp_path: Path, use_ids: bool
) -> None:
    """Positions and blocks are the pre-trained ones to the bit; experts move away from them."""
    list(fit(tuning(pretrained, use_ids=use_ids), tmp_path / "run"))
    before, after = weights(pretrained, "best"), weights(tmp_path / "run")
    fixed = [n for n in before if n.startswith(("encoder.position.", "encoder.blocks."))]
    assert len(fixed) > 5
    assert all(torch.equal(before[name], after[name]) for name in fixed)
    moved = before["items.mixture.weight"] - after["items.mixture.weight"]
    assert 0 < moved.abs().max() < 0.1
    assert ("items.ids.weight" in after) == use_ids
    run = load(tmp_path / "run", device="cpu")
    assert len(run.recommend([[run.index.all_ids[0]]], top_k=3)[0].item_ids) == 3


def test_without_fixing_the_encoder_trains_too(pretrained: Path, tmp_path: Path) -> None:
    list(fit(tuning(pretrained, fix_encoder=False), tmp_path / "run"))
    name = "encoder.position.weight"
    assert not torch.equal(weights(pretrained, "best")[name], weights(tmp_path / "run")[name])


def test_a_fine_tuned_run_goes_on_without_its_pre_training(
    pretrained: Path, tmp_path: Path
) -> None:
    """What was fixed stays fixed on resuming, and neither that nor loading needs the folder."""
    folder = Path(copytree(pretrained, tmp_path / "copy"))
    config = tuning(folder)
    longer = config.model_copy(update={"train": config.train.model_copy(update={"epochs": 2})})
    list(fit(config, tmp_path / "run"))
    rmtree(folder)
    list(fit(longer, tmp_path / "run", resume=True))
    name = "encoder.position.weight"
    assert torch.equal(weights(pretrained, "best")[name], weights(tmp_path / "run")[name])
    assert load(tmp_path / "run").catalogue.text is not None


def test_texts_of_a_domain_have_the_vectors_of_pre_training(
    pretrained: Path, tmp_path: Path
) -> None:
    from latentrec.run.domains import join_domains, prepare_domains

    joined = join_domains(prepare_domains(configured(), tmp_path), configured(), None).catalogue
    list(fit(tuning(pretrained), tmp_path / "run"))
    run = load(tmp_path / "run", device="cpu")
    assert joined.text is not None
    assert run.catalogue.text is not None
    theirs = joined.text[joined.index.indices([f"two/{i}" for i in run.index.all_ids])]
    assert np.array_equal(run.catalogue.text[2:], theirs)


def test_other_sizes_and_sources_are_refused(pretrained: Path, tmp_path: Path) -> None:
    config = tuning(pretrained)
    wider = config.model_copy(update={"encoder": config.encoder.model_copy(update={"dim": 16})})
    with pytest.raises(ConfigError, match=r"encoder\.dim=16: the pre-training in .* has 8"):
        fit(wider, tmp_path / "run")
    assert not (tmp_path / "run").exists()
    with pytest.raises(
        ConfigError, match=r"reads vectors of another kind; set items.source to 'tf"
    ):
        fit(tuning(pretrained, source="x.npy"), tmp_path / "run")
    with pytest.raises(CheckpointError, match="no pre-training there"):
        start_settings(tmp_path)


def given_vectors(folder: Path, width: dict[str, int]) -> PretrainConfig:
    values = configured().model_dump(mode="json")
    for name, domain in configured().domains.items():
        ids = list(prepare(domain.data, domain.split).dataset.index.all_ids)
        rows = np.random.default_rng(0).normal(size=(len(ids), width[name]))
        pl.DataFrame({"item_id": ids, "vector": rows}).write_parquet(folder / f"{name}.parquet")
        values["domains"][name]["vectors"] = str(folder / f"{name}.parquet")
    return parse_pretrain(values)


def test_given_vectors_go_through_one_projection(tmp_path: Path) -> None:
    config = given_vectors(tmp_path, {"one": 20, "two": 20})
    list(pretrain(config, tmp_path / "pre"))
    tuned = tuning(tmp_path / "pre", source=str(tmp_path / "two.parquet"))
    list(fit(tuned, tmp_path / "run"))
    assert load(tmp_path / "run").catalogue.text is not None


def test_given_vectors_of_different_length_are_refused(tmp_path: Path) -> None:
    config = given_vectors(tmp_path, {"one": 20, "two": 16})
    with pytest.raises(DataError, match=r"lengths \[16, 20\]"):
        pretrain(config, tmp_path / "pre")


def test_changed_weights_are_refused(pretrained: Path, tmp_path: Path) -> None:
    folder = Path(copytree(pretrained, tmp_path / "copy"))
    file = CheckpointFolder(folder / "checkpoints").find("best") / "model.safetensors"
    file.write_bytes(file.read_bytes()[:-1] + b"\1")
    with pytest.raises(CheckpointError, match="SHA-256"):
        fit(tuning(folder), tmp_path / "run")
