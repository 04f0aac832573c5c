"""Drawings put values where they belong, also one epoch, equal values and negative ones."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from latentrec.report.chart import HEIGHT, WIDTH, Interval, curve, forest, nice_ticks

VALUES = st.floats(-1e6, 1e6).map(lambda value: round(value, 6))


@given(VALUES, VALUES)
def test_ticks_span_the_values_evenly(a: float, b: float) -> None:
    low, high = sorted((a, b))
    ticks = nice_ticks(low, high)
    tiny = 1e-6 * max(1e-6, high - low, abs(low), abs(high))
    assert ticks[0] <= low + tiny
    assert ticks[-1] >= high - tiny
    assert 2 <= len(ticks) <= 8
    steps = [after - before for before, after in pairwise(ticks)]
    assert max(steps) - min(steps) <= tiny + 1e-9


@given(st.lists(VALUES, min_size=1, max_size=30))
def test_a_curve_stays_inside_and_rises_with_its_values(values: list[float]) -> None:
    drawn = curve("loss", list(range(1, len(values) + 1)), values, best=1)
    places = [(float(c.get("cx", "")), float(c.get("cy", ""))) for c in drawn.iter("circle")]
    assert all(0 <= x <= WIDTH and 0 <= y <= HEIGHT for x, y in places)
    assert places[values.index(max(values))][1] == min(y for _, y in places)
    assert [c.get("class") for c in drawn.iter("circle")].count("best") == 1


@pytest.mark.parametrize(
    "values", [[0.0004, 0.00075], [0.99990, 0.99994], [0.9999999, 0.99999999], [1e5, 2e6]]
)
def test_every_tick_has_its_own_label_and_room_for_it(values: list[float]) -> None:
    drawn = curve("stream cosine", [1, 2], values, best=None)
    ticks = [t for t in drawn.iter("text") if t.get("text-anchor") == "end"]
    assert len({t.text for t in ticks}) == len(ticks) > 1
    assert all(float(t.get("x", "")) >= 7 * len(str(t.text)) for t in ticks)
    places = [float(dot.get("cx", "")) for dot in drawn.iter("circle")]
    assert all(place < WIDTH for place in places)
    assert places[1] - places[0] > WIDTH / 2


def test_differences_too_small_to_show_have_no_negative_zero() -> None:
    drawn = forest("difference", [Interval("a", -1e-6, -2e-6, 1e-6)], zero=True)
    assert "+0.0000 [+0.0000, +0.0000]" in [t.text for t in drawn.iter("text")]


@pytest.mark.parametrize("zero", [False, True])
@pytest.mark.parametrize("name", ["W" * 26, "漢" * 26, "a" * 60, "SASRec"])
def test_a_name_leaves_room_for_the_numbers(name: str, zero: bool) -> None:
    """Widths as DejaVu Sans has them, 11.5 px for numbers and 12.5 px for names."""
    drawn = forest("difference", [Interval(name, 0.01, -0.02, 0.1)], zero=zero)
    shown, numbers = (str(t.text) for t in list(drawn.iter("text"))[-2:])
    widths = {"W": 12.4, "漢": 12.5, "a": 7.7, "…": 12.5}
    taken = sum(widths.get(c, 7.9) for c in shown) + 6.1 * len(numbers)
    assert taken <= WIDTH - 16
    assert shown == name or (len(shown) > 10 and shown.endswith("…"))


def test_a_forest_shows_zero_and_intervals_around_their_values() -> None:
    rows = [Interval("a", -0.01, -0.02, 0.001), Interval("b" * 50, 0.02, 0.01, 0.03, True, 0.002)]
    drawn = forest("difference", rows, zero=True)
    zero = next(float(i.get("x1", "")) for i in drawn.iter("line") if i.get("class") == "zero")
    dots = [float(dot.get("cx", "")) for dot in drawn.iter("circle")]
    assert dots[0] < zero < dots[1]
    bars = [i for i in drawn.iter("line") if "bar" in str(i.get("class"))]
    for bar, dot in zip(bars, dots, strict=True):
        assert float(bar.get("x1", "")) < dot < float(bar.get("x2", ""))
    texts = "".join(str(t.text) for t in drawn.iter("text"))
    assert "…" in texts
    assert "b" * 18 in texts
    assert "+0.0200 [+0.0100, +0.0300]" in texts
