"""Batcher: batches grow by themselves, room is bounded, errors stay with their cause."""

import asyncio
import threading
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import pytest

from latentrec.serve.batcher import MOST_AT_ONCE, Batcher, QueueFullError

Test = Callable[[Batcher], Awaitable[None]]


def run(test: Test, capacity: int = 1000) -> list[int]:
    """Run a test with a started batcher; returns the sizes of its batches."""
    sizes: list[int] = []

    async def main() -> None:
        batcher = Batcher(capacity, sizes.append)
        batcher.start()
        try:
            await test(batcher)
        finally:
            await batcher.stop()

    asyncio.run(main())
    return sizes


def double(payloads: Sequence[int]) -> list[int]:
    return [2 * payload for payload in payloads]


def fail(payloads: Sequence[int]) -> list[int]:
    raise ValueError("broken")


class Gate:
    """Work that waits until it may go on."""

    def __init__(self) -> None:
        self.open = threading.Event()

    def __call__(self, payloads: Sequence[Any]) -> Sequence[Any]:
        self.open.wait(10)
        return payloads


def test_what_waits_is_answered_together_in_order() -> None:
    gate = Gate()

    async def test(batcher: Batcher) -> None:
        first = asyncio.create_task(batcher.submit(gate, 0, 1, 10))
        await asyncio.sleep(0.05)
        rest = [asyncio.create_task(batcher.submit(double, n, 1, 10)) for n in range(20)]
        await asyncio.sleep(0.05)
        assert batcher.waiting == 20
        gate.open.set()
        assert await first == 0
        assert await asyncio.gather(*rest) == [2 * n for n in range(20)]

    assert run(test) == [1, 20]


def test_a_batch_is_bounded_and_a_larger_request_goes_alone() -> None:
    gate = Gate()

    async def test(batcher: Batcher) -> None:
        waiting = [asyncio.create_task(batcher.submit(gate, 0, 1, 10))]
        await asyncio.sleep(0.05)
        weights = [200, 56, 1, MOST_AT_ONCE + 5, 2]
        waiting += [asyncio.create_task(batcher.submit(double, 1, w, 10)) for w in weights]
        await asyncio.sleep(0.05)
        gate.open.set()
        await asyncio.gather(*waiting)

    assert run(test) == [1, 256, 1, MOST_AT_ONCE + 5, 2]


def test_a_full_queue_refuses_but_always_takes_one() -> None:
    gate = Gate()

    async def test(batcher: Batcher) -> None:
        first = asyncio.create_task(batcher.submit(gate, 0, 1, 10))
        await asyncio.sleep(0.05)
        second = asyncio.create_task(batcher.submit(double, 1, 50, 10))  # larger than all room
        await asyncio.sleep(0.05)
        with pytest.raises(QueueFullError):
            await batcher.submit(double, 1, 1, 10)
        gate.open.set()
        assert await asyncio.gather(first, second) == [0, 2]
        assert await batcher.submit(double, 4, 1, 10) == 8

    run(test, capacity=10)


def test_an_error_hits_only_requests_of_the_same_work() -> None:
    gate = Gate()

    async def test(batcher: Batcher) -> None:
        first = asyncio.create_task(batcher.submit(gate, 0, 1, 10))
        await asyncio.sleep(0.05)
        works = [double, fail, double, fail]
        asked = [asyncio.create_task(batcher.submit(work, 3, 1, 10)) for work in works]
        await asyncio.sleep(0.05)
        gate.open.set()
        await first
        got = await asyncio.gather(*asked, return_exceptions=True)
        assert got[0] == got[2] == 6
        assert [str(error) for error in (got[1], got[3])] == ["broken", "broken"]

    run(test)


def test_what_was_given_up_is_never_begun() -> None:
    gate, seen = Gate(), list[int]()

    def note(payloads: Sequence[int]) -> Sequence[int]:
        seen.extend(payloads)
        return payloads

    async def test(batcher: Batcher) -> None:
        first = asyncio.create_task(batcher.submit(gate, 0, 1, 10))
        await asyncio.sleep(0.05)
        with pytest.raises(TimeoutError):
            await batcher.submit(note, 1, 1, 0.05)
        gate.open.set()
        await first
        assert await batcher.submit(note, 2, 1, 10) == 2

    run(test)
    assert seen == [2]


def test_stopping_answers_what_waits() -> None:
    answers: list[int] = []

    def slow(payloads: Sequence[int]) -> list[int]:
        time.sleep(0.02)
        return double(payloads)

    async def test(batcher: Batcher) -> None:
        async def ask(number: int) -> None:
            answers.append(await batcher.submit(slow, number, 100, 10))

        for number in range(9):
            asyncio.create_task(ask(number))  # noqa: RUF006
        await asyncio.sleep(0)

    run(test)
    assert sorted(answers) == [2 * n for n in range(9)]
