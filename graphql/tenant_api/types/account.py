"""Accounts, their ledger and their statements."""

from __future__ import annotations

from datetime import date, datetime
from typing import TYPE_CHECKING, Annotated

import strawberry

from hub.services import read_account, read_payments
from hub.services.pay import payable_cents
from hub.services.read_account import Account as AccountFacts
from hub.services.read_account import Statement as StatementFacts
from hub.store.reads.ledger import EntryFilter, EntryPosition, EntryRow
from hub.store.reads.notices import NoticePosition
from hub.store.reads.payments import PaymentPosition
from tenant_api import cursors, ids
from tenant_api.context import Info
from tenant_api.ids import Kind
from tenant_api.loaders import LedgerPage, NoticePage
from tenant_api.loaders import Period as Days
from tenant_api.types.connections import After, Connection, First, connect
from tenant_api.types.kinds import AccountKind, EntryKind
from tenant_api.types.money import Money, Period, money, period_or_none
from tenant_api.types.node import Node
from tenant_api.types.notice import RentNotice
from tenant_api.types.payment import Payment, PaymentMeans
from tenant_api.types.unit import Unit

if TYPE_CHECKING:
    from tenant_api.types.contract import Contract

PostedFrom = Annotated[date | None, strawberry.argument(description="Only entries posted on this day or later.")]
PostedTo = Annotated[date | None, strawberry.argument(description="Only entries posted on this day or before.")]
Kinds = Annotated[list[EntryKind] | None, strawberry.argument(description="Only these kinds; all when left out.")]
FirstDay = Annotated[date, strawberry.argument(name="from", description="First day of the period.")]
LastDay = Annotated[date, strawberry.argument(name="to", description="Last day of the period.")]


@strawberry.type(description="A line of an account (écriture).")
class LedgerEntry(Node):
    row: strawberry.Private[EntryRow]
    posted_on: date = strawberry.field(description="When it was posted.")
    value_date: date | None = strawberry.field(description="From when it counts.")
    due_on: date | None = strawberry.field(description="When it is to be paid.")
    period: Period | None = strawberry.field(description="The days it is for.")
    period_from: date | None = strawberry.field(description="First day it is for.")
    period_to: date | None = strawberry.field(description="Last day it is for.")
    kind: EntryKind = strawberry.field(description="What it is.")
    label: str = strawberry.field(description="As the landlord words it.")
    amount: Money = strawberry.field(description="Positive: the tenant owes it. Negative: a payment or an aid.")
    running_balance: Money = strawberry.field(
        description="Balance after this entry. Filters do not change it: entries left out count."
    )

    @classmethod
    def of(cls, row: EntryRow) -> LedgerEntry:
        return cls(
            row=row,
            id=strawberry.ID(ids.encode(Kind.LEDGER_ENTRY, row.id)),
            posted_on=row.posted_on,
            value_date=row.value_on,
            due_on=row.due_on,
            period=period_or_none(row.period_from, row.period_to),
            period_from=row.period_from,
            period_to=row.period_to,
            kind=EntryKind(row.kind),
            label=row.label,
            amount=money(row.amount_cents),
            running_balance=money(row.running_cents),
        )

    @strawberry.field(description="The unit it is about, where the landlord names one.")
    async def unit(self, info: Info) -> Unit | None:
        row = await info.context.loaders.unit.load(self.row.unit_id) if self.row.unit_id else None
        return Unit.of(row) if row else None


@strawberry.type(description="A statement of an account (relevé de compte): closing = opening + debits + credits.")
class Statement:
    account: strawberry.Private[AccountFacts]
    period: strawberry.Private[Days]
    from_on: date = strawberry.field(name="from", description="First day.")
    to_on: date = strawberry.field(name="to", description="Last day.")
    opening: Money = strawberry.field(description="Balance before the first day.")
    debits: Money = strawberry.field(description="Sum of what was charged.")
    credits: Money = strawberry.field(description="Sum of payments and aids; negative or zero.")
    closing: Money = strawberry.field(description="Balance at the end of the last day.")

    @classmethod
    def of(cls, account: AccountFacts, facts: StatementFacts) -> Statement:
        return cls(
            account=account,
            period=Days(facts.from_on, facts.to_on),
            from_on=facts.from_on,
            to_on=facts.to_on,
            opening=money(facts.opening_cents),
            debits=money(facts.debits_cents),
            credits=money(facts.credits_cents),
            closing=money(facts.closing_cents),
        )

    @strawberry.field(description="The entries of the period, oldest first.")
    async def entries(self, info: Info, first: First = 100, after: After = None) -> Connection[LedgerEntry]:
        chosen = EntryFilter(self.period.from_on, self.period.to_on)
        place = cursors.decode(EntryPosition, after)
        page = LedgerPage(first, place, chosen, newest_first=False)
        found = await info.context.loaders.ledger.load((self.account.id, page))
        return connect(found, LedgerEntry.of, after=after)


