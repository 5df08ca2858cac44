"""What the API counts, for Prometheus."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Histogram

_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
_STATEMENTS = (0, 1, 2, 3, 5, 7, 10, 15, 20, 30)


class Meters:
    """The API's meters in one registry."""

    def __init__(self, registry: CollectorRegistry) -> None:
        labels = ("landlord", "code")
        self._requests = Counter(
            "hub_api_requests", "Requests, by their first error's code.", labels, registry=registry
        )
        self._seconds = Histogram("hub_api_seconds", "Time to answer.", buckets=_SECONDS, registry=registry)
        self._statements = Histogram(
            "hub_api_statements", "SQL statements of one request.", buckets=_STATEMENTS, registry=registry
        )
        self._downloads = Counter("hub_api_downloads", "Documents sent or refused.", ("outcome",), registry=registry)

    def request(self, *, landlord: str, code: str, seconds: float, statements: int) -> None:
        """One GraphQL request. `landlord` is empty when none was found, so that guesses make no series."""
        self._requests.labels(landlord, code).inc()
        self._seconds.observe(seconds)
        self._statements.observe(statements)

    def download(self, outcome: str) -> None:
        """One request for a document."""
        self._downloads.labels(outcome).inc()
