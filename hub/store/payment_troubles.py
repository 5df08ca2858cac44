"""Payments that need a person, and why: one list of reasons for the list, the count and the alert."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from hub.domain.payments import OPEN

RESOLVED_WITHIN: Final = timedelta(days=1)
"""So long after its time is over a payment's end is known, or a person finds it out."""
_QUEUES: Final = "('payments', 'postings')"
_OPEN: Final = ", ".join(f"'{state.value}'" for state in sorted(OPEN))

# Each gives ids of payments. Postings that wait for the ERP, or are asked about by themselves, need nobody yet.
_REASONS: Final[dict[str, str]] = {
    "review": "select id from payment where state = 'review'",
    "unresolved": f"select id from payment where state in ({_OPEN}) and expires_at < :resolved",
    "posting_refused": "select payment_id from erp_posting where state = 'refused'",
    "posting_unknown": "select payment_id from erp_posting where state = 'unknown' and code = 'NOT_KNOWN'",
    "posting_ambiguous": (
        "select payment_id from erp_posting where candidates > 0 and state not in ('reflected', 'void')"
    ),
    "posting_overdue": (
        "select payment_id from erp_posting where state not in ('reflected', 'void', 'refused')"
        " and created_at < :overdue"
    ),
    "refund_waits": "select payment_id from payment_refund where state = 'waits_for_second'",
    "job_given_up": f"""
        select cast(j.payload ->> 'payment' as uuid) from job j
            where j.state = 'dead' and j.queue in {_QUEUES} and j.payload ? 'payment'
        union select p.payment_id from job j join erp_posting p on p.id = cast(j.payload ->> 'posting' as bigint)
            where j.state = 'dead' and j.queue in {_QUEUES} and j.payload ? 'posting'
        union select r.payment_id from job j join payment_refund r on r.id = cast(j.payload ->> 'refund' as uuid)
            where j.state = 'dead' and j.queue in {_QUEUES} and j.payload ? 'refund'""",
}
REASONS: Final = tuple(_REASONS)
TROUBLED: Final = " union ".join(_REASONS.values())
"""Ids of the payments that need a person; takes `resolved` and `overdue` (see `limits`)."""
_WHY: Final = text(
    " union all ".join(
        f"select '{reason}' as reason, x.id from (select distinct * from ({ids}) y) x(id) where x.id = any(:ids)"
        for reason, ids in _REASONS.items()
    )
)
_COUNTS: Final = text(
    " union all ".join(
        [
            *(
                f"select '{reason}' as reason, count(distinct x.id) from ({ids}) x(id)"
                for reason, ids in _REASONS.items()
            ),
            "select 'suspense', count(*) from settlement_line where state = 'suspense'",
            f"select 'dead_jobs', count(*) from job where state = 'dead' and queue in {_QUEUES}",
        ]
    )
)


@dataclass(frozen=True, slots=True)
class Troubles:
    """How many payments need a person, by reason; lines of remittances in suspense; jobs of payments given up on."""

    payments: Mapping[str, int] = field(default_factory=dict)
    suspense: int = 0
    dead_jobs: int = 0

    @property
    def any(self) -> bool:
        return bool(self.payments or self.suspense or self.dead_jobs)


def limits(now: datetime, alert_days: int) -> dict[str, datetime]:
    """What `TROUBLED` takes."""
    return {"resolved": now - RESOLVED_WITHIN, "overdue": now - timedelta(days=alert_days)}


async def count_troubles(conn: AsyncConnection, *, now: datetime, alert_days: int) -> Troubles:
    """The troubles of the transaction's landlord."""
    counted = {row[0]: row[1] for row in await conn.execute(_COUNTS, limits(now, alert_days)) if row[1]}
    suspense, dead = counted.pop("suspense", 0), counted.pop("dead_jobs", 0)
    return Troubles({reason: counted[reason] for reason in REASONS if reason in counted}, suspense, dead)


async def why_troubled(
    conn: AsyncConnection, ids: Sequence[UUID], *, now: datetime, alert_days: int
) -> dict[UUID, tuple[str, ...]]:
    """By payment, the reasons why it needs a person, in the order of `REASONS`; those that need nobody are left out."""
    found: dict[UUID, set[str]] = {}
    for row in await conn.execute(_WHY, {"ids": list(ids), **limits(now, alert_days)}):
        found.setdefault(row.id, set()).add(row.reason)
    return {payment: tuple(reason for reason in REASONS if reason in why) for payment, why in found.items()}
