"""Service: what answers requests: arms, batcher and store, and the way from request to reply."""

import asyncio
import math
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, TypeVar, final

from latentrec.errors import CheckpointError, ConfigError, DataError, LatentrecError, StoreError
from latentrec.explain import Explanation
from latentrec.index import ItemIndex
from latentrec.model.reasoner.effort import Effort
from latentrec.serve import answers, replies, requests
from latentrec.serve.arms import Arm, ArmName, Arms, open_arm
from latentrec.serve.batcher import Batcher
from latentrec.serve.effort import chosen
from latentrec.serve.files import reports
from latentrec.serve.log import log
from latentrec.serve.metrics import Metrics
from latentrec.serve.new_items import with_added_of, with_new_items
from latentrec.serve.problems import RefusedError
from latentrec.serve.settings import Settings
from latentrec.serve.store import HistoryStore, StoredEvent, open_store
from latentrec.serve.work import (
    Ask,
    DeadlineWork,
    ExplainWork,
    Given,
    Limits,
    RecommendWork,
    SimilarWork,
)
from latentrec.similar import Similar

T = TypeVar("T")


@final
@dataclass(eq=False)
class Service:
    """Everything that outlives a request; one for a server.

    Attributes:
        settings: What the server was started with.
        arms: The runs that answer now; replaced as a whole by a reload.
        store: The history store, if there is one.
        batcher: The way to the inference thread.
        metrics: What is counted.
        draining: Whether the server was told to stop.
        accepted: Requests that came in.
        answered: Requests that were answered.
    """

    settings: Settings
    arms: Arms
    store: HistoryStore | None
    batcher: Batcher
    metrics: Metrics
    draining: bool = False
    accepted: int = 0
    answered: int = 0
    _store_thread: ThreadPoolExecutor = field(
        default_factory=lambda: ThreadPoolExecutor(1, thread_name_prefix="store")
    )
    _reloading: asyncio.Lock = field(default_factory=asyncio.Lock)

    # --- life ---

    def start(self) -> None:
        """Begin to answer; call on the event loop."""
        self.batcher.start()
        for arm in self.arms.all:
            self.metrics.model.labels(arm.name, arm.version).set(1)

    async def stop(self) -> None:
        """Answer what waits, then let go of everything."""
        await self.batcher.stop()
        self._store_thread.shutdown(wait=True)
        if self.store is not None:
            self.store.close()

    async def reload(self, name: ArmName) -> replies.Reloaded:
        """Load an arm's folder anew and put it in the old one's place.

        The old one answers until the new one has been checked and has answered once; requests that
        hold it finish with it. If the new one is not sound the old one stays.

        Raises:
            RefusedError: If the folder holds no sound run.
        """
        self._arm(name, None)
        folder = self.settings.run if name == "a" else self.settings.against
        assert folder is not None
        async with self._reloading:
            try:
                arm = await asyncio.to_thread(
                    open_arm, name, folder, self.settings.device, self.settings.engine
                )
            except LatentrecError as error:
                self.metrics.reloads.labels(name, "failed").inc()
                log("reload failed, the old run stays", arm=name, reason=str(error))
                raise RefusedError("", f"the old run stays: {error}", status=409) from None
            old = self.arms.named(name)
            arm = await asyncio.to_thread(with_added_of, arm, old)
            self.metrics.model.remove(name, old.version)
            self.arms = self.arms.replaced(arm)
            self.metrics.model.labels(name, arm.version).set(1)
            self.metrics.reloads.labels(name, "done").inc()
            log("reloaded", arm=name, version=arm.version)
        return replies.Reloaded(arm=name, version=arm.version)

    # --- requests ---

    async def recommend(self, request: requests.RecommendRequest) -> replies.RecommendAnswer:
        """Recommend after each history; see `RecommendRequest`."""
        begun = time.perf_counter()
        due = begun + (request.deadline_ms or math.inf) / 1000
        histories, users = await self._histories(request), request.users
        rows_of: dict[Arm, list[int]] = {}
        for row in range(len(histories)):
            arm = self._arm(request.arm, users[row] if users else None)
            rows_of.setdefault(arm, []).append(row)
        parts = [
            self._recommend_by(
                arm, request, Ask([histories[row] for row in rows], request.top_k, due)
            )
            for arm, rows in rows_of.items()
        ]
        found: dict[int, replies.Recommended] = {}
        for rows, part in zip(rows_of.values(), await asyncio.gather(*parts), strict=True):
            found |= dict(zip(rows, part, strict=True))
        return replies.RecommendAnswer(
            results=[found[row] for row in range(len(histories))],
            elapsed_ms=1000 * (time.perf_counter() - begun),
        )

    async def _recommend_by(
        self, arm: Arm, request: requests.RecommendRequest, ask: Ask
    ) -> list[replies.Recommended]:
        begun = time.perf_counter()
        limits = _limits(arm, request)
        if request.deadline_ms is None:
            work = RecommendWork(arm, _effort(arm, request), limits)
        else:
            work = DeadlineWork(arm, limits)
        given: Given = await self._submit(work, ask, len(ask.histories))
        for each in given.lists:
            self.metrics.lists.labels(arm.name, each.source).inc()
            self.metrics.unknown_items.labels(arm.name).inc(len(each.unknown_items))
        self.metrics.list_seconds.labels(arm.name).observe(time.perf_counter() - begun)
        return [answers.recommended(arm, given.effort, each) for each in given.lists]

    async def explain(self, request: requests.ExplainRequest) -> replies.ExplainAnswer:
        """Explain recommendations; see `ExplainRequest`."""
        arm = self._arm(request.arm, None)
        index = arm.run.index
        _check_known(index, "item_ids", request.item_ids or ())
        if not any(item_id in index for item_id in request.history):
            raise RefusedError("history", "holds no item of the catalogue: nothing to explain")
        effort = _effort(arm, request)
        work = ExplainWork(arm, effort, request.top_k, request.exclude_seen)
        payload = (request.history, request.item_ids)
        weight = min(len(request.history), arm.run.config.encoder.max_length)
        found: Explanation = await self._submit(work, payload, weight)
        unknown = dict.fromkeys(i for i in request.history if i not in index)
        return answers.explained(arm, effort, found, list(unknown))

    async def similar(self, request: requests.SimilarRequest) -> replies.SimilarAnswer:
        """Neighbours of items; see `SimilarRequest`."""
        arm = self._arm(request.arm, None)
        _check_known(arm.run.index, "item_ids", request.item_ids)
        work = SimilarWork(arm, request.top_k)
        found: list[Similar] = await self._submit(work, request.item_ids, len(request.item_ids))
        lists = [answers.scored(arm, each.item_ids, each.cosines) for each in found]
        return replies.SimilarAnswer(results=lists, arm=arm.name, version=arm.version)

    async def append(self, request: requests.EventsRequest) -> replies.EventsAnswer:
        """Store events; see `EventsRequest`."""
        now = time.time()
        events = [
            StoredEvent(
                e.user_id, e.item_id, now if e.timestamp is None else e.timestamp, e.event_id
            )
            for e in request.events
        ]
        stored = await self._in_store(lambda store: store.append(events))
        for event in events:
            self.metrics.events.labels(self.arms.of_user(event.user_id).name).inc()
        known = [arm.run.index for arm in self.arms.all]
        items = dict.fromkeys(e.item_id for e in events)
        unknown = [i for i in items if not any(i in index for index in known)]
        return replies.EventsAnswer(
            stored=stored, repeated=len(events) - stored, unknown_items=unknown
        )

    async def items(self, query: str, limit: int, name: ArmName) -> replies.ItemsAnswer:
        """Items whose title or id holds every word of a query."""
        search = self._arm(name, None).items
        found, total = await asyncio.to_thread(search.search, query, limit)
        shown = [
            replies.Item(item_id=i, title=search.title(i), fields=search.values(i)) for i in found
        ]
        return replies.ItemsAnswer(items=shown, total=total)

    async def add_items(self, request: requests.NewItemsRequest) -> replies.NewItemsAnswer:
        """Put an arm in place that knows more items; see `NewItemsRequest`."""
        async with self._reloading:
            old = self._arm(request.arm, None)
            _check_new(old.run.index, request.items)
            try:
                arm = await asyncio.to_thread(with_new_items, old, request.items)
            except DataError as error:
                raise RefusedError("items", str(error)) from None
            except (ConfigError, CheckpointError) as error:
                raise RefusedError("", str(error), status=409) from None
            self.arms = self.arms.replaced(arm)
        return replies.NewItemsAnswer(added=len(request.items), items=len(arm.run.index))

    async def why_not_ready(self) -> str | None:
        """What stands against sending requests here; None if nothing does."""
        if self.draining:
            return "the server is about to stop"
        try:
            if self.store is not None:
                await self._in_store(lambda store: store.check())
        except StoreError:
            return "the history store does not work"
        return None

    def models(self) -> replies.ModelsAnswer:
        """The served runs."""
        models = [answers.model(arm, self.arms.share_of(arm)) for arm in self.arms.all]
        return replies.ModelsAnswer(models=models, store=self.store is not None)

    def report(self, name: str, arm: ArmName) -> Path:
        """The file of a report that `models` lists."""
        folder = self._arm(arm, None).run.folder
        if name not in reports(folder):
            raise RefusedError("name", "this run has no such report", status=404)
        return folder / name

    # --- parts ---

    def _arm(self, name: ArmName | None, user_id: str | None) -> Arm:
        try:
            return self.arms.of_user(user_id) if name is None else self.arms.named(name)
        except ConfigError as error:
            raise RefusedError("arm", str(error)) from None

    async def _histories(self, request: requests.RecommendRequest) -> list[list[str]]:
        if request.histories is not None:
            return request.histories
        users = request.users or []
        return await self._in_store(lambda s: s.histories(users, requests.LONGEST_HISTORY))

    async def _in_store(self, call: Callable[[HistoryStore], T]) -> T:
        store = self.store
        if store is None:
            raise RefusedError(
                "", "this server keeps no histories; start it with --store FILE", status=409
            )
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._store_thread, partial(call, store))

    async def _submit(self, work: Any, payload: Any, weight: int) -> Any:
        return await self.batcher.submit(work, payload, weight, self.settings.timeout_s)


