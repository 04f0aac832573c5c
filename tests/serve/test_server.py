"""The server process under load: nothing that was accepted goes unanswered, whatever happens."""

import json
import random
import signal
import socket
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from http.client import HTTPException
from pathlib import Path
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from schemathesis import GenerationMode
from schemathesis.specs.openapi.checks import positive_data_acceptance

from latentrec.run import load as load_run

TOKEN = "0123456789abcdef0123"
CLIENTS = 8
CASES = 15
"""Generated requests of each kind for each route."""

Live, Load = Callable[..., Any], Callable[..., Any]
MakeRun = Callable[..., Path]


def history_of(run: Path) -> list[str]:
    return list(load_run(run, device="cpu").index.all_ids[:5])


def test_a_server_that_is_told_to_stop_answers_all_it_accepted(
    live: Live, load: Load, make_run: MakeRun
) -> None:
    run = make_run("plr")
    with live(run) as server, load(server.port, {"histories": [history_of(run)]}, CLIENTS) as busy:
        busy.wait_for(50)
        server.process.send_signal(signal.SIGTERM)
        assert server.process.wait(timeout=30) == -signal.SIGTERM
    assert {status for status, _ in busy.answers} == {200}
    stopped = server.log()[-2]
    assert stopped["event"] == "stopped"
    assert stopped["accepted"] == stopped["answered"] == len(busy.answers)
    assert busy.lost <= CLIENTS  # came too late to be accepted, at most one for each client


def test_reloads_under_load_fail_no_request(
    live: Live, load: Load, make_run: MakeRun, tmp_path: Path
) -> None:
    """Each answer is that of exactly one version; SIGHUP does the same as the route."""
    runs = [make_run("plr", seed=seed) for seed in (1, 2)]
    history = history_of(runs[0])
    want = [load_run(run, device="cpu").recommend([history])[0].item_ids for run in runs]
    assert want[0] != want[1]
    link = tmp_path / "current"
    link.symlink_to(runs[0])
    with live(link) as server, load(server.port, {"histories": [history]}, CLIENTS) as busy:
        for turn in range(1, 6):
            busy.wait_for(30)
            link.unlink()
            link.symlink_to(runs[turn % 2])
            server.process.send_signal(signal.SIGHUP)
            wait_until(lambda n=turn: count(server, "reloaded") == n)
        busy.wait_for(30)
    assert {status for status, _ in busy.answers} == {200}
    assert (busy.lost, busy.refused) == (0, 0)
    by_version: dict[str, set[tuple[str, ...]]] = {}
    for _, answer in busy.answers:
        (got,) = answer["results"]
        items = tuple(item["item_id"] for item in got["items"])
        by_version.setdefault(got["version"], set()).add(items)
    assert len(by_version) == 2
    assert set.union(*by_version.values()) == set(want)
    assert all(len(lists) == 1 for lists in by_version.values())


def test_a_full_queue_is_refused_and_the_rest_answered(
    live: Live, load: Load, make_run: MakeRun
) -> None:
    run = make_run("plr")
    many = {"histories": [history_of(run)] * 200}
    with (
        live(run, "--queue", "250") as server,
        load(server.port, many, CLIENTS) as busy,
    ):
        wait_until(lambda: {status for status, _ in busy.answers} >= {200, 429})
        busy.wait_for(20)
    assert {status for status, _ in busy.answers} == {200, 429}
    assert busy.lost == 0


def test_logs_tell_nothing_of_users(live: Live, make_run: MakeRun, tmp_path: Path) -> None:
    run = make_run("plr")
    item = history_of(run)[0]
    with live(run, "--store", str(tmp_path / "h.sqlite"), token=TOKEN) as server:
        admit = {"Authorization": f"Bearer {TOKEN}"}
        event = {"user_id": "secret-user", "item_id": "secret-item"}
        for path, body in (
            ("/events", {"events": [event]}),
            ("/recommend", {"users": ["secret-user"], "allow": ["secret-item"]}),
            ("/recommend", {"secret-field": 1}),
            ("/explain", {"history": [item, "secret-item"]}),
            ("/items?query=secret-query", None),
            ("/secret-path", None),
        ):
            server.ask(path, body, **admit)
        assert server.ask("/models")[0] == 401
        wait_until(lambda: count(server, "request") == 7)  # logged after the answer is sent
        assert "secret" not in server.log_file.read_text()
        assert TOKEN not in server.log_file.read_text()


