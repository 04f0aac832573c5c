"""Sections show all that a run kept, also of a run whose training has not ended."""

from pathlib import Path
from typing import Any
from xml.etree.ElementTree import Element, tostring

import pytest

from latentrec.report import write_report
from latentrec.report.sections import efficiency, headline, learning


def epoch(number: int, losses: dict[str, float], best: int = 0) -> dict[str, Any]:
    return {
        "epoch": number, "losses": losses, "metrics": {}, "best_epoch": best, "stop": None,
        "warnings": [], "train_s": 60.0, "validate_s": 0.0, "targets_per_s": 1.0,
    }  # fmt: skip


def drawing_of(section: Element, caption: str) -> Element:
    (found,) = (f for f in section.iter("figure") if f.findtext("figcaption") == caption)
    return found[0]


def test_parts_of_the_loss_that_begin_late_are_drawn_with_their_gaps() -> None:
    parts = [{"loss": 9.0}, {"loss": 8.0, "pairwise_kl": 0.1}, {"loss": 7.0, "pairwise_kl": 0.2}]
    parts += [{"loss": 6.0}, {"loss": 5.0, "pairwise_kl": 0.3}]
    section = learning([epoch(n, losses) for n, losses in enumerate(parts, 1)], "ndcg@10")
    late = drawing_of(section, "pairwise kl")
    always = drawing_of(section, "loss (what is minimised)")
    tips = [str(tip.text) for tip in late.iter("title")]
    assert tips == ["epoch 2: 0.1000", "epoch 3: 0.2000", "epoch 5: 0.3000"]
    assert [len(str(line.get("points")).split()) for line in late.iter("polyline")] == [2, 1]
    assert [len(str(line.get("points")).split()) for line in always.iter("polyline")] == [5]
    second, third, fifth = (float(dot.get("cx", "")) for dot in late.iter("circle"))
    assert (fifth - second) / (fifth - third) == pytest.approx(3 / 2, abs=0.01)
    assert [text.text for text in late.iter("text") if text.get("text-anchor") == "middle"] == [
        "1", "2", "3", "4", "5", "epoch"
    ]  # fmt: skip
    assert "0.1 after epoch 2, 0.3 after 5" in str(late.get("aria-label"))


def test_the_report_of_a_run_that_was_not_validated_yet(copied: Path, tmp_path: Path) -> None:
    (copied / "checkpoints" / "best").unlink()
    (copied / "evaluation.json").unlink()
    write_report([copied], tmp_path / "r.html")
    page = (tmp_path / "r.html").read_text(encoding="utf-8")
    assert "<dt>parameters</dt>" in page
    assert "no 'best' checkpoint" in page  # in place of the examples
    (copied / "checkpoints" / "last").unlink()
    assert "parameters" not in tostring(efficiency(copied, []), encoding="unicode")


def test_no_best_epoch_before_the_first_validation() -> None:
    words = list(headline(None, [epoch(1, {"loss": 1.0})], "ndcg@10").itertext())
    assert words[:3] == ["best epoch", "-", "of 1"]
