"""Drawings as SVG in the colours of the page: curves over epochs, values with intervals."""

import math
import unicodedata
from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate, groupby
from typing import Final, final
from xml.etree.ElementTree import Element

from latentrec.evaluate.table import number
from latentrec.report.html import e

WIDTH: Final = 360.0
"""Width of a drawing in its own units: about a phone's, so that its texts stay readable there."""
RIGHT, TOP, BOTTOM, HEIGHT = 10.0, 12.0, 34.0, 190.0
DIGIT: Final = 7.2
"""Width that a digit of a tick takes at most."""
FIGURE: Final = 6.2
"""Width that a character of a value with its interval takes on average."""
ROW: Final = 34.0
"""Height of one value with its interval."""


@final
@dataclass(frozen=True)
class Interval:
    """A value with its interval, and what training seeds make of it.

    Attributes:
        name: Label.
        value: The value.
        low: Lower end of the interval.
        high: Upper end of the interval.
        ours: Whether it stands out.
        seed_sd: Standard deviation between seeds; None with one.
    """

    name: str
    value: float
    low: float
    high: float
    ours: bool = False
    seed_sd: float | None = None


def curve(
    label: str, epochs: Sequence[int], values: Sequence[float | None], best: int | None
) -> Element:
    """A curve over epochs.

    Args:
        label: What is drawn, for those who do not see it.
        epochs: At least one, rising.
        values: A value for each; None leaves a gap. At least one is known.
        best: The epoch that is marked, if it is among them.
    """
    known = [(a, b) for a, b in zip(epochs, values, strict=True) if b is not None]
    least, most = min(b for _, b in known), max(b for _, b in known)
    ticks = nice_ticks(least, most)
    low, high = min(ticks[0], least), max(ticks[-1], most)
    labels = short(ticks)
    left = 10 + DIGIT * max(map(len, labels))
    first, last = epochs[0], max(epochs[-1], epochs[0] + 1)

    def x(epoch: float) -> float:
        return left + (WIDTH - left - RIGHT) * (epoch - first) / (last - first)

    def y(value: float) -> float:
        return HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * (value - low) / ((high - low) or 1.0)

    drawn = [_horizontal(left, y(tick), label) for tick, label in zip(ticks, labels, strict=True)]
    drawn += [_epoch_label(x(epoch), epoch) for epoch in _some_epochs(epochs)]
    drawn.append(_text((left + WIDTH - RIGHT) / 2, HEIGHT - 4, "epoch", "middle"))
    for piece in _pieces(epochs, values):
        points = " ".join(f"{x(a):.1f},{y(b):.1f}" for a, b in piece)
        drawn.append(e("polyline", points=points, class_="line"))
    for epoch, value in known:
        mark = "best" if epoch == best else "ours dot"
        radius = "4.5" if epoch == best else "2"
        tip = e("title", f"epoch {epoch}: {value:.4f}{' (best)' if epoch == best else ''}")
        drawn.append(
            e("circle", tip, cx=f"{x(epoch):.1f}", cy=f"{y(value):.1f}", r=radius, class_=mark)
        )
    (begin, start), (until, end) = known[0], known[-1]
    said = f"{label}: {start:.4g} after epoch {begin}, {end:.4g} after {until}"
    return _svg(said, HEIGHT, drawn)


def _pieces(
    epochs: Sequence[int], values: Sequence[float | None]
) -> Iterator[list[tuple[int, float]]]:
    """Neighbouring epochs with a value each."""
    pairs = zip(epochs, values, strict=True)
    for is_gap, piece in groupby(pairs, key=lambda pair: pair[1] is None):
        if not is_gap:
            yield [(epoch, value) for epoch, value in piece if value is not None]


def forest(label: str, rows: Sequence[Interval], *, zero: bool = False) -> Element:
    """Values one below another, each with its interval; a thin bar spans one sd between seeds.

    Args:
        label: What is drawn, for those who do not see it.
        rows: At least one.
        zero: Draw the line of no difference.
    """
    ends = [end for row in rows for end in (row.low, row.high, row.value - (row.seed_sd or 0.0),
                                            row.value + (row.seed_sd or 0.0))]  # fmt: skip
    ticks = nice_ticks(
        min([*ends, *([0.0] if zero else [])]), max([*ends, *([0.0] if zero else [])])
    )
    low, high = min(ticks[0], *ends), max(ticks[-1], *ends)

    def x(value: float) -> float:
        return 22 + (WIDTH - 44) * (value - low) / ((high - low) or 1.0)

    bottom = 6 + ROW * len(rows)
    labels = [signed(tick) for tick in ticks] if zero else short(ticks)
    drawn = [_vertical(x(tick), bottom, label) for tick, label in zip(ticks, labels, strict=True)]
    if zero:
        drawn.append(_line(x(0.0), x(0.0), 4, bottom, "zero"))
    for place, row in enumerate(rows):
        drawn += _interval(row, 6 + ROW * place, x, zero)
    said = "; ".join(f"{r.name} {r.value:.4f}, {r.low:.4f} to {r.high:.4f}" for r in rows)
    return _svg(f"{label}. {said}", bottom + 22, drawn)


