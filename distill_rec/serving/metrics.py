"""Prometheus metrics; labels are routes, never what a client sent."""

from __future__ import annotations

import platform

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector, generate_latest

SECONDS = (0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5)
SIZES = (1, 2, 4, 8, 16, 32, 64, 128)


class Metrics:
    """A registry of its own, so that two services in one process do not meet."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        if platform.system() == "Linux":
            ProcessCollector(registry=self.registry)
        self._requests = Counter(
            "distill_rec_requests", "Answers by route and status", ("route", "status"), registry=self.registry
        )
        self._seconds = Histogram(
            "distill_rec_request_seconds", "From headers to answer", ("route",), buckets=SECONDS, registry=self.registry
        )
        self.batch = Histogram(
            "distill_rec_batch_requests", "Requests that the worker took at once", buckets=SIZES, registry=self.registry
        )
        self.waiting = Gauge("distill_rec_waiting", "Requests that wait for the worker", registry=self.registry)
        self.items = Gauge("distill_rec_items", "Items that can be recommended", registry=self.registry)
        self.skipped = Gauge(
            "distill_rec_skipped_history_items", "Unknown items in histories, of this version", registry=self.registry
        )
        self.updates = Counter("distill_rec_updates", "Catalogue updates stored", ("kind",), registry=self.registry)
        self.reloads = Counter("distill_rec_reloads", "Reloads by outcome", ("outcome",), registry=self.registry)
        self.version = Gauge(
            "distill_rec_version", "1 for what is served", ("version", "digest"), registry=self.registry
        )
        self._known: dict[tuple[str, int], tuple[Counter, Histogram]] = {}

    def answered(self, route: str, status: int, seconds: float) -> None:
        known = self._known.get((route, status))
        if known is None:  # looking a label up costs more than counting
            known = self._requests.labels(route, str(status)), self._seconds.labels(route)
            self._known[route, status] = known
        known[0].inc()
        known[1].observe(seconds)

    def serving(self, version: str, digest: str) -> None:
        self.version.clear()
        self.version.labels(version, digest).set(1)

    def text(self) -> bytes:
        return generate_latest(self.registry)
