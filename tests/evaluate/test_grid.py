"""Grids show cells and heads as they are: neither markup nor columns come out of a name."""

import pytest

from latentrec.evaluate.grid import Grid, grids_markdown, grids_text


@pytest.mark.parametrize("name", ["plr [no gate]", "[/b]", "[bold]x"])
def test_names_are_no_markup(name: str) -> None:
    text = grids_text([Grid("Overlap", ("", name), ((name, "1.00"),))], "foot", 80)
    assert text.count(name) == 2


def test_a_name_makes_no_column_in_markdown() -> None:
    text = grids_markdown([Grid("t", ("a|b", "c"), (("d\\|e", "f\\g"),))], "foot")
    assert r"| a\|b | c |" in text
    assert r"| d\\\|e | f\\g |" in text
