"""A landlord's whole world on one day and the days after: the same for the same landlord, seed, size and first day."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import date, timedelta
from itertools import islice
from random import Random

from hub.sandbox import lakeside
from hub.sandbox.bookings import Booking
from hub.sandbox.calendar import first_of, months_from
from hub.sandbox.changes import live_through
from hub.sandbox.contracts import AccountSpec, Lettings, let
from hub.sandbox.guide import (
    OPENING_CENTS,
    guide_account,
    guide_contract,
    guide_entries,
    guide_person,
    guide_unit,
)
from hub.sandbox.ledger import MonthBook, write_deposit, write_month
from hub.sandbox.model import Account, Contract, Entry, Landlord, Notice, RefusedLine, Unit, World
from hub.sandbox.profiles import PROFILES, Profile
from hub.sandbox.sites import Estate, build_estates, dwelling, empty_site

NOTICE_MONTHS = 15
_CONTRACTS_PER_SITE = 40


def build_world(landlord: Landlord, *, seed: int = 1, contracts: int | None = None, today: date) -> World:
    """The world of `contracts` leases (the landlord's usual number unless told) as its ERP holds it on `today`.

    Raises ValueError for fewer than ten contracts, which could not show every case.
    """
    if contracts is not None and contracts < 10:
        raise ValueError("a world has at least ten contracts, one for each case it shows")
    if landlord == lakeside.SLUG:
        return lakeside.lakeside_world(seed=seed, contracts=contracts, base=today, today=today)
    profile = PROFILES[landlord]
    size = profile.contracts if contracts is None else contracts
    estates = build_estates(profile, Random(f"{seed}/{landlord}/sites"), count=max(4, size // _CONTRACTS_PER_SITE))
    lettings = _let_all(profile, estates, seed=seed, size=size, today=today)
    by_id = {contract.id: contract for contract in lettings.contracts}
    accounts, entries, notices = _write_history(lettings.accounts, by_id, profile, seed=seed, today=today)
    return World(
        landlord=landlord,
        seed=seed,
        base=today,
        today=today,
        sites=(*(site for estate in estates for site in (estate.site, *estate.buildings)), empty_site(profile)),
        units=tuple(lettings.units),
        persons=tuple(lettings.persons),
        contracts=tuple(lettings.contracts),
        accounts=accounts,
        entries=entries,
        notices=newest_notices(notices, keep=size * NOTICE_MONTHS),
        refused=_refused_lines(profile, entries) if landlord == "cite-des-tilleuls" else (),
    )


def advance(world: World, day: date, bookings: Iterable[Booking] = ()) -> World:
    """The same world on a later `day`: what happened since, whether the days are taken one by one or together.

    `bookings` are laid over a world, not part of it; but in Lakeside nobody pays again what was paid from outside.
    """
    if world.landlord == lakeside.SLUG:
        return lakeside.lakeside_world(
            seed=world.seed, contracts=len(world.units), base=world.base, today=day, bookings=tuple(bookings)
        )
    profile = PROFILES[world.landlord]
    contracts, persons = live_through(world, until=day)
    by_id = {contract.id: contract for contract in contracts}
    entries, accounts, notices = dict(world.entries), [], list(world.notices)
    for account in world.accounts:
        spec = _spec_of(account, by_id)
        fresh = _write_since(spec, account, world, by_id, profile, day=day)
        notices += fresh.notices
        entries[account.id] += fresh.entries
        balance = account.balance_cents + sum(entry.cents for entry in fresh.entries)
        accounts.append(replace(account, balance_on=day, balance_cents=balance))
    return replace(
        world,
        today=day,
        persons=persons,
        contracts=contracts,
        accounts=tuple(accounts),
        entries=entries,
        notices=tuple(sorted(notices, key=_notice_order)),
    )


def newest_notices(notices: Iterable[Notice], *, keep: int) -> tuple[Notice, ...]:
    """The ERP keeps some fifteen months of notices: the newest `keep`, in the order they were issued."""
    newest_first = sorted(notices, key=lambda notice: (-notice.issued_on.toordinal(), notice.number))
    return tuple(sorted(islice(newest_first, keep), key=_notice_order))


def _notice_order(notice: Notice) -> tuple[date, str]:
    return notice.issued_on, notice.number


def _let_all(profile: Profile, estates: Sequence[Estate], *, seed: int, size: int, today: date) -> Lettings:
    first = estates[0].buildings[0]
    lettings = Lettings(
        units=[guide_unit(profile, building=first.code, address=first.address)],
        persons=[guide_person(profile)],
        contracts=[guide_contract(profile)],
        accounts=[guide_account(profile)],
    )
    for n in range(1, size):
        rng = Random(f"{seed}/{profile.landlord}/contract/{n}")
        let(lettings, profile, estates[n * len(estates) // size], rng, n=n, today=today)
    lettings.units += _vacant(profile, estates, seed=seed, count=size // 33)
    return lettings


def _vacant(profile: Profile, estates: Sequence[Estate], *, seed: int, count: int) -> list[Unit]:
    rng = Random(f"{seed}/{profile.landlord}/vacant")
    return [dwelling(profile, rng, rng.choice(estates), lot=f"{800_000 + i:06d}") for i in range(count)]


def _write_history(
    specs: Sequence[AccountSpec], contracts: Mapping[str, Contract], profile: Profile, *, seed: int, today: date
) -> tuple[tuple[Account, ...], dict[str, tuple[Entry, ...]], list[Notice]]:
    accounts: list[Account] = []
    ledgers: dict[str, tuple[Entry, ...]] = {}
    notices: list[Notice] = []
    for spec in specs:
        mine = [contracts[item] for item in spec.contracts]
        opening = _opening(spec, mine, profile, seed=seed, today=today)
        book = _history(spec, mine, profile, seed=seed, today=today, opening=opening)
        opening_on = (
            spec.opened_on
            if spec.kind == "deposit" or spec.n == 0
            else max(spec.opened_on, _first_month(profile, today=today))
        )
        balance = opening + sum(entry.cents for entry in book.entries)
        account_id = spec.id(profile)
        accounts.append(
            Account(
                account_id,
                spec.number(profile),
                spec.kind,
                spec.contracts,
                min(opening_on, today),
                opening,
                today,
                balance,
            )
        )
        ledgers[account_id] = book.entries
        notices += book.notices
    return tuple(accounts), ledgers, notices


def _history(
    spec: AccountSpec, contracts: Sequence[Contract], profile: Profile, *, seed: int, today: date, opening: int
) -> MonthBook:
    if spec.n == 0:
        return MonthBook(guide_entries(profile), ())
    if spec.kind == "deposit":
        return write_deposit(spec, contracts, profile, seed=seed, until=today)
    entries: list[Entry] = []
    notices: list[Notice] = []
    balance = opening
    for month in months_from(_first_month(profile, today=today), until=today):
        book = write_month(spec, contracts, profile, seed=seed, month=month, balance=balance, written=len(entries))
        balance += sum(entry.cents for entry in book.entries)
        entries += book.entries
        notices += book.notices
    return _until(MonthBook(tuple(entries), tuple(notices)), since=date.min, day=today)


def _until(book: MonthBook, *, since: date, day: date) -> MonthBook:
    """What was written after `since` and until the end of `day`."""
    return MonthBook(
        tuple(entry for entry in book.entries if since < entry.posted_on <= day),
        tuple(notice for notice in book.notices if since < notice.issued_on <= day),
    )


def _first_month(profile: Profile, *, today: date) -> date:
    return first_of(today, months=-profile.history_months)


def _opening(spec: AccountSpec, contracts: Sequence[Contract], profile: Profile, *, seed: int, today: date) -> int:
    """Where rent is called at the end of a month, last month's is still owed; late payers owe some more."""
    if spec.n == 0:
        return OPENING_CENTS
    first = _first_month(profile, today=today)
    if spec.kind not in ("rent", "garage") or contracts[0].starts_on >= first:
        return 0
    rng = Random(f"{seed}/{profile.landlord}/opening/{spec.n}")
    called_on = first - timedelta(days=1)
    due = [
        sum(item.cents for item in contract.components if item.in_force(called_on)) - contract.aid_cents
        for contract in contracts
        if contract.in_force(called_on)
    ]
    owed = sum(due) if profile.call_day > 20 else 0
    return owed + (rng.randint(5_000, 90_000) if contracts[0].habit == "late" else 0)


def _spec_of(account: Account, contracts: Mapping[str, Contract]) -> AccountSpec:
    suffix, digit = {"deposit": ("D", 1), "recharge": ("R", 2)}.get(account.kind, ("", 0))
    first = contracts[account.contracts[0]]
    return AccountSpec(first.n, account.kind, suffix, digit, account.contracts, first.starts_on)


def _write_since(
    spec: AccountSpec, account: Account, world: World, contracts: Mapping[str, Contract], profile: Profile, *, day: date
) -> MonthBook:
    """What `account` holds on `day` and did not on `world.today`: the month under way is written again."""
    if spec.n == 0:
        return MonthBook((), ())
    mine = [contracts[item] for item in spec.contracts]
    if spec.kind == "deposit":
        return _until(write_deposit(spec, mine, profile, seed=world.seed, until=day), since=world.today, day=day)
    held = world.entries[account.id]
    month_begins = first_of(world.today)
    of_month = [entry for entry in held if entry.posted_on >= month_begins]
    balance, written = account.balance_cents - sum(entry.cents for entry in of_month), len(held) - len(of_month)
    entries: list[Entry] = []
    notices: list[Notice] = []
    for month in months_from(month_begins, until=day):
        book = write_month(spec, mine, profile, seed=world.seed, month=month, balance=balance, written=written)
        balance, written = balance + sum(entry.cents for entry in book.entries), written + len(book.entries)
        entries += book.entries
        notices += book.notices
    return _until(MonthBook(tuple(entries), tuple(notices)), since=world.today, day=day)


def _refused_lines(profile: Profile, ledgers: Mapping[str, tuple[Entry, ...]]) -> tuple[RefusedLine, ...]:
    """A payment under a code of no table and its cancelling under a date of no calendar: nothing in sum."""
    account = profile.account.format(n=6, suffix="")
    model = ledgers[account][-1]._replace(
        unit="", due_on=None, period_from=None, period_to=None, document="", reversal_of=""
    )
    payment = model._replace(id="900000000001", code="RGL2", label="Règlement guichet", cents=-12_000, sequence=8)
    undone = model._replace(
        id="900000000002", code=profile.entries["fee"], label="Annulation règlement guichet", cents=12_000, sequence=9
    )
    return (
        RefusedLine(payment, "CODE", "RGL2"),
        RefusedLine(undone, "DT_COMPTA", f"31/02/{model.posted_on.year}"),
    )
