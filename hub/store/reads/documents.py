"""Documents and where their content lies."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from uuid import UUID

from sqlalchemy import text

from hub.store.reads.columns import grouped, listed
from hub.store.reads.reading import Reading


@dataclass(frozen=True, slots=True)
class DocumentPosition:
    """A document's place among the documents of its owner: the latest first."""

    dated_on: date
    id: UUID


@dataclass(frozen=True, slots=True)
class DocumentRow:
    """A document. `through`: the contract of this session it is seen through; no media type or size without a file."""

    id: UUID
    kind: str
    title: str
    dated_on: date
    contract_id: UUID | None
    notice_id: UUID | None
    through: UUID | None
    media_type: str | None
    size: int | None

    @property
    def position(self) -> DocumentPosition:
        return DocumentPosition(self.dated_on, self.id)


@dataclass(frozen=True, slots=True)
class StoredFile:
    """A document's content in the blob store; `size` is of the plain content, in bytes."""

    kind: str
    dated_on: date
    media_type: str
    path: str
    size: int
    key_id: int


# A document names its contract, or else its rent notice's account belongs to one.
_THROUGH = """coalesce(
    (select d.contract_id where d.contract_id = any (nullif(current_setting('app.contracts', true), '')::uuid[])),
    (select ac.contract_id from rent_notice n
      join account_contract ac on ac.landlord_id = n.landlord_id and ac.account_id = n.account_id
      where n.landlord_id = d.landlord_id and n.id = d.notice_id and ac.missing_since is null
      order by ac.contract_id limit 1))"""
DOCUMENT_COLUMNS = listed(DocumentRow, "d", through=_THROUGH, media_type="f.media_type", size="b.size")
"""What a `DocumentRow` is made of, from `document d` and its content."""

WITH_CONTENT = """left join (document_file f
      join blob b on b.landlord_id = f.landlord_id and b.id = f.blob_id
    ) on f.landlord_id = d.landlord_id and f.document_id = d.id"""


def of_contract(notice: str, contract: str) -> str:
    """The condition that a rent notice belongs to a contract (`contract`: a condition, `= …`).

    It is posted to an account of the contract, and names that contract or none. Written so that the account's index
    leads to it, whatever the planner knows.
    """
    return f"""{notice}.account_id = any (array(
        select ac.account_id from account_contract ac where ac.contract_id {contract} and ac.missing_since is null))
      and coalesce({notice}.contract_id {contract}, true)"""


def _page(contract: str) -> str:
    """A page of the documents about a contract (a condition, `= …`) or about one of its notices, the latest first."""
    return f"""
        select {DOCUMENT_COLUMNS}
        from (
          select * from document where contract_id {contract}
          union all
          select paper.* from rent_notice n
          join document paper on paper.landlord_id = n.landlord_id and paper.notice_id = n.id
          where {of_contract("n", contract)} and (paper.contract_id {contract}) is not true
        ) as d
        {WITH_CONTENT}
        where (cast(:kinds as text[]) is null or d.kind = any(:kinds))
          and (cast(:after_id as uuid) is null
            or (d.dated_on, d.id) < (cast(:dated_on as date), cast(:after_id as uuid)))
        order by d.dated_on desc, d.id desc limit :take"""


_ANY = "= any(cast(:ids as uuid[]))"
_OF_SESSION = text(_page(_ANY))
_OF_EACH = text(f"""
    select asked.contract_id as owner, page.*
    from unnest(cast(:ids as uuid[])) with ordinality as asked (contract_id, place)
    cross join lateral ({_page("= asked.contract_id")}) as page
    order by asked.place, page.dated_on desc, page.id desc""")
_BY_IDS = text(f"select {DOCUMENT_COLUMNS} from document d {WITH_CONTENT} where d.id {_ANY}")
_STORED = text(f"""
    select d.kind, d.dated_on, f.media_type, b.path, b.size, b.key_id
    from document d {WITH_CONTENT}
    where d.id = :document and b.id is not null""")


async def page_of_session(
    reading: Reading,
    contracts: Sequence[UUID],
    *,
    take: int,
    after: DocumentPosition | None = None,
    kinds: Sequence[str] | None = None,
) -> list[DocumentRow]:
    """The next `take` documents about any of the contracts, rent notices' among them, the latest first."""
    found = await reading.rows(_OF_SESSION, ids=list(contracts), **_values(take, after, kinds))
    return [DocumentRow(*row) for row in found]


async def pages_of_contracts(
    reading: Reading,
    contracts: Sequence[UUID],
    *,
    take: int,
    after: DocumentPosition | None = None,
    kinds: Sequence[str] | None = None,
) -> dict[UUID, list[DocumentRow]]:
    """The next `take` documents about each contract, the latest first."""
    found = await reading.rows(_OF_EACH, ids=list(contracts), **_values(take, after, kinds))
    return grouped((row[0], DocumentRow(*row[1:])) for row in found)


def _values(take: int, after: DocumentPosition | None, kinds: Sequence[str] | None) -> dict[str, object]:
    return {
        "take": take,
        "dated_on": after and after.dated_on,
        "after_id": after and after.id,
        "kinds": None if kinds is None else list(kinds),
    }


async def by_ids(reading: Reading, ids: Sequence[UUID]) -> list[DocumentRow]:
    """The documents among `ids` this session may see, in no order."""
    return [DocumentRow(*row) for row in await reading.rows(_BY_IDS, ids=list(ids))]


async def stored_file(reading: Reading, document: UUID) -> StoredFile | None:
    """Where a document's content lies; None when this reading may not see it or it has no content."""
    found = await reading.rows(_STORED, document=document)
    return StoredFile(*found[0]) if found else None
