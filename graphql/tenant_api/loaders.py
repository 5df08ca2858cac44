"""Loaders: what many resolvers ask for at once is read with one statement. They live as long as one request."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Hashable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import TypeVar
from uuid import UUID

from strawberry.dataloader import DataLoader

from hub.services import read_account, read_contacts, read_contracts, read_documents, read_notices, read_payments
from hub.services.paging import Page
from hub.services.pay import payment_means
from hub.services.read_account import Account, Statement
from hub.store.means_rows import Means
from hub.store.reads import Reading
from hub.store.reads.contacts import ContactWithHours
from hub.store.reads.contracts import ContractWithUnits, PartyRow, PriceRow
from hub.store.reads.documents import DocumentPosition, DocumentRow
from hub.store.reads.ledger import EntryFilter, EntryPosition, EntryRow
from hub.store.reads.notices import LineRow, NoticePosition, NoticeWithDocument, Owner
from hub.store.reads.payments import PartOfPayment, TenantPayment
from hub.store.reads.units import UnitRow

A = TypeVar("A", bound=Hashable)
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class LedgerPage:
    """Which page of a ledger is asked for."""

    first: int
    after: EntryPosition | None
    chosen: EntryFilter
    newest_first: bool = True


@dataclass(frozen=True, slots=True)
class NoticePage:
    """Which page of rent notices, of a contract or of an account."""

    of: Owner
    first: int
    after: NoticePosition | None


@dataclass(frozen=True, slots=True)
class DocumentPage:
    """Which page of documents, of all kinds or of some."""

    first: int
    after: DocumentPosition | None
    kinds: tuple[str, ...] | None


@dataclass(frozen=True, slots=True)
class Period:
    """From one day to another, both included."""

    from_on: date
    to_on: date


class Loaders:
    """All loaders of one request. Those that take arguments read once for each set of arguments in the query."""

    def __init__(self, reading: Reading, today: date) -> None:
        self._reading = reading
        self._today = today
        self.contract = _one(self._contracts)
        self.unit = _one(self._units)
        self.account = _one(self._accounts)
        self.entry = _one(self._entries)
        self.notice = _one(self._notices)
        self.document = _one(self._documents)
        self.contact = _one(self._contacts)
        self.payment = _one(self._payments)
        self.payment_parts = _many(self._payment_parts)
        self.means = _of_kind(self._means)
        self.parties = _many(self._parties)
        self.accounts_of_contract = _many(self._accounts_of_contracts)
        self.contract_ids_of_account = _many(self._contract_ids)
        self.lines = _many(self._lines)
        self.prices = _asked(self._prices)
        self.ledger = _asked(self._ledger)
        self.statement = _asked(self._statements)
        self.notice_page = _asked(self._notice_pages)
        self.document_page = _asked(self._document_pages)

    async def _contracts(self, ids: list[UUID]) -> Mapping[UUID, ContractWithUnits]:
        return await read_contracts.contracts_by_id(self._reading, ids)

    async def _units(self, ids: list[UUID]) -> Mapping[UUID, UnitRow]:
        return await read_contracts.units_by_id(self._reading, ids)

    async def _accounts(self, ids: list[UUID]) -> Mapping[UUID, Account]:
        return await read_account.accounts_by_id(self._reading, ids, today=self._today)

    async def _entries(self, ids: list[UUID]) -> Mapping[UUID, EntryRow]:
        return await read_account.entries_by_id(self._reading, ids)

    async def _notices(self, ids: list[UUID]) -> Mapping[UUID, NoticeWithDocument]:
        return await read_notices.notices_by_id(self._reading, ids)

    async def _documents(self, ids: list[UUID]) -> Mapping[UUID, DocumentRow]:
        return await read_documents.documents_by_id(self._reading, ids)

    async def _contacts(self, ids: list[UUID]) -> Mapping[UUID, ContactWithHours]:
        return await read_contacts.contacts_by_id(self._reading, ids)

    async def _payments(self, ids: list[UUID]) -> Mapping[UUID, TenantPayment]:
        return await read_payments.payments_by_id(self._reading, ids)

    async def _payment_parts(self, payments: list[UUID]) -> Mapping[UUID, list[PartOfPayment]]:
        return await read_payments.parts_by_payment(self._reading, payments)

    async def _means(self) -> list[Means]:
        return await payment_means(self._reading)

    async def _parties(self, contracts: list[UUID]) -> Mapping[UUID, list[PartyRow]]:
        return await read_contracts.parties(self._reading, contracts)

    async def _accounts_of_contracts(self, contracts: list[UUID]) -> Mapping[UUID, list[Account]]:
        return await read_account.accounts_of_contracts(self._reading, contracts, today=self._today)

    async def _contract_ids(self, accounts: list[UUID]) -> Mapping[UUID, list[UUID]]:
        return await read_contracts.contract_ids_of_accounts(self._reading, accounts)

    async def _lines(self, notices: list[UUID]) -> Mapping[UUID, list[LineRow]]:
        return await read_notices.notice_lines(self._reading, notices)

    async def _prices(self, contracts: list[UUID], on_day: date) -> Mapping[UUID, list[PriceRow]]:
        found = await read_contracts.prices(self._reading, contracts, on_day=on_day)
        return {contract: found.get(contract, []) for contract in contracts}

    async def _ledger(self, accounts: list[UUID], page: LedgerPage) -> Mapping[UUID, Page[EntryRow]]:
        return await read_account.ledger_pages(
            self._reading,
            accounts,
            first=page.first,
            after=page.after,
            chosen=page.chosen,
            newest_first=page.newest_first,
        )

    async def _statements(self, accounts: list[UUID], period: Period) -> Mapping[UUID, Statement]:
        return await read_account.statements(self._reading, accounts, from_on=period.from_on, to_on=period.to_on)

    async def _notice_pages(self, owners: list[UUID], page: NoticePage) -> Mapping[UUID, Page[NoticeWithDocument]]:
        return await read_notices.notice_pages(self._reading, owners, of=page.of, first=page.first, after=page.after)

    async def _document_pages(self, contracts: list[UUID], page: DocumentPage) -> Mapping[UUID, Page[DocumentRow]]:
        return await read_documents.document_pages(
            self._reading, contracts, first=page.first, after=page.after, kinds=page.kinds
        )


def _of_kind(read: Callable[[], Awaitable[list[Means]]]) -> DataLoader[str, list[Means]]:
    """The means of payment for accounts of a kind, all kinds in one statement."""

    async def load(kinds: list[str]) -> list[list[Means]]:
        found = await read()
        return [[one for one in found if kind in one.accounts] for kind in kinds]

    return DataLoader(load_fn=load)


def _one(read: Callable[[list[UUID]], Awaitable[Mapping[UUID, T]]]) -> DataLoader[UUID, T | None]:
    """One thing for each id; None where this session may not see it."""

    async def load(ids: list[UUID]) -> list[T | None]:
        found = await read(ids)
        return [found.get(each) for each in ids]

    return DataLoader(load_fn=load)


def _many(read: Callable[[list[UUID]], Awaitable[Mapping[UUID, list[T]]]]) -> DataLoader[UUID, list[T]]:
    """A list for each owner, empty where there is nothing."""

    async def load(owners: list[UUID]) -> list[list[T]]:
        found = await read(owners)
        return [found.get(each, []) for each in owners]

    return DataLoader(load_fn=load)


def _asked(read: Callable[[list[UUID], A], Awaitable[Mapping[UUID, T]]]) -> DataLoader[tuple[UUID, A], T]:
    """Something for each owner and set of arguments."""

    async def load(keys: list[tuple[UUID, A]]) -> list[T]:
        owners: dict[A, list[UUID]] = {}
        for owner, arguments in keys:
            owners.setdefault(arguments, []).append(owner)
        found = {arguments: await read(each, arguments) for arguments, each in owners.items()}
        return [found[arguments][owner] for owner, arguments in keys]

    return DataLoader(load_fn=load)
