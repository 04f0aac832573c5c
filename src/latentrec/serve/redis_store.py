"""RedisStore: histories in Redis or Valkey, one sorted set a user."""

from collections.abc import Sequence
from typing import Any, Final, final

import redis

from latentrec.errors import StoreError
from latentrec.serve.store import StoredEvent

KEPT: Final = 1000
"""Most interactions that are kept of a user: the oldest go first."""
REMEMBERED_S: Final = 7 * 24 * 3600
"""How long an event id is known, in seconds."""
TIMEOUT_S: Final = 2.0
"""Longest wait for an answer of the server, in seconds."""

_APPEND: Final = """
local new = 0
local remembered, kept = ARGV[1], ARGV[2]
for i = 3, #ARGV, 4 do
  local user, item, time, event = ARGV[i], ARGV[i+1], ARGV[i+2], ARGV[i+3]
  if event == '' or redis.call('SET', 'latentrec:event:' .. event, 1, 'NX', 'EX', remembered) then
    local arrival = redis.call('INCR', 'latentrec:arrivals')
    local key = 'latentrec:history:' .. user
    redis.call('ZADD', key, time, string.format('%016d', arrival) .. item)
    redis.call('ZREMRANGEBYRANK', key, 0, -kept - 1)
    new = new + 1
  end
end
return new
"""
"""Stores events in one go; the place of arrival settles equal times."""
_ARRIVAL_DIGITS: Final = 16


@final
class RedisStore:
    """Events in a Redis or Valkey server; what is safe on disk is the server's own setting.

    Args:
        url: Such as `redis://localhost:6379/0`; a password stands in it, so give it by
            environment.

    Raises:
        StoreError: If the server does not answer.
    """

    def __init__(self, url: str) -> None:
        try:
            self._redis: Any = redis.Redis.from_url(
                url,
                socket_timeout=TIMEOUT_S,
                socket_connect_timeout=TIMEOUT_S,
                decode_responses=True,
            )
        except ValueError as error:
            raise StoreError(f"history store: not a Redis URL ({error})") from None
        self._append: Any = self._redis.register_script(_APPEND)
        self.check()

    def append(self, events: Sequence[StoredEvent]) -> int:
        """See `HistoryStore.append`."""
        values = [
            value
            for e in events
            for value in (e.user_id, e.item_id, repr(e.timestamp), e.event_id or "")
        ]
        try:
            return int(self._append(args=[REMEMBERED_S, KEPT, *values]))
        except redis.RedisError as error:
            raise _broken(error) from None

    def histories(self, user_ids: Sequence[str], limit: int) -> list[list[str]]:
        """See `HistoryStore.histories`."""
        try:
            with self._redis.pipeline(transaction=False) as pipeline:
                for user_id in user_ids:
                    pipeline.zrange(f"latentrec:history:{user_id}", -limit, -1)
                found: list[list[str]] = pipeline.execute()
        except redis.RedisError as error:
            raise _broken(error) from None
        return [[member[_ARRIVAL_DIGITS:] for member in members] for members in found]

    def check(self) -> None:
        """See `HistoryStore.check`."""
        try:
            self._redis.ping()
        except redis.RedisError as error:
            raise _broken(error) from None

    def close(self) -> None:
        """See `HistoryStore.close`."""
        self._redis.close()


def _broken(error: Exception) -> StoreError:
    return StoreError(f"history store: the Redis server does not answer ({type(error).__name__})")
