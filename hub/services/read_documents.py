"""What a tenant asks of documents; rent notices' PDFs are among them."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from hub.services.paging import Page
from hub.store.reads import Reading, Session, documents
from hub.store.reads.documents import DocumentPosition, DocumentRow

Kinds = tuple[str, ...] | None


async def document_page(
    reading: Reading, session: Session, *, first: int, after: DocumentPosition | None, kinds: Kinds
) -> Page[DocumentRow]:
    """A page of all documents of the session, the latest first."""
    found = await documents.page_of_session(reading, session.contracts, take=first + 1, after=after, kinds=kinds)
    return Page.cut(found, first)


async def document_pages(
    reading: Reading, contracts: Sequence[UUID], *, first: int, after: DocumentPosition | None, kinds: Kinds
) -> dict[UUID, Page[DocumentRow]]:
    """A page of the documents of each contract, the latest first."""
    found = await documents.pages_of_contracts(reading, contracts, take=first + 1, after=after, kinds=kinds)
    return {contract: Page.cut(found.get(contract, []), first) for contract in contracts}


async def documents_by_id(reading: Reading, ids: Sequence[UUID]) -> dict[UUID, DocumentRow]:
    """The documents this session may see among `ids`."""
    return {row.id: row for row in await documents.by_ids(reading, ids)}
