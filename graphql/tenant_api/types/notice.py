"""Rent notices and their lines."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING, Annotated

import strawberry

from hub.store.reads.notices import LineRow, NoticeWithDocument
from tenant_api import ids
from tenant_api.context import Info
from tenant_api.ids import Kind
from tenant_api.types.connections import First
from tenant_api.types.document import Document
from tenant_api.types.kinds import ChargeKind
from tenant_api.types.money import Money, Period, money, money_or_none, period
from tenant_api.types.node import Node

if TYPE_CHECKING:
    from tenant_api.types.account import Account
    from tenant_api.types.contract import Contract


@strawberry.type(description="A line of a rent notice.")
class RentNoticeLine:
    kind: ChargeKind = strawberry.field(description="What it is for.")
    label: str = strawberry.field(description="As printed.")
    amount: Money = strawberry.field(description="Amount; negative for aids and reductions.")

    @classmethod
    def of(cls, row: LineRow) -> RentNoticeLine:
        return cls(kind=ChargeKind(row.kind), label=row.label, amount=money(row.amount_cents))


@strawberry.type(description="A rent notice (avis d'échéance): what is asked for a period. It is never a receipt.")
class RentNotice(Node):
    row: strawberry.Private[NoticeWithDocument]
    number: str = strawberry.field(description="The landlord's number for it.")
    period: Period = strawberry.field(description="The days it is for.")
    period_from: date = strawberry.field(description="First day it is for.")
    period_to: date = strawberry.field(description="Last day it is for.")
    issued_on: date = strawberry.field(description="When it was issued.")
    due_on: date | None = strawberry.field(description="When it is to be paid.")
    previous_balance: Money | None = strawberry.field(description="Balance of the account before it, as printed.")
    total: Money = strawberry.field(description="Total to pay, as printed.")
    document: Document | None = strawberry.field(description="Its paper; null until the file's index has come.")

    @classmethod
    def of(cls, row: NoticeWithDocument) -> RentNotice:
        notice = row.notice
        return cls(
            row=row,
            id=strawberry.ID(ids.encode(Kind.RENT_NOTICE, notice.id)),
            number=notice.number,
            period=period(notice.period_from, notice.period_to),
            period_from=notice.period_from,
            period_to=notice.period_to,
            issued_on=notice.issued_on,
            due_on=notice.due_on,
            previous_balance=money_or_none(notice.previous_balance_cents),
            total=money(notice.total_cents),
            document=Document.of(row.document) if row.document else None,
        )

    @strawberry.field(description="Its lines in the printed order.")
    async def lines(self, info: Info, first: First = 50) -> list[RentNoticeLine]:
        rows = await info.context.loaders.lines.load(self.row.notice.id)
        return [RentNoticeLine.of(row) for row in rows[:first]]

    @strawberry.field(description="The account it is posted to.")
    async def account(self, info: Info) -> Annotated[Account, strawberry.lazy("tenant_api.types.account")] | None:
        from tenant_api.types.account import Account

        row = await info.context.loaders.account.load(self.row.notice.account_id)
        return Account.of(row) if row else None

    @strawberry.field(description="The contract it is for; null where the landlord gives none.")
    async def contract(self, info: Info) -> Annotated[Contract, strawberry.lazy("tenant_api.types.contract")] | None:
        from tenant_api.types.contract import Contract

        named = self.row.notice.contract_id
        row = await info.context.loaders.contract.load(named) if named else None
        return Contract.of(row) if row else None
