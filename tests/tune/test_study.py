"""A study is repeatable, goes on after a kill as if nothing had been, prunes, and reads no test."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import optuna
import pytest
from optuna.trial import TrialState

from latentrec.config import RunConfig
from latentrec.configure import load_config
from latentrec.data.prepare import prepare
from latentrec.errors import ConfigError, TrainingError
from latentrec.evaluate import evaluate as evaluation
from latentrec.train.loop import EpochReport
from latentrec.tune import Plan, Space, best, study, to_markdown, trials_of, tune

TINY = [
    "data.users=40", "data.items=30", "data.mean_length=8", "encoder.dim=8", "encoder.inner=8",
    "encoder.layers=1", "encoder.heads=1", "encoder.max_length=6", "train.epochs=3",
    "train.device=cpu", "reasoner.kind=none",
]  # fmt: skip
RATES = {"settings": ["train.learning_rate"], "low": 1e-5, "high": 1e-1, "log": True}
BATCHES = {"settings": ["train.batch_size"], "values": [8, 16]}
DROPOUTS = {"settings": ["encoder.dropout", "encoder.attention_dropout"], "values": [0.0, 0.5]}


def configure(tried: Sequence[str]) -> RunConfig:
    return load_config(overrides=[*TINY, *tried])


def plan(out: Path, *search: object, **more: object) -> Plan:
    space = Space.model_validate({"title": "t", "search": search})
    return Plan(space, configure, out, **more)  # type: ignore[arg-type]


class Killed(Exception):
    """Stands for a kill: nothing of the study gets a chance to clean up."""


def test_an_interrupted_study_ends_like_an_uninterrupted_one(tmp_path: Path) -> None:
    whole = [t.values for t in tune(plan(tmp_path / "a", RATES, DROPOUTS, trials=3))]

    def kill(report: EpochReport) -> None:
        if (tmp_path / "b" / "trials" / "0001").exists() and report.epoch == 2:
            raise Killed

    broken = plan(tmp_path / "b", RATES, DROPOUTS, trials=3)
    with pytest.raises(Killed):
        list(tune(broken, on_epoch=kill))
    assert len(trials_of(broken)) == 1
    epochs: list[int] = []
    list(tune(broken, on_epoch=lambda report: epochs.append(report.epoch)))
    assert epochs[0] > 1  # trial 1 goes on after its last whole epoch
    found = trials_of(broken)
    assert [t.values for t in found] == whole
    assert [t.valid for t in found] == [
        t.valid for t in trials_of(plan(tmp_path / "a", RATES, DROPOUTS))
    ]
    assert list(tune(broken)) == []


def test_a_finished_study_does_nothing_and_another_one_is_refused(tmp_path: Path) -> None:
    done = plan(tmp_path, RATES, trials=1)
    assert len(list(tune(done))) == 1
    assert list(tune(done)) == []
    with pytest.raises(ConfigError, match="holds a study with another space"):
        list(tune(plan(tmp_path, BATCHES, trials=2)))
    with pytest.raises(ConfigError, match="another seed"):
        list(tune(replace(done, seed=1)))


def test_a_kill_while_an_interrupted_trial_is_queued_loses_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = plan(tmp_path, DROPOUTS, trials=1)

    def kill(*_: object, **more: object) -> None:
        raise Killed

    with pytest.raises(Killed):
        list(tune(made, on_epoch=kill))
    with monkeypatch.context() as patched:  # the second command: one that is killed at once
        patched.setattr(optuna.Study, "tell", kill)
        with pytest.raises(Killed):
            list(tune(made))
    assert trials_of(made) == []
    (found,) = tune(made)
    assert (found.state, found.folder.name, found.epochs) == ("done", "0000", 3)
    assert trials_of(made) == [found]
    assert "| trials/0000 |\n" in to_markdown("t", "ndcg@10", [found])


def test_a_trial_that_was_killed_before_it_had_a_folder_stops_nobody(tmp_path: Path) -> None:
    made = plan(tmp_path, DROPOUTS, trials=2)
    asked = study._open(made, study._optuna()).ask()
    study._open(made, study._optuna()).tell(asked.number, state=TrialState.FAIL)
    assert [t.state for t in trials_of(made)] == ["failed"]
    assert [t.state for t in tune(made)] == ["done"]


def test_other_data_are_another_study(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A log that changed in its place: trials on both must not be ranked together."""
    made = plan(tmp_path, DROPOUTS, trials=1)
    list(tune(made))
    other = configure(["data.seed=9"])
    monkeypatch.setattr(study, "prepare", lambda *_: prepare(other.data, other.split))
    with pytest.raises(ConfigError, match="holds a study with another data fingerprint"):
        list(tune(replace(made, trials=2)))


def test_a_grid_takes_every_point_once(tmp_path: Path) -> None:
    found = list(tune(plan(tmp_path, BATCHES, DROPOUTS, sampler="grid", trials=9)))
    assert len(found) == 4
    assert len({tuple(t.values.values()) for t in found}) == 4
    with pytest.raises(ConfigError, match="the space has ranges"):
        plan(tmp_path / "b", RATES, sampler="grid")


