"""Recommend: exact order, honest about what it could not read, and one with the evaluation."""

from collections.abc import Sequence

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from latentrec.baselines.popularity import Popularity
from latentrec.data.dataset import Histories
from latentrec.errors import ConfigError, TrainingError, UnknownItemError
from latentrec.evaluate.ranks import ranks
from latentrec.index import FIRST_ITEM, ItemIndex
from latentrec.recommend import BLOCK, _check_ids, best, recommend

IDS = [f"i{number:02}" for number in range(20)]
INDEX = ItemIndex(IDS)
POPULARITY = Popularity.fit(Histories.from_lists([[5, 5, 5, 4, 4, 3]]), INDEX.size)


class Table:
    """Scores looked up by the last item of the history."""

    name = "table"

    def __init__(self, scores: Tensor) -> None:
        self.table, self.size = scores, scores.shape[1]

    def scores(self, histories: Histories) -> Tensor:
        return self.table[[int(histories[row][-1]) for row in range(len(histories))]]


def scorer_of(values: Sequence[float]) -> Table:
    """The same scores after every history, one for each of the first items, 0 for the others."""
    row = torch.zeros(INDEX.size)
    row[FIRST_ITEM : FIRST_ITEM + len(values)] = torch.tensor(values)
    return Table(row.expand(INDEX.size, -1))


def random_table(levels: int, seed: int = 0) -> Table:
    rng = np.random.default_rng(seed)
    shape = (INDEX.size, INDEX.size)
    return Table(torch.tensor(rng.integers(0, levels, shape), dtype=torch.float32))


HISTORIES = st.lists(st.lists(st.sampled_from(IDS), min_size=1, max_size=5), min_size=1, max_size=6)


@settings(max_examples=80)
@given(HISTORIES, st.integers(1, 25), st.integers(1, 4), st.booleans(), st.integers(0, 99))
def test_lists_match_a_full_sort_with_ties(
    histories: list[list[str]], top_k: int, levels: int, exclude_seen: bool, seed: int
) -> None:
    scorer = random_table(levels, seed)
    found = recommend(scorer, INDEX, histories, top_k=top_k, exclude_seen=exclude_seen)
    for history, got in zip(histories, found, strict=True):
        row = scorer.table[INDEX.index(history[-1])].tolist()
        shown = [i for i in IDS if not (exclude_seen and i in history)]
        wanted = sorted(shown, key=lambda i: (-row[INDEX.index(i)], INDEX.index(i)))[:top_k]
        assert list(got.item_ids) == wanted
        assert list(got.scores) == [row[INDEX.index(i)] for i in wanted]
        assert (got.unknown_items, got.source) == ((), "table")


@pytest.mark.parametrize("count", [1, 40, BLOCK, BLOCK + 1, 7 * BLOCK, 9 * BLOCK - 3])
@pytest.mark.parametrize("top_k", [1, 5, 10, 300])
@pytest.mark.parametrize("levels", [2, 40, 10_000])
def test_blocks_of_items_give_the_list_of_a_full_sort(count: int, top_k: int, levels: int) -> None:
    """Few levels make ties across blocks; a quarter of the items is hidden, in a row all are."""
    rng = np.random.default_rng(count + levels)
    scores = rng.integers(-levels, levels, (4, count)).astype(np.float32)
    scores[rng.random(scores.shape) < 0.25] = -np.inf
    scores[3] = -np.inf
    for row, (items, found) in zip(scores, best(torch.from_numpy(scores), top_k), strict=True):
        order = [i for i in np.argsort(-row, kind="stable").tolist() if np.isfinite(row[i])][:top_k]
        assert items == order
        assert list(found) == row[order].tolist()


@settings(max_examples=60)
@given(HISTORIES, st.sampled_from(IDS), st.booleans(), st.integers(0, 99))
def test_the_place_in_the_list_is_the_rank_of_the_evaluation(
    histories: list[list[str]], target: str, exclude_seen: bool, seed: int
) -> None:
    shape = (INDEX.size, INDEX.size)
    scorer = Table(torch.rand(shape, generator=torch.Generator().manual_seed(seed)))
    histories = [history for history in histories if target not in history]
    found = recommend(scorer, INDEX, histories, top_k=len(IDS), exclude_seen=exclude_seen)
    for history, got in zip(histories, found, strict=True):
        rows = Histories.from_lists([INDEX.indices(history).tolist()])
        targets = torch.tensor([INDEX.index(target)])
        rank = ranks(scorer.scores(rows), targets, rows if exclude_seen else None)
        assert got.item_ids.index(target) + 1 == int(rank)


