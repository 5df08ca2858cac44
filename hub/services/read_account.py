"""What a tenant asks of an account: its balance, what is due, its ledger, a statement."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID

from hub.errors import InvalidAskError
from hub.services.paging import Page
from hub.store.handles import Connection
from hub.store.reads import Reading, accounts, ledger
from hub.store.reads.accounts import AccountRow
from hub.store.reads.ledger import EntryFilter, EntryPosition, EntryRow


class PeriodError(InvalidAskError):
    """A period that ends before it begins."""

    code = "INVALID_PERIOD"


@dataclass(frozen=True, slots=True)
class Account:
    """A tenant account; cents, + the tenant owes. Balance and due hold payments the ERP does not show yet
    (`flight_cents`, negative); `open_cents`: payments begun and not ended."""

    id: UUID
    kind: str
    number: str
    balance_cents: int
    balance_on: date | None
    due_now_cents: int
    as_of: datetime | None
    incomplete: bool
    flight_cents: int = 0
    open_cents: int = 0


@dataclass(frozen=True, slots=True)
class Statement:
    """An account over some days, both included; credits are negative, closing = opening + debits + credits."""

    from_on: date
    to_on: date
    opening_cents: int
    debits_cents: int
    credits_cents: int

    @property
    def closing_cents(self) -> int:
        return self.opening_cents + self.debits_cents + self.credits_cents


def balance_of_record(row: AccountRow) -> int:
    """The ERP's own balance where it gives one, else the opening balance and the entries held."""
    return row.balance_cents if row.balance_cents is not None else summed_balance(row)


def is_of_record(row: AccountRow) -> bool:
    """Whether tenants see the ERP's own balance: it gives one, and the landlord takes it for the truth."""
    return row.balance_cents is not None and row.truth != "summed"


def summed_balance(row: AccountRow) -> int:
    """The opening balance and the entries held."""
    return (row.opening_cents or 0) + row.entries_cents


def balance_in_flight(row: AccountRow) -> int:
    """What tenants see: with payments the ERP's ledger does not show yet, from the first moment on and once.

    Whether the ERP's own balance holds such a payment already, nobody can tell: while there is one, the balance is the
    summed one, as far above or below the ERP's as it was when the payment came.
    """
    if not is_of_record(row):
        return summed_balance(row) + row.flight_cents
    if row.gap_cents is None:
        return balance_of_record(row)
    return summed_balance(row) + row.gap_cents + row.flight_cents


def due_now(row: AccountRow) -> int:
    """Debits that have fallen due, with the opening balance, less all credits and payments in flight; never negative.

    Where neither entries nor an opening balance are held, the ERP's balance is all that is known.
    """
    if row.entries == 0 and row.opening_cents is None:
        return max(0, balance_in_flight(row))
    return max(0, (row.opening_cents or 0) + row.due_debits_cents + row.credits_cents + row.flight_cents)


def check_period(from_on: date | None, to_on: date | None) -> None:
    """PeriodError when a period ends before it begins."""
    if from_on is not None and to_on is not None and from_on > to_on:
        raise PeriodError("the period ends before it begins", hint="exchange its two dates")


def _account(row: AccountRow) -> Account:
    return Account(
        id=row.id,
        kind=row.kind,
        number=row.number,
        balance_cents=balance_in_flight(row),
        balance_on=row.balance_on if is_of_record(row) else row.last_posted_on or row.opening_on,
        due_now_cents=due_now(row),
        as_of=row.as_of,
        incomplete=row.incomplete,
        flight_cents=row.flight_cents,
        open_cents=row.open_cents,
    )


async def gaps_of(conn: Connection, landlord: str, ids: Sequence[UUID], *, today: date) -> dict[UUID, int]:
    """What each account's own balance in the ERP is above the summed one; as it was, while payments are in flight."""
    found: dict[UUID, int] = {}
    for row in await accounts.by_ids(Reading.over(conn, landlord), ids, today=today) if ids else ():
        if is_of_record(row):
            found[row.id] = balance_of_record(row) - summed_balance(row) if row.gap_cents is None else row.gap_cents
    return found


async def accounts_of_contracts(
    reading: Reading, contracts: Sequence[UUID], *, today: date
) -> dict[UUID, list[Account]]:
    """The accounts that cover each contract, rent accounts first."""
    found = await accounts.of_contracts(reading, contracts, today=today)
    return {contract: [_account(row) for row in rows] for contract, rows in found.items()}


async def accounts_of_session(reading: Reading, contracts: Sequence[UUID], *, today: date) -> list[Account]:
    """All accounts of the contracts, each once."""
    found = await accounts_of_contracts(reading, contracts, today=today)
    return list({account.id: account for each in found.values() for account in each}.values())


async def accounts_by_id(reading: Reading, ids: Sequence[UUID], *, today: date) -> dict[UUID, Account]:
    """The accounts this session may see among `ids`."""
    return {row.id: _account(row) for row in await accounts.by_ids(reading, ids, today=today)}


async def ledger_pages(
    reading: Reading,
    ids: Sequence[UUID],
    *,
    first: int,
    after: EntryPosition | None = None,
    chosen: EntryFilter | None = None,
    newest_first: bool = True,
) -> dict[UUID, Page[EntryRow]]:
    """A page of each account's ledger. Running balances do not depend on what is chosen."""
    found = await ledger.pages(reading, ids, take=first + 1, after=after, chosen=chosen, newest_first=newest_first)
    return {account: Page.cut(found.get(account, []), first) for account in ids}


async def entries_by_id(reading: Reading, ids: Sequence[UUID]) -> dict[UUID, EntryRow]:
    """The ledger entries this session may see among `ids`."""
    return {row.id: row for row in await ledger.by_ids(reading, ids)}


async def statements(reading: Reading, ids: Sequence[UUID], *, from_on: date, to_on: date) -> dict[UUID, Statement]:
    """Each account's sums over the days from `from_on` to `to_on`, both included."""
    found = await ledger.statements(reading, ids, from_on=from_on, to_on=to_on)
    return {
        account: Statement(from_on, to_on, row.opening_cents, row.debits_cents, row.credits_cents)
        for account, row in found.items()
    }
