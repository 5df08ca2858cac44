"""What a tenant asks of rent notices (*avis d'échéance*)."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from hub.services.paging import Page
from hub.store.reads import Reading, notices
from hub.store.reads.notices import LineRow, NoticePosition, NoticeWithDocument, Owner


async def notice_pages(
    reading: Reading, owners: Sequence[UUID], *, of: Owner, first: int, after: NoticePosition | None = None
) -> dict[UUID, Page[NoticeWithDocument]]:
    """A page of the notices of each contract or account, the latest period first."""
    found = await notices.pages(reading, owners, of=of, take=first + 1, after=after)
    return {owner: Page.cut(found.get(owner, []), first) for owner in owners}


async def notices_by_id(reading: Reading, ids: Sequence[UUID]) -> dict[UUID, NoticeWithDocument]:
    """The notices this session may see among `ids`."""
    return {row.notice.id: row for row in await notices.by_ids(reading, ids)}


async def notice_lines(reading: Reading, ids: Sequence[UUID]) -> dict[UUID, list[LineRow]]:
    """The lines of each notice in their printed order."""
    return await notices.lines(reading, ids)
