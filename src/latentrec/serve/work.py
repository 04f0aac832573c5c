"""Work: what the inference thread does for requests, those with equal options together."""

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import final

from latentrec.explain import Explanation
from latentrec.model.reasoner.effort import Effort
from latentrec.recommend import Recommendations
from latentrec.serve.arms import Arm
from latentrec.serve.effort import fitting
from latentrec.similar import Similar


@final
@dataclass(frozen=True)
class Ask:
    """The part of a request for recommendations that may differ within a batch.

    Attributes:
        histories: Item ids of each history.
        top_k: Length of each list.
        due: When the answer should be there, by `time.perf_counter`.
    """

    histories: Sequence[Sequence[str]]
    top_k: int
    due: float = float("inf")


@final
@dataclass(frozen=True)
class Given:
    """The lists of one request, and what was spent on them."""

    lists: Sequence[Recommendations]
    effort: Effort


@final
@dataclass(frozen=True)
class Limits:
    """Which items a list may hold."""

    exclude_seen: bool
    allow: tuple[str, ...] | None
    deny: tuple[str, ...]


@final
@dataclass(frozen=True)
class RecommendWork:
    """Recommend by one arm with one set of options."""

    arm: Arm
    effort: Effort
    limits: Limits

    def __call__(self, payloads: Sequence[Ask]) -> list[Given]:
        """The lists of each request: those of `Run.recommend`, the longest cut to each length."""
        found = iter(
            self.arm.views[self.effort].recommend(
                [history for ask in payloads for history in ask.histories],
                top_k=max(ask.top_k for ask in payloads),
                exclude_seen=self.limits.exclude_seen,
                allow=self.limits.allow,
                deny=self.limits.deny,
            )
        )
        return [
            Given([_cut(next(found), ask.top_k) for _ in ask.histories], self.effort)
            for ask in payloads
        ]


@final
@dataclass(frozen=True)
class DeadlineWork:
    """Recommend by one arm with as much thinking as the time left allows.

    The effort is chosen when the queue is behind the requests, so that waiting counts.
    """

    arm: Arm
    limits: Limits

    def __call__(self, payloads: Sequence[Ask]) -> list[Given]:
        """The lists of each request; those that get the same effort are answered together."""
        histories = sum(len(ask.histories) for ask in payloads)
        now, places_of = time.perf_counter(), dict[Effort, list[int]]()
        for place, ask in enumerate(payloads):
            effort = fitting(self.arm.costs, 1000 * (ask.due - now), histories)
            places_of.setdefault(effort, []).append(place)
        found: dict[int, Given] = {}
        for effort, places in places_of.items():
            work = RecommendWork(self.arm, effort, self.limits)
            found |= dict(zip(places, work([payloads[p] for p in places]), strict=True))
        return [found[place] for place in range(len(payloads))]


@final
@dataclass(frozen=True)
class ExplainWork:
    """Explain by one arm with one effort."""

    arm: Arm
    effort: Effort
    top_k: int
    exclude_seen: bool

    def __call__(self, payloads: Sequence[tuple[list[str], list[str] | None]]) -> list[Explanation]:
        """The explanation of each history and its items, by default what would be recommended."""
        return [self._explain(history, item_ids) for history, item_ids in payloads]

    def _explain(self, history: list[str], item_ids: list[str] | None) -> Explanation:
        run = self.arm.views[self.effort]
        if item_ids is None:
            (found,) = run.recommend([history], top_k=self.top_k, exclude_seen=self.exclude_seen)
            item_ids = list(found.item_ids)
        return run.explain(history, item_ids)


@final
@dataclass(frozen=True)
class SimilarWork:
    """Find neighbours by one arm."""

    arm: Arm
    top_k: int

    def __call__(self, payloads: Sequence[list[str]]) -> list[list[Similar]]:
        """The neighbours of each request's items."""
        return [self.arm.run.similar(item_ids, top_k=self.top_k) for item_ids in payloads]


def _cut(found: Recommendations, top_k: int) -> Recommendations:
    return replace(found, item_ids=found.item_ids[:top_k], scores=found.scores[:top_k])
