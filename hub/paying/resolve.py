"""A person decides what became of a payment the hub cannot decide about: a fact of its own, heard like all others."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Final, Literal

from hub.config import LandlordConfig
from hub.domain.payment_events import EventKind, PaymentEvent
from hub.domain.payments import OPEN, Asked, Misfit, PaymentState, misfits
from hub.errors import ConflictError, InvalidAskError
from hub.jobs import Bell
from hub.paying.found import named_payment
from hub.paying.hear import Heard, hear
from hub.paying.parts import PayingParts, abilities
from hub.store.act_rows import What, note_act
from hub.store.engine import scope
from hub.store.handles import Connection
from hub.store.ids import new_id
from hub.store.payment_rows import PaymentRow, events_of

Decision = Literal["accept", "paid", "not_paid"]
_MOST_LETTERS: Final = 120
_ACTS: Final[dict[Decision, What]] = {"accept": "accepted", "paid": "said_paid", "not_paid": "said_not_paid"}
_ENDED_UNPAID: Final = (PaymentState.FAILED, PaymentState.CANCELED, PaymentState.EXPIRED)


async def resolve(
    parts: PayingParts,
    bell: Bell,
    landlord: str,
    payment: str,
    *,
    decision: Decision,
    why: str,
    by: str,
    amount_cents: int | None = None,
    transaction: str = "",
) -> Heard:
    """Decide about a payment. What the ERP is to be told follows by itself.

    accept: what came stands, though it is not what was asked (a payment in review). paid: the money came, whatever the
    provider tells; `transaction` is the provider's name of it, so that the same money told later counts once.
    not_paid: nobody paid. Raises NotFoundError; InvalidAskError without a reason; ConflictError where there is nothing
    to decide, or somebody was faster.
    """
    if not why.strip():
        raise InvalidAskError(
            "a decision needs a reason", hint='say why: --reason "seen in the provider\'s back office"'
        )
    config, now = await parts.config(landlord), parts.clock.now()
    async with scope(parts.engine, landlord) as conn:
        held = await named_payment(conn, landlord, payment, lock=True)
        _check(landlord, held, decision, amount_cents)
        if decision == "paid":
            transaction = await _transaction(conn, config, held, transaction.strip()[:_MOST_LETTERS])
        unfit = misfits([row.event for row in await events_of(conn, held.id)], Asked(held.amount_cents, held.currency))
        events = _facts(held, unfit, decision, amount_cents, transaction, now)
        heard = await hear(conn, config, held.id, events, channel="operator", now=now, by=by)
        await note_act(
            conn, landlord=landlord, payment_id=held.id, what=_ACTS[decision], why=why.strip(), by=by, now=now
        )
    for queue in heard.rings:
        bell.ring(queue)
    return heard


def may_decide(held: PaymentRow) -> tuple[Decision, ...]:
    """What there is to decide about a payment as it stands."""
    if held.state is PaymentState.REVIEW:
        return ("accept",) if held.gross_cents else ("paid", "not_paid")
    if held.state in OPEN:
        return ("paid", "not_paid")
    return ("paid",) if held.state in _ENDED_UNPAID else ()


async def _transaction(conn: Connection, config: LandlordConfig, held: PaymentRow, named: str) -> str:
    """The name the money goes by: told later under another one, it would be a second payment."""
    able = abilities(config, held.provider)
    if able is not None and able.flow == "instructions":
        raise ConflictError(
            "a payment made away from the screen counts once the ERP's ledger shows it",
            hint="have it entered in the ERP; the hub recognises it there",
        )
    known = {row.event.ref for row in await events_of(conn, held.id) if row.event.ref and row.channel != "operator"}
    if named or len(known) == 1:
        return named or known.pop()
    if able is not None and able.poll:
        raise InvalidAskError(
            "the provider may still tell of this money itself: it would count as a second payment",
            hint="name its transaction as the provider's back office shows it: --transaction …",
        )
    return "operator"


def _facts(
    held: PaymentRow,
    unfit: Sequence[Misfit],
    decision: Decision,
    amount_cents: int | None,
    transaction: str,
    now: datetime,
) -> Sequence[PaymentEvent]:
    cleared = [_event(EventKind.CLEARED, now, ref=one.event, reason=one.reason) for one in unfit]
    if decision == "accept":
        return cleared
    if decision == "not_paid":
        return [*cleared, _event(EventKind.CANCELED, now, reason="said_by_operator")]
    cents = held.amount_cents if amount_cents is None else amount_cents
    money = _event(EventKind.CAPTURED, now, ref=transaction, cents=cents, currency=held.currency)
    if cents != held.amount_cents:
        cleared.append(_event(EventKind.CLEARED, now, ref=money.id, reason="other_amount"))
    return [*cleared, money]


def _check(landlord: str, held: PaymentRow, decision: Decision, amount_cents: int | None) -> None:
    able = may_decide(held)
    if decision not in able:
        said = ", ".join("--" + one.replace("_", "-") for one in able)
        show = f"`housing-hub payments show {landlord} {held.reference}` says how it stands"
        raise ConflictError(
            f"{_NOT[decision]}: the payment is {held.state.value}",
            hint=f"what can be said of it: {said}" if able else show,
        )
    if decision == "accept" and held.reason == "other_currency" and held.net_cents:
        raise ConflictError(
            "money of another currency cannot be told to the ERP", hint="give it back with `payments refund` first"
        )
    if amount_cents is not None and (decision != "paid" or amount_cents <= 0):
        raise InvalidAskError("an amount goes with --paid, and is more than nothing", hint="leave it out otherwise")


_NOT: Final[dict[Decision, str]] = {
    "accept": "there is nothing to accept",
    "paid": "it cannot be said to be paid",
    "not_paid": "it cannot be said not to be paid",
}


def _event(
    kind: EventKind, now: datetime, *, ref: str = "", cents: int | None = None, currency: str = "EUR", reason: str = ""
) -> PaymentEvent:
    return PaymentEvent(f"operator-{kind.value}-{new_id().hex[-12:]}", kind, now, ref, cents, currency, reason)
