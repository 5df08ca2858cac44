"""`housing-hub payments`: what tenants paid, what became of it, and what only a person can decide."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from hub.cli.operate import AsJson, By, Landlord, Limit
from hub.cli.with_parts import run_with_parts

if TYPE_CHECKING:
    from hub.bootstrap import OperatorParts
    from hub.paying.operate import Listed
    from hub.store.payment_search import Search

Payment = Annotated[
    str, typer.Argument(help="The payment's reference, or its first letters, at least six.", show_default=False)
]
Posting = Annotated[
    str, typer.Argument(help="The posting's reference, as `show` names it.", metavar="POSTING", show_default=False)
]
Reason = Annotated[str, typer.Option(help="Why; kept with the payment. No names.", show_default=False)]
RefundId = Annotated[str | None, typer.Option("--refund", help="Which refund, where several wait.", show_default=False)]


_KEYS = ("key", "start_key", "idempotency_key", "request_sha256")


def register(app: typer.Typer) -> None:
    """Add the group."""
    group = typer.Typer(help="Payments of tenants, up to the ERP's ledger.", no_args_is_help=True)
    app.add_typer(group, name="payments")
    group.command("list")(list_)
    group.command("show")(show)
    group.command("check")(check)
    group.command("resolve")(resolve)
    group.command("refund")(refund)
    group.command("approve")(approve)
    group.command("reject")(reject)
    group.command("repost")(repost)


def list_(
    landlord: Landlord,
    stuck: Annotated[bool, typer.Option("--stuck", help="Only those that need a person.")] = False,
    open_: Annotated[bool, typer.Option("--open", help="Only those whose end is not known yet.")] = False,
    state: Annotated[list[str] | None, typer.Option(help="Only these states (again for more).")] = None,
    account: Annotated[
        str | None, typer.Option(help="Only of this account number or contract reference.", show_default=False)
    ] = None,
    since: Annotated[
        datetime | None, typer.Option(help="Only those begun since that day (UTC).", formats=["%Y-%m-%d"])
    ] = None,
    before: Annotated[
        str | None, typer.Option(help="Go on after this payment, the last one seen.", show_default=False)
    ] = None,
    limit: Limit = 50,
    json: AsJson = False,
) -> None:
    """Payments, newest first, with the states of their postings."""
    from hub.cli.output import console, print_rows

    asked = {"stuck": stuck, "named": account, "limit": limit, "states": _states(state, open_=open_)}
    rows = run_with_parts(lambda parts: _find(parts, landlord, asked, since, before))
    columns = ("reference", "begun_UTC", "amount", "state", "accounts", "ERP", "needs")
    empty = f"no payment of {landlord} needs a person" if stuck else f"{landlord} has no such payment"
    print_rows([_row(one, whole=json) for one in rows], columns, as_json=json, empty=empty)
    if len(rows) == limit and not json:
        last = rows[-1].payment.reference
        console.print(f"  … the first {limit:,}: --limit shows more, --before {last} goes on")


def show(landlord: Landlord, payment: Payment, json: AsJson = False) -> None:
    """One payment, event by event in the landlord's time, and what to do next."""
    from dataclasses import asdict

    from hub.cli.output import console, print_json
    from hub.cli.payment_text import story_text
    from hub.paying.story import tell_story

    story = run_with_parts(lambda parts: tell_story(parts.paying, landlord, payment))
    if json:
        print_json(_public(asdict(story)))
        return
    for line in story_text(story):
        console.print(line, soft_wrap=True, markup=False)


def check(landlord: Landlord, payment: Payment, by: By = None, json: AsJson = False) -> None:
    """Have the provider asked about a payment at once."""
    from hub.cli.applying import operator
    from hub.paying.operate import check_now

    name = by or operator()
    held = run_with_parts(lambda parts: check_now(parts.paying, parts.bell, landlord, payment, by=name))
    _say(
        json,
        {"payment": held.reference, "asked": True},
        f"{held.provider} is asked about {held.reference} now",
        f"see it with: housing-hub payments show {landlord} {held.reference}",
    )


