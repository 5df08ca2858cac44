"""What the ERP is told of payments, as rows: planned with the payment's change, settled by the ERP's own answers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from datetime import date, datetime
from typing import Any, Final, Literal
from uuid import UUID

from sqlalchemy import insert, select, text, update
from sqlalchemy.ext.asyncio import AsyncConnection

from hub.store.tables import erp_posting, posting_batch

PostingState = Literal["waiting", "pending", "sent", "unknown", "posted", "reflected", "refused", "void"]
OPEN_STATES: Final = ("pending", "unknown")
"""Still to be told, or to be asked about."""


@dataclass(frozen=True, slots=True)
class PostingRow:
    """One posting. `amount_cents` > 0; `kind` says the direction."""

    id: int
    payment_id: UUID
    account_id: UUID
    reference: str
    kind: Literal["payment", "reversal"]
    amount_cents: int
    reason: str
    reverses: int | None
    paid_on: date
    method: str
    connector: str
    state: PostingState
    batch: int | None
    erp_ref: str
    entry_id: UUID | None
    candidates: int
    attempts: int
    code: str
    message: str
    created_at: datetime
    posted_at: datetime | None
    reflected_at: datetime | None

    @property
    def signed_cents(self) -> int:
        """As the ledger will show it: a payment lowers what is owed."""
        return -self.amount_cents if self.kind == "payment" else self.amount_cents


@dataclass(frozen=True, slots=True)
class NewPosting:
    """A posting to be made. `state`: pending, or waiting until the money is captured."""

    payment_id: UUID
    account_id: UUID
    reference: str
    kind: Literal["payment", "reversal"]
    amount_cents: int
    reason: str
    reverses: int | None
    paid_on: date
    method: str
    connector: str
    state: PostingState
    created_at: datetime
    gap_cents: int = 0


@dataclass(frozen=True, slots=True)
class Named:
    """What the ERP calls the things a posting is about."""

    account_ref: str
    account_number: str
    contract_ref: str
    contract_reference: str
    person_ref: str
    site_ref: str
    reverses: str
    reverses_erp_ref: str


_COLUMNS: Final = tuple(erp_posting.c[field.name] for field in fields(PostingRow))
_NAMES: Final = text("""
    select p.id,
        (select k.external_id from external_key k where k.landlord_id = p.landlord_id and k.source = p.connector
            and k.object_type = 'account' and k.object_id = p.account_id
            order by k.external_id limit 1) as account_ref,
        a.number as account_number, c.contract_ref, c.reference as contract_reference, c.site_ref,
        (select k.external_id from external_key k where k.landlord_id = p.landlord_id and k.source = p.connector
            and k.object_type = 'person' and k.object_id = pay.person_id
            order by k.external_id limit 1) as person_ref,
        o.reference as reverses, o.erp_ref as reverses_erp_ref
    from erp_posting p
    join payment pay on pay.landlord_id = p.landlord_id and pay.id = p.payment_id
    join account a on a.landlord_id = p.landlord_id and a.id = p.account_id
    left join erp_posting o on o.landlord_id = p.landlord_id and o.id = p.reverses
    left join lateral (
        select c.reference,
            (select k.external_id from external_key k where k.landlord_id = c.landlord_id and k.source = p.connector
                and k.object_type = 'contract' and k.object_id = c.id
                order by k.external_id limit 1) as contract_ref,
            (select k.external_id from contract_unit cu
                join unit u on u.landlord_id = cu.landlord_id and u.id = cu.unit_id
                join external_key k on k.landlord_id = u.landlord_id and k.source = p.connector
                    and k.object_type = 'site' and k.object_id = u.site_id
                where cu.landlord_id = c.landlord_id and cu.contract_id = c.id and cu.missing_since is null
                order by cu.is_main desc, cu.id, k.external_id limit 1) as site_ref
        from account_contract ac join contract c on c.landlord_id = ac.landlord_id and c.id = ac.contract_id
        where ac.landlord_id = p.landlord_id and ac.account_id = p.account_id and ac.missing_since is null
        order by c.starts_on desc, c.id limit 1) c on true
    where p.id = any(:ids)""")

# Entries that speak of a posting by its reference, then those that can only be it: the one entry and the one posting
# of that account, amount and kind within some days of each other. Several: a person decides.
_BY_REFERENCE: Final = text("""
    update erp_posting p set state = 'reflected', entry_id = e.id, reflected_at = :now, candidates = 0
    from ledger_entry e
    where p.state not in ('reflected', 'void') and e.landlord_id = p.landlord_id and e.account_id = p.account_id
      and e.payment_ref = p.reference and e.missing_since is null
      and e.amount_cents = case p.kind when 'payment' then -p.amount_cents else p.amount_cents end
      and not exists (select from erp_posting q where q.landlord_id = e.landlord_id and q.entry_id = e.id)
    returning p.id, p.payment_id, p.account_id, p.reference, p.kind, p.amount_cents""")
_IN_FLIGHT: Final = text("select from erp_posting where state not in ('reflected', 'void') limit 1")
_MIGHT_BE: Final = """
    select p.id as posting_id, e.id as entry_id,
        count(*) over (partition by p.id) as entries, count(*) over (partition by e.id) as postings
    from erp_posting p
    join ledger_entry e on e.landlord_id = p.landlord_id and e.account_id = p.account_id
    where p.state in ('posted', 'sent', 'unknown') and e.missing_since is null and e.payment_ref is null
      and e.amount_cents = case p.kind when 'payment' then -p.amount_cents else p.amount_cents end
      and (e.kind = p.method or (p.kind = 'reversal' and e.kind in ('payment_rejected', 'refund')))
      and e.posted_on between p.paid_on - :days and p.paid_on + :days
      and not exists (select from erp_posting q where q.landlord_id = e.landlord_id and q.entry_id = e.id)"""
_ONE_TO_ONE: Final = text(f"""
    update erp_posting p set state = 'reflected', entry_id = m.entry_id, reflected_at = :now, candidates = 0
    from ({_MIGHT_BE}) m where p.id = m.posting_id and m.entries = 1 and m.postings = 1
    returning p.id, p.payment_id, p.account_id, p.reference, p.kind, p.amount_cents""")
_AMBIGUOUS: Final = text(f"""
    update erp_posting p set candidates = m.entries
    from (select distinct posting_id, entries from ({_MIGHT_BE}) x where entries > 1 or postings > 1) m
    where p.id = m.posting_id and p.candidates <> m.entries""")


@dataclass(frozen=True, slots=True)
class Reflected:
    """A posting an entry of the ledger now shows."""

    id: int
    payment_id: UUID
    account_id: UUID
    reference: str
    kind: str
    amount_cents: int


async def postings_of(conn: AsyncConnection, payment_id: UUID) -> list[PostingRow]:
    """The postings of a payment, oldest first."""
    statement = select(*_COLUMNS).where(erp_posting.c.payment_id == payment_id).order_by(erp_posting.c.id)
    return [_posting(row) for row in await conn.execute(statement)]


async def get_posting(conn: AsyncConnection, posting_id: int, *, lock: bool = False) -> PostingRow | None:
    """One posting of the transaction's landlord."""
    statement = select(*_COLUMNS).where(erp_posting.c.id == posting_id)
    row = (await conn.execute(statement.with_for_update() if lock else statement)).one_or_none()
    return None if row is None else _posting(row)


