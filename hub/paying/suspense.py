"""A person says whose a line of a remittance is: once, and for good."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

from hub.domain.payment_events import EventKind, PaymentEvent
from hub.domain.redaction import mask_cards
from hub.errors import ConflictError, InvalidAskError, NotFoundError
from hub.jobs import Bell
from hub.paying.found import named_payment
from hub.paying.hear import hear
from hub.paying.parts import PayingParts
from hub.paying.reconcile import named_remittance
from hub.store.act_rows import note_act
from hub.store.engine import scope
from hub.store.handles import Connection
from hub.store.payment_rows import PaymentRow
from hub.store.payment_search import accounts_named
from hub.store.settlement_rows import LineRow, SettlementRow, lines_of, set_line


@dataclass(frozen=True, slots=True)
class Assigned:
    """A line that is somebody's now. `charged_back`: the payment was told that the money is lost, and so is the ERP."""

    remittance: SettlementRow
    line: LineRow
    payment: str
    charged_back: bool = False


async def assign(
    parts: PayingParts,
    bell: Bell,
    landlord: str,
    remittance: str,
    line: int,
    *,
    payment: str | None = None,
    account: str | None = None,
    note: str,
    by: str,
    provider: str | None = None,
) -> Assigned:
    """Say that a line in suspense is a payment's, or belongs to an account. A chargeback (*impayé*) assigned to a
    payment that knows of none is heard as lost, and the ERP is told by itself.

    Raises NotFoundError; InvalidAskError without a note or with a wrong name; ConflictError where it was decided.
    """
    if not note.strip():
        raise InvalidAskError("an assignment needs a note", hint='say why: --note "seen in the bank\'s portal"')
    if (payment is None) == (account is None):
        raise InvalidAskError("a line is a payment's or an account's", hint="give one of --payment and --account")
    config, now, rings = await parts.config(landlord), parts.clock.now(), tuple[str, ...]()
    async with scope(parts.engine, landlord) as conn:
        row = await named_remittance(conn, landlord, remittance, provider)
        told = await _waiting(conn, landlord, row, line)
        held = None if payment is None else await named_payment(conn, landlord, payment, lock=True)
        values = {"payment_id": held.id if held else None, "account_id": await _account(conn, landlord, account)}
        done = await set_line(
            conn,
            landlord=landlord,
            settlement_id=row.id,
            line=line,
            only_if="suspense",
            state="assigned",
            assigned_by=by,
            assigned_at=now,
            note=mask_cards(note.strip())[:500],
            **values,
        )
        if not done:
            raise _decided(landlord, row, await _line(conn, landlord, row, line))
        lost = held is not None and _is_news(told, held)
        if held is not None:
            await note_act(
                conn,
                landlord=landlord,
                payment_id=held.id,
                what="assigned",
                subject=f"{row.ref} line {line}",
                why=note.strip(),
                by=by,
                now=now,
            )
            if lost:
                fact = _lost(row, told, now=now)
                rings = (await hear(conn, config, held.id, [fact], channel="settlement", now=now, by=by)).rings
        changed = await _line(conn, landlord, row, line)
    for queue in rings:
        bell.ring(queue)
    return Assigned(row, changed, held.reference if held else "", lost)


_STATES: Final = {"matched": "was found to be a payment's by itself", "fee": "is a fee"}


async def _line(conn: Connection, landlord: str, remittance: SettlementRow, line: int) -> LineRow:
    found = next((one for one in await lines_of(conn, remittance.id) if one.line == line), None)
    if found is None:
        hint = f"`housing-hub settlements show {landlord} {remittance.ref}`"
        raise NotFoundError(f"remittance {remittance.ref} has no line {line}", hint=hint)
    return found


async def _waiting(conn: Connection, landlord: str, remittance: SettlementRow, line: int) -> LineRow:
    found = await _line(conn, landlord, remittance, line)
    if found.state != "suspense":
        raise _decided(landlord, remittance, found)
    return found


def _decided(landlord: str, remittance: SettlementRow, line: LineRow) -> ConflictError:
    when = f" on {line.assigned_at:%d %B %Y %H:%M} UTC" if line.assigned_at else ""
    what = _STATES.get(line.state) or f"was assigned by {line.assigned_by}{when}: {line.note}"
    return ConflictError(
        f"line {line.line} of remittance {remittance.ref} waits no more: it {what}",
        hint=f"`housing-hub settlements show {landlord} {remittance.ref}` says whose it is",
    )


async def _account(conn: Connection, landlord: str, number: str | None) -> UUID | None:
    if number is None:
        return None
    found = await accounts_named(conn, number.strip())
    if len(found) != 1:
        what = "has no account" if not found else "has several accounts"
        raise NotFoundError(f"{landlord} {what} {number}", hint="the number as it stands on the rent notice")
    return found[0]


def _is_news(line: LineRow, held: PaymentRow) -> bool:
    """A chargeback nobody told the payment of."""
    return line.kind == "dispute" and line.gross_cents < 0 and not (held.contested_cents or held.lost_cents)


def _lost(remittance: SettlementRow, line: LineRow, *, now: datetime) -> PaymentEvent:
    """Named by the remittance's line: the provider's transaction may be the payment's own."""
    ref = f"{remittance.provider}:{remittance.ref}:{line.line}"
    return PaymentEvent(
        f"settlement-{ref}", EventKind.DISPUTE_LOST, now, ref, -line.gross_cents, remittance.currency, "chargeback"
    )
