"""Read the providers' remittances (*remises*) and lay each line beside our payment, to the cent."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from hub.config import LandlordConfig
from hub.domain.clock import today
from hub.domain.payment_events import EventKind
from hub.paying.look_now import look_now
from hub.paying.parts import PayingParts, able_to, open_provider
from hub.ports import Settlement, SettlementLine
from hub.store.engine import scope
from hub.store.handles import Connection
from hub.store.ids import new_id
from hub.store.payment_rows import PaymentRow, events_of
from hub.store.settled_before import payment_of_line, settled_cents
from hub.store.settlement_rows import (
    LineRow,
    SettlementRow,
    add_settlement,
    last_paid_on,
    lines_in_suspense,
    set_line,
    settlements_by_id,
)
from hub.sync.threads import in_thread

_FIRST_DAYS: Final = timedelta(days=30)
_AGAIN_DAYS: Final = timedelta(days=5)
_MOST_AGAIN: Final = 1000


@dataclass(frozen=True, slots=True)
class Read:
    """What a look at a provider's remittances brought: new ones, and lines that waited and are a payment's now."""

    new: int = 0
    matched_later: int = 0


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whose a line is. `reason`: why it is nobody's yet; then the provider is asked about the payment it names."""

    held: PaymentRow | None
    state: str
    reason: str = ""


@dataclass(slots=True)
class _Beside:
    """A remittance being laid beside our payments: what its own earlier lines took of each."""

    provider: str
    currency: str
    taken: Counter[tuple[UUID, str]] = field(default_factory=Counter)


async def read_settlements(parts: PayingParts, config: LandlordConfig, provider: str) -> Read:
    """Remittances since the last ones read, some days over again; then what waited in suspense is tried once more."""
    async with scope(parts.engine, config.slug) as conn:
        last = await last_paid_on(conn, provider)
    day = today(parts.clock, config.identity.time_zone)
    since = day - _FIRST_DAYS if last is None else last - _AGAIN_DAYS
    async with open_provider(parts, config, provider) as opened:
        if not able_to(opened).settles:
            return Read()
        found = await in_thread(lambda: list(opened.settlements(since)))
    async with scope(parts.engine, config.slug) as conn:
        later = await match_again(conn, config.slug, provider)
    new = 0
    for one in found:
        async with scope(parts.engine, config.slug) as conn:
            new += await keep_settlement(parts, conn, config.slug, provider, one)
    return Read(new, later)


async def keep_settlement(parts: PayingParts, conn: Connection, landlord: str, provider: str, told: Settlement) -> bool:
    """Keep a remittance, its lines matched; False when it was kept before."""
    sum_of_lines = sum(line.gross_cents - line.fee_cents for line in told.lines)
    now = parts.clock.now()
    row = SettlementRow(
        id=new_id(),
        provider=provider,
        ref=told.ref,
        paid_on=told.paid_on,
        net_cents=told.net_cents,
        currency=told.currency,
        difference_cents=told.net_cents - sum_of_lines,
        read_at=now,
    )
    beside, lines, asked = _Beside(provider, told.currency), list[LineRow](), set[UUID]()
    for place, line in enumerate(told.lines, 1):
        verdict = await _judge(conn, beside, line)
        lines.append(_row(row.id, place, line, verdict))
        if verdict.reason and verdict.held is not None:
            asked.add(verdict.held.id)
    if not await add_settlement(conn, landlord=landlord, row=row, lines=lines):
        return False
    await _ask_about(conn, landlord, asked, now)
    return True


async def match_again(conn: Connection, landlord: str, provider: str) -> int:
    """Lines in suspense, laid beside what is known by now: a refund may be heard of after its remittance."""
    waiting = await lines_in_suspense(conn, provider=provider, limit=_MOST_AGAIN)
    remittances = await settlements_by_id(conn, [one.settlement_id for one in waiting])
    matched = 0
    for one in waiting:
        beside = _Beside(provider, remittances[one.settlement_id].currency)
        verdict = await _judge(conn, beside, _told(one))
        if verdict.reason == one.reason:
            continue
        values = {"state": verdict.state, "reason": verdict.reason}
        if not verdict.reason and verdict.held is not None:
            values["payment_id"] = verdict.held.id  # type: ignore[assignment]  # columns of several kinds
        done = await set_line(
            conn, landlord=landlord, settlement_id=one.settlement_id, line=one.line, only_if="suspense", **values
        )
        matched += done and not verdict.reason
    return matched


async def _judge(conn: Connection, beside: _Beside, line: SettlementLine) -> Verdict:
    if line.kind == "fee":
        return Verdict(None, "fee")
    held = await payment_of_line(conn, provider=beside.provider, reference=line.reference, transaction=line.transaction)
    if held is None:
        return Verdict(None, "suspense", "unknown_payment")
    taken = beside.taken[held.id, line.kind] + await settled_cents(conn, held.id, line.kind)
    reason = "other_currency" if beside.currency != held.currency else await _doubt(conn, line, held, taken)
    if reason:
        return Verdict(held, "suspense", reason)
    beside.taken[held.id, line.kind] += line.gross_cents
    return Verdict(held, "matched")


async def _doubt(conn: Connection, line: SettlementLine, held: PaymentRow, taken: int) -> str:
    """Why a line is nobody's yet; "" where it is plainly the payment's, to the cent. `taken`: what lines of its kind
    hold of the payment already."""
    match line.kind:
        case "payment":
            left = held.gross_cents - taken
            if left <= 0:
                return "settled_before" if held.gross_cents else "not_paid"
            several = left > held.amount_cents and line.gross_cents == held.amount_cents
            return "" if line.gross_cents == left or several else "other_amount"
        case "refund":
            heard = [row.event for row in await events_of(conn, held.id)]
            amounts = {event.amount_cents for event in heard if event.kind is EventKind.REFUNDED}
            fits = -held.refunded_cents - taken <= line.gross_cents < 0 and -line.gross_cents in amounts
            return "" if fits else "unknown_refund"
        case "dispute":
            back = line.gross_cents > 0 and taken + line.gross_cents <= 0
            lost = -held.lost_cents - held.contested_cents - taken <= line.gross_cents < 0
            return "" if back or lost else "unknown_dispute"
        case _:
            return "unknown_kind"


async def _ask_about(conn: Connection, landlord: str, payments: set[UUID], now: datetime) -> None:
    """The remittance knows something we do not: the provider is asked, and the line looked at again the next day."""
    for payment in sorted(payments):
        await look_now(conn, landlord, payment, now=now)


def _row(settlement_id: UUID, place: int, line: SettlementLine, verdict: Verdict) -> LineRow:
    return LineRow(
        settlement_id=settlement_id,
        line=place,
        kind=line.kind,
        gross_cents=line.gross_cents,
        fee_cents=line.fee_cents,
        reference=line.reference,
        transaction=line.transaction,
        occurred_on=line.occurred_on,
        payment_id=verdict.held.id if verdict.held and not verdict.reason else None,
        account_id=None,
        state=verdict.state,
        reason=verdict.reason,
        assigned_by="",
        assigned_at=None,
        note="",
    )


def _told(row: LineRow) -> SettlementLine:
    kind = row.kind
    return SettlementLine(
        kind,  # type: ignore[arg-type]  # as it was told
        row.gross_cents,
        row.fee_cents,
        row.reference,
        row.transaction,
        row.occurred_on,
    )
