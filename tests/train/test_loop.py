"""The loop: repeatable, resumable to the bit, stops for stated reasons, never trains on NaN."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import latentrec.train.loop
from latentrec.build import build_model, build_objective, build_optimiser
from latentrec.configure import parse_config
from latentrec.data.batch import Samples, batches, training_samples
from latentrec.data.catalogue import Catalogue
from latentrec.data.dataset import Histories
from latentrec.errors import CheckpointError, TrainingError
from latentrec.index import ItemIndex
from latentrec.model.dropout import Dropout
from latentrec.model.recommender import Recommender
from latentrec.train.checkpoint import CheckpointFolder
from latentrec.train.loop import EpochReport, Step, fit

CATALOGUE = Catalogue(ItemIndex(f"i{n:02}" for n in range(20)))


def samples() -> Samples:
    rng = np.random.default_rng(0)
    rows = [((start + np.arange(6)) % 20 + 2).tolist() for start in rng.integers(0, 20, 40)]
    return training_samples(Histories.from_lists(rows), 8, "all", "split")


class Training:
    """A small training whose validation metric can be scripted."""

    def __init__(
        self, folder: Path, values: list[float] | None = None, warmup: int = 1, **knobs: Any
    ) -> None:
        train = {"epochs": 4, "batch_size": 8, "device": "cpu", **knobs}
        encoder = {"dim": 8, "inner": 8, "max_length": 8}
        reasoner = {"kind": "plr", "warmup_epochs": warmup, "ramp_epochs": 1}
        self.config = parse_config({"train": train, "encoder": encoder, "reasoner": reasoner})
        torch.manual_seed(self.config.train.seed)
        self.model = build_model(self.config, CATALOGUE)
        self.values = iter(values) if values else None
        self.checkpoints = CheckpointFolder(folder)
        self.steps: list[Step] = []
        self.recorded: list[EpochReport] = []

    def run(self, resume: bool = False) -> Iterator[EpochReport]:
        return fit(
            self.model,
            build_objective(self.config.reasoner),
            build_optimiser(self.model, self.config.train),
            samples(),
            self.config.train,
            self.validate,
            self.checkpoints,
            self.recorded.append,
            resume,
            self.steps.append,
        )

    def validate(self, model: Recommender) -> dict[str, float]:
        norm = float(sum(p.detach().double().norm() for p in model.parameters()))
        return {"ndcg@10": next(self.values) if self.values else norm}


def weights(model: Recommender) -> list[float]:
    return [value for p in model.parameters() for value in p.flatten().tolist()]


def test_a_seed_gives_the_same_numbers_twice(tmp_path: Path) -> None:
    """On one machine with the same threads, to the bit; another seed gives others."""
    first, again = Training(tmp_path / "a"), Training(tmp_path / "b")
    reports = [r.losses for r in first.run()]
    assert reports == [r.losses for r in again.run()]
    assert weights(first.model) == weights(again.model)
    other = Training(tmp_path / "c", seed=1)
    assert reports != [r.losses for r in other.run()]


@pytest.mark.parametrize("killed_after", [1, 2, 3])
def test_a_resumed_run_equals_an_uninterrupted_one(tmp_path: Path, killed_after: int) -> None:
    """Weights, losses and early stopping, to the bit, wherever it was cut (ADR 0012)."""
    whole = Training(tmp_path / "whole")
    expected = [(r.losses, r.metrics, r.best_epoch) for r in whole.run()]
    cut = Training(tmp_path / "cut")
    reports = cut.run()
    found = [next(reports) for _ in range(killed_after)]
    reports.close()
    resumed = Training(tmp_path / "cut")
    found += list(resumed.run(resume=True))
    assert [(r.losses, r.metrics, r.best_epoch) for r in found] == expected
    assert weights(resumed.model) == weights(whole.model)


def test_the_loss_falls_on_a_predictable_log(tmp_path: Path) -> None:
    """Training learns something: the next item of a cycle is certain."""
    losses = [
        r.losses["next_item"] for r in Training(tmp_path, epochs=12, learning_rate=0.02).run()
    ]
    assert losses[-1] < 0.5 * losses[0]


def test_training_in_bf16_learns_as_much(tmp_path: Path) -> None:
    """Mixed precision is for speed: on the same seed the loss falls alike."""
    knobs = {"epochs": 8, "learning_rate": 0.02}
    single = [r.losses["next_item"] for r in Training(tmp_path / "a", **knobs).run()]
    mixed = [
        r.losses["next_item"] for r in Training(tmp_path / "b", precision="bf16", **knobs).run()
    ]
    assert mixed[-1] < 0.7 * mixed[0]
    assert mixed == pytest.approx(single, rel=0.05)


def test_early_stopping_keeps_the_best_epoch(tmp_path: Path) -> None:
    """Patience counts validations, and `best` points to the best one, not to the last."""
    training = Training(tmp_path, [0.1, 0.3, 0.2, 0.2, 0.9], epochs=9, patience=2)
    reports = list(training.run())
    assert len(reports) == 4
    assert reports[-1].best_epoch == 2
    assert "no better ndcg@10" in str(reports[-1].stop)
    assert training.checkpoints.find("best").name == "epoch-0002"
    assert list(Training(tmp_path, [0.9], epochs=9, patience=2).run(resume=True)) == []


def test_early_stopping_waits_for_the_warm_up(tmp_path: Path) -> None:
    """However well the encoder alone ranks, the best epoch is one that trained the reasoner."""
    values = [0.1, 0.9, 0.8, 0.7, 0.3, 0.2]
    training = Training(tmp_path, values, warmup=4, epochs=9, patience=1)
    reports = list(training.run())
    assert [r.best_epoch for r in reports] == [1, 2, 2, 2, 5, 5]
    assert training.checkpoints.find("best").name == "epoch-0005"
    ended = list(Training(tmp_path / "ended", values, warmup=4, epochs=3).run())
    assert ended[-1].best_epoch == 2


def test_the_time_limit_ends_training_after_an_epoch(tmp_path: Path) -> None:
    """A limit that is over at once still leaves one whole, saved epoch."""
    reports = list(Training(tmp_path, max_minutes=1e-6).run())
    assert [r.epoch for r in reports] == [1]
    assert "time limit" in str(reports[0].stop)


def test_a_finished_run_goes_on_when_it_may(tmp_path: Path) -> None:
    """More epochs and a new patience count on resume: both are free to change."""
    list(Training(tmp_path, epochs=2).run())
    more = Training(tmp_path, epochs=3)
    assert [r.epoch for r in more.run(resume=True)] == [3]
    whole = Training(tmp_path / "whole", epochs=3)
    list(whole.run())
    assert weights(more.model) == weights(whole.model)


def test_the_last_epoch_before_the_time_limit_is_validated(tmp_path: Path) -> None:
    """Otherwise a run could end without a best checkpoint."""
    reports = list(Training(tmp_path, max_minutes=1e-6, evaluate_every=3).run())
    assert reports[-1].metrics


def test_every_report_is_recorded_before_its_checkpoint(tmp_path: Path) -> None:
    """A crash between the two leaves a line too many, which resuming drops, never one too few."""
    training = Training(tmp_path, epochs=2)
    for report in training.run():
        assert training.recorded[-1] == report
    again = Training(tmp_path, epochs=3)
    again.checkpoints.save = fail  # type: ignore[method-assign]
    with pytest.raises(OSError, match="disk full"):
        list(again.run(resume=True))
    assert [r.epoch for r in again.recorded] == [3]


def fail(*_: object) -> None:
    raise OSError("disk full")


def test_validation_can_be_rarer(tmp_path: Path) -> None:
    """Every second epoch and always the last."""
    reports = list(Training(tmp_path, epochs=5, evaluate_every=2).run())
    assert [bool(r.metrics) for r in reports] == [False, True, False, True, True]


def test_progress_counts_every_target_once(tmp_path: Path) -> None:
    """The bar ends at the number of targets of an epoch."""
    training = Training(tmp_path, epochs=1)
    list(training.run())
    assert training.steps[-1].targets_done == training.steps[-1].targets == samples().targets


def test_a_loss_that_is_not_finite_stops_with_a_way_out(tmp_path: Path) -> None:
    """NaN weights would otherwise train on silently and rank everything first."""
    training = Training(tmp_path)
    reports = training.run()
    next(reports)
    with torch.no_grad():
        training.model.encoder.position.weight.fill_(float("nan"))
    with pytest.raises(TrainingError, match=r"epoch 2: .* is nan; .* train.learning_rate"):
        next(reports)
    assert training.checkpoints.find("last").name == "epoch-0001"


def test_broken_weights_are_never_saved(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The last update of an epoch breaks weights behind losses that were all finite."""
    training = Training(tmp_path)
    reports = training.run()
    next(reports)
    weight = training.model.encoder.position.weight
    monkeypatch.setattr(latentrec.train.loop, "batches", lambda *a: [*batches(*a)][:1])
    weight.register_hook(lambda gradient: gradient * float("nan"))
    with pytest.raises(TrainingError, match="epoch 2: a weight is not finite"):
        next(reports)
    assert training.checkpoints.find("last").name == "epoch-0001"


