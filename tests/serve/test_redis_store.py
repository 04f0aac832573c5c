"""RedisStore: what is its own beside the suite of all stores."""

import socket

import pytest
import redis

from latentrec.errors import StoreError
from latentrec.serve.redis_store import KEPT, REMEMBERED_S, RedisStore
from latentrec.serve.store import StoredEvent


def test_a_history_stops_growing_and_event_ids_are_forgotten(redis_url: str) -> None:
    store = RedisStore(redis_url)
    with redis.Redis.from_url(redis_url) as server:
        server.flushdb()
        store.append([StoredEvent("u", f"i{n}", n, None) for n in range(KEPT + 5)])
        assert server.zcard("latentrec:history:u") == KEPT
        assert store.histories(["u"], KEPT + 9)[0][0] == "i5"
        store.append([StoredEvent("u", "x", 1, "once")])
        assert 0 < server.ttl("latentrec:event:once") <= REMEMBERED_S
    store.close()


def test_a_server_that_does_not_answer_is_named_without_its_password() -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        url = f"redis://:hunter2@127.0.0.1:{closed.getsockname()[1]}/0"
    with pytest.raises(StoreError, match="does not answer") as caught:
        RedisStore(url)
    assert "hunter2" not in str(caught.value)
