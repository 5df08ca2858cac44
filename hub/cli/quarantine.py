"""Refused lines on the command line: list, show, retry after a fix, dismiss with a reason."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Mapping
from typing import TYPE_CHECKING, Annotated, Any

import typer

from hub.cli.exits import Exit
from hub.cli.operate import AsJson, By, Landlord, Limit
from hub.cli.with_parts import run_with_parts

if TYPE_CHECKING:
    from hub.bootstrap import OperatorParts
    from hub.services.quarantine import Queued

Feed = Annotated[str | None, typer.Option(help="Only this feed's lines.", show_default=False)]
Wait = Annotated[bool, typer.Option("--wait", help="Show progress until the run ends.")]


def register(app: typer.Typer) -> None:
    """Add the group `quarantine`."""
    group = typer.Typer(help="Lines that were refused, with their place and reason.", no_args_is_help=True)
    app.add_typer(group, name="quarantine")
    group.command("list")(list_)
    group.command("show")(show)
    group.command("retry")(retry)
    group.command("dismiss")(dismiss)


def list_(landlord: Landlord, feed: Feed = None, limit: Limit = 50, json: AsJson = False) -> None:
    """Lines refused and not yet put right; parked ones wait for what they refer to."""

    from hub.cli.output import console
    from hub.services.quarantine import find_rows

    rows = run_with_parts(lambda parts: find_rows(parts.sync.engine, landlord, feed=feed, limit=limit))
    _print_list(landlord, rows, as_json=json)
    if len(rows) == limit and not json:
        console.print(f"  … the first {limit:,}: --limit shows more")


def show(
    landlord: Landlord,
    line: Annotated[int, typer.Argument(help="The line's number, as `list` shows it.", metavar="ID")],
    json: AsJson = False,
) -> None:
    """One line: where it stands, what is wrong, what became of it, and what to do."""
    from dataclasses import asdict

    from hub.cli.output import console, print_json
    from hub.services.quarantine import look_at, outcome

    looked = run_with_parts(lambda parts: look_at(parts.sync.engine, landlord, line))
    if json:
        print_json(asdict(looked.row) | {"input_is_kept": looked.input_is_kept})
        return
    _print_line(asdict(looked.row))
    console.print(f"      {outcome(looked.row)}; refused by run {looked.row.run_id}", soft_wrap=True, markup=False)
    if looked.row.state in ("open", "parked"):
        console.print(f"      → {_to_do(landlord, line, kept=looked.input_is_kept)}", soft_wrap=True, markup=False)


def retry(
    landlord: Landlord,
    feeds: Annotated[list[str] | None, typer.Argument(help="One feed; all if none is named.", metavar="FEED")] = None,
    lines: Annotated[
        list[int] | None, typer.Option("--id", help="Only this line (again for more).", show_default=False)
    ] = None,
    wait: Wait = False,
) -> None:
    """Read refused lines again from their kept raw input under the mapping in force, and apply those that fit now."""
    from hub.errors import InvalidAskError
    from hub.services.quarantine import retry as ask

    if feeds and (len(feeds) > 1 or lines):
        raise InvalidAskError("retry takes one feed, or lines by --id", hint="leave all out to try every line")
    feed = feeds[0] if feeds else None
    follow(
        landlord,
        lambda parts: ask(parts.sync.engine, parts.sync.clock, parts.bell, landlord, feed=feed, ids=lines or ()),
        wait=wait,
    )


def dismiss(
    landlord: Landlord,
    lines: Annotated[list[int] | None, typer.Argument(help="Lines by number.", metavar="ID")] = None,
    feed: Feed = None,
    reason: Annotated[str, typer.Option(help="Why they are not to be applied.")] = "",
    by: By = None,
) -> None:
    """Let lines go unapplied, with a reason that is kept. They stay dismissed as long as their input is the same."""
    from hub.cli.applying import operator
    from hub.cli.output import console
    from hub.services.quarantine import dismiss as let_go

    name = by or operator()
    rows = run_with_parts(
        lambda parts: let_go(
            parts.sync.engine, parts.sync.clock, landlord, feed=feed, ids=lines or (), by=name, reason=reason
        )
    )
    console.print(f"{_lines(len(rows))} of {landlord} dismissed by {name}", soft_wrap=True, markup=False)


def follow(landlord: str, ask: Callable[[OperatorParts], Coroutine[Any, Any, Queued]], *, wait: bool) -> None:
    """Ask for a run that reads kept input again; with `wait`, show it to its end."""

    async def work(parts: OperatorParts) -> tuple[Queued, bool]:
        from hub.cli.watching import watch

        queued = await ask(parts)
        return queued, await watch(parts, landlord, queued.run_id) if wait else True

    from hub.cli.output import console

    queued, good = run_with_parts(work)
    if not wait:
        what = f" to read {_lines(queued.lines)} again" if queued.lines else ""
        seen = f"see it with: housing-hub runs show {landlord} {queued.run_id}"
        console.print(f"run {queued.run_id} is queued{what}; {seen}", soft_wrap=True, markup=False)
    if not good:
        raise typer.Exit(Exit.FAILED)


def propose_retries(landlords: list[str]) -> None:
    """After a change of mapping: which refused lines may fit now."""
    from hub.cli.output import console
    from hub.services.quarantine import lines_that_may_fit

    async def work(parts: OperatorParts) -> list[tuple[str, Mapping[str, int]]]:
        return [(one, await lines_that_may_fit(parts.sync.engine, one)) for one in landlords]

    for landlord, found in run_with_parts(work):
        for feed, count in found.items():
            console.print(
                f"    {_lines(count, 'refused line')} of feed {feed} may fit now: "
                f"housing-hub quarantine retry {landlord} {feed}",
                soft_wrap=True,
                markup=False,
            )


def _lines(count: int, what: str = "line") -> str:
    return f"{count:,} {what}{'' if count == 1 else 's'}"


def _to_do(landlord: str, line: int, *, kept: bool) -> str:
    let_go = f"housing-hub quarantine dismiss {landlord} {line} --reason …"
    if kept:
        return f"mend the mapping and: housing-hub quarantine retry {landlord} --id {line}; or: {let_go}"
    return f"its raw input is no longer kept: ask the source for it again; or: {let_go}"


def _print_list(landlord: str, rows: list[Any], *, as_json: bool) -> None:
    from dataclasses import asdict

    from hub.cli.output import console, print_json

    plain = [asdict(row) for row in rows]
    if as_json:
        print_json(plain)
        return
    waiting = [row for row in plain if row["state"] == "open"]
    parked = [row for row in plain if row["state"] == "parked"]
    if not plain:
        console.print(f"nothing of {landlord} is in quarantine")
    for row in waiting:
        _print_line(row)
    if parked:
        console.print("  Parked until what they refer to arrives; applied by themselves then:")
    for row in parked:
        _print_line(row)
    if waiting:
        console.print(f"  After a fix: housing-hub quarantine retry {landlord}", soft_wrap=True)


def _print_line(row: Mapping[str, Any]) -> None:
    from hub.cli.reports import print_refused

    print_refused(row)
