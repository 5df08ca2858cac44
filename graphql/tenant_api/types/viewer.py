"""The person asking, and the landlord asked."""

from __future__ import annotations

import strawberry

from hub.services import read_account, read_contacts, read_contracts, read_documents, read_payments
from hub.store.landlord_rows import LandlordRow
from hub.store.reads.contracts import ContractPosition
from hub.store.reads.documents import DocumentPosition
from hub.store.reads.payments import PaymentPosition
from tenant_api import cursors
from tenant_api.context import Info
from tenant_api.types.account import Account
from tenant_api.types.connections import After, Connection, First, connect
from tenant_api.types.contact import ContactPoint
from tenant_api.types.contract import Contract
from tenant_api.types.document import Document, Kinds
from tenant_api.types.payment import Payment


@strawberry.type(description="A landlord (bailleur).")
class Landlord:
    slug: str = strawberry.field(description="Its short name, as in the address of this API.")
    name: str = strawberry.field(description="Its name.")
    locale: str = strawberry.field(description="Its language and country, e.g. fr-FR.")
    time_zone: str = strawberry.field(description="Its IANA time zone, e.g. Europe/Paris.")

    @classmethod
    def of(cls, row: LandlordRow) -> Landlord:
        return cls(slug=row.slug, name=row.name, locale=row.locale, time_zone=row.time_zone)


@strawberry.type(description="The person asking, known by the access token.")
class Viewer:
    @strawberry.field(description="Name as it is read out; null when no contract names the person any more.")
    async def display_name(self, info: Info) -> str | None:
        return await read_contracts.viewer_name(info.context.reading, info.context.viewer)

    @strawberry.field(description="The person's contracts: running ones first, then those to come, then ended ones.")
    async def contracts(self, info: Info, first: First = 10, after: After = None) -> Connection[Contract]:
        place = cursors.decode(ContractPosition, after)
        page = await read_contracts.contract_page(info.context.reading, info.context.viewer, first=first, after=place)
        return connect(page, Contract.of, after=after)

    @strawberry.field(description="The accounts of all contracts, each once, rent accounts first.")
    async def accounts(self, info: Info, first: First = 20) -> list[Account]:
        context = info.context
        rows = await read_account.accounts_of_session(context.reading, context.viewer.contracts, today=context.today)
        return [Account.of(row) for row in rows[:first]]

    @strawberry.field(description="All documents, the latest first; rent notices' papers are among them.")
    async def documents(
        self, info: Info, first: First = 20, after: After = None, kinds: Kinds = None
    ) -> Connection[Document]:
        chosen = None if kinds is None else tuple(sorted({kind.value for kind in kinds}))
        place = cursors.decode(DocumentPosition, after)
        page = await read_documents.document_page(
            info.context.reading, info.context.viewer, first=first, after=place, kinds=chosen
        )
        return connect(page, Document.of, after=after)

    @strawberry.field(description="All payments made through the hub, the latest first.")
    async def payments(self, info: Info, first: First = 20, after: After = None) -> Connection[Payment]:
        place = cursors.decode(PaymentPosition, after)
        page = await read_payments.payment_page(info.context.reading, first=first, after=place)
        return connect(page, Payment.of, after=after)

    @strawberry.field(description="Whom to turn to: contacts for everyone and for the sites where the person rents.")
    async def contact_points(self, info: Info, first: First = 20) -> list[ContactPoint]:
        rows = await read_contacts.contacts_of_session(info.context.reading, info.context.viewer)
        return [ContactPoint.of(row) for row in rows[:first]]
