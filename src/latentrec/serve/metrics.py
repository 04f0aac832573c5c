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
        self._registry = CollectorRegistry()
        self.requests = self._counter("requests", "Answered requests.", "route", "status")
        self.seconds = self._times(
            "request_seconds", "From a request's first byte to its answer's last.", "route"
        )
        self.lists = self._counter(
            "recommendations",
            "Lists by arm of the A/B test and by what gave them.",
            "arm",
            "source",
        )
        self.list_seconds = self._times(
            "recommend_seconds", "An arm's part of a request, waiting included.", "arm"
        )
        self.unknown_items = self._counter(
            "unknown_items", "Item ids in histories that the catalogue lacks.", "arm"
        )
        self.events = self._counter("events", "Received events by arm of their user.", "arm")
        self.reloads = self._counter("reloads", "Reloads of runs.", "arm", "result")
        self.batch = Histogram(
            "latentrec_batch_histories",
            "Histories that were answered together.",
            buckets=SIZES,
            registry=self._registry,
        )
        self.model = self._gauge("model", "1 for the weights that answer.", "arm", "version")
        self._gauge("queue_histories", "Histories that wait.").set_function(waiting)

    def text(self) -> bytes:
        """All values in the text format of Prometheus."""
        return generate_latest(self._registry)

    def _counter(self, name: str, text: str, *labels: str) -> Counter:
        return Counter(f"latentrec_{name}", text, labels, registry=self._registry)

    def _gauge(self, name: str, text: str, *labels: str) -> Gauge:
        return Gauge(f"latentrec_{name}", text, labels, registry=self._registry)

    def _times(self, name: str, text: str, *labels: str) -> Histogram:
        return Histogram(
            f"latentrec_{name}", text, labels, buckets=SECONDS, registry=self._registry
        )
