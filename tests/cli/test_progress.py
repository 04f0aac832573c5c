"""Progress: a bar for people, one plain line an epoch for logs."""

import io
import re
from dataclasses import replace

from rich.console import Console

from latentrec.cli.progress import TrainingProgress
from latentrec.config import TrainConfig
from latentrec.train.loop import EpochReport, Step

STEP = Step(epoch=1, targets_done=50, targets=200, losses={"loss": 2.5}, targets_per_s=1234.5)
REPORT = EpochReport(
    epoch=1,
    losses={"loss": 2.5, "next_item": 2.25},
    metrics={"ndcg@10": 0.125},
    train_s=1.25,
    validate_s=0.5,
    targets_per_s=1234.5,
    best_epoch=1,
    is_best=True,
    warnings=(),
    stop=None,
)


def shown(*reports: EpochReport, terminal: bool, width: int = 100, config: TrainConfig) -> str:
    """What two batches and the given epochs put out."""
    file = io.StringIO()
    console = Console(file=file, force_terminal=terminal, width=width)
    with TrainingProgress(console, config) as progress:
        for report in reports:
            progress.step(replace(STEP, epoch=report.epoch))
            progress.step(replace(STEP, epoch=report.epoch, targets_done=200))
            progress.epoch(report)
    return file.getvalue()


def test_a_log_gets_one_plain_line_an_epoch() -> None:
    # In a file or a pipe a bar would be thousands of lines of control characters.
    second = replace(REPORT, epoch=2, is_best=False, stop="all 2 epochs are done")
    text = shown(REPORT, second, terminal=False, width=40, config=TrainConfig(epochs=2))
    assert text.splitlines() == [
        "epoch   1  loss 2.500  next item 2.250  valid ndcg@10 0.1250 *  "
        "[1.2 s + 0.5 s, 1,234 targets/s]",
        "epoch   2  loss 2.500  next item 2.250  valid ndcg@10 0.1250  "
        "[1.2 s + 0.5 s, 1,234 targets/s]",
        "training ends: all 2 epochs are done; best epoch: 1",
    ]


def test_a_terminal_gets_a_bar_that_goes_away() -> None:
    text = shown(REPORT, terminal=True, config=TrainConfig(epochs=3))
    plain = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", text)
    assert "epoch 1/3" in plain
    assert "  0 % 1,234 targets/s" in plain
    assert "loss 2.500" in plain
    assert plain.rstrip().splitlines()[-1].endswith("[1.2 s + 0.5 s, 1,234 targets/s]")


def test_a_narrow_terminal_keeps_epoch_speed_and_time() -> None:
    # PLR has five loss parts; they once pushed everything else out of 80 columns.
    parts = dict.fromkeys(("loss", "next_item", "pairwise_kl", "state_cosine", "contrast"), 1.0)
    file = io.StringIO()
    config = TrainConfig(epochs=200)
    console = Console(file=file, force_terminal=True, width=80, color_system=None)
    with TrainingProgress(console, config) as progress:
        progress.step(replace(STEP, epoch=123, losses=parts, targets_per_s=123456.0))
    first = file.getvalue().split("\r")[1]
    assert "epoch 123/200 " in first
    assert "  0 % 123,456 targets/s -:--:-- loss 1.000" in first


def test_the_monitor_is_the_configured_one() -> None:
    config = TrainConfig(monitor="recall@5")
    report = replace(REPORT, metrics={"ndcg@10": 0.1, "recall@5": 0.75})
    assert "valid recall@5 0.7500 *" in shown(report, terminal=False, config=config)


def test_an_epoch_without_validation_says_nothing_about_it() -> None:
    report = replace(REPORT, metrics={}, is_best=False)
    assert "valid" not in shown(report, terminal=False, config=TrainConfig())


def test_warnings_are_printed_and_brackets_are_no_markup() -> None:
    report = replace(REPORT, warnings=("streams have collapsed [bold]",))
    text = shown(report, terminal=False, config=TrainConfig())
    assert "warning: streams have collapsed [bold]\n" in text
