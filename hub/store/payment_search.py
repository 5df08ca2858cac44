"""What an operator looks for among payments: by part of a reference, account, contract, state, day, or trouble."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, fields
from datetime import date, datetime
from typing import Any, Final
from uuid import UUID

from sqlalchemy import select, text
from sqlalchemy.ext.asyncio import AsyncConnection

from hub.domain.payments import PaymentState
from hub.store.payment_rows import PaymentRow
from hub.store.payment_troubles import TROUBLED, limits
from hub.store.tables import payment

_COLUMNS: Final = tuple(payment.c[field.name] for field in fields(PaymentRow))
_OF_ACCOUNT: Final = text("""
    payment.id in (
        select t.payment_id from payment_part t
        join account a on a.landlord_id = t.landlord_id and a.id = t.account_id
        where a.number = :named
        union
        select t.payment_id from payment_part t
        join account_contract ac on ac.landlord_id = t.landlord_id and ac.account_id = t.account_id
        join contract c on c.landlord_id = ac.landlord_id and c.id = ac.contract_id
        where c.reference = :named)""")
_FACTS: Final = text("""
    select pay.id,
        array(select a.number from payment_part t
            join account a on a.landlord_id = t.landlord_id and a.id = t.account_id
            where t.landlord_id = pay.landlord_id and t.payment_id = pay.id order by a.number) as accounts,
        array(select distinct c.reference from payment_part t
            join account_contract ac on ac.landlord_id = t.landlord_id and ac.account_id = t.account_id
            join contract c on c.landlord_id = ac.landlord_id and c.id = ac.contract_id
            where t.landlord_id = pay.landlord_id and t.payment_id = pay.id order by 1) as contracts,
        array(select p.state from erp_posting p
            where p.landlord_id = pay.landlord_id and p.payment_id = pay.id order by p.id) as postings
    from payment pay where pay.id = any(:ids)""")
_PARTS: Final = text("""
    select t.account_id, a.number, a.kind, t.amount_cents,
        array(select distinct c.reference from account_contract ac
            join contract c on c.landlord_id = ac.landlord_id and c.id = ac.contract_id
            where ac.landlord_id = t.landlord_id and ac.account_id = t.account_id order by 1) as contracts
    from payment_part t join account a on a.landlord_id = t.landlord_id and a.id = t.account_id
    where t.payment_id = :id order by a.number""")
_SHARES: Final = text("select e.id, e.kind, e.posted_on, e.amount_cents from ledger_entry e where e.id = any(:ids)")


@dataclass(frozen=True, slots=True)
class Search:
    """What is looked for; all of it must hold. `named`: an account's number or a contract's reference. `before`: the
    last payment seen, to go on after it."""

    states: tuple[str, ...] | None = None
    named: str | None = None
    since: datetime | None = None
    stuck: bool = False
    before: UUID | None = None
    limit: int = 50


@dataclass(frozen=True, slots=True)
class Facts:
    """Numbers of the accounts a payment is for, references of their contracts, and the states of its postings."""

    accounts: tuple[str, ...] = ()
    contracts: tuple[str, ...] = ()
    postings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class NamedPart:
    """How much of a payment is for an account."""

    account_id: UUID
    number: str
    kind: str
    amount_cents: int
    contracts: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class EntryFacts:
    """A ledger entry as an operator recognises it. Not its label, where ERPs write names."""

    id: UUID
    kind: str
    posted_on: date
    amount_cents: int


async def search_payments(conn: AsyncConnection, search: Search, *, now: datetime, alert_days: int) -> list[PaymentRow]:
    """The landlord's payments, newest first."""
    statement, values = select(*_COLUMNS), dict[str, Any]()
    if search.states is not None:
        statement = statement.where(payment.c.state.in_(search.states))
    if search.named is not None:
        statement, values["named"] = statement.where(_OF_ACCOUNT), search.named
    if search.since is not None:
        statement = statement.where(payment.c.created_at >= search.since)
    if search.stuck:
        statement = statement.where(text(f"payment.id in ({TROUBLED})"))
        values |= limits(now, alert_days)
    if search.before is not None:
        statement = statement.where(payment.c.id < search.before)
    rows = await conn.execute(statement.order_by(payment.c.id.desc()).limit(search.limit), values)
    return [PaymentRow(**{**row._mapping, "state": PaymentState(row.state)}) for row in rows]


async def references_like(conn: AsyncConnection, prefix: str, *, limit: int = 2) -> list[str]:
    """References that begin so."""
    statement = select(payment.c.reference).where(payment.c.reference.startswith(prefix, autoescape=True))
    return list((await conn.execute(statement.order_by(payment.c.reference).limit(limit))).scalars())


async def references_of(conn: AsyncConnection, ids: Collection[UUID]) -> dict[UUID, str]:
    """Payments' references."""
    rows = await conn.execute(select(payment.c.id, payment.c.reference).where(payment.c.id.in_(ids)))
    return {row.id: row.reference for row in rows}


async def facts_of(conn: AsyncConnection, ids: Sequence[UUID]) -> dict[UUID, Facts]:
    """By payment, what a line of the list tells beside the payment's own row."""
    rows = await conn.execute(_FACTS, {"ids": list(ids)})
    return {row.id: Facts(tuple(row.accounts), tuple(row.contracts), tuple(row.postings)) for row in rows}


async def named_parts(conn: AsyncConnection, payment_id: UUID) -> list[NamedPart]:
    """The parts of a payment, by account number."""
    rows = await conn.execute(_PARTS, {"id": payment_id})
    return [NamedPart(**{**row._mapping, "contracts": tuple(row.contracts)}) for row in rows]


async def entries_by_id(conn: AsyncConnection, ids: Sequence[UUID]) -> dict[UUID, EntryFacts]:
    """Ledger entries by id."""
    return {row.id: EntryFacts(**row._mapping) for row in await conn.execute(_SHARES, {"ids": list(ids)})}


async def accounts_named(conn: AsyncConnection, number: str) -> list[UUID]:
    """Accounts with this number."""
    rows = await conn.execute(text("select id from account where number = :number order by id"), {"number": number})
    return list(rows.scalars())
