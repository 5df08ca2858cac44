"""`housing-hub settlements` and `suspense`: the providers' remittances beside our payments, to the cent."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from hub.cli.operate import AsJson, By, Landlord, Limit
from hub.cli.with_parts import run_with_parts

if TYPE_CHECKING:
    from datetime import date

    from hub.paying.reconcile import RemittanceStory, Suspended

Remittance = Annotated[str, typer.Argument(help="The provider's name of the remittance.", show_default=False)]
Provider = Annotated[str | None, typer.Option(help="Only of this provider.", show_default=False)]
Day = Annotated[datetime | None, typer.Option(formats=["%Y-%m-%d"], show_default=False)]


class Dates(StrEnum):
    ISO = "iso"
    FR = "fr"


def register(app: typer.Typer) -> None:
    """Add the groups."""
    settlements = typer.Typer(help="Remittances of payment providers, and what they lack.", no_args_is_help=True)
    app.add_typer(settlements, name="settlements")
    settlements.command("list")(list_)
    settlements.command("show")(show)
    settlements.command("open")(open_)
    settlements.command("export")(export)
    settlements.command("read")(read)
    suspense = typer.Typer(help="Lines of remittances nobody could be found for.", no_args_is_help=True)
    app.add_typer(suspense, name="suspense")
    suspense.command("list")(suspense_list)
    suspense.command("assign")(suspense_assign)


def list_(landlord: Landlord, provider: Provider = None, limit: Limit = 50, json: AsJson = False) -> None:
    """Remittances, the latest first: what was paid out, fees, and what does not add up."""
    from dataclasses import asdict

    from hub.cli.output import print_rows
    from hub.paying.reconcile import remittances

    found = run_with_parts(lambda parts: remittances(parts.paying, landlord, provider=provider, limit=limit))
    rows: list[dict[str, Any]] = [
        asdict(one)
        if json
        else {
            "remittance": one.row.ref,
            "provider": one.row.provider,
            "paid_on": one.row.paid_on,
            "net": _money(one.row.net_cents),
            "fees": _money(one.sums.fee_cents),
            "lines": one.sums.lines,
            "suspense": one.sums.suspense or "",
            "difference": _money(one.row.difference_cents) if one.row.difference_cents else "",
        }
        for one in found
    ]
    columns = ("remittance", "provider", "paid_on", "net", "fees", "lines", "suspense", "difference")
    empty = f"no remittance of {landlord} was read yet: housing-hub settlements read {landlord}"
    print_rows(rows, columns, as_json=json, empty=empty)


def show(landlord: Landlord, remittance: Remittance, provider: Provider = None, json: AsJson = False) -> None:
    """One remittance, line by line beside our payments."""
    from dataclasses import asdict

    from hub.cli.output import console, print_json
    from hub.paying.reconcile import remittance_story

    found = run_with_parts(lambda parts: remittance_story(parts.paying, landlord, remittance, provider=provider))
    if json:
        print_json(asdict(found))
        return
    for line in _remittance_text(landlord, found):
        console.print(line, soft_wrap=True, markup=False)


def open_(
    landlord: Landlord,
    days: Annotated[int, typer.Option(help="Older than so many days.", min=0, max=3650)] = 5,
    provider: Provider = None,
    json: AsJson = False,
) -> None:
    """Money that came, or went back, and that no remittance holds yet, with its age."""
    from dataclasses import asdict

    from hub.cli.output import console, print_json, print_rows
    from hub.paying.reconcile import open_report

    found = run_with_parts(lambda parts: open_report(parts.paying, landlord, days=days, provider=provider))
    if json:
        print_json(asdict(found))
        return
    rows = [
        {
            "payment": one.item.reference,
            "provider": one.item.provider,
            "kind": one.item.kind,
            "open": _money(one.item.open_cents),
            "days": one.days,
        }
        for one in found.items
    ]
    columns = ("payment", "provider", "kind", "open", "days")
    print_rows(rows, columns, as_json=False, empty=f"remittances hold all that is older than {days} days")
    if rows:
        total = _money(sum(one.item.open_cents for one in found.items))
        console.print(f"  {total} open in all: ask the provider, or your bank", soft_wrap=True)
    if found.silent:
        console.print(f"  not compared, for they give no remittances: {', '.join(found.silent)}", soft_wrap=True)


def export(
    landlord: Landlord,
    remittance: Annotated[
        str | None, typer.Argument(help="One remittance; all if none is named.", show_default=False)
    ] = None,
    provider: Provider = None,
    since: Day = None,
    until: Day = None,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="A file instead of the screen.", dir_okay=False)
    ] = None,
    dates: Annotated[Dates, typer.Option(help="2026-11-20, or 20/11/2026.")] = Dates.ISO,
    bom: Annotated[bool, typer.Option("--bom", help="Begin with a byte order mark, for old spreadsheets.")] = False,
    json: AsJson = False,
) -> None:
    """Remittances line by line as CSV for accountants; see docs/landlord.md for the columns."""
    import sys
    from dataclasses import asdict

    from hub.cli.output import console, print_json
    from hub.paying.export import as_csv, collect

    asked = {"ref": remittance, "provider": provider, "since": _date(since), "until": _date(until)}
    found = run_with_parts(lambda parts: collect(parts.paying, landlord, **asked))  # type: ignore[arg-type]  # by name
    if json:
        print_json([asdict(one) for one in found])
        return
    content = as_csv(found, dates=dates.value, bom=bom).encode()
    if output is None:
        sys.stdout.buffer.write(content)
        return
    output.write_bytes(content)
    lines = sum(len(one.lines) for one in found)
    console.print(f"{len(found):,} remittances, {lines:,} lines: {output}", soft_wrap=True, markup=False)


def read(
    landlord: Landlord,
    provider: Annotated[str | None, typer.Argument(help="One provider; all if none is named.")] = None,
    json: AsJson = False,
) -> None:
    """Ask the providers for their remittances now; else they are read every morning."""
    from dataclasses import asdict

    from hub.cli.output import console, print_json
    from hub.paying.reconcile import read_now

    found = run_with_parts(lambda parts: read_now(parts.paying, landlord, provider=provider))
    if json:
        print_json({name: asdict(one) for name, one in found.items()})
        return
    for name, one in found.items():
        later = f", {one.matched_later} lines found their payment" if one.matched_later else ""
        console.print(f"  {name}: {one.new} new remittances{later}", soft_wrap=True, markup=False)


def suspense_list(landlord: Landlord, limit: Limit = 200, json: AsJson = False) -> None:
    """Lines that wait until a person says whose they are."""
    from dataclasses import asdict

    from hub.cli.output import console, print_rows
    from hub.paying.reconcile import suspense

    found = run_with_parts(lambda parts: suspense(parts.paying, landlord, limit=limit))
    rows = [asdict(one) if json else _suspended(one) for one in found]
    columns = ("remittance", "line", "provider", "paid_on", "kind", "gross", "reference", "transaction", "why")
    print_rows(rows, columns, as_json=json, empty=f"nothing of {landlord} is in suspense")
    if rows and not json:
        console.print(
            f"  Once you know: housing-hub suspense assign {landlord} REMITTANCE LINE --payment … --note …",
            soft_wrap=True,
        )


def suspense_assign(
    landlord: Landlord,
    remittance: Remittance,
    line: Annotated[int, typer.Argument(help="The line's number, as `suspense list` shows it.", min=1)],
    note: Annotated[str, typer.Option(help="Why; kept with the line. No names.", show_default=False)],
    payment: Annotated[str | None, typer.Option(help="The payment it is of.", show_default=False)] = None,
    account: Annotated[
        str | None, typer.Option(help="The number of the account it belongs to.", show_default=False)
    ] = None,
    provider: Provider = None,
    by: By = None,
    json: AsJson = False,
) -> None:
    """Say whose a line is. Once: it cannot be taken back."""
    from dataclasses import asdict

    from hub.cli.applying import operator
    from hub.cli.output import console, print_json
    from hub.paying.suspense import assign

    name = by or operator()
    done = run_with_parts(
        lambda parts: assign(
            parts.paying,
            parts.bell,
            landlord,
            remittance,
            line,
            payment=payment,
            account=account,
            note=note,
            by=name,
            provider=provider,
        )
    )
    if json:
        print_json(asdict(done))
        return
    whose = f"payment {done.payment}" if done.payment else f"account {account}"
    console.print(f"line {line} of {remittance} is of {whose} now", soft_wrap=True, markup=False)
    if done.charged_back:
        console.print("the payment is charged back: the ERP is told by itself", soft_wrap=True)
    elif account is not None:
        console.print("the hub tells the ERP nothing of it: have it entered there by hand", soft_wrap=True)


def _remittance_text(landlord: str, found: RemittanceStory) -> list[str]:
    row, sums = found.row, found.sums
    lines = [
        f"Remittance {row.ref} of {row.provider}, {landlord}",
        f"  {_money(row.net_cents)} {row.currency} paid out on {row.paid_on}",
        f"  {sums.lines} lines: gross {_money(sums.gross_cents)}, fees {_money(sums.fee_cents)}",
    ]
    if row.difference_cents:
        lines.append(
            f"  ! its lines do not explain {_money(row.difference_cents)} of it: ask {row.provider} for the rest"
        )
    for one in found.lines:
        fee = f" fee {_money(one.row.fee_cents)}" if one.row.fee_cents else ""
        whose = one.payment or one.row.reference or one.row.transaction
        of = f"  {', '.join(one.facts.accounts)}" if one.facts.accounts else ""
        why = f" ({one.row.reason})" if one.row.reason else ""
        by = f", {one.row.assigned_by}: {one.row.note}" if one.row.assigned_by else ""
        lines.append(
            f"  {one.row.line:>4}  {one.row.kind:<8}{_money(one.row.gross_cents):>14}{fee:<12}  {whose}{of}  "
            f"{one.row.state}{why}{by}"
        )
    if sums.suspense:
        lines.append(f"  Next: housing-hub suspense assign {landlord} {row.ref} LINE --payment … --note …")
    return lines


def _suspended(one: Suspended) -> dict[str, Any]:
    return {
        "remittance": one.remittance.ref,
        "line": one.line.line,
        "provider": one.remittance.provider,
        "paid_on": one.remittance.paid_on,
        "kind": one.line.kind,
        "gross": _money(one.line.gross_cents),
        "reference": one.line.reference,
        "transaction": one.line.transaction,
        "why": one.line.reason,
    }


def _money(cents: int) -> str:
    from hub.domain.money import to_decimal

    return f"{to_decimal(cents):,}"


def _date(day: datetime | None) -> date | None:
    return None if day is None else day.date()
