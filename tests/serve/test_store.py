"""Stores: one suite for every leaf, since the server must not notice which one it has."""

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis

from latentrec.errors import StoreError
from latentrec.serve.store import HistoryStore, StoredEvent, open_store


@pytest.fixture(params=["sqlite", "redis"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "sqlite":
        return str(tmp_path / "histories.sqlite")
    url: str = request.getfixturevalue("redis_url")
    with redis.Redis.from_url(url) as server:
        server.flushdb()
    return url


@pytest.fixture
def store(place: str) -> Iterator[HistoryStore]:
    opened = open_store(place)
    yield opened
    opened.close()


def event(
    item_id: str, timestamp: float, event_id: str | None = None, user_id: str = "u"
) -> StoredEvent:
    return StoredEvent(user_id, item_id, timestamp, event_id)


def test_histories_are_ordered_by_time_then_by_arrival(store: HistoryStore) -> None:
    assert store.append([event("c", 30), event("a", 10.25), event("b", 10.5)]) == 3
    assert store.append([event("d", 30), event("a", 30)]) == 2
    assert store.histories(["u"], 10) == [["a", "b", "c", "d", "a"]]


def test_only_the_last_interactions_are_read(store: HistoryStore) -> None:
    store.append([event(f"i{number}", number) for number in range(20)])
    assert store.histories(["u"], 3) == [["i17", "i18", "i19"]]


def test_users_are_apart_and_unknown_ones_empty(store: HistoryStore) -> None:
    store.append([event("a", 1, user_id="u"), event("b", 1, user_id="v")])
    assert store.histories(["v", "nobody", "u", "v"], 10) == [["b"], [], ["a"], ["b"]]


def test_a_repeated_event_is_stored_once(store: HistoryStore) -> None:
    assert store.append([event("a", 1, "1"), event("a", 1, "1"), event("a", 1)]) == 2
    assert store.append([event("a", 1, "1"), event("b", 2, "2"), event("a", 1)]) == 2
    assert store.histories(["u"], 10) == [["a", "a", "a", "b"]]


@pytest.mark.parametrize("odd", ["'; DROP TABLE events", "a:b|c\x00d", "ö 漢 🎷", "*"])
def test_odd_ids_are_kept_as_they_are(store: HistoryStore, odd: str) -> None:
    assert store.append([event(odd, 1, odd, odd)]) == 1
    assert store.histories([odd], 10) == [[odd]]


def test_what_was_stored_is_there_after_reopening(place: str) -> None:
    first = open_store(place)
    first.append([event("a", 1)])
    first.close()
    again = open_store(place)
    assert again.histories(["u"], 10) == [["a"]]
    again.check()
    again.close()


def test_a_file_that_is_no_data_base_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "note.txt"
    path.write_text("not a data base, and long enough to be read as one " * 100)
    with pytest.raises(StoreError, match=r"history store note\.txt: does not work"):
        open_store(str(path))


def test_writes_go_to_a_log_that_is_flushed(tmp_path: Path) -> None:
    """What was acknowledged must survive a crash: write-ahead log, flushed at each commit."""
    path = tmp_path / "histories.sqlite"
    store = open_store(str(path))
    store.append([event("a", 1)])
    with sqlite3.connect(path) as other:
        assert other.execute("PRAGMA journal_mode").fetchone() == ("wal",)
        assert other.execute("SELECT item_id FROM events").fetchall() == [("a",)]
    other.close()
    assert store._db.execute("PRAGMA synchronous").fetchone() == (2,)  # type: ignore[attr-defined]
    store.close()
