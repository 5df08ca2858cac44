"""The schema: what can be asked, and the little that can be done."""

from __future__ import annotations

from collections.abc import Callable
from operator import attrgetter
from typing import Annotated, Any, Final
from uuid import UUID

import strawberry
from strawberry.dataloader import DataLoader

from hub.errors import NotFoundError
from tenant_api import ids
from tenant_api.context import Context, Info
from tenant_api.ids import Kind
from tenant_api.loaders import Loaders
from tenant_api.mutations import Mutation
from tenant_api.types.account import Account, LedgerEntry
from tenant_api.types.contact import ContactPoint
from tenant_api.types.contract import Contract
from tenant_api.types.document import Document
from tenant_api.types.money import CONFIG
from tenant_api.types.node import Node
from tenant_api.types.notice import RentNotice
from tenant_api.types.payment import Payment
from tenant_api.types.unit import Unit
from tenant_api.types.viewer import Landlord, Viewer

# For each kind of id: the loader that finds its row, and the type that shows it.
_NODES: Final[dict[Kind, tuple[Callable[[Loaders], DataLoader[UUID, Any]], Callable[[Any], Node]]]] = {
    Kind.CONTRACT: (attrgetter("contract"), Contract.of),
    Kind.UNIT: (attrgetter("unit"), Unit.of),
    Kind.ACCOUNT: (attrgetter("account"), Account.of),
    Kind.LEDGER_ENTRY: (attrgetter("entry"), LedgerEntry.of),
    Kind.RENT_NOTICE: (attrgetter("notice"), RentNotice.of),
    Kind.DOCUMENT: (attrgetter("document"), Document.of),
    Kind.CONTACT_POINT: (attrgetter("contact"), ContactPoint.of),
    Kind.PAYMENT: (attrgetter("payment"), Payment.of),
}
PUBLIC: Final = frozenset({"landlord", "__typename", "__schema", "__type"})
"""What may be asked without a token."""


async def find_node(context: Context, text: str) -> Node:
    """The thing an id names. NotFoundError when it is not there or is another person's: the two look the same."""
    _ = context.viewer
    kind, uuid = ids.decode(text)
    loader, show = _NODES[kind]
    row = await loader(context.loaders).load(uuid)
    if row is None:
        raise NotFoundError("no such id")
    return show(row)


@strawberry.type(description="What can be asked.")
class Query:
    @strawberry.field(description="The person asking. Needs an access token.")
    def viewer(self, info: Info) -> Viewer:
        _ = info.context.viewer
        return Viewer()

    @strawberry.field(description="Anything with an id, e.g. to refresh it. Needs an access token.")
    async def node(
        self,
        info: Info,
        named: Annotated[strawberry.ID, strawberry.argument(name="id", description="The id it was shown with.")],
    ) -> Node | None:
        return await find_node(info.context, named)

    @strawberry.field(description="The landlord at this address. Needs no token.")
    def landlord(self, info: Info) -> Landlord:
        return Landlord.of(info.context.landlord)


SCHEMA: Final = strawberry.Schema(
    query=Query,
    mutation=Mutation,
    types=[Contract, Unit, Account, LedgerEntry, RentNotice, Document, ContactPoint, Payment],
    config=CONFIG,
)