async def find_posting(conn: AsyncConnection, reference: str, *, lock: bool = False) -> PostingRow | None:
    """One posting by the reference the ERP knows it by."""
    statement = select(*_COLUMNS).where(erp_posting.c.reference == reference)
    row = (await conn.execute(statement.with_for_update() if lock else statement)).one_or_none()
    return None if row is None else _posting(row)


async def add_postings(conn: AsyncConnection, *, landlord: str, new: Sequence[NewPosting]) -> list[int]:
    """Write postings; gives their ids in order."""
    ids = []
    for one in new:
        row = {field.name: getattr(one, field.name) for field in fields(one)}
        statement = insert(erp_posting).values(landlord_id=landlord, **row).returning(erp_posting.c.id)
        ids.append((await conn.execute(statement)).scalar_one())
    return ids


async def set_postings(conn: AsyncConnection, *, landlord: str, ids: Sequence[int], **values: Any) -> int:
    """Change postings; what an entry shows already stays as it is. Gives how many changed."""
    mine = (erp_posting.c.landlord_id == landlord, erp_posting.c.id.in_(ids), erp_posting.c.state != "reflected")
    return (await conn.execute(update(erp_posting).where(*mine).values(values))).rowcount


async def names_of(conn: AsyncConnection, ids: Sequence[int]) -> dict[int, Named]:
    """What the ERP calls each posting's account, contract and payer. An account it no longer has is left out."""
    rows = await conn.execute(_NAMES, {"ids": list(ids)})
    return {
        row.id: Named(**{field.name: getattr(row, field.name) or "" for field in fields(Named)})
        for row in rows
        if row.account_ref
    }


