"""Reports in words: what a person reads at seven in the morning."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any

from rich.markup import escape

from hub.cli.output import console, print_json, print_rows
from hub.cli.progress import LABEL
from hub.domain.breaker import Breaker
from hub.domain.money import to_decimal
from hub.ports import Finding
from hub.registry import Registry
from hub.services.apply_config import Applied
from hub.store.run_rows import FeedRun, Run
from hub.sync.trial import Preview
from hub.telling.run_text import could_not_begin, run_text

_SHOWN = {"contracts": "contracts", "ledger_entries": "ledger", "rent_notices": "notices", "documents": "documents"}
_GOOD = ("applied", "unchanged")
_BAD = ("held", "refused", "failed", "skipped")
_DIFF_LINES = 40


def figures(run: Run) -> str:
    """What a run brought, in a line: `new: contracts 312, ledger 18,969   quarantined: ledger 2`."""
    parts = [
        _moved(run, "new", lambda report: report.added + report.returned),
        _moved(run, "changed", lambda report: report.changed),
        _moved(run, "missing", lambda report: report.missing),
        _listed("quarantined", {report.feed: report.quarantined for report in run.feed_runs}),
        *(_in_state(run, state) for state in _BAD),
    ]
    told = "   ".join(part for part in parts if part)
    return told or ("nothing new" if run.state == "done" else "")


def _moved(run: Run, what: str, count: Callable[[FeedRun], int]) -> str:
    """The streams people ask about; only where none of them moved, all others as one."""
    by_stream: Counter[str] = Counter()
    for report in run.feed_runs:
        by_stream[report.stream] += count(report)
    shown = {name: by_stream[stream] for stream, name in _SHOWN.items()}
    return _listed(what, shown) or _listed(what, {"other rows": by_stream.total()})


def _listed(what: str, counts: Mapping[str, int]) -> str:
    found = [f"{name} {count:,}" for name, count in counts.items() if count]
    return f"{what}: {', '.join(found)}" if found else ""


def _in_state(run: Run, state: str) -> str:
    feeds = [report.feed for report in run.feed_runs if report.state == state]
    return f"{state}: {_named(feeds)}" if feeds else ""


def _named(feeds: Sequence[str]) -> str:
    return f"{', '.join(feeds[:3])}{f' and {len(feeds) - 3} more' if len(feeds) > 3 else ''}"


def doing(run: Run) -> str:
    """What a run that goes on is at: `reading sites since 04:31:12`."""
    at_work = [report for report in run.feed_runs if report.state == "reading" and report.started_at is not None]
    if run.state != "running" or not at_work:
        return ""
    return f"reading {at_work[-1].feed} since {at_work[-1].started_at:%H:%M:%S}"


def counted(number: int, thing: str) -> str:
    """`1 row`, `2 rows`."""
    return f"{number:,} {thing}{'' if number == 1 else 's'}"


def problems(landlord: str, run: Run) -> list[str]:
    """A line for each reason why feeds are not up to date, and what to do."""
    alike: dict[tuple[str, str | None, str | None], list[str]] = {}
    for report in run.feed_runs:
        if report.state not in _GOOD and report.error is not None:
            alike.setdefault((report.state, report.error, report.hint), []).append(report.feed)
    lines = []
    for (state, error, hint), feeds in alike.items():
        lines.append(escape(f"{_named(feeds)} {state}: {error}"))
        if hint:
            lines.append(escape(f"  → {hint}"))
    if run.state == "failed" and not run.feed_runs:
        lines.append(could_not_begin(landlord))
    return lines


def print_runs(runs: Sequence[tuple[str, Run]], *, as_json: bool) -> None:
    rows = [
        {
            "run": run.id,
            "landlord": landlord,
            "asked_at_UTC": run.queued_at,
            "asked_by": run.asked_by,
            "state": run.state,
            "result": "   ".join(part for part in (figures(run), doing(run)) if part),
        }
        for landlord, run in runs
    ]
    if as_json:
        print_json([{"landlord": landlord, **asdict(run)} for landlord, run in runs])
        return
    columns = ("run", "landlord", "asked_at_UTC", "asked_by", "state", "result")
    print_rows(rows, columns, as_json=False, empty="nothing was synced yet: housing-hub sync LANDLORD")


def print_run(
    landlord: str,
    run: Run,
    as_of: Mapping[str, datetime | None],
    *,
    waits_for: Mapping[str, Breaker] | None = None,
    as_json: bool,
) -> None:
    if as_json:
        print_json({"landlord": landlord, **asdict(run), "served_as_of": as_of, "waits_for": sorted(waits_for or ())})
        return
    for line in run_text(landlord, run, as_of, waits_for or {}):
        console.print(escape(line), soft_wrap=True)


def print_applied(applied: Sequence[Applied], *, dry_run: bool, as_json: bool) -> None:
    if as_json:
        print_json([asdict(one) | {"changed": one.changed} for one in applied])
        return
    for one in applied:
        holds = f"{counted(one.feeds, 'feed')}, {counted(one.connectors, 'connector')}"
        console.print(f"  {f'apply {one.landlord}: {holds}':<{LABEL}} {_outcome(one, dry_run=dry_run)}", soft_wrap=True)
        if not one.is_new:
            _print_changes(one)
        for warning in one.warnings:
            console.print(f"    [yellow]![/yellow] {escape(warning)}", soft_wrap=True)


def _outcome(one: Applied, *, dry_run: bool) -> str:
    if not one.changed:
        return f"unchanged, version {one.version}"
    if dry_run:
        return "would be new" if one.is_new else "would change"
    return f"{'new' if one.is_new else 'changed'}, version {one.version}"


def _print_changes(one: Applied) -> None:
    for line in one.diff[:_DIFF_LINES]:
        console.print(escape(f"    {line}"), soft_wrap=True)
    if len(one.diff) > _DIFF_LINES:
        console.print(f"    … and {counted(len(one.diff) - _DIFF_LINES, 'more line')}: --json shows all")
    for name in one.secrets:
        console.print(f"    secret {escape(name)} changed")


def print_finding(subject: str, finding: Finding) -> None:
    mark = "[green]✓[/green]" if finding.ok else "[red]✗[/red]"
    told = escape(f"{subject:<22} {finding.step:<24} {finding.detail}".rstrip())
    console.print(f"  {mark} {told}", soft_wrap=True)
    if finding.hint:
        console.print(escape(f"{'':52}→ {finding.hint}"), soft_wrap=True)


def print_preview(preview: Preview, *, as_json: bool) -> None:
    if as_json:
        print_json({"feed": preview.feed, "rows": preview.rows, "rejects": [asdict(one) for one in preview.rejects]})
        return
    for number, row in enumerate(preview.rows, start=1):
        console.print(f"  row {number}")
        for name, value in row.items():
            if value is not None:
                console.print(escape(f"    {name.removesuffix('_cents'):<18}{_shown(name, value)}"), soft_wrap=True)
    console.print(f"\n{counted(len(preview.rows), 'row')} mapped, {len(preview.rejects)} refused; nothing was written")
    for reject in preview.rejects:
        print_refused({"feed": preview.feed, **asdict(reject)})


def _shown(name: str, value: object) -> str:
    return f"{to_decimal(value)}" if name.endswith("_cents") and isinstance(value, int) else str(value)


def print_refused(row: Mapping[str, Any]) -> None:
    """A refused row: its place, then what is wrong and what to do."""
    place = ", ".join(str(part) for part in (row["file"], row["line"] and f"line {row['line']}", row["field"]) if part)
    value = f"  {row['excerpt']}" if row["excerpt"] else ""
    number = f"{row['id']:>6} " if "id" in row else ""
    console.print(
        f"  {number}[red]✗[/red] {escape(row['feed'])}  {escape(place)}  [bold]{row['code']}[/bold]{escape(value)}",
        soft_wrap=True,
    )
    console.print(escape(f"      {row['message']}"), soft_wrap=True)


def plugin_rows(registry: Registry) -> list[dict[str, Any]]:
    """One row a connector, one a payment provider, then what is broken, then what is not allowed."""
    ready = [(name, one.summary) for name, one in sorted(registry.connectors.items())]
    ready += [(name, one.summary) for name, one in sorted(registry.providers.items())]
    rows = [{"name": name, "state": "ready", "version": "", "summary": summary} for name, summary in ready]
    rows += [
        {"name": one.name, "state": "broken", "version": one.version, "summary": one.reason} for one in registry.broken
    ]
    rows += [
        {"name": name, "state": "not allowed", "version": "", "summary": "name it in HOUSING_HUB_PLUGINS to allow it"}
        for name in registry.not_allowed
    ]
    return rows
