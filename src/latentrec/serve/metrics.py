"""Metrics: what the server counts and times, for Prometheus."""

from collections.abc import Callable
from typing import Final, final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

SECONDS: Final = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0)
"""Upper bounds of the buckets of times."""
SIZES: Final = (1, 2, 4, 8, 16, 32, 64, 128, 256)
"""Upper bounds of the buckets of batch sizes."""


@final
class Metrics:
    """All metrics of one server, in a registry of their own.

    Args:
        waiting: Tells how many histories wait in the queue.
    """

    def __init__(self, waiting: Callable[[], float]) -> None:
        registry = CollectorRegistry()
        self._registry = registry
        self.requests = Counter(
            "latentrec_requests", "Answered requests.", ["route", "status"], registry=registry
        )
        self.seconds = Histogram(
            "latentrec_request_seconds",
            "From the first byte of a request to the last of its answer.",
            ["route"],
            buckets=SECONDS,
            registry=registry,
        )
        self.lists = Counter(
            "latentrec_recommendations",
            "Lists of recommendations by arm of the A/B test and by what gave them.",
            ["arm", "source"],
            registry=registry,
        )
        self.list_seconds = Histogram(
            "latentrec_recommend_seconds",
            "Time of an arm's part of a request for recommendations, waiting included.",
            ["arm"],
            buckets=SECONDS,
            registry=registry,
        )
        self.unknown_items = Counter(
            "latentrec_unknown_items",
            "Item ids in histories that the catalogue lacks.",
            ["arm"],
            registry=registry,
        )
        self.events = Counter(
            "latentrec_events", "New events by arm of their user.", ["arm"], registry=registry
        )
        self.batch = Histogram(
            "latentrec_batch_histories",
            "Histories that were answered together.",
            buckets=SIZES,
            registry=registry,
        )
        self.reloads = Counter(
            "latentrec_reloads", "Reloads of runs.", ["arm", "result"], registry=registry
        )
        self.model = Gauge(
            "latentrec_model", "1 for the weights that answer.", ["arm", "version"],
            registry=registry,
        )  # fmt: skip
        queue = Gauge("latentrec_queue_histories", "Histories that wait.", registry=registry)
        queue.set_function(waiting)

    def text(self) -> bytes:
        """All values in the text format of Prometheus."""
        return generate_latest(self._registry)
