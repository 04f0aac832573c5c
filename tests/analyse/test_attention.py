"""Weights sum to 1 and stand at the right items: equal to the explanation of the same history."""

from collections.abc import Callable
from dataclasses import replace

import pytest
from matplotlib.figure import Figure

from latentrec.analyse.attention import Attention, Look, attention
from latentrec.analyse.finding import to_svg
from latentrec.analyse.subject import Subject
from latentrec.data.cloze import masked_ends
from latentrec.errors import ConfigError
from latentrec.explain import explain
from latentrec.model.reasoner.contract import Reasoner
from latentrec.model.reasoner.none import NoReasoner
from latentrec.model.reasoner.plr import PlrReasoner
from latentrec.scorer import ModelScorer

MakeSubject = Callable[[Callable[[int], Reasoner]], Subject]


def test_one_user_looks_where_the_explanation_says(subject_with: MakeSubject) -> None:
    subject = subject_with(lambda dim: PlrReasoner(dim, 2, 2))
    dataset = subject.dataset
    user = str(dataset.user_ids[dataset.test.users[3]])
    history = dataset.index.item_ids(dataset.histories(dataset.test, 3, 4)[0].tolist())
    found = attention(subject, user=user)
    want = explain(subject.scorer, dataset.index, history, history[:1])
    assert found.places == want.history
    for look in found.looks:
        told = want.attention[look.stream - 1][look.step - 1]
        assert look.weights == pytest.approx(told, abs=1e-5)


def test_the_parts_sum_to_one(subject_with: MakeSubject) -> None:
    found = attention(subject_with(lambda dim: PlrReasoner(dim, 2, 3)), longest=3)
    assert found.places == ("3", "2", "1")
    assert len(found.looks) == 6
    for look in found.looks:
        assert look.older + sum(look.weights) + look.own == pytest.approx(1, abs=1e-5)
        assert min(look.older, look.own, *look.weights) >= -1e-6


def test_what_has_no_attention_is_refused(subject_with: MakeSubject) -> None:
    with pytest.raises(ConfigError, match="no step of this model attends"):
        attention(subject_with(lambda dim: NoReasoner()))
    with pytest.raises(ConfigError, match="user 'nobody': has no test case"):
        attention(subject_with(lambda dim: PlrReasoner(dim, 1, 1)), user="nobody")


def finding(places: tuple[str, ...], user: str | None, asks_by_mask: bool = False) -> Attention:
    looks = tuple(Look(1, step, (0.3,) * len(places), 0.1, 0.3) for step in (1, 2))
    return Attention("tiny", places, looks, 1, user, asks_by_mask)


def x_label(found: Attention) -> str:
    figure = Figure()
    found.draw(figure)
    return figure.axes[0].get_xlabel()


def test_an_item_of_the_name_1_is_not_a_distance() -> None:
    assert x_label(finding(("7", "1"), "u3")) == "history, latest last"
    assert x_label(finding(("2", "1"), None)) == "interactions ago"


@pytest.mark.parametrize("item_id", ["p$\\q$", "$", "a\\$b"])
def test_a_dollar_sign_is_a_dollar_sign(item_id: str) -> None:
    drawing = to_svg(finding((item_id, "x"), "u3"))
    assert f"<!-- {item_id} -->" in drawing


def test_long_ids_leave_room_for_the_figure() -> None:
    found = finding(tuple(f"{place:064}" for place in range(20)), "u3")
    assert "<!-- " + "0" * 15 + "… -->" in to_svg(found)  # and no warning, which were an error here
    assert "0" * 62 + "19" in found.to_markdown()


def test_the_weight_of_the_mask_is_said_to_be_among_the_own(subject_with: MakeSubject) -> None:
    subject = subject_with(lambda dim: PlrReasoner(dim, 2, 2))
    said = "Own steps include the mask behind the history"
    assert said not in attention(subject).to_markdown()
    scorer = ModelScorer(
        subject.scorer.model, "tiny", subject.scorer.max_length, subject.scorer.device, masked_ends
    )
    assert said in attention(replace(subject, scorer=scorer)).to_markdown()
