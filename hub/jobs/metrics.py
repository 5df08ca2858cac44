"""What Prometheus is told about jobs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, Literal

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

Outcome = Literal["done", "retried", "dead", "lost", "given_back", "put_off"]

_SECONDS: Final = (0.01, 0.05, 0.1, 0.5, 1, 5, 15, 60, 300, 900, 3600)


class JobMetrics:
    """The metrics of one process, in a registry of its own."""

    def __init__(self, registry: CollectorRegistry | None = None) -> None:
        self.registry = registry or CollectorRegistry()
        self.started = self._counter("hub_jobs_started", "Jobs started, by what woke us", "queue", "woken_by")
        self.ended = self._counter("hub_jobs_ended", "Attempts at jobs, by outcome", "queue", "kind", "outcome")
        self.seconds = Histogram(
            "hub_job_seconds", "Time an attempt took", ["queue", "kind"], registry=self.registry, buckets=_SECONDS
        )
        self.running = self._gauge("hub_jobs_running", "Jobs this process is running", "queue")
        self.waiting = self._gauge("hub_jobs_due", "Due jobs nobody has started, of all landlords", "queue")
        self.oldest = self._gauge("hub_jobs_oldest_due_seconds", "How long the oldest of them has been due", "queue")
        self.claims = self._counter("hub_job_claims", "Looks into a queue, by outcome", "queue", "outcome")
        self.rings = self._counter("hub_bell_rings", "Rings of the bell, by what became of them", "outcome")
        self.breakers = self._gauge(
            "hub_breaker_open",
            "1 while an ERP that did not answer is left alone or tried again",
            "landlord",
            "connector",
        )
        self.ticks = self._counter("hub_scheduler_ticks", "Looks at the schedules, by outcome", "outcome")
        self.slots = self._counter("hub_scheduler_slots", "Slots of schedules dealt with")

    def _counter(self, name: str, text: str, *labels: str) -> Counter:
        return Counter(name, text, _labels(labels), registry=self.registry)

    def _gauge(self, name: str, text: str, *labels: str) -> Gauge:
        return Gauge(name, text, _labels(labels), registry=self.registry)


def _labels(names: Sequence[str]) -> list[str]:
    return list(names)
