"""Which postings a payment's state asks for: what the ERP must have been told, less what it was."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import date, datetime, timedelta
from typing import Final
from uuid import UUID
from zoneinfo import ZoneInfo

from hub.config import LandlordConfig
from hub.domain.allocation import split_rest
from hub.domain.payments import PaymentState, Projection, erp_totals
from hub.domain.references import posting_reference
from hub.domain.schedule import duration
from hub.paying.parts import POSTINGS
from hub.services.read_account import gaps_of
from hub.store.handles import Connection
from hub.store.job_rows import enqueue
from hub.store.payment_rows import PartRow, PaymentRow, parts_of
from hub.store.posting_rows import NewPosting, PostingRow, add_postings, postings_of, set_postings

MOST_ATTEMPTS: Final = 200
"""At a quarter of an hour each, two days of "not now"; an ERP that does not answer counts as no attempt."""
METHODS: Final = {
    "card": "payment_card",
    "direct_debit": "payment_direct_debit",
    "transfer": "payment_transfer",
    "cash": "payment_cash",
    "cheque": "payment_cheque",
    "tip": "payment_tip",
    "test": "payment_card",
}


async def plan_postings(
    conn: Connection, config: LandlordConfig, held: PaymentRow, found: Projection, *, paid_on: date, now: datetime
) -> tuple[str, ...]:
    """Write the postings that are missing and ask for their telling; gives the queues to ring."""
    erp = config.erp
    if erp is None or found.state is PaymentState.REVIEW:
        return ()
    parts = await parts_of(conn, held.id)
    ever = await postings_of(conn, held.id)
    known = await _settle_waiting(conn, config.slug, ever, found)
    paid, back = erp_totals(found, told_cents=_sum(known, "payment"), back_cents=_sum(known, "reversal"))
    waits = config.payments.post == "captured" and found.captured_cents < found.gross_cents
    gaps = await gaps_of(conn, config.slug, [part.account_id for part in parts], today=_day(config, now))
    payments = _numbered(
        held, _missing(held, parts, known, "payment", paid, paid_on, erp, now, waits=waits), len(ever), gaps
    )
    paid_ids = await add_postings(conn, landlord=config.slug, new=payments)
    first = _first_paid(known, zip(paid_ids, payments, strict=True))
    back_on, why = _day(config, now), _why(found)
    taken = _missing(held, parts, known, "reversal", back, back_on, erp, now, reason=why, reverses=first)
    reversals = _numbered(held, taken, len(ever) + len(payments), gaps)
    ids = [*paid_ids, *await add_postings(conn, landlord=config.slug, new=reversals)]
    released = [one for one in known if one.state == "waiting" and not waits]
    if released:
        await set_postings(conn, landlord=config.slug, ids=[one.id for one in released], state="pending")
    due = [(one.id, one.account_id) for one in released]
    due += [(i, one.account_id) for i, one in zip(ids, [*payments, *reversals], strict=True) if one.state == "pending"]
    for posting_id, account in due:
        await ask_to_post(conn, config, posting_id, account=account, now=now)
    return (POSTINGS,) if due else ()


async def ask_to_post(
    conn: Connection, config: LandlordConfig, posting_id: int, *, account: UUID, now: datetime
) -> None:
    """One job for a posting that goes out alone, in order per account; one for all where they go in batches."""
    push, erp = config.push(), config.erp or ""
    if push is not None and push.batch:
        await ask_for_batch(conn, config, now=now)
        return
    await enqueue(
        conn,
        landlord=config.slug,
        queue=POSTINGS,
        kind="erp.post",
        dedup_key=str(posting_id),
        order_key=f"post-{account}",
        payload={"posting": posting_id},
        needs=[erp],
        now=now,
        max_attempts=MOST_ATTEMPTS,
    )


async def ask_for_batch(conn: Connection, config: LandlordConfig, *, now: datetime) -> None:
    """One batch for all that is pending once the landlord's wait is over."""
    erp = config.erp or ""
    await enqueue(
        conn,
        landlord=config.slug,
        queue=POSTINGS,
        kind="erp.batch",
        dedup_key=erp,
        order_key=f"batch-{erp}",
        payload={"connector": erp},
        needs=[erp],
        now=now,
        run_at=now + timedelta(seconds=duration(config.payments.batch_every)),
        max_attempts=MOST_ATTEMPTS,
    )


async def _settle_waiting(
    conn: Connection, landlord: str, known: Sequence[PostingRow], found: Projection
) -> list[PostingRow]:
    """A posting that waited for a capture which never comes was never told: it is void, and nothing is taken back."""
    gone = [one for one in known if one.state == "waiting" and not found.gross_cents]
    if gone:
        await set_postings(conn, landlord=landlord, ids=[one.id for one in gone], state="void")
    return [one for one in known if one.state != "void" and one not in gone]


def _missing(
    held: PaymentRow,
    parts: Sequence[PartRow],
    known: Sequence[PostingRow],
    kind: str,
    total: int,
    day: date,
    erp: str,
    now: datetime,
    *,
    waits: bool = False,
    reason: str = "",
    reverses: Mapping[UUID, int] | None = None,
) -> list[NewPosting]:
    """For each account, what is still to be told of this kind."""
    told = [[one for one in known if one.account_id == part.account_id] for part in parts]
    shares = split_rest(total, [part.amount_cents for part in parts], [_sum(mine, kind) for mine in told])
    new = []
    for part, left in zip(parts, shares, strict=True):
        if left > 0:
            new.append(
                NewPosting(
                    payment_id=held.id,
                    account_id=part.account_id,
                    reference="",
                    kind="payment" if kind == "payment" else "reversal",
                    amount_cents=left,
                    reason=reason,
                    reverses=(reverses or {}).get(part.account_id),
                    paid_on=day,
                    method=METHODS[held.method],
                    connector=erp,
                    state="waiting" if waits else "pending",
                    created_at=now,
                )
            )
    return new


def _numbered(held: PaymentRow, new: Sequence[NewPosting], taken: int, gaps: Mapping[UUID, int]) -> list[NewPosting]:
    """With references of their own: the payment's and a number, which goes on from those that are taken."""
    return [
        replace(one, reference=posting_reference(held.reference, number), gap_cents=gaps.get(one.account_id, 0))
        for number, one in enumerate(new, taken + 1)
    ]


def _first_paid(known: Sequence[PostingRow], new: Iterable[tuple[int, NewPosting]]) -> dict[UUID, int]:
    """The payment of each account that a reversal takes back, also where both are heard of at once."""
    found = {one.account_id: posting_id for posting_id, one in new}
    return found | {one.account_id: one.id for one in reversed(known) if one.kind == "payment"}


def _sum(known: Sequence[PostingRow], kind: str) -> int:
    return sum(one.amount_cents for one in known if one.kind == kind)


def _why(found: Projection) -> str:
    if found.lost_cents:
        return "charged_back"
    return "refunded" if found.refunded_cents else "capture_lost"


def _day(config: LandlordConfig, now: datetime) -> date:
    return now.astimezone(ZoneInfo(config.identity.time_zone)).date()
