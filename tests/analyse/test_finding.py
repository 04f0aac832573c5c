"""Every finding can be drawn, and its JSON keeps its keys: other programs read them."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from latentrec.analyse.attention import attention
from latentrec.analyse.ceiling import ceiling
from latentrec.analyse.diversity import diversity
from latentrec.analyse.efficiency import efficiency
from latentrec.analyse.finding import Finding, arms, drawable, to_svg, write
from latentrec.analyse.identities import identities
from latentrec.analyse.robustness import Level, Robustness, robustness
from latentrec.analyse.subject import Subject
from latentrec.evaluate.evaluate import Metric
from latentrec.model.reasoner.contract import Reasoner
from latentrec.model.reasoner.erl import ErlReasoner
from latentrec.model.reasoner.plr import PlrReasoner

MakeSubject = Callable[[Callable[[int], Reasoner]], Subject]
KEYS = {
    "ceiling": "protocol states oracles",
    "diversity": "protocol temperature steps all_states_kl gate_mean gate_wins gate_entropy "
    "overlap top_k",
    "identities": "protocol temperature cases states_loss steps_ambiguity streams_ambiguity "
    "pooled_loss uniform_loss first_loss ranking_loss half_loss pairwise_kl error",
    "attention": "protocol places looks histories user asks_by_mask",
    "robustness": "protocol metric levels cut",
    "efficiency": "protocol device threads metric rows points",
}
ASK: dict[str, Callable[[Subject], Finding]] = {
    "ceiling": ceiling,
    "diversity": diversity,
    "identities": identities,
    "attention": attention,
    "robustness": lambda subject: robustness([subject, replace(subject, name="again")], "ndcg@5"),
    "efficiency": lambda subject: efficiency([subject], batches=(1,)),
}


@pytest.mark.parametrize("question", list(ASK))
def test_files_of_every_question(subject_with: MakeSubject, tmp_path: Path, question: str) -> None:
    finding = ASK[question](subject_with(lambda dim: PlrReasoner(dim, 2, 2)))
    paths = write(finding, tmp_path)
    assert [path.name for path in paths] == [
        f"{question}.{e}" for e in ("md", "json", "png", "svg")
    ]
    told = json.loads(paths[1].read_text(encoding="utf-8"))
    assert list(told) == ["analysis", "format_version", *KEYS[question].split()]
    assert (told["analysis"], told["format_version"]) == (question, 1)
    assert paths[0].read_text(encoding="utf-8") == finding.to_markdown()
    assert paths[2].read_bytes().startswith(b"\x89PNG")
    assert paths[3].read_text(encoding="utf-8").startswith("<?xml")


@pytest.mark.parametrize("suffix", [".png", ".svg"])
def test_a_figure_is_whole_or_absent(
    subject_with: MakeSubject, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, suffix: str
) -> None:
    """An interrupted write leaves the old figure, and nothing beside it."""
    finding = attention(subject_with(lambda dim: PlrReasoner(dim, 2, 2)))
    paths = write(finding, tmp_path)
    figure = tmp_path / f"attention{suffix}"
    figure.write_bytes(b"old")
    rename = Path.replace

    def fail_at_last(beside: Path, to: Path) -> Path:
        if to == figure:
            raise OSError("interrupted")
        return rename(beside, to)

    monkeypatch.setattr(Path, "replace", fail_at_last)
    with pytest.raises(OSError, match="interrupted"):
        write(finding, tmp_path)
    assert figure.read_bytes() == b"old"
    assert sorted(tmp_path.iterdir()) == sorted(paths)


def test_error_bars_are_never_negative() -> None:
    """The mean of equal values may lie a digit above their bootstrap interval."""
    below, above = arms([Metric(0.3, 0.3 + 1e-16, 0.3 - 1e-16), Metric(0.5, 0.25, 1.0)])
    assert (below, above) == ([0.0, 0.25], [0.0, 0.5])


def test_one_stream_can_be_drawn_too_and_equal_findings_give_equal_files(
    subject_with: MakeSubject,
) -> None:
    finding = diversity(subject_with(lambda dim: ErlReasoner(dim, 2)))
    assert to_svg(finding) == to_svg(finding)
    assert "no gate" in finding.to_markdown() or "Streams" not in finding.to_markdown()


def robust(model: str) -> Robustness:
    level = Level(model, "missing", 0.0, Metric(0.5, 0.4, 0.6), 1.0)
    return Robustness("tiny", "ndcg@10", (level, replace(level, rate=0.1)))


def test_names_in_any_script_are_drawn_without_a_warning() -> None:
    """Warnings are errors here; of the font's own signs none is missing."""
    assert to_svg(robust("日本語"))
    assert drawable("café-ñ, λ")
    assert not drawable("日本語")
