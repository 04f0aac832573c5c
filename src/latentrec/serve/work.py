"""Work: what the inference thread does for requests, those with equal options together."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import final

from latentrec.explain import Explanation
from latentrec.recommend import Recommendations
from latentrec.serve.arms import Arm
from latentrec.serve.effort import Effort
from latentrec.similar import Similar


@final
@dataclass(frozen=True)
class Ask:
    """The part of a request for recommendations that may differ within a batch."""

    histories: Sequence[Sequence[str]]
    top_k: int


@final
@dataclass(frozen=True)
class RecommendWork:
    """Recommend by one arm with one set of options."""

    arm: Arm
    effort: Effort
    exclude_seen: bool
    allow: tuple[str, ...] | None
    deny: tuple[str, ...]

    def __call__(self, payloads: Sequence[Ask]) -> list[list[Recommendations]]:
        """The lists of each request: those of `Run.recommend`, the longest cut to each length."""
        found = iter(
            self.arm.views[self.effort].recommend(
                [history for ask in payloads for history in ask.histories],
                top_k=max(ask.top_k for ask in payloads),
                exclude_seen=self.exclude_seen,
                allow=self.allow,
                deny=self.deny,
            )
        )
        return [[_cut(next(found), ask.top_k) for _ in ask.histories] for ask in payloads]


@final
@dataclass(frozen=True)
class ExplainWork:
    """Explain by one arm."""

    arm: Arm
    top_k: int
    exclude_seen: bool

    def __call__(self, payloads: Sequence[tuple[list[str], list[str] | None]]) -> list[Explanation]:
        """The explanation of each history and its items, by default what would be recommended."""
        return [self._explain(history, item_ids) for history, item_ids in payloads]

    def _explain(self, history: list[str], item_ids: list[str] | None) -> Explanation:
        run = self.arm.run
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
