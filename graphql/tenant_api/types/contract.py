"""Contracts, the people in them and what makes up the rent."""

from __future__ import annotations

from datetime import date
from typing import Annotated
from uuid import UUID

import strawberry

from hub.services.read_contracts import display_name
from hub.store.reads.contracts import ContractWithUnits, PartyRow, PriceRow
from hub.store.reads.documents import DocumentPosition
from hub.store.reads.notices import NoticePosition
from tenant_api import cursors, ids
from tenant_api.context import Info
from tenant_api.ids import Kind
from tenant_api.loaders import DocumentPage, NoticePage
from tenant_api.types.account import Account
from tenant_api.types.connections import After, Connection, First, connect
from tenant_api.types.document import Document, Kinds
from tenant_api.types.kinds import ChargeKind, ContractStatus, PartyRoleKind
from tenant_api.types.money import Money, money, money_or_none
from tenant_api.types.node import Node
from tenant_api.types.notice import RentNotice
from tenant_api.types.unit import ContractUnit, Unit

OnDay = Annotated[date | None, strawberry.argument(description="What is in effect on this day; today when left out.")]


@strawberry.type(description="A person in a contract.")
class Party:
    display_name: str = strawberry.field(description="Name as it is read out.")
    role: PartyRoleKind = strawberry.field(description="What the person is in the contract.")
    is_viewer: bool = strawberry.field(description="Whether it is the person asking.")
    is_solidary: bool = strawberry.field(description="Whether the person answers for the whole debt (solidarité).")
    from_on: date | None = strawberry.field(name="from", description="First day.")
    to_on: date | None = strawberry.field(name="to", description="Last day.")

    @classmethod
    def of(cls, row: PartyRow, viewer: UUID) -> Party:
        return cls(
            display_name=display_name(row.name),
            role=PartyRoleKind(row.role),
            is_viewer=row.person_id == viewer,
            is_solidary=row.is_solidary,
            from_on=row.from_on,
            to_on=row.to_on,
        )


@strawberry.type(description="What makes up the monthly rent (rubrique de quittancement).")
class PriceComponent:
    row: strawberry.Private[PriceRow]
    kind: ChargeKind = strawberry.field(description="What it is for.")
    label: str = strawberry.field(description="As the landlord words it.")
    amount: Money = strawberry.field(description="Each month; negative lowers the rent.")
    vat: Money | None = strawberry.field(description="Value-added tax in the amount, where there is any.")
    from_on: date | None = strawberry.field(name="from", description="First day it is in effect.")
    to_on: date | None = strawberry.field(name="to", description="Last day it is in effect.")

    @classmethod
    def of(cls, row: PriceRow) -> PriceComponent:
        return cls(
            row=row,
            kind=ChargeKind(row.kind),
            label=row.label,
            amount=money(row.amount_cents),
            vat=money_or_none(row.vat_cents),
            from_on=row.from_on,
            to_on=row.to_on,
        )

    @strawberry.field(description="The unit it is for, where the landlord names one.")
    async def unit(self, info: Info) -> Unit | None:
        row = await info.context.loaders.unit.load(self.row.unit_id) if self.row.unit_id else None
        return Unit.of(row) if row else None


@strawberry.type(description="A lease (bail). Ended ones can still be read.")
class Contract(Node):
    row: strawberry.Private[ContractWithUnits]
    reference: str = strawberry.field(description="The landlord's reference.")
    customer_reference: str | None = strawberry.field(description="The customer number printed on notices.")
    status: ContractStatus = strawberry.field(description="Where it stands.")
    starts_on: date = strawberry.field(description="First day.")
    ends_on: date | None = strawberry.field(description="Last day of the term, which may go on by itself.")
    notice_on: date | None = strawberry.field(description="When notice (congé) was given.")
    move_out_on: date | None = strawberry.field(description="When the tenant leaves or left.")
    due_day: int | None = strawberry.field(description="Day of the month on which the rent is due.")
    deposit: Money | None = strawberry.field(description="Security deposit (dépôt de garantie) agreed.")

    @classmethod
    def of(cls, row: ContractWithUnits) -> Contract:
        contract = row.contract
        return cls(
            row=row,
            id=strawberry.ID(ids.encode(Kind.CONTRACT, contract.id)),
            reference=contract.reference,
            customer_reference=contract.customer_ref,
            status=ContractStatus(contract.status),
            starts_on=contract.starts_on,
            ends_on=contract.ends_on,
            notice_on=contract.notice_on,
            move_out_on=contract.move_out_on,
            due_day=contract.due_day,
            deposit=money_or_none(contract.deposit_cents),
        )

    @strawberry.field(description="The main unit: the home. Null where the landlord names none.")
    def unit(self) -> Unit | None:
        return Unit.of(self.row.units[0].unit) if self.row.units else None

    @strawberry.field(description="All units it covers, the main one first.")
    def units(self, first: First = 10) -> list[ContractUnit]:
        return [ContractUnit.of(row) for row in self.row.units[:first]]

    @strawberry.field(description="The people in it, holders first.")
    async def parties(self, info: Info, first: First = 10) -> list[Party]:
        rows = await info.context.loaders.parties.load(self.row.contract.id)
        return [Party.of(row, info.context.viewer.person) for row in rows[:first]]

    @strawberry.field(description="What makes up the rent on a day, the dearest first.")
    async def price_components(self, info: Info, on: OnDay = None, first: First = 20) -> list[PriceComponent]:
        rows = await info.context.loaders.prices.load((self.row.contract.id, on or info.context.today))
        return [PriceComponent.of(row) for row in rows[:first]]

    @strawberry.field(description="Its accounts, the rent account first.")
    async def accounts(self, info: Info, first: First = 10) -> list[Account]:
        rows = await info.context.loaders.accounts_of_contract.load(self.row.contract.id)
        return [Account.of(row) for row in rows[:first]]

    @strawberry.field(description="Its rent notices, the latest period first.")
    async def rent_notices(self, info: Info, first: First = 12, after: After = None) -> Connection[RentNotice]:
        page = NoticePage("contract", first, cursors.decode(NoticePosition, after))
        found = await info.context.loaders.notice_page.load((self.row.contract.id, page))
        return connect(found, RentNotice.of, after=after)

    @strawberry.field(description="Its documents, the latest first; rent notices' papers are among them.")
    async def documents(
        self, info: Info, first: First = 20, after: After = None, kinds: Kinds = None
    ) -> Connection[Document]:
        chosen = None if kinds is None else tuple(sorted({kind.value for kind in kinds}))
        page = DocumentPage(first, cursors.decode(DocumentPosition, after), chosen)
        found = await info.context.loaders.document_page.load((self.row.contract.id, page))
        return connect(found, Document.of, after=after)