def nice_ticks(low: float, high: float, wanted: int = 4) -> list[float]:
    """Round values that span a range, at least two.

    Example:
        >>> nice_ticks(0.013, 0.041)
        [0.01, 0.02, 0.03, 0.04, 0.05]
    """
    span = (high - low) or abs(high) or 1.0
    raw = span / wanted
    power = 10.0 ** math.floor(math.log10(raw))
    step = next(power * f for f in (1, 2, 2.5, 5, 10) if power * f >= raw * 0.999)
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    return [round(step * i, 12) for i in range(first, max(last, first + 1) + 1)]


def short(ticks: Sequence[float]) -> list[str]:
    """Ticks in four digits, or in as many as tell them apart.

    Example:
        >>> short([0.5, 1.0]), short([0.99991, 0.99992])
        (['0.5', '1'], ['0.99991', '0.99992'])
    """
    found = ([f"{tick:.{digits}g}" for tick in ticks] for digits in range(4, 16))
    return next(
        (labels for labels in found if len(set(labels)) == len(ticks)), list(map(repr, ticks))
    )


def signed(value: float) -> str:
    """A tick of differences."""
    return f"{value:+.4g}" if value else "0"


def _interval(row: Interval, top: float, x: Callable[[float], float], zero: bool) -> list[Element]:
    ours = "ours " if row.ours else ""
    shown, *ends = (f"{v:+z.4f}" if zero else number(v) for v in (row.value, row.low, row.high))
    figures, line = f"{shown} [{ends[0]}, {ends[1]}]", top + 25
    drawn = [
        _text(8, top + 12, _cut(row.name, WIDTH - 24 - FIGURE * len(figures)), "start", "name"),
        _text(WIDTH - 8, top + 12, figures, "end"),
        _line(x(row.low), x(row.high), line, line, f"{ours}bar"),
    ]
    if row.seed_sd is not None:
        left, right = x(row.value - row.seed_sd), x(row.value + row.seed_sd)
        drawn += [_line(left, right, line + 5, line + 5, "seeds")]
        drawn += [_line(end, end, line + 2, line + 8, "seeds") for end in (left, right)]
    dot = e("circle", cx=f"{x(row.value):.1f}", cy=f"{line:.1f}", r="4", class_=f"{ours}dot")
    return [*drawn, dot]


def _cut(name: str, room: float) -> str:
    """A name in the room that the numbers beside it leave; the table has it in full."""
    ends = list(accumulate(map(_width, name), initial=0.0))
    if ends[-1] <= room:
        return name
    return name[: bisect_right(ends, room - _width("…")) - 1] + "…"


def _width(character: str) -> float:
    """Width of a character of a name in a wide font (DejaVu Sans): rather too much."""
    if unicodedata.east_asian_width(character) in "WF" or character in "MWmw@%…":
        return 12.5
    return 9.5 if character.isupper() else 7.8


def _svg(label: str, height: float, drawn: Sequence[Element]) -> Element:
    return e("svg", *drawn, viewBox=f"0 0 {WIDTH:g} {height:g}", role="img", aria_label=label)


def _text(x: float, y: float, text: str, anchor: str, class_: str = "tick") -> Element:
    made = e("text", text, x=f"{x:.1f}", y=f"{y:.1f}", class_=class_)
    made.set("text-anchor", anchor)
    return made


def _line(x1: float, x2: float, y1: float, y2: float, class_: str) -> Element:
    return e("line", x1=f"{x1:.1f}", x2=f"{x2:.1f}", y1=f"{y1:.1f}", y2=f"{y2:.1f}", class_=class_)


def _horizontal(left: float, y: float, text: str) -> Element:
    label = _text(left - 6, y + 3.5, text, "end")
    return e("g", _line(left, WIDTH - RIGHT, y, y, "rule"), label)


def _vertical(x: float, bottom: float, text: str) -> Element:
    return e("g", _line(x, x, 4, bottom, "rule"), _text(x, bottom + 15, text, "middle"))


def _epoch_label(x: float, epoch: int) -> Element:
    return _text(x, HEIGHT - BOTTOM + 15, str(epoch), "middle")


def _some_epochs(epochs: Sequence[int]) -> list[int]:
    """At most six epochs that are written below a curve, the first and the last among them."""
    step = max(1, math.ceil((len(epochs) - 1) / 5))
    chosen = list(epochs[::step])
    if chosen[-1] == epochs[-1]:
        return chosen
    near = len(chosen) > 1 and (len(epochs) - 1) % step <= step / 2
    return [*(chosen[:-1] if near else chosen), epochs[-1]]
