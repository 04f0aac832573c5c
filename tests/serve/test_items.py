"""ItemSearch: words in any order, and filters by hand, for items with several values and none."""

import polars as pl
import pytest

from latentrec.data.catalogue import Catalogue, categorical_field
from latentrec.errors import ConfigError
from latentrec.index import ItemIndex
from latentrec.serve.items import ItemSearch

COLOURS = pl.Series("colour", [["red"], ["blue", "red"], None, ["blue"]], dtype=pl.List(pl.String))
STORES = pl.Series("store", [["s"], ["t"], ["s"], ["s"]], dtype=pl.List(pl.String))
TITLES = {"w": "Über Red", "x": "Blue and red", "z": "Blue"}
SEARCH = ItemSearch(
    Catalogue(ItemIndex("wxyz"), TITLES, (categorical_field(COLOURS), categorical_field(STORES)))
)


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("", "wxyz"),
        ("RED", "wx"),
        ("red blu", "x"),
        ("über", "w"),
        ("y", "y"),
        ("%", ""),
        ("  ", "wxyz"),
    ],
)
def test_every_word_must_occur_in_title_or_id(query: str, found: str) -> None:
    assert SEARCH.search(query, 9) == (list(found), len(found))


def test_a_search_is_cut_and_says_how_many_there_are() -> None:
    assert SEARCH.search("", 2) == (["w", "x"], 4)


@pytest.mark.parametrize(
    ("filters", "found"),
    [
        ({}, "wxyz"),
        ({"colour": ["red"]}, "wx"),
        ({"colour": ["red", "blue"]}, "wxz"),
        ({"colour": ["blue"], "store": ["s"]}, "z"),
    ],
)
def test_filters_hold_one_value_of_each_field(filters: dict[str, list[str]], found: str) -> None:
    assert SEARCH.matching(filters) == list(found)


def test_unknown_fields_and_values_are_refused() -> None:
    with pytest.raises(ConfigError, match="the fields of this run are: colour, store"):
        SEARCH.matching({"size": ["l"]})
    with pytest.raises(ConfigError, match="field colour: 1 of the values"):
        SEARCH.matching({"colour": ["red", "green"]})


def test_values_of_an_item() -> None:
    assert SEARCH.values("x") == {"colour": ["blue", "red"], "store": ["t"]}
    assert SEARCH.values("y") == {"colour": [], "store": ["s"]}
    assert (SEARCH.title("w"), SEARCH.title("y")) == ("Über Red", None)