def test_collapsed_streams_raise_an_alarm(tmp_path: Path) -> None:
    """Equal triggers make equal streams; with one step every state is alike."""
    training = Training(tmp_path, epochs=2, learning_rate=1e-9)
    with torch.no_grad():
        training.model.reasoner.triggers.zero_()
        training.model.reasoner.step_embedding.zero_()
        for block in training.model.encoder.blocks:  # steps differ by what they attend to alone
            block.output.weight.zero_()
            block.feed_forward[2].weight.zero_()
    for module in training.model.modules():
        if isinstance(module, Dropout):
            module.p = 0.0
    first, second = training.run()
    assert first.warnings == ()  # the warm-up does not reason
    assert "collapsed into one" in second.warnings[0]


def test_streams_that_dropout_alone_parts_raise_an_alarm_at_the_end(tmp_path: Path) -> None:
    training = Training(tmp_path, epochs=3, learning_rate=1e-9)
    with torch.no_grad():
        training.model.reasoner.triggers.zero_()
    for module in training.model.modules():
        if isinstance(module, Dropout):
            module.p = 0.5
    warm_up, second, last = training.run()
    assert "stream_cosine" not in warm_up.losses
    assert second.losses["state_cosine"] < 0.99
    assert second.losses["stream_cosine"] == pytest.approx(1, abs=1e-6)
    assert second.warnings == ()
    assert [warning[:19] for warning in last.warnings] == ["the streams are one"]