async def take_batch(
    conn: AsyncConnection, *, landlord: str, connector: str, day: date, limit: int, now: datetime
) -> tuple[int, date, list[PostingRow]] | None:
    """The batch to be told: the one left open, or a new one of all that is pending; None where there is nothing."""
    batch = posting_batch.c
    mine = (batch.landlord_id == landlord, batch.connector == connector)
    left = (
        await conn.execute(select(batch.number, batch.day).where(*mine, batch.state == "open").with_for_update())
    ).first()
    if left is None:
        number = await _open_batch(conn, landlord, connector, day, limit, now)
        if number is None:
            return None
        left_number, left_day = number, day
    else:
        left_number, left_day = left.number, left.day
    statement = select(*_COLUMNS).where(erp_posting.c.connector == connector, erp_posting.c.batch == left_number)
    rows = [_posting(row) for row in await conn.execute(statement.order_by(erp_posting.c.id))]
    return left_number, left_day, rows


async def _open_batch(
    conn: AsyncConnection, landlord: str, connector: str, day: date, limit: int, now: datetime
) -> int | None:
    posting = erp_posting.c
    waiting = (posting.landlord_id == landlord, posting.connector == connector, posting.state == "pending")
    chosen = (
        (await conn.execute(select(posting.id).where(*waiting).order_by(posting.id).limit(limit).with_for_update()))
        .scalars()
        .all()
    )
    if not chosen:
        return None
    last = text(
        "select coalesce(max(number), 0) from posting_batch where landlord_id = :landlord and connector = :name"
    )
    number: int = (await conn.execute(last, {"landlord": landlord, "name": connector})).scalar_one() + 1
    row = {"landlord_id": landlord, "connector": connector, "number": number, "day": day, "created_at": now}
    await conn.execute(insert(posting_batch).values(**row, state="open"))
    await conn.execute(update(erp_posting).where(waiting[0], posting.id.in_(chosen)).values(batch=number))
    return number


async def close_batch(conn: AsyncConnection, *, landlord: str, connector: str, number: int) -> None:
    """The batch was told; nothing is added to it any more."""
    batch = posting_batch.c
    mine = (batch.landlord_id == landlord, batch.connector == connector, batch.number == number)
    await conn.execute(update(posting_batch).where(*mine).values(state="told"))


async def next_number(conn: AsyncConnection, *, landlord: str, connector: str, day: date, now: datetime) -> int:
    """The number of a posting that goes out alone."""
    last = text(
        "select coalesce(max(number), 0) from posting_batch where landlord_id = :landlord and connector = :name"
    )
    number: int = (await conn.execute(last, {"landlord": landlord, "name": connector})).scalar_one() + 1
    row = {"landlord_id": landlord, "connector": connector, "number": number, "day": day, "created_at": now}
    await conn.execute(insert(posting_batch).values(**row, state="told"))
    return number


async def reflect(conn: AsyncConnection, *, days: int, now: datetime) -> list[Reflected]:
    """Find the postings that entries now show, in the transaction that applies the entries: by our reference, else one
    to one by account, amount, kind and day. Those that could be several entries are marked for a person."""
    if (await conn.execute(_IN_FLIGHT)).first() is None:
        return []
    found = [
        *(await conn.execute(_BY_REFERENCE, {"now": now})),
        *(await conn.execute(_ONE_TO_ONE, {"now": now, "days": days})),
    ]
    await conn.execute(_AMBIGUOUS, {"days": days})
    return [Reflected(**row._mapping) for row in found]


async def open_postings(conn: AsyncConnection, *, limit: int = 100) -> list[PostingRow]:
    """Postings a person might have to look at, oldest first: refused, unknown, or possibly several entries."""
    wanted = (erp_posting.c.state.in_(("refused", "unknown"))) | (erp_posting.c.candidates > 0)
    statement = select(*_COLUMNS).where(wanted, erp_posting.c.state != "reflected")
    return [_posting(row) for row in await conn.execute(statement.order_by(erp_posting.c.id).limit(limit))]


async def any_sent(conn: AsyncConnection) -> bool:
    """Whether some were delivered whose answer is to come."""
    statement = select(erp_posting.c.id).where(erp_posting.c.state == "sent").limit(1)
    return (await conn.execute(statement)).first() is not None


async def take_overdue(conn: AsyncConnection, *, before: datetime, now: datetime) -> list[PostingRow]:
    """Postings made before then that no entry shows and nobody was told of; they count as told, for one caller only."""
    posting = erp_posting.c
    late = (posting.created_at < before, posting.state.not_in(("reflected", "void")), posting.told_at.is_(None))
    rows = await conn.execute(update(erp_posting).where(*late).values(told_at=now).returning(*_COLUMNS))
    return [_posting(row) for row in rows]


def _posting(row: Any) -> PostingRow:
    return PostingRow(**row._mapping)