@pytest.mark.parametrize("batch_rows", [1, 2, 5])
def test_batches_change_nothing(batch_rows: int) -> None:
    rng = np.random.default_rng(1)
    histories = [rng.choice([*IDS, "new"], rng.integers(0, 6)).tolist() for _ in range(23)]
    whole = recommend(random_table(5), INDEX, histories, fallback=POPULARITY)
    parts = recommend(random_table(5), INDEX, histories, fallback=POPULARITY, batch_rows=batch_rows)
    assert whole == parts
    assert {got.source for got in whole} == {"table", "popularity"}


def test_seen_items_are_hidden_unless_asked_for() -> None:
    scorer = scorer_of([3.0, 2.0, 1.0])
    (hidden,) = recommend(scorer, INDEX, [["i00", "i02"]], top_k=1)
    (shown,) = recommend(scorer, INDEX, [["i00", "i02"]], top_k=1, exclude_seen=False)
    assert (hidden.item_ids, shown.item_ids) == (("i01",), ("i00",))


def test_unknown_items_are_reported_once_each_and_the_rest_is_read() -> None:
    (got,) = recommend(random_table(9), INDEX, [["new", "i03", "old", "new"]])
    assert got.unknown_items == ("new", "old")
    assert got.source == "table"


@pytest.mark.parametrize("history", [[], ["new"]])
def test_without_a_known_item_the_fallback_answers_and_says_so(history: list[str]) -> None:
    histories = [["i01"], history]
    known, bare = recommend(random_table(9), INDEX, histories, top_k=2, fallback=POPULARITY)
    assert (known.source, bare.source) == ("table", "popularity")
    assert bare.item_ids == ("i03", "i02")
    assert bare.unknown_items == tuple(history)
    with pytest.raises(ConfigError, match=r"history 1: holds no item .* pass fallback="):
        recommend(random_table(9), INDEX, histories)


def test_allow_and_deny_limit_the_list_and_shorten_it() -> None:
    scorer = scorer_of([5.0, 4.0, 3.0, 2.0])
    (got,) = recommend(scorer, INDEX, [["i19"]], allow=["i01", "i02", "i03"], deny=["i02"])
    assert got.item_ids == ("i01", "i03")
    (none,) = recommend(scorer, INDEX, [["i19"]], allow=[])
    assert none.item_ids == none.scores == ()
    (rest,) = recommend(scorer, INDEX, [["i19"]], top_k=3, deny=["i00"])
    assert rest.item_ids == ("i01", "i02", "i03")


@pytest.mark.parametrize("option", ["allow", "deny"])
def test_unknown_ids_in_allow_and_deny_are_refused(option: str) -> None:
    with pytest.raises(UnknownItemError, match="item 'new' is not among the 20 items"):
        recommend(random_table(9), INDEX, [["i00"]], **{option: ["i01", "new"]})
    with pytest.raises(ConfigError, match=f"{option}: is the text 'i01'"):
        recommend(random_table(9), INDEX, [["i00"]], **{option: "i01"})


def test_a_bare_string_is_not_a_history() -> None:
    with pytest.raises(ConfigError, match=r"history 0: is the text 'i00' .* list of histories"):
        recommend(random_table(9), INDEX, ["i00", "i01"])
    with pytest.raises(ConfigError, match="histories: is the text 'i00'"):
        recommend(random_table(9), INDEX, "i00")


def test_item_ids_that_are_numbers_are_refused() -> None:
    # Called directly: the type checks of the test run would refuse the number first.
    with pytest.raises(ConfigError, match=r"history 0: item id 7 is of type int .* pass str\(7\)"):
        _check_ids("history 0", ["i00", 7])


def test_impossible_options_say_why() -> None:
    scorer = random_table(9)
    with pytest.raises(ConfigError, match="top_k=0: must be at least 1"):
        recommend(scorer, INDEX, [["i00"]], top_k=0)
    with pytest.raises(ConfigError, match="batch_rows=0: must be at least 1"):
        recommend(scorer, INDEX, [["i00"]], batch_rows=0)
    with pytest.raises(ConfigError, match="scorer 'table' knows 20 items and the item index 1"):
        recommend(scorer, ItemIndex(["i00"]), [["i00"]])
    with pytest.raises(TrainingError, match="scorer 'table'"):
        recommend(scorer_of([float("nan")]), INDEX, [["i00"]])


def test_no_history_gives_no_list() -> None:
    assert recommend(random_table(9), INDEX, []) == []