def resolve(
    landlord: Landlord,
    payment: Payment,
    reason: Reason,
    accept: Annotated[bool, typer.Option("--accept", help="What came stands, though it was not asked so.")] = False,
    paid: Annotated[bool, typer.Option("--paid", help="The money came, whatever the provider tells.")] = False,
    not_paid: Annotated[bool, typer.Option("--not-paid", help="Nobody paid.")] = False,
    amount: Annotated[
        str | None, typer.Option(help="With --paid: what came, where it is not what was asked.", show_default=False)
    ] = None,
    transaction: Annotated[
        str, typer.Option(help="With --paid: the provider's name of the money.", show_default=False)
    ] = "",
    by: By = None,
    json: AsJson = False,
) -> None:
    """Decide about a payment in review, or one whose end nobody can find out. The ERP is told by itself."""
    from hub.cli.applying import operator
    from hub.errors import InvalidAskError
    from hub.paying.resolve import Decision
    from hub.paying.resolve import resolve as decide

    if accept + paid + not_paid != 1:
        raise InvalidAskError("one thing is to be said of a payment", hint="give one of --accept, --paid, --not-paid")
    said: Decision = "accept" if accept else "paid" if paid else "not_paid"
    cents, name = _cents(amount), by or operator()
    heard = run_with_parts(
        lambda parts: decide(
            parts.paying,
            parts.bell,
            landlord,
            payment,
            decision=said,
            why=reason,
            by=name,
            amount_cents=cents,
            transaction=transaction,
        )
    )
    held = heard.before
    _say(
        json,
        {"payment": held.reference, "before": held.state.value, "state": heard.found.state.value},
        f"payment {held.reference} was {held.state.value} and is {heard.found.state.value}",
        f"see it with: housing-hub payments show {landlord} {held.reference}",
    )


def refund(
    landlord: Landlord,
    payment: Payment,
    reason: Reason,
    amount: Annotated[str | None, typer.Option(help="Such as 12.50; all that is left unless told.")] = None,
    by: By = None,
    json: AsJson = False,
) -> None:
    """Give money back. Above the landlord's limit a second person has to approve."""
    from hub.cli.applying import operator
    from hub.paying.operate import refund as ask

    cents, name = _cents(amount), by or operator()
    made = run_with_parts(
        lambda parts: ask(parts.paying, parts.bell, landlord, payment, amount_cents=cents, why=reason, by=name)
    )
    waits = made.state == "waits_for_second"
    then = f"approve {landlord} {payment}` by a second person" if waits else f"show {landlord} {payment}`"
    _say(
        json,
        _plain(made),
        f"a refund is {'to be approved' if waits else 'on its way'}: {_shown(made.amount_cents)}",
        f"next: `housing-hub payments {then}",
    )


def approve(landlord: Landlord, payment: Payment, refund: RefundId = None, by: By = None, json: AsJson = False) -> None:
    """Let a refund through that waits for a second person."""
    _decide_refund(landlord, payment, refund, by, json, approve=True)


def reject(landlord: Landlord, payment: Payment, refund: RefundId = None, by: By = None, json: AsJson = False) -> None:
    """Refuse a refund that waits for a second person."""
    _decide_refund(landlord, payment, refund, by, json, approve=False)


def repost(
    landlord: Landlord,
    posting: Posting,
    absent: Annotated[bool, typer.Option("--absent", help="The ERP does not have it: you looked.")] = False,
    there: Annotated[bool, typer.Option("--there", help="The ERP has it: you looked.")] = False,
    entry: Annotated[
        str | None, typer.Option(help="The ledger entry that shows it, by the ERP's number.", show_default=False)
    ] = None,
    reason: Annotated[str, typer.Option(help="Why; kept with the payment. No names.")] = "",
    by: By = None,
    json: AsJson = False,
) -> None:
    """Tell the ERP again, or say that it has the payment, or which entry shows it."""
    from hub.cli.applying import operator
    from hub.errors import InvalidAskError
    from hub.paying.repost import Reposted, tie_to_entry
    from hub.paying.repost import repost as again

    if sum((absent, there, entry is not None)) > 1:
        raise InvalidAskError("one thing is to be said of a posting", hint="give one of --absent, --there, --entry")
    name = by or operator()

    async def work(parts: OperatorParts) -> Reposted:
        if entry is not None:
            return await tie_to_entry(parts.paying, landlord, posting, entry=entry, by=name, why=reason)
        stated = "absent" if absent else "there" if there else None
        return await again(parts.paying, parts.bell, landlord, posting, by=name, stated=stated, why=reason)  # type: ignore[arg-type]  # one of the two words

    done = run_with_parts(work).posting
    told = {"pending": "is told to the ERP again", "posted": "counts as posted", "reflected": "is in the ledger"}
    _say(
        json,
        _plain(done),
        f"posting {done.reference} {told.get(done.state, f'is {done.state}')}",
        f"see it with: housing-hub payments show {landlord} {done.reference}",
    )


