"""Weights sum to 1 and stand at the right items: equal to the explanation of the same history."""

from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from matplotlib.figure import Figure

from latentrec.analyse import finding as finding_module
from latentrec.analyse.attention import Attention, Look, attention
from latentrec.analyse.finding import to_svg
from latentrec.analyse.subject import Subject, take
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


def test_one_long_history_does_not_choose_the_places(subject_with: MakeSubject) -> None:
    """Half of the histories reach back over all that are shown; the rest of these is older."""
    subject = subject_with(lambda dim: PlrReasoner(dim, 2, 2))
    cases = take(subject.cases, np.arange(4))
    ends = subject.dataset.offsets[cases.users] + np.array([1, 2, 2, 4])
    found = attention(replace(subject, cases=replace(cases, ends=ends)))
    assert (found.places, found.histories) == (("2", "1"), 3)
    assert all(look.older > 0 for look in found.looks)
    assert ". 3 histories; " in found.to_markdown()
    alone = attention(replace(subject, cases=take(cases, np.arange(1))), longest=1)
    assert ". 1 history; " in alone.to_markdown()


def test_what_has_no_attention_is_refused(subject_with: MakeSubject) -> None:
    with pytest.raises(ConfigError, match="no step of this model attends"):
        attention(subject_with(lambda dim: NoReasoner()))
    subject = subject_with(lambda dim: PlrReasoner(dim, 1, 1))
    one, two = subject.dataset.user_ids[subject.dataset.test.users[:2]]
    told = f"user 'nobody': has no test case; name one that has, like '{one}' or '{two}'"
    with pytest.raises(ConfigError, match=told):
        attention(subject, user="nobody")


def finding(places: tuple[str, ...], user: str | None, asks_by_mask: bool = False) -> Attention:
    looks = tuple(Look(1, step, (0.3,) * len(places), 0.1, 0.3) for step in (1, 2))
    return Attention("tiny", places, looks, 1, user, asks_by_mask)


def x_label(found: Attention) -> str:
    figure = Figure()
    found.draw(figure)
    return figure.axes[0].get_xlabel()


def test_an_item_of_the_name_1_is_not_a_distance() -> None:
    assert x_label(finding(("7", "1"), "u3")) == "history, latest last"
    assert x_label(finding(("2", "1"), None)) == "interactions ago, mean over 1 history"


@pytest.mark.parametrize("item_id", ["p$\\q$", "$", "a\\$b"])
def test_a_dollar_sign_is_a_dollar_sign(item_id: str) -> None:
    drawing = to_svg(finding((item_id, "x"), "u3"))
    assert f"<!-- {item_id} -->" in drawing


def test_an_id_that_the_font_lacks_is_named_by_its_place() -> None:
    found = finding(("日本語", "مرحبا", "i3"), "u3")
    drawing = to_svg(found)
    assert "<!-- 3 ago -->" in drawing
    assert "<!-- i3 -->" in drawing
    assert "| 日本語 |" in found.to_markdown()


@pytest.mark.parametrize("place", ["1", "an item with a long id"])
def test_labels_of_many_rows_do_not_touch(place: str) -> None:
    looks = tuple(Look(m, t, (0.3,), 0.1, 0.3) for m in range(1, 6) for t in range(1, 6))
    with finding_module._drawn(replace(finding((place,), "u3"), looks=looks)) as figure:
        boxes = [label.get_window_extent() for label in figure.axes[0].get_yticklabels()]
    assert all(below.y1 < above.y0 for above, below in pairwise(boxes))


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
