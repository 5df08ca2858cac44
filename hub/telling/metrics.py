"""What Prometheus is told of landlords and feeds. Labels are names from landlords' files: as many as are configured."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from hub.store.feed_facts import FeedFacts
from hub.store.run_rows import FeedRun

_SECONDS: Final = (1, 5, 15, 60, 300, 900, 1800, 3600, 7200)
_FEED: Final = ["landlord", "feed"]
_KINDS: Final = ("added", "changed", "unchanged", "missing", "returned", "quarantined")


class FeedMetrics:
    """The metrics of one process. Counters grow where a run ends; gauges are measured by every worker alike."""

    def __init__(self, registry: CollectorRegistry | None = None) -> None:
        own = registry or CollectorRegistry()
        self.runs = Counter("hub_feed_runs", "Feeds that came to an end in a run", [*_FEED, "state"], registry=own)
        self.rows = Counter("hub_feed_rows", "Rows by what became of them", [*_FEED, "kind"], registry=own)
        self.attempts = Histogram(
            "hub_run_attempts", "Attempts a run took", ["landlord"], registry=own, buckets=(1, 2, 3, 4, 5)
        )
        self.seconds = Histogram(
            "hub_run_seconds", "From a run's start to its end", ["landlord"], registry=own, buckets=_SECONDS
        )
        self.age = Gauge("hub_feed_data_age_seconds", "Age of the data that is served", _FEED, registry=own)
        self.late = Gauge("hub_feed_late", "1 while it is older than its schedule explains", _FEED, registry=own)
        self.rejects = Gauge("hub_feed_rejects_open", "Lines in quarantine", _FEED, registry=own)
        self.holds = Gauge("hub_feed_holds_open", "Data that waits for a person", _FEED, registry=own)
        self.alerts = Gauge("hub_alerts_open", "Problems people were told of", ["landlord", "problem"], registry=own)
        self.differing = Gauge(
            "hub_balances_differing", "Accounts that differ from the ERP's own balance", ["landlord"], registry=own
        )
        self.dead = Gauge("hub_jobs_dead", "Jobs nobody tries any more", ["landlord"], registry=own)

    def count_run(self, landlord: str, reports: Collection[FeedRun], *, seconds: float, attempts: int) -> None:
        """A run that ended: what each of its feeds did, how long it took, in how many attempts."""
        self.seconds.labels(landlord).observe(seconds)
        self.attempts.labels(landlord).observe(attempts)
        for report in reports:
            self.runs.labels(landlord, report.feed, report.state).inc()
            for kind in _KINDS:
                if rows := getattr(report, kind):
                    self.rows.labels(landlord, report.feed, kind).inc(rows)

    def show(self, standing: Mapping[str, Standing], *, now: datetime) -> None:
        """How every landlord's feeds stand; those that are gone are shown no longer.

        Between forgetting and showing nothing else runs: a scrape never sees half of it.
        """
        for gauge in (self.age, self.late, self.rejects, self.holds, self.alerts, self.differing, self.dead):
            gauge.clear()
        for landlord, one in standing.items():
            self._show(landlord, one, now)

    def _show(self, landlord: str, standing: Standing, now: datetime) -> None:
        facts = standing.facts
        for feed in standing.feeds:
            if (as_of := facts.as_of.get(feed)) is not None:
                self.age.labels(landlord, feed).set((now - as_of).total_seconds())
            self.late.labels(landlord, feed).set(feed in standing.late)
            self.rejects.labels(landlord, feed).set(facts.rejects.get(feed, 0))
            self.holds.labels(landlord, feed).set(facts.holds.get(feed, 0))
        for problem, count in standing.problems.items():
            self.alerts.labels(landlord, problem).set(count)
        self.differing.labels(landlord).set(facts.differing)
        self.dead.labels(landlord).set(facts.dead_jobs)


class Standing:
    """How one landlord's feeds stand: `late` are those whose data is late, `problems` the open ones by kind."""

    __slots__ = ("facts", "feeds", "late", "problems")

    def __init__(
        self, feeds: Collection[str], facts: FeedFacts, late: Collection[str], problems: Mapping[str, int]
    ) -> None:
        self.feeds, self.facts, self.late, self.problems = feeds, facts, late, problems
