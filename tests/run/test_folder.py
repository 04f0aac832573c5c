"""The folder of a run: complete, true, and refused where its parts do not belong together."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from latentrec.config import RunConfig
from latentrec.data.prepare import prepare
from latentrec.errors import CheckpointError, ConfigError
from latentrec.run import fit, load
from latentrec.run.folder import (
    check_data,
    check_start,
    check_usable,
    read_config,
    read_json,
    reopen_folder,
)


def change_json(path: Path, **values: Any) -> None:
    path.write_text(json.dumps({**json.loads(path.read_text()), **values}))


def lines_of(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_the_folder_holds_everything(trained: Path, tiny: Any) -> None:
    """What README and the guide name; nothing half-written stays behind."""
    assert sorted(path.name for path in trained.iterdir()) == [
        "checkpoints", "config.json", "data.json", "given.json", "items.parquet", "metrics.jsonl",
        "run.json",
    ]  # fmt: skip
    checkpoints = trained / "checkpoints"
    for mark in ("best", "last"):
        assert (checkpoints / (checkpoints / mark).read_text().strip()).is_dir()
    assert read_config(trained) == tiny()
    assert read_json(trained / "given.json") == {"preset": "tiny"}
    assert read_json(trained / "data.json")["users"] == 60


def test_run_json_says_with_what_it_was_trained(trained: Path) -> None:
    described = read_json(trained / "run.json")
    assert described["model"] == "sasrec+plr"
    assert described["data_fingerprint"] == read_json(trained / "data.json")["fingerprint"]
    assert {"torch", "latentrec", "numpy", "polars"} <= set(described["environment"]["versions"])
    assert described["environment"]["threads"] >= 1


def test_metrics_hold_one_line_an_epoch(trained: Path) -> None:
    lines = lines_of(trained / "metrics.jsonl")
    assert [line["epoch"] for line in lines] == [1, 2, 3]
    assert "ndcg@10" in lines[0]["metrics"]
    assert "pairwise_kl" not in lines[0]["losses"]  # the warm-up
    assert "pairwise_kl" in lines[-1]["losses"]
    assert lines[-1]["stop"] == "all 3 epochs are done"


def test_a_run_is_never_overwritten(copied: Path, tiny: Any) -> None:
    before = {path: path.read_bytes() for path in copied.rglob("*") if path.is_file()}
    with pytest.raises(ConfigError, match=r"holds a run already; go on with --resume or take"):
        check_start(tiny(), copied, resume=False)
    with pytest.raises(ConfigError, match="holds a run already"):
        fit(tiny(), copied)
    assert {path: path.read_bytes() for path in before} == before


def test_a_folder_that_cannot_be_used_is_refused_before_the_data_are_read(
    tmp_path: Path, tiny: Any
) -> None:
    (tmp_path / "log.csv").write_text("")
    (tmp_path / "gone").symlink_to(tmp_path / "none")
    for name in ("log.csv", "log.csv/x", "gone", "n" * 300):
        for resume in (False, True):
            with pytest.raises(ConfigError, match=r"^run folder .*: must be a folder .* another"):
                check_start(tiny(), tmp_path / name, resume=resume)


def test_looking_at_a_folder_makes_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for folder in (tmp_path / "a" / "b", Path("a") / "b", Path("a"), Path()):
        check_usable("it", folder)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("sections", "message"),
    [
        ({"train": {"learning_rate": 0.5}}, r"train\.learning_rate: .* with 0\.001, not 0\.5"),
        ({"train": {"seed": 1}}, r"train\.seed"),
        ({"encoder": {"max_length": 7}}, r"encoder\.max_length"),
        ({"reasoner": {"streams": 3}}, r"reasoner\.streams: the run was started with 2, not 3"),
        ({"data": {"seed": 8}}, r"data\.seed"),
        ({"items": {"fields": []}}, r"items\.fields"),
        ({"evaluate": {"top_k": [10]}}, r"evaluate\.top_k"),
        ({"split": RunConfig.model_validate({"split": {"kind": "time"}}).split}, r"split\.kind"),
    ],
)
def test_a_resumed_run_keeps_what_decides_its_result(
    copied: Path, tiny: Any, sections: dict[str, Any], message: str
) -> None:
    with pytest.raises(ConfigError, match=message):
        check_start(tiny(**sections), copied, resume=True)
    assert read_config(copied) == tiny()


def test_how_long_a_run_trains_may_change_and_is_written_down(copied: Path, tiny: Any) -> None:
    longer = tiny(train={"epochs": 9, "patience": 3, "max_minutes": 5.0, "device": "auto"})
    check_start(longer, copied, resume=True)
    assert reopen_folder(longer, copied, prepare(longer.data, longer.split))
    assert read_config(copied) == longer


def test_other_data_are_refused(copied: Path, tiny: Any) -> None:
    """Also where the configuration is the same: a log grows under the same path."""
    other = prepare(tiny(data={"seed": 8}).data, tiny().split)
    for refuse in (lambda: check_data(copied, other), lambda: reopen_folder(tiny(), copied, other)):
        with pytest.raises(CheckpointError, match=r"the data changed .* train a new run"):
            refuse()


def test_metrics_behind_the_last_checkpoint_are_forgotten(copied: Path, tiny: Any) -> None:
    # They will be trained again, and must not stand there twice; nor a line cut off by a crash.
    path = copied / "metrics.jsonl"
    whole = path.read_text()
    last = json.loads(whole.splitlines()[-1])
    path.write_text(whole + json.dumps({**last, "epoch": 4}) + "\n" + '{"epoch": 5, "los')
    assert reopen_folder(tiny(), copied, prepare(tiny().data, tiny().split))
    assert path.read_text() == whole


def test_a_crash_inside_the_first_save_starts_over(copied: Path, tiny: Any) -> None:
    # The report is written just before its checkpoint, so one line may stand there alone.
    path = copied / "metrics.jsonl"
    path.write_text(path.read_text().splitlines()[0] + "\n")
    shutil.rmtree(copied / "checkpoints")
    assert not reopen_folder(tiny(), copied, prepare(tiny().data, tiny().split))
    assert path.read_text() == ""


def test_lost_checkpoints_do_not_restart_a_run_in_silence(copied: Path, tiny: Any) -> None:
    for mark in ("best", "last"):
        (copied / "checkpoints" / mark).unlink()
    with pytest.raises(CheckpointError, match="no 'last' checkpoint"):
        reopen_folder(tiny(), copied, prepare(tiny().data, tiny().split))
    assert len(lines_of(copied / "metrics.jsonl")) == 3


def test_a_folder_without_a_run_says_the_way_out(tmp_path: Path) -> None:
    for folder in (tmp_path, tmp_path / "none"):
        with pytest.raises(CheckpointError, match=r"no run there .* `latentrec fit --run FOLDER`"):
            load(folder)


def test_broken_json_is_refused(copied: Path) -> None:
    for name in ("config.json", "run.json"):
        whole = (copied / name).read_text()
        (copied / name).write_text(whole[: len(whole) // 2])
        with pytest.raises(CheckpointError, match=rf"{name}: not readable"):
            load(copied)
        (copied / name).write_text(whole)
    load(copied)


def test_changed_items_are_refused(copied: Path) -> None:
    """Any byte: a changed field value would change scores without changing the item index."""
    path = copied / "items.parquet"
    whole = path.read_bytes()
    for place in (4, len(whole) // 2, len(whole) - 1):
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :])
        with pytest.raises(CheckpointError, match=r"items\.parquet: its SHA-256 differs"):
            load(copied)
    path.unlink()
    with pytest.raises(CheckpointError, match=r"items\.parquet: not readable"):
        load(copied)


def test_changed_weights_are_refused(copied: Path) -> None:
    checkpoints = copied / "checkpoints"
    path = checkpoints / (checkpoints / "best").read_text().strip() / "model.safetensors"
    whole = path.read_bytes()
    path.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
    with pytest.raises(CheckpointError, match=r"model\.safetensors: its SHA-256 differs"):
        load(copied)


def test_another_configuration_does_not_fit_the_weights(copied: Path, tiny: Any) -> None:
    (copied / "config.json").write_text(tiny(encoder={"dim": 16}).model_dump_json())
    with pytest.raises(CheckpointError, match="use the configuration that the run was trained"):
        load(copied)
