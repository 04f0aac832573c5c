"""Batcher: requests wait in a bounded queue; one thread answers all that wait at once."""

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any, Final, Protocol, TypeAlias, final

MOST_AT_ONCE: Final = 256
"""Most histories that are answered together."""


class Work(Protocol):
    """What is done with the payloads of several requests; equal work is done together."""

    def __hash__(self) -> int: ...

    def __eq__(self, other: object, /) -> bool: ...

    def __call__(self, payloads: Sequence[Any], /) -> Sequence[Any]:
        """One answer for each payload; runs on the inference thread."""
        ...


class QueueFullError(Exception):
    """The queue is full: the caller should come back later."""


@final
@dataclass(frozen=True, eq=False)
class _Entry:
    work: Work
    payload: Any
    weight: int
    answer: asyncio.Future[Any]


Observe: TypeAlias = Callable[[int], None]


@final
@dataclass(eq=False)
class Batcher:
    """Dynamic batching without a timer: what came in during one batch makes the next.

    A lone request is answered at once; under load batches grow by themselves. All state belongs
    to the event loop, only the work itself runs on the one inference thread.

    Args:
        capacity: Most histories that wait; one more request is refused (docs/adr/0039).
        observe: Told the number of histories of each batch.
    """

    capacity: int
    observe: Observe
    _waiting: deque[_Entry] = field(default_factory=deque[_Entry])
    _weight: int = 0
    _wake: asyncio.Event = field(default_factory=asyncio.Event)
    _thread: ThreadPoolExecutor = field(
        default_factory=lambda: ThreadPoolExecutor(1, thread_name_prefix="inference")
    )
    _loop: asyncio.Task[None] | None = None
    _stopping: bool = False

    @property
    def waiting(self) -> int:
        """Histories that wait now."""
        return self._weight

    def start(self) -> None:
        """Begin to answer; call on the event loop."""
        self._loop = asyncio.create_task(self._serve())

    async def stop(self) -> None:
        """Answer what waits, then end."""
        self._stopping = True
        self._wake.set()
        if self._loop is not None:
            await self._loop
        self._thread.shutdown(wait=True)

    async def submit(self, work: Work, payload: Any, weight: int, timeout_s: float) -> Any:
        """The answer to one request.

        Args:
            work: What to do.
            payload: What to do it with.
            weight: Histories in the payload.
            timeout_s: Longest wait in seconds; what still waits then is never begun.

        Raises:
            QueueFullError: If there is no room.
            TimeoutError: If the answer did not come in time.
        """
        if self._weight and self._weight + weight > self.capacity:
            raise QueueFullError
        answer = asyncio.get_running_loop().create_future()
        self._waiting.append(_Entry(work, payload, weight, answer))
        self._weight += weight
        self._wake.set()
        return await asyncio.wait_for(answer, timeout_s)

    async def _serve(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            await self._wake.wait()
            batch = self._take()
            if not batch:
                if self._stopping:
                    return
                self._wake.clear()
                continue
            self.observe(sum(entry.weight for entry in batch))
            running = loop.run_in_executor(self._thread, _do, batch)
            for entry, (answer, error) in zip(batch, await running, strict=True):
                _deliver(entry.answer, answer, error)

    def _take(self) -> list[_Entry]:
        """The next batch: first come first served, without what was given up meanwhile."""
        batch: list[_Entry] = []
        weight = 0
        while self._waiting and (not batch or weight + self._waiting[0].weight <= MOST_AT_ONCE):
            entry = self._waiting.popleft()
            self._weight -= entry.weight
            if not entry.answer.done():
                batch.append(entry)
                weight += entry.weight
        return batch


def _do(batch: Sequence[_Entry]) -> list[tuple[Any, Exception | None]]:
    """Answers or errors in the order of the batch; an error hits only requests of equal work."""
    groups: dict[Work, list[int]] = {}
    for place, entry in enumerate(batch):
        groups.setdefault(entry.work, []).append(place)
    found: dict[int, tuple[Any, Exception | None]] = {}
    for work, places in groups.items():
        try:
            answers = work([batch[place].payload for place in places])
            found |= {p: (answer, None) for p, answer in zip(places, answers, strict=True)}
        except Exception as error:
            found |= dict.fromkeys(places, (None, error))
    return [found[place] for place in range(len(batch))]


def _deliver(future: asyncio.Future[Any], answer: Any, error: Exception | None) -> None:
    if future.done():
        return
    if error is not None:
        future.set_exception(error)
    else:
        future.set_result(answer)
