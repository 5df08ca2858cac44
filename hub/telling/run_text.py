"""A run in plain words: what `runs show` prints is what a mail says."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Final

from hub.domain.breaker import Breaker
from hub.store.run_rows import FeedRun, Run

GOOD = ("applied", "unchanged")
_AT_WORK = ("reading", "applying")
_INDENT = " " * 20
_NONE: Final[Mapping[str, Breaker]] = MappingProxyType({})


def run_text(
    landlord: str, run: Run, as_of: Mapping[str, datetime | None], waits_for: Mapping[str, Breaker] = _NONE
) -> list[str]:
    """The run line by line, feed by feed: what was applied, what was not and why, and what to do next.

    `as_of`: by feed, when the data that tenants see was true at the source. `waits_for`: the connectors an ended run
    goes on with by itself once they answer. No personal data.
    """
    when = (run.slot or run.queued_at).strftime("%d %B %Y %H:%M UTC")
    lines = [f"Run {run.id} of {when}, {landlord}: {run.state}"]
    first: dict[tuple[str | None, str | None], str] = {}
    for report in run.feed_runs:
        told = first.setdefault((report.error, report.hint), report.feed) if report.error else report.feed
        as_told = None if told == report.feed else told
        lines += _feed_text(report, as_of.get(report.feed), as_told=as_told)
    if any(report.quarantined for report in run.feed_runs):
        lines += ["", f"See the refused lines: housing-hub quarantine list {landlord}"]
    if run.state == "failed" and not run.feed_runs:
        lines.append(could_not_begin(landlord))
    elif run.state == "failed" and any(report.state in _AT_WORK for report in run.feed_runs):
        lines.append(f"It was given up in the middle: `housing-hub jobs dead {landlord}` says why")
        lines.append(f"What it had not done is done by: housing-hub sync {landlord} --wait")
    elif run.state == "failed" and waits_for:
        lines += goes_on(landlord, waits_for)
    elif run.state == "failed":
        lines.append(f"Once put right: housing-hub sync {landlord} --wait")
    return lines


def goes_on(landlord: str, waits_for: Mapping[str, Breaker]) -> list[str]:
    """What becomes of a run that ended because an ERP did not answer, and how to have it tried at once."""
    lines = []
    for name, held in waits_for.items():
        when = f"at {held.open_until.astimezone(UTC):%H:%M:%S} UTC" if held.open_until else "now"
        lines.append(f"It goes on by itself: {name} is tried again {when}, and later and later until it answers.")
        lines.append(f"To try at once: housing-hub connectors reset {landlord} {name}")
    return lines


def could_not_begin(landlord: str) -> str:
    """Where the reason of a run stands that never came to its first feed."""
    return f"it could not begin: `housing-hub jobs dead {landlord}` says why"


def _feed_text(report: FeedRun, as_of: datetime | None, *, as_told: str | None) -> list[str]:
    """`as_told`: the feed whose error this one shares; it is not told twice."""
    state = "HELD: nothing was changed" if report.state == "held" else report.state
    if as_told is not None:
        seen = f"; tenants see data as of {as_of:%d %B %Y %H:%M} UTC" if as_of is not None else ""
        return [f"  {report.feed:<18}{state:<10} as {as_told}{seen}"]
    lines = [f"  {report.feed:<18}{state:<10} {_counts(report)}".rstrip()]
    if report.note:
        lines.append(f"{_INDENT}{report.note}")
    if report.error:
        lines.append(f"{_INDENT}{report.error}")
    if report.hint:
        lines.append(f"{_INDENT}→ {report.hint}")
    if report.state not in GOOD and as_of is not None:
        lines.append(f"{_INDENT}tenants still see the last good data, as of {as_of:%d %B %Y %H:%M} UTC")
    return lines


def _counts(report: FeedRun) -> str:
    counted = (
        ("new", report.added),
        ("changed", report.changed),
        ("unchanged", report.unchanged),
        ("missing", report.missing),
        ("back", report.returned),
        ("quarantined", report.quarantined),
    )
    return ", ".join(f"{count:,} {name}" for name, count in counted if count)
