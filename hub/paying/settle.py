"""Read the providers' remittances (*remises*) and lay each line beside our payment, to the cent."""

from __future__ import annotations

from datetime import timedelta
from typing import Final
from uuid import UUID

from hub.config import LandlordConfig
from hub.domain.clock import today
from hub.paying.parts import PayingParts, able_to, open_provider
from hub.ports import Settlement, SettlementLine
from hub.store.engine import scope
from hub.store.handles import Connection
from hub.store.ids import new_id
from hub.store.payment_rows import PaymentRow, find_payment
from hub.store.settlement_rows import LineRow, SettlementRow, add_settlement, last_paid_on
from hub.sync.threads import in_thread

_FIRST_DAYS: Final = timedelta(days=30)
_AGAIN_DAYS: Final = timedelta(days=5)


async def read_settlements(parts: PayingParts, config: LandlordConfig, provider: str) -> int:
    """Remittances since the last ones read, some days over again; gives how many are new."""
    async with scope(parts.engine, config.slug) as conn:
        last = await last_paid_on(conn, provider)
    day = today(parts.clock, config.identity.time_zone)
    since = day - _FIRST_DAYS if last is None else last - _AGAIN_DAYS
    async with open_provider(parts, config, provider) as opened:
        if not able_to(opened).settles:
            return 0
        found = await in_thread(lambda: list(opened.settlements(since)))
    new = 0
    for one in found:
        async with scope(parts.engine, config.slug) as conn:
            new += await keep_settlement(parts, conn, config.slug, provider, one)
    return new


async def keep_settlement(parts: PayingParts, conn: Connection, landlord: str, provider: str, told: Settlement) -> bool:
    """Keep a remittance, its lines matched; False when it was kept before."""
    sum_of_lines = sum(line.gross_cents - line.fee_cents for line in told.lines)
    row = SettlementRow(
        id=new_id(),
        provider=provider,
        ref=told.ref,
        paid_on=told.paid_on,
        net_cents=told.net_cents,
        currency=told.currency,
        difference_cents=told.net_cents - sum_of_lines,
        read_at=parts.clock.now(),
    )
    lines = [await _match(conn, provider, row.id, place, line) for place, line in enumerate(told.lines, 1)]
    return await add_settlement(conn, landlord=landlord, row=row, lines=lines)


async def _match(conn: Connection, provider: str, settlement_id: UUID, place: int, line: SettlementLine) -> LineRow:
    held, state, reason = None, "fee", ""
    if line.kind != "fee":
        held = await find_payment(conn, provider=provider, reference=line.reference) if line.reference else None
        reason = _doubt(line, held)
        state = "suspense" if reason else "matched"
    return LineRow(
        settlement_id=settlement_id,
        line=place,
        kind=line.kind,
        gross_cents=line.gross_cents,
        fee_cents=line.fee_cents,
        reference=line.reference,
        transaction=line.transaction,
        occurred_on=line.occurred_on,
        payment_id=held.id if held and not reason else None,
        state=state,
        reason=reason,
        assigned_by="",
        assigned_at=None,
        note="",
    )


def _doubt(line: SettlementLine, held: PaymentRow | None) -> str:
    """Why a line is nobody's yet; "" where it is plainly a payment's, to the cent."""
    if held is None:
        return "unknown_payment"
    if line.kind == "payment" and line.gross_cents != held.gross_cents:
        return "other_amount"
    if line.kind == "refund" and not 0 < -line.gross_cents <= held.refunded_cents:
        return "other_amount"
    return ""
