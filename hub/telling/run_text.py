"""A run in plain words: what `runs show` prints is what a mail says."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from hub.store.run_rows import FeedRun, Run

GOOD = ("applied", "unchanged")
_INDENT = " " * 20


def run_text(landlord: str, run: Run, as_of: Mapping[str, datetime | None]) -> list[str]:
    """The run line by line, feed by feed: what was applied, what was not and why, and what to do next.

    `as_of`: by feed, when the data that tenants see was true at the source. No personal data.
    """
    when = (run.slot or run.queued_at).strftime("%d %B %Y %H:%M UTC")
    lines = [f"Run {run.id} of {when}, {landlord}: {run.state}"]
    for report in run.feed_runs:
        lines += _feed_text(report, as_of.get(report.feed))
    if any(report.quarantined for report in run.feed_runs):
        lines += ["", f"See the refused lines: housing-hub quarantine list {landlord}"]
    if run.state == "failed" and not run.feed_runs:
        lines.append(could_not_begin(landlord))
    elif run.state == "failed":
        lines.append(f"Once put right: housing-hub sync {landlord} --wait")
    return lines


def could_not_begin(landlord: str) -> str:
    """Where the reason of a run stands that never came to its first feed."""
    return f"it could not begin: `housing-hub jobs dead {landlord}` says why"


def _feed_text(report: FeedRun, as_of: datetime | None) -> list[str]:
    state = "HELD: nothing was changed" if report.state == "held" else report.state
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