def test_broken_chunked_bodies_get_no_server_error(live: Live, make_run: MakeRun) -> None:
    """Raw bytes below what any HTTP client would send: cut, flipped, doubled, with wrong sizes."""
    head = (
        b"POST /recommend HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
        b"Transfer-Encoding: chunked\r\n\r\n"
    )
    body = json.dumps({"histories": [["a"]]}).encode()
    sound = head + b"%x\r\n%b\r\n0\r\n\r\n" % (len(body), body)
    rng = random.Random(0)
    cases = [broken(sound, rng, len(head)) for _ in range(96)]
    with live(make_run("plr"), "--timeout-s", "2") as server, ThreadPoolExecutor(32) as senders:
        assert status_of(server.port, sound) == 200
        found = set(senders.map(partial(status_of, server.port), cases))
        assert server.ask("/health/live")[0] == 200
    assert found <= {None, 200, 400, 408, 413, 422}, found
    assert len(found) > 2  # else the bytes were not broken in several ways


def test_an_accepted_event_outlives_a_killed_server(
    live: Live, make_run: MakeRun, tmp_path: Path
) -> None:
    """SIGKILL in the middle of writes; what was answered is there, and a retry doubles nothing."""
    run, store = make_run("none"), str(tmp_path / "h.sqlite")
    items = history_of(run)
    events = [
        {"user_id": "u", "item_id": items[n % 5], "timestamp": n, "event_id": str(n)}
        for n in range(100_000)
    ]
    accepted = 0
    with live(run, "--store", store) as server:
        killer = threading.Timer(0.5, server.process.kill)
        killer.start()
        with suppress(OSError, HTTPException):
            for event in events:
                assert server.ask("/events", {"events": [event]})[0] == 200
                accepted += 1
        killer.join()
    assert 0 < accepted < len(events)
    with live(run, "--store", store) as server:
        again = {"events": events[max(0, accepted - 500) : accepted]}
        status, answer = server.ask("/events", again)
    assert (status, answer["stored"], answer["repeated"]) == (200, 0, min(500, accepted))


def broken(sound: bytes, rng: random.Random, head: int) -> bytes:
    """A sound request with one thing wrong behind its head."""
    place = rng.randrange(head, len(sound))
    match rng.randrange(4):
        case 0:
            return sound[:place]
        case 1:
            return sound[:place] + bytes([rng.randrange(256)]) + sound[place + 1 :]
        case 2:
            return sound[:place] + sound[head:]
        case _:
            size = rng.choice([b"-1", b"0x5", b"ffffffffffffffffff", b"", b"7fffffff", b"5;x=y"])
            return sound[:head] + size + sound[sound.index(b"\r\n", head) :]


def status_of(port: int, sent: bytes) -> int | None:
    """Status of the answer to raw bytes; None if the server hangs up without one."""
    with socket.create_connection(("127.0.0.1", port), timeout=30) as connection:
        connection.sendall(sent)
        try:
            answer = connection.recv(65536)
        except ConnectionResetError:
            return None
    return int(answer.split(b" ", 2)[1]) if answer else None


@pytest.mark.slow
def test_no_generated_request_gets_a_server_error(
    live: Live, make_run: MakeRun, tmp_path: Path
) -> None:
    """Valid and invalid requests from the OpenAPI page, answered as the page says."""
    with live(make_run("plr"), "--store", str(tmp_path / "h.sqlite")) as server:
        api = schemathesis.openapi.from_url(f"http://127.0.0.1:{server.port}/openapi.json")
        operations = [result.ok() for result in api.get_all_operations()]
        assert len(operations) == 12
        for operation in operations:
            kinds = [operation.as_strategy(mode) for mode in GenerationMode]
            able = [kind for kind in kinds if not kind.is_empty]

            @settings(max_examples=CASES, database=None, suppress_health_check=list(HealthCheck))
            @given(case=st.one_of(able))
            def answered(case: schemathesis.Case) -> None:
                # A schema cannot say which items exist, so valid requests may be refused.
                case.call_and_validate(excluded_checks=[positive_data_acceptance])

            answered()


def count(server: Any, event: str) -> int:
    return [line["event"] for line in server.log()].count(event)


def wait_until(happened: Callable[[], bool]) -> None:
    until = time.monotonic() + 60
    while not happened():
        if time.monotonic() > until:
            pytest.fail("did not happen")
        time.sleep(0.02)