# --- the work behind them ---------------------------------------------------------------------------------------------


async def _find(
    parts: OperatorParts, landlord: str, asked: dict[str, Any], since: datetime | None, before: str | None
) -> list[Listed]:
    from datetime import UTC

    from hub.paying.operate import find_payment_id, list_payments
    from hub.store.payment_search import Search

    after = await find_payment_id(parts.paying, landlord, before) if before else None
    search: Search = Search(**asked, since=since.replace(tzinfo=UTC) if since else None, before=after)
    return await list_payments(parts.paying, landlord, search)


def _states(named: list[str] | None, *, open_: bool) -> tuple[str, ...] | None:
    from hub.domain.payments import PaymentState
    from hub.errors import InvalidAskError
    from hub.paying.operate import OPEN_STATES

    known = [state.value for state in PaymentState]
    if unknown := [state for state in named or () if state not in known]:
        raise InvalidAskError(f"{unknown[0]} is no state of a payment", hint=f"known are {', '.join(known)}")
    chosen = (*(named or ()), *(OPEN_STATES if open_ else ()))
    return chosen or None


def _row(one: Listed, *, whole: bool) -> dict[str, Any]:
    from dataclasses import asdict

    if whole:
        found: dict[str, Any] = _public(asdict(one))
        return found
    held, facts = one.payment, one.facts
    return {
        "reference": held.reference,
        "begun_UTC": held.created_at,
        "amount": _shown(held.amount_cents),
        "state": held.state.value,
        "accounts": ", ".join((*facts.accounts, *facts.contracts)),
        "ERP": ", ".join(facts.postings),
        "needs": ", ".join(one.needs),
    }


def _decide_refund(
    landlord: str, payment: str, refund: str | None, by: str | None, json: bool, *, approve: bool
) -> None:
    from uuid import UUID

    from hub.cli.applying import operator
    from hub.errors import InvalidAskError
    from hub.paying.operate import decide

    try:
        named = UUID(refund) if refund else None
    except ValueError:
        raise InvalidAskError(f"{refund} is no refund", hint="`payments show … --json` gives its id") from None
    name = by or operator()
    done = run_with_parts(
        lambda parts: decide(parts.paying, parts.bell, landlord, payment, approve=approve, by=name, refund_id=named)
    )
    what = "approved, and sent to the provider" if approve else "rejected; nothing is given back"
    _say(json, _plain(done), f"the refund of {_shown(done.amount_cents)} is {what}")


def _cents(text: str | None) -> int | None:
    from decimal import InvalidOperation

    from hub.domain.money import MAX_CENTS, to_cents
    from hub.errors import InvalidAskError

    if text is None:
        return None
    try:
        cents = int(to_cents(text.replace(",", ".")))
    except (ValueError, InvalidOperation, OverflowError):
        cents = -1
    if not 0 < cents < MAX_CENTS:
        raise InvalidAskError(f'"{text[:20]}" is no amount', hint="write one like 12.50")
    return cents


def _shown(cents: int) -> str:
    from hub.domain.money import to_decimal

    return f"{to_decimal(cents):,}"


def _plain(row: Any) -> dict[str, Any]:
    from dataclasses import asdict

    found: dict[str, Any] = _public(asdict(row))
    return found


def _public(value: Any) -> Any:
    """Without the keys operations are told apart by: they are nobody's but the hub's and the provider's."""
    if isinstance(value, dict):
        return {name: _public(item) for name, item in value.items() if name not in _KEYS}
    return [_public(item) for item in value] if isinstance(value, list | tuple) else value


def _say(json: bool, plain: dict[str, Any], *lines: str) -> None:
    from hub.cli.output import console, print_json

    if json:
        print_json(plain)
        return
    for line in lines:
        console.print(line, soft_wrap=True, markup=False)
