"""Documents and their download links."""

from __future__ import annotations

from datetime import date, datetime
from typing import TYPE_CHECKING, Annotated

import strawberry

from hub.store.reads.documents import DocumentRow
from tenant_api import ids
from tenant_api.context import Info
from tenant_api.ids import Kind
from tenant_api.types.kinds import DocumentKind
from tenant_api.types.node import Node

if TYPE_CHECKING:
    from tenant_api.types.contract import Contract
    from tenant_api.types.notice import RentNotice

Kinds = Annotated[list[DocumentKind] | None, strawberry.argument(description="Only these kinds; all when left out.")]


@strawberry.type(description="A document the landlord shares with the tenant.")
class Document(Node):
    row: strawberry.Private[DocumentRow]
    kind: DocumentKind = strawberry.field(description="What it is.")
    title: str = strawberry.field(description="Its title.")
    dated_on: date = strawberry.field(description="The date it bears.")
    media_type: str | None = strawberry.field(
        description="Type of the file, e.g. application/pdf; null until it has come."
    )
    size: int | None = strawberry.field(description="Size of the file in bytes; null until it has come.")

    @classmethod
    def of(cls, row: DocumentRow) -> Document:
        return cls(
            row=row,
            id=strawberry.ID(ids.encode(Kind.DOCUMENT, row.id)),
            kind=DocumentKind(row.kind),
            title=row.title,
            dated_on=row.dated_on,
            media_type=row.media_type,
            size=row.size,
        )

    @strawberry.field(
        description="Where to fetch the file, without a token, until `expiresAt`. Ask for it when it is needed; "
        "null until the file has come."
    )
    def download_url(self, info: Info) -> str | None:
        link = info.context.link(self.row)
        return link[0] if link else None

    @strawberry.field(description="When `downloadUrl` stops working.")
    def expires_at(self, info: Info) -> datetime | None:
        link = info.context.link(self.row)
        return link[1] if link else None

    @strawberry.field(description="The contract it is about; null where it is only about a rent notice.")
    async def contract(self, info: Info) -> Annotated[Contract, strawberry.lazy("tenant_api.types.contract")] | None:
        from tenant_api.types.contract import Contract

        row = await info.context.loaders.contract.load(self.row.contract_id) if self.row.contract_id else None
        return Contract.of(row) if row else None

    @strawberry.field(description="The rent notice it is the paper of.")
    async def rent_notice(self, info: Info) -> Annotated[RentNotice, strawberry.lazy("tenant_api.types.notice")] | None:
        from tenant_api.types.notice import RentNotice

        row = await info.context.loaders.notice.load(self.row.notice_id) if self.row.notice_id else None
        return RentNotice.of(row) if row else None