def test_values_drawn_again_are_not_trained_again(tmp_path: Path) -> None:
    only = {"settings": ["train.batch_size"], "values": [8]}
    first, second = tune(plan(tmp_path, only, trials=2))
    assert (second.valid, second.folder) == (first.valid, first.folder)
    assert len(list((tmp_path / "trials").iterdir())) == 1


def test_a_hopeless_trial_is_pruned(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(study, "STARTUP_TRIALS", 2)
    monkeypatch.setattr(study, "WARMUP_EPOCHS", 1)
    rates = {"settings": ["train.learning_rate"], "values": [1e-9, 0.02, 0.01]}
    found = list(tune(plan(tmp_path, rates, sampler="grid", seed=seed_with_last(rates, 1e-9))))
    assert [t.state for t in found] == ["done", "done", "pruned"]
    assert found[2].epochs < 3
    assert best(found).values != {"train.learning_rate": 1e-9}


def test_a_trial_is_pruned_from_its_sixth_epoch_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As the guide says, however bad it is from its first epoch on."""

    def report(trial, epoch: int, metrics: object, config: RunConfig) -> None:  # type: ignore[no-untyped-def]
        trial.report(config.train.learning_rate, epoch)

    monkeypatch.setattr(study, "STARTUP_TRIALS", 2)
    monkeypatch.setattr(study, "_report", report)
    rates = {"settings": ["train.learning_rate"], "values": [1e-9, 0.02, 0.01]}
    space = Space.model_validate({"title": "t", "search": [rates]})
    longer = Plan(
        space, lambda tried: configure(["train.epochs=8", *tried]), tmp_path,
        sampler="grid", seed=seed_with_last(rates, 1e-9),
    )  # fmt: skip
    assert [(t.state, t.epochs) for t in tune(longer)] == [("done", 8), ("done", 8), ("pruned", 6)]


def seed_with_last(dimension: dict[str, object], last: float) -> int:
    """A seed whose shuffled grid ends with a value."""
    space = Space.model_validate({"title": "t", "search": [dimension]})
    for seed in range(100):
        made = Plan(space, configure, Path(), sampler="grid", seed=seed)
        tried: list[dict[str, bool | int | float | str]] = []
        while len(tried) < 3:
            tried.append(study.next_point(made, tried))
        if tried[-1] == {"train.learning_rate": last}:
            return seed
    raise AssertionError


def test_a_trial_that_fails_does_not_end_the_study(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    train = study.fit

    def breaks(config: RunConfig, folder: Path, **more: object) -> object:
        if config.train.batch_size == 8:
            raise TrainingError("loss is nan")
        return train(config, folder, **more)  # type: ignore[arg-type]

    monkeypatch.setattr(study, "fit", breaks)
    found = list(tune(plan(tmp_path, BATCHES, sampler="grid")))
    assert sorted(t.state for t in found) == ["done", "failed"]
    assert best(found).values == {"train.batch_size": 16}


def test_points_that_do_not_fit_are_failed_trials(tmp_path: Path) -> None:
    """Of 8 and 9 dimensions with 2 heads and of 1 and 9 streams at right angles, one each goes."""
    settings = ["reasoner.kind=plr", "reasoner.trigger=orthogonal", "encoder.heads=2"]
    dims = {"settings": ["encoder.dim"], "values": [9, 8]}
    streams = {"settings": ["reasoner.streams"], "values": [9, 1]}
    space = Space.model_validate({"title": "t", "search": [dims, streams]})

    def wide(tried: Sequence[str]) -> RunConfig:
        return configure([*settings, *tried])

    odd = Plan(space, wide, tmp_path, sampler="grid")
    found = list(tune(odd))
    reasons = {tuple(t.values.values()): t.reason for t in found}
    assert {t.state for t in found if t.reason} == {"failed"}
    assert reasons.pop((8, 1)) == ""
    assert "9 streams have no right angles in encoder.dim=8" in reasons.pop((8, 9))
    assert all("heads=2 must divide dim=9" in reason for reason in reasons.values())
    assert best(found).values == {"encoder.dim": 8, "reasoner.streams": 1}
    assert trials_of(odd) == found
    assert "failed: encoder: heads=2 must divide dim=9" in to_markdown("t", "ndcg@10", found)
    assert list(tune(odd)) == []


def test_what_is_no_fault_of_a_trial_ends_the_search(tmp_path: Path) -> None:
    space = Space.model_validate({"title": "t", "search": [BATCHES]})
    with pytest.raises(ConfigError, match="device 'tpu': must be auto, cpu"):
        Plan(space, lambda x: configure([*x, "train.device=tpu"]), tmp_path)


def test_no_test_case_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ranked: list[int] = []
    histories = evaluation._scored

    def watched(scorer, dataset, cases):  # type: ignore[no-untyped-def]
        ranked.append(cases is dataset.test)
        return histories(scorer, dataset, cases)

    monkeypatch.setattr(evaluation, "_scored", watched)
    list(tune(plan(tmp_path, RATES, trials=1)))
    assert ranked
    assert not any(ranked)


def test_a_space_that_does_not_fit_is_refused_at_once(tmp_path: Path) -> None:
    streams = {"settings": ["reasoner.streams"], "values": [1, 2]}
    with pytest.raises(ConfigError, match=r"reasoner.streams: unknown key"):
        plan(tmp_path / "out", streams)
    assert not (tmp_path / "out").exists()  # or the mended space would be refused as another one