def open_service(settings: Settings) -> Service:
    """Load everything that a server needs; takes as long as loading the runs.

    Raises:
        ConfigError: If the settings are not safe or make no sense.
        CheckpointError: If a folder holds no sound run.
        StoreError: If the store cannot be opened.
    """
    settings.check()
    options = settings.device, settings.engine
    a = open_arm("a", settings.run, *options)
    b = open_arm("b", settings.against, *options) if settings.against else None
    store = open_store(settings.store) if settings.store else None
    # Each knows the other: the queue's length is measured, and batches are counted.
    metrics = Metrics(lambda: batcher.waiting)
    batcher = Batcher(settings.queue, metrics.batch.observe)
    return Service(settings, Arms(a, b, settings.share), store, batcher, metrics)


def _effort(arm: Arm, request: requests.EffortRequest) -> Effort:
    try:
        return chosen(arm.costs, request.streams, request.steps)
    except ConfigError as error:
        field = "steps" if str(error).startswith("steps") else "streams"
        raise RefusedError(field, str(error)) from None


def _limits(arm: Arm, request: requests.RecommendRequest) -> Limits:
    """Which items the lists may hold."""
    _check_known(arm.run.index, "allow", request.allow or ())
    _check_known(arm.run.index, "deny", request.deny)
    allow = None if request.allow is None else tuple(request.allow)
    if request.filters:
        try:
            matching = arm.items.matching(request.filters)
        except ConfigError as error:
            raise RefusedError("filters", str(error)) from None
        wanted = None if allow is None else set(allow)
        allow = tuple(i for i in matching if wanted is None or i in wanted)
    return Limits(request.exclude_seen, allow, tuple(request.deny))


def _check_known(index: ItemIndex, name: str, item_ids: Iterable[str]) -> None:
    for place, item_id in enumerate(item_ids):
        if item_id not in index:
            raise RefusedError(f"{name}.{place}", "is not an item of the catalogue")


def _check_new(index: ItemIndex, items: Sequence[requests.NewItem]) -> None:
    ids = [item.item_id for item in items]
    for place, item_id in enumerate(ids):
        if item_id in index:
            raise RefusedError(f"items.{place}.item_id", "is in the catalogue already")
        if item_id in ids[:place]:
            raise RefusedError(f"items.{place}.item_id", "occurs twice")