@strawberry.type(description="A tenant account (compte locataire). It may cover several contracts.")
class Account(Node):
    facts: strawberry.Private[AccountFacts]
    kind: AccountKind = strawberry.field(description="What it is kept for.")
    number: str = strawberry.field(description="The landlord's number for it.")
    balance: Money = strawberry.field(
        description="Balance of record: the landlord's own where it gives one, less payments it does not show yet. "
        "Positive: the tenant owes it."
    )
    balance_on: date | None = strawberry.field(description="The day at whose end the balance was struck.")
    due_now: Money = strawberry.field(
        description="What has fallen due and is not paid: debits due up to today less all credits, never negative."
    )
    payable: Money = strawberry.field(
        description="What can be paid now without paying in advance: the balance less payments that are open."
    )
    in_flight: Money = strawberry.field(
        description="Payments the landlord's ledger does not show yet, negative; the balance holds them already."
    )
    as_of: datetime | None = strawberry.field(
        description="When the landlord's system was last read for this account: nothing here is older."
    )
    incomplete: bool = strawberry.field(
        description="True while entries, notices or prices of it could not be read yet: the figures may change soon."
    )

    @classmethod
    def of(cls, facts: AccountFacts) -> Account:
        return cls(
            facts=facts,
            id=strawberry.ID(ids.encode(Kind.ACCOUNT, facts.id)),
            kind=AccountKind(facts.kind),
            number=facts.number,
            balance=money(facts.balance_cents),
            balance_on=facts.balance_on,
            due_now=money(facts.due_now_cents),
            payable=money(payable_cents(facts)),
            in_flight=money(facts.flight_cents),
            as_of=facts.as_of,
            incomplete=facts.incomplete,
        )

    @strawberry.field(description="The contracts it covers.")
    async def contracts(
        self, info: Info, first: First = 10
    ) -> list[Annotated[Contract, strawberry.lazy("tenant_api.types.contract")]]:
        from tenant_api.types.contract import Contract

        named = await info.context.loaders.contract_ids_of_account.load(self.facts.id)
        rows = await info.context.loaders.contract.load_many(named[:first])
        return [Contract.of(row) for row in rows if row]

    @strawberry.field(description="Its entries, newest first.")
    async def ledger(
        self,
        info: Info,
        first: First = 20,
        after: After = None,
        posted_from: PostedFrom = None,
        posted_to: PostedTo = None,
        kinds: Kinds = None,
    ) -> Connection[LedgerEntry]:
        read_account.check_period(posted_from, posted_to)
        chosen = EntryFilter(posted_from, posted_to, values_of(kinds))
        page = LedgerPage(first, cursors.decode(EntryPosition, after), chosen)
        found = await info.context.loaders.ledger.load((self.facts.id, page))
        return connect(found, LedgerEntry.of, after=after)

    @strawberry.field(description="A statement for any period.")
    async def statement(self, info: Info, from_on: FirstDay, to_on: LastDay) -> Statement:
        read_account.check_period(from_on, to_on)
        facts = await info.context.loaders.statement.load((self.facts.id, Days(from_on, to_on)))
        return Statement.of(self.facts, facts)

    @strawberry.field(description="The means of payment it can be paid with, in the landlord's order.")
    async def payment_means(self, info: Info, first: First = 20) -> list[PaymentMeans]:
        rows = await info.context.loaders.means.load(self.facts.kind)
        return [PaymentMeans.of(row, info.context.language) for row in rows[:first]]

    @strawberry.field(description="Payments made for it through the hub, the latest first.")
    async def payments(self, info: Info, first: First = 20, after: After = None) -> Connection[Payment]:
        place = cursors.decode(PaymentPosition, after)
        page = await read_payments.payment_page(info.context.reading, first=first, after=place, account=self.facts.id)
        return connect(page, Payment.of, after=after)

    @strawberry.field(description="The rent notices posted to it, the latest period first.")
    async def rent_notices(self, info: Info, first: First = 12, after: After = None) -> Connection[RentNotice]:
        page = NoticePage("account", first, cursors.decode(NoticePosition, after))
        found = await info.context.loaders.notice_page.load((self.facts.id, page))
        return connect(found, RentNotice.of, after=after)


def values_of(kinds: list[EntryKind] | None) -> tuple[str, ...] | None:
    """A filter by kinds, each once."""
    return None if kinds is None else tuple(sorted({kind.value for kind in kinds}))
