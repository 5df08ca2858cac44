"""Rent notices with their documents, and their lines."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from datetime import date
from typing import Any, Literal
from uuid import UUID

from sqlalchemy import TextClause, text

from hub.store.reads.columns import grouped, listed
from hub.store.reads.documents import DOCUMENT_COLUMNS, WITH_CONTENT, DocumentRow, of_contract
from hub.store.reads.reading import Reading

Owner = Literal["contract", "account"]


@dataclass(frozen=True, slots=True)
class NoticePosition:
    """A notice's place among the notices of its owner: the latest period first."""

    period_from: date
    id: UUID


@dataclass(frozen=True, slots=True)
class NoticeRow:
    id: UUID
    account_id: UUID
    contract_id: UUID | None
    number: str
    period_from: date
    period_to: date
    issued_on: date
    due_on: date | None
    previous_balance_cents: int | None
    total_cents: int


@dataclass(frozen=True, slots=True)
class NoticeWithDocument:
    notice: NoticeRow
    document: DocumentRow | None

    @property
    def position(self) -> NoticePosition:
        return NoticePosition(self.notice.period_from, self.notice.id)


@dataclass(frozen=True, slots=True)
class LineRow:
    """A line of a notice; `position` is its place on paper."""

    position: int
    kind: str
    label: str
    amount_cents: int


_WIDTH = len(fields(NoticeRow))


def _with_document(notices: str) -> TextClause:
    """Notices (with an `owner`) and the latest document of each: a notice is mostly asked for its PDF."""
    return text(f"""
        select n.owner, {listed(NoticeRow, "n")}, {DOCUMENT_COLUMNS}
        from ({notices}) as n
        left join lateral (
          select * from document
          where landlord_id = n.landlord_id and notice_id = n.id and kind = 'rent_notice'
          order by dated_on desc, id desc limit 1
        ) as d on true
        {WITH_CONTENT}
        order by n.period_from desc, n.id desc""")


def _pages(belongs: str) -> TextClause:
    """Pages of the notices of each owner, by a condition on `rn` and `asked.owner`."""
    return _with_document(f"""
        select asked.owner, page.*
        from unnest(cast(:ids as uuid[])) as asked (owner)
        cross join lateral (
          select rn.* from rent_notice rn
          where {belongs} and (cast(:after_id as uuid) is null
            or (rn.period_from, rn.id) < (cast(:period_from as date), cast(:after_id as uuid)))
          order by rn.period_from desc, rn.id desc limit :take
        ) as page""")


_PAGES: dict[Owner, TextClause] = {
    "contract": _pages(of_contract("rn", "= asked.owner")),
    "account": _pages("rn.account_id = asked.owner"),
}
_BY_IDS = _with_document("select id as owner, * from rent_notice where id = any(cast(:ids as uuid[]))")
_LINES = text(f"""
    select l.notice_id, {listed(LineRow, "l")}
    from rent_notice_line l
    where l.notice_id = any(cast(:ids as uuid[])) and l.missing_since is null
    order by l.notice_id, l.position""")


def _assemble(row: Sequence[Any]) -> NoticeWithDocument:
    notice, document = row[:_WIDTH], row[_WIDTH:]
    return NoticeWithDocument(NoticeRow(*notice), DocumentRow(*document) if document[0] else None)


async def pages(
    reading: Reading, owners: Sequence[UUID], *, of: Owner, take: int, after: NoticePosition | None = None
) -> dict[UUID, list[NoticeWithDocument]]:
    """The next `take` notices of each contract or account, the latest period first."""
    place = {"period_from": after and after.period_from, "after_id": after and after.id}
    found = await reading.rows(_PAGES[of], ids=list(owners), take=take, **place)
    return grouped((row[0], _assemble(row[1:])) for row in found)


async def by_ids(reading: Reading, ids: Sequence[UUID]) -> list[NoticeWithDocument]:
    """The notices among `ids` this session may see, the latest period first."""
    return [_assemble(row[1:]) for row in await reading.rows(_BY_IDS, ids=list(ids))]


async def lines(reading: Reading, notices: Sequence[UUID]) -> dict[UUID, list[LineRow]]:
    """The lines of each notice in their printed order."""
    return grouped((row[0], LineRow(*row[1:])) for row in await reading.rows(_LINES, ids=list(notices)))
