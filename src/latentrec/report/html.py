"""HTML as a tree of elements: texts and attributes are escaped by construction."""

from collections.abc import Iterable
from pathlib import Path
from typing import Final, TypeAlias
from xml.etree.ElementTree import Element, tostring

from latentrec.evaluate.grid import Grid

Child: TypeAlias = "Element | str"
STYLE: Final = Path(__file__).with_name("style.css")


def e(tag: str, *children: Child, **attributes: str) -> Element:
    """An element; `class_` and other names with `_` at the end stand for reserved words.

    Args:
        tag: Name of the element.
        children: Elements, and texts that are shown as they are.
        attributes: `data_x` is written `data-x`.

    Example:
        >>> tostring(e("p", "a < b ", e("b", "!"), class_="note"), encoding="unicode")
        '<p class="note">a &lt; b <b>!</b></p>'
    """
    named = {name.rstrip("_").replace("_", "-"): v for name, v in attributes.items()}
    made = Element(tag, {name: printable(value) for name, value in named.items()})
    for child in children:
        if not isinstance(child, str):
            made.append(child)
        elif len(made):
            made[-1].tail = (made[-1].tail or "") + printable(child)
        else:
            made.text = (made.text or "") + printable(child)
    return made


def printable(text: str) -> str:
    """The text without control characters and lone surrogates, which no HTML may hold."""
    kept = "".join(c for c in text if c >= " " or c in "\n\t")
    return kept.encode("utf-8", "replace").decode("utf-8")


def page(title: str, *children: Child) -> str:
    """A whole document: style inside, no script, nothing loaded from anywhere."""
    head = e(
        "head",
        e("meta", charset="utf-8"),
        e("meta", name="viewport", content="width=device-width, initial-scale=1"),
        e("meta", name="color-scheme", content="light dark"),
        e("title", title),
        e("style", STYLE.read_text(encoding="utf-8")),
    )
    document = e("html", head, e("body", e("main", *children)), lang="en")
    return "<!doctype html>\n" + tostring(document, encoding="unicode", method="html") + "\n"


def section(title: str, *children: Child, level: int = 2) -> Element:
    """A section with its heading."""
    return e("section", e(f"h{level}", title), *children)


def folded(title: str, *children: Child, open_: bool = False) -> Element:
    """What is shown on a click, and always in print."""
    return e("details", e("summary", title), *children, **({"open": "open"} if open_ else {}))


def table(caption: str, head: Iterable[Child], rows: Iterable[Iterable[Child]]) -> Element:
    """A table that scrolls by itself on a narrow screen; the first cell of a row is its header."""
    lines = [e("tr", *(_cell(i, cell) for i, cell in enumerate(row))) for row in rows]
    inner = e(
        "table",
        e("caption", caption),
        e("thead", e("tr", *(e("th", cell, scope="col") for cell in head))),
        e("tbody", *lines),
    )
    return e("div", inner, class_="scroll", tabindex="0", role="region", aria_label=caption)


def _cell(place: int, content: Child) -> Element:
    return e("td", content) if place else e("th", content, scope="row")


def grid_table(grid: Grid) -> Element:
    """A table of plain texts."""
    return table(grid.title, grid.head, grid.rows)


def pairs(rows: Iterable[tuple[str, Child]]) -> Element:
    """Names with their values."""
    found = [part for name, value in rows for part in (e("dt", name), e("dd", value))]
    return e("dl", *found)


def figure(caption: str, drawing: Element) -> Element:
    """A drawing with its caption."""
    return e("figure", drawing, e("figcaption", caption))
