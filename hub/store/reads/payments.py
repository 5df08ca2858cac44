"""Payments as tenants see them: those for accounts they may see, with what the ERP has of each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import text

from hub.store.reads.columns import grouped, listed
from hub.store.reads.reading import Reading


@dataclass(frozen=True, slots=True)
class PaymentPosition:
    """A payment's place in a history, newest first."""

    created_at: datetime
    id: UUID


@dataclass(frozen=True, slots=True)
class TenantPayment:
    """A payment. `mine`: the person asking began it; only then is `action` there. `booked`: none, waiting, told,
    in_ledger or stuck, the least of its postings."""

    id: UUID
    reference: str
    mine: bool
    provider: str
    method: str
    amount_cents: int
    state: str
    reason: str
    gross_cents: int
    refunded_cents: int
    lost_cents: int
    created_at: datetime
    expires_at: datetime
    paid_at: datetime | None
    booked: str
    action: Mapping[str, Any] | None

    @property
    def position(self) -> PaymentPosition:
        return PaymentPosition(self.created_at, self.id)


@dataclass(frozen=True, slots=True)
class PartOfPayment:
    """How much of a payment is for an account this session may see."""

    payment_id: UUID
    account_id: UUID
    amount_cents: int


_BOOKED = """(
    select case
        when count(*) = 0 then 'none'
        when bool_or(g.state = 'refused' or g.code = 'NOT_KNOWN' or g.candidates > 0) then 'stuck'
        when bool_and(g.state = 'reflected') then 'in_ledger'
        when bool_and(g.state in ('reflected', 'posted', 'sent')) then 'told'
        else 'waiting' end
    from erp_posting g where g.landlord_id = p.landlord_id and g.payment_id = p.id and g.state <> 'void')"""
_MINE = "p.person_id = (select nullif(current_setting('app.person', true), '')::uuid)"
_ACTION = "(select x.action from payment_action x where x.landlord_id = p.landlord_id and x.payment_id = p.id)"
_COLUMNS = listed(TenantPayment, "p", mine=_MINE, booked=_BOOKED, action=_ACTION)

_PAGE = text(f"""
    select {_COLUMNS} from payment p
    where (cast(:account as uuid) is null or exists (
        select from payment_part t
        where t.landlord_id = p.landlord_id and t.payment_id = p.id and t.account_id = :account))
      and (cast(:after_id as uuid) is null or (p.created_at, p.id) < (cast(:created_at as timestamptz), :after_id))
    order by p.created_at desc, p.id desc limit :take""")
_BY_IDS = text(f"select {_COLUMNS} from payment p where p.id = any(cast(:ids as uuid[]))")
_BY_KEY = text("""
    select p.id, p.request_sha256 from payment p
    where p.idempotency_key = :key and p.person_id = (select nullif(current_setting('app.person', true), '')::uuid)""")
_OPEN = text("""
    select p.id, p.person_id = (select nullif(current_setting('app.person', true), '')::uuid) as mine,
        p.provider, p.amount_cents, p.request_sha256
    from payment_part t join payment p on p.landlord_id = t.landlord_id and p.id = t.payment_id
    where t.is_open and t.account_id = any(cast(:ids as uuid[])) order by p.created_at, p.id limit 1""")
_PARTS = text("""
    select t.payment_id, t.account_id, t.amount_cents from payment_part t
    where t.payment_id = any(cast(:ids as uuid[])) order by t.account_id""")


@dataclass(frozen=True, slots=True)
class OpenPayment:
    """A payment that is begun and not ended, for an account somebody wants to pay."""

    id: UUID
    mine: bool
    provider: str
    amount_cents: int
    request_sha256: str


async def page(
    reading: Reading, *, take: int, after: PaymentPosition | None = None, account: UUID | None = None
) -> list[TenantPayment]:
    """The session's payments (of one account), newest first."""
    found = await reading.rows(
        _PAGE, take=take, account=account, after_id=after and after.id, created_at=after and after.created_at
    )
    return [TenantPayment(*row) for row in found]


async def by_ids(reading: Reading, ids: Sequence[UUID]) -> list[TenantPayment]:
    """The payments among `ids` this session may see."""
    return [TenantPayment(*row) for row in await reading.rows(_BY_IDS, ids=list(ids))]


async def by_key(reading: Reading, key: str) -> tuple[UUID, str] | None:
    """The payment the person asking began under this key, and the digest of what was asked."""
    found = await reading.rows(_BY_KEY, key=key)
    return (found[0][0], found[0][1]) if found else None


async def open_for(reading: Reading, accounts: Sequence[UUID]) -> OpenPayment | None:
    """A payment that is open for one of these accounts."""
    found = await reading.rows(_OPEN, ids=list(accounts))
    return OpenPayment(*found[0]) if found else None


async def parts(reading: Reading, payments: Sequence[UUID]) -> dict[UUID, list[PartOfPayment]]:
    """The parts of each payment."""
    rows = [PartOfPayment(*row) for row in await reading.rows(_PARTS, ids=list(payments))]
    return grouped((row.payment_id, row) for row in rows)
