"""`housing-hub holds`: what the guard kept back, and the decision about it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from hub.bootstrap import OperatorParts
    from hub.store.hold_rows import Hold, HoldState

Landlord = Annotated[str, typer.Argument(help="The landlord's slug.", show_default=False)]
Number = Annotated[int, typer.Argument(help="The hold's number.", show_default=False)]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")]

_COUNTS = (
    ("held", "rows held now"),
    ("staged", "rows in the new data"),
    ("common", "in both"),
    ("ended", "of tenancies that ended lately, not counted"),
    ("disappearing", "would disappear"),
    ("dripped", "disappeared in the days before"),
    ("refused", "new rows that could not be read"),
    ("old_changed", "old entries that would change"),
)
_SUMS = (("new_debits_cents", "new debits"), ("rent_roll_cents", "rent roll of a month"))


def register(app: typer.Typer) -> None:
    """Add the group."""
    holds = typer.Typer(help="Data kept back, because it is too unlike what is held.", no_args_is_help=True)
    app.add_typer(holds, name="holds")
    holds.command("list")(holds_list)
    holds.command("show")(holds_show)
    holds.command("approve")(holds_approve)
    holds.command("reject")(holds_reject)


def holds_list(
    landlord: Landlord,
    all_of_them: Annotated[bool, typer.Option("--all", help="Also those that were decided or superseded.")] = False,
    limit: Annotated[int, typer.Option(help="At most so many.", min=1, max=1000)] = 50,
    json: AsJson = False,
) -> None:
    """Holds that wait for a decision, newest first."""
    from hub.cli.output import print_rows
    from hub.cli.with_parts import run_with_parts
    from hub.services.hold_decisions import find_holds

    async def find(parts: OperatorParts) -> list[Hold]:
        states: tuple[HoldState, ...] | None = None if all_of_them else ("open", "approved")
        return await find_holds(parts.sync.engine, landlord, states=states, limit=limit)

    rows = [_plain(hold) | {"hold": hold.id, "why": "; ".join(hold.sentences)} for hold in run_with_parts(find)]
    columns = ("hold", "feed", "state", "created_at", "why")
    print_rows(rows, columns, as_json=json, empty=f"nothing of {landlord} is held")


def holds_show(landlord: Landlord, hold: Number, json: AsJson = False) -> None:
    """One hold: why, what would change, what tenants see meanwhile, and what to do."""
    from hub.cli.output import print_json
    from hub.cli.with_parts import run_with_parts
    from hub.services.hold_decisions import find_hold
    from hub.store.engine import scope
    from hub.store.feed_states import get_feed_state

    async def show(parts: OperatorParts) -> tuple[Hold, Any]:
        found = await find_hold(parts.sync.engine, landlord, hold)
        async with scope(parts.sync.engine, landlord, readonly=True) as conn:
            state = await get_feed_state(conn, landlord=landlord, feed=found.feed)
        return found, state.as_of if state else None

    found, as_of = run_with_parts(show)
    if json:
        print_json(_plain(found) | {"served_as_of": as_of})
        return
    _print_hold(landlord, found, as_of)


def holds_approve(
    landlord: Landlord,
    hold: Number,
    by: Annotated[str, typer.Option(help="Who decides; your user name unless told.")] = "",
    json: AsJson = False,
) -> None:
    """The held data is right: apply exactly it, then the feeds that wait for it."""
    from hub.cli.applying import operator
    from hub.cli.output import console, print_json
    from hub.cli.with_parts import run_with_parts
    from hub.services.hold_decisions import Approved, approve_hold

    async def approve(parts: OperatorParts) -> Approved:
        own = parts.sync
        return await approve_hold(own.engine, own.clock, parts.bell, landlord, hold, by=by or operator())

    done = run_with_parts(approve)
    if json:
        print_json({"hold": hold, "run": done.run_id, "feeds": done.feeds})
        return
    console.print(f"hold {hold} is approved: run {done.run_id} applies {', '.join(done.feeds)}", soft_wrap=True)
    console.print(f"see it with: housing-hub runs show {landlord} {done.run_id}", soft_wrap=True)


def holds_reject(
    landlord: Landlord,
    hold: Number,
    reason: Annotated[str, typer.Option(help="Why; shown whenever the same data comes again.", show_default=False)],
    by: Annotated[str, typer.Option(help="Who decides; your user name unless told.")] = "",
    json: AsJson = False,
) -> None:
    """The held data is wrong: it is refused for good, the last good data stays."""
    from hub.cli.applying import operator
    from hub.cli.output import console, print_json
    from hub.cli.with_parts import run_with_parts
    from hub.services.hold_decisions import reject_hold

    async def reject(parts: OperatorParts) -> Hold:
        return await reject_hold(
            parts.sync.engine, parts.sync.clock, landlord, hold, by=by or operator(), reason=reason
        )

    done = run_with_parts(reject)
    if json:
        print_json({"hold": hold, "state": "rejected"})
        return
    console.print(f"hold {hold} is rejected: the last good {done.feed} stay served", soft_wrap=True)
    console.print(f"once the file is right: housing-hub sync {landlord} {done.feed} --wait", soft_wrap=True)


def _plain(hold: Hold) -> dict[str, Any]:
    from dataclasses import asdict

    return asdict(hold)


def _print_hold(landlord: str, hold: Hold, as_of: Any) -> None:
    from rich.markup import escape

    from hub.cli.output import console
    from hub.services.hold_decisions import outcome

    lines = [f"Hold {hold.id} of {landlord}, feed {hold.feed}: {hold.state}"]
    lines += [f"  {', '.join(hold.files)}, data of {hold.as_of:%d %B %Y %H:%M} UTC, seen by run {hold.run_id}"]
    lines += [f"  ! {sentence}" for sentence in hold.sentences]
    lines += [f"    {hold.diff[name]:>14,}  {text}" for name, text in _COUNTS if hold.diff.get(name)]
    lines += [f"    {hold.diff[name] // 100:>14,}  {text}" for name, text in _SUMS if hold.diff.get(name)]
    if sample := hold.diff.get("sample"):
        lines.append(f"  would disappear: {', '.join(sample)}{' …' if hold.diff['disappearing'] > len(sample) else ''}")
    if hold.state == "open":
        seen = f"as of {as_of:%d %B %Y %H:%M} UTC" if as_of else "unchanged"
        lines.append(f"  Nothing of it was applied: tenants still see the last good data, {seen}.")
        lines.append(f"  Next: ask for the file again, then housing-hub sync {landlord} {hold.feed} --wait")
        lines.append(f"        or, if it is right, housing-hub holds approve {landlord} {hold.id}")
        lines.append(f'        or, if it is wrong, housing-hub holds reject {landlord} {hold.id} --reason "…"')
    else:
        lines.append(f"  {outcome(hold)}")
    for line in lines:
        console.print(escape(line), soft_wrap=True)
