"""HistoryStore: who did what, in order of time; SQLite in a file, or Redis by URL."""

import sqlite3
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, final

from latentrec.errors import ConfigError, StoreError


@final
@dataclass(frozen=True)
class StoredEvent:
    """One interaction.

    Attributes:
        user_id: Who.
        item_id: What.
        timestamp: When, in seconds since 1970.
        event_id: Makes a repeated event known; None if repeats cannot be told.
    """

    user_id: str
    item_id: str
    timestamp: float
    event_id: str | None


class HistoryStore(Protocol):
    """Keeps the interactions of users. Used from one thread at a time; calls may block."""

    def append(self, events: Sequence[StoredEvent]) -> int:
        """Store events, all or none; returns how many were new. Safe on disk when it returns.

        Raises:
            StoreError: If the store cannot be written.
        """
        ...

    def histories(self, user_ids: Sequence[str], limit: int) -> list[list[str]]:
        """The last items of each user, oldest first; equal times in the order of arrival.

        Raises:
            StoreError: If the store cannot be read.
        """
        ...

    def check(self) -> None:
        """Raise StoreError if the store does not work."""
        ...

    def close(self) -> None:
        """Let go of file or connection."""
        ...


def open_store(place: str) -> HistoryStore:
    """The store at a place: `redis://..` or `rediss://..`, else a file of SQLite.

    Raises:
        StoreError: If it cannot be opened.
        ConfigError: If it is a Redis URL and the package `redis` is missing.
    """
    if not place.startswith(("redis://", "rediss://", "unix://")):
        return SqliteStore(Path(place))
    try:
        from latentrec.serve.redis_store import RedisStore
    except ImportError:
        raise ConfigError(
            "store: a Redis URL needs the package redis; pip install 'latentrec[serve]'"
        ) from None
    return RedisStore(place)


_TABLE = """
CREATE TABLE IF NOT EXISTS events (
    arrival INTEGER PRIMARY KEY,
    user_id TEXT NOT NULL,
    item_id TEXT NOT NULL,
    timestamp REAL NOT NULL,
    event_id TEXT UNIQUE
)
"""
_INDEX = "CREATE INDEX IF NOT EXISTS by_user ON events (user_id, timestamp, arrival)"
_APPEND = """
INSERT INTO events (user_id, item_id, timestamp, event_id) VALUES (?, ?, ?, ?)
ON CONFLICT (event_id) DO NOTHING
"""
_HISTORY = """
SELECT item_id FROM events WHERE user_id = ? ORDER BY timestamp DESC, arrival DESC LIMIT ?
"""


@final
class SqliteStore:
    """One file in write-ahead mode; an event is on disk before it is acknowledged.

    Args:
        path: The file; made if it is not there.

    Raises:
        StoreError: If it cannot be opened.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        try:
            self._db = sqlite3.connect(path, check_same_thread=False, timeout=5.0)
            self._db.execute("PRAGMA journal_mode = WAL")
            self._db.execute("PRAGMA synchronous = FULL")
            self._db.execute(_TABLE)
            self._db.execute(_INDEX)
            self._db.commit()
        except sqlite3.Error as error:
            raise self._broken(error) from None

    def append(self, events: Sequence[StoredEvent]) -> int:
        """See `HistoryStore.append`."""
        rows = [(e.user_id, e.item_id, e.timestamp, e.event_id) for e in events]
        try:
            with self._db, closing(self._db.cursor()) as cursor:
                cursor.executemany(_APPEND, rows)
                return cursor.rowcount
        except sqlite3.Error as error:
            raise self._broken(error) from None

    def histories(self, user_ids: Sequence[str], limit: int) -> list[list[str]]:
        """See `HistoryStore.histories`."""
        try:
            found = [self._db.execute(_HISTORY, (u, limit)).fetchall() for u in user_ids]
        except sqlite3.Error as error:
            raise self._broken(error) from None
        return [[item_id for (item_id,) in reversed(rows)] for rows in found]

    def check(self) -> None:
        """See `HistoryStore.check`."""
        self.histories([""], 1)

    def close(self) -> None:
        """See `HistoryStore.close`."""
        self._db.close()

    def _broken(self, error: sqlite3.Error) -> StoreError:
        return StoreError(f"history store {self._path.name}: does not work ({error})")