def test_states_that_diversity_drives_apart_raise_an_alarm_at_the_end(tmp_path: Path) -> None:
    training = Training(tmp_path, epochs=3, learning_rate=1e-9)
    with torch.no_grad():
        training.model.items.ids.weight.mul_(1000)
        training.model.reasoner.step_embedding.normal_(std=10)
        training.model.reasoner.triggers.normal_(std=10)
    _, second, last = training.run()
    assert second.losses["pairwise_kl"] > 5
    assert second.warnings == ()
    assert [warning[:30] for warning in last.warnings] == ["reasoning states are far apart"]


def test_nothing_to_train_on_is_said(tmp_path: Path) -> None:
    """Users with one interaction have no target."""
    training = Training(tmp_path)
    empty = training_samples(Histories.from_lists([[2], [3]]), 8, "all", "split")
    with pytest.raises(TrainingError, match="fewer than two"):
        list(
            fit(
                training.model,
                build_objective(training.config.reasoner),
                build_optimiser(training.model, training.config.train),
                empty,
                training.config.train,
                training.validate,
                training.checkpoints,
                training.recorded.append,
            )
        )


def test_resume_without_a_checkpoint_is_said(tmp_path: Path) -> None:
    """`--resume` on an empty folder must not start afresh in silence."""
    with pytest.raises(CheckpointError, match="no 'last' checkpoint"):
        list(Training(tmp_path).run(resume=True))
