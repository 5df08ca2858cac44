"""Worlds as a landlord's ERP tells them when something went wrong in it; the good world is never changed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import date
from random import Random

from hub.sandbox.model import Account, Entry, World
from hub.sandbox.profiles import PROFILES

NEW_CODE = "NVX"
_DROPPED_SHARE = 0.3
_NEWCOMER = 990_000
_OTHER_NUMBERS = {"C": "Z", "2": "7", "t": "q"}


def without_some_contracts(world: World) -> World:
    """Three contracts in ten are missing, with what hangs on them; the same ones every night."""
    numbers = [contract.id for contract in world.contracts[1:]]
    rng = Random(f"{world.seed}/{world.landlord}/dropped")
    gone = set(rng.sample(numbers, max(1, int(len(numbers) * _DROPPED_SHARE))))
    accounts = (
        replace(account, contracts=tuple(number for number in account.contracts if number not in gone))
        for account in world.accounts
    )
    left = tuple(contract for contract in world.contracts if contract.id not in gone)
    return replace(world, contracts=left, accounts=tuple(accounts))


def with_anothers_contracts(world: World) -> World:
    """The contracts of a landlord who uses the same ERP: as many, under numbers of his own."""
    contracts = (
        replace(
            one, id=_OTHER_NUMBERS[one.id[0]] + one.id[1:], reference=f"A/{one.reference}", customer=f"9{one.n:06d}"
        )
        for one in world.contracts
    )
    return replace(world, contracts=tuple(contracts))


def with_a_new_code(world: World, *, since: date) -> World:
    """The first two entries posted after `since` carry a code that nobody announced."""
    chosen = {entry.id for entry in fresh_entries(world, since=since)[:2]}
    return _with_entries(world, lambda entry: entry._replace(code=NEW_CODE) if entry.id in chosen else entry)


def without_days(world: World, *, since: date, until: date) -> World:
    """No entry was posted after `since` and before `until`; balances know better."""
    return _with_entries(world, lambda entry: None if since < entry.posted_on < until else entry)


def without_accounts(world: World, numbers: Sequence[str]) -> World:
    """Some accounts are not told; the ledger is."""
    return replace(world, accounts=tuple(account for account in world.accounts if account.id not in numbers))


def fresh_entries(world: World, *, since: date) -> list[Entry]:
    """What was posted after `since`, in the order of an export."""
    fresh = (entry for entry in world.ledger() if entry.posted_on > since)
    return sorted(fresh, key=lambda entry: (entry.posted_on, entry.id))


def with_newcomers(world: World, days: Sequence[date]) -> World:
    """The world with an account opened on each of `days`, its first fee charged at once."""
    opened = [_newcomer(world, place, day) for place, day in enumerate(days)]
    accounts = (*world.accounts, *(account for account, _ in opened))
    return replace(world, accounts=accounts, entries={**world.entries, **{one.id: (fee,) for one, fee in opened}})


def newcomer_numbers(world: World, days: Sequence[date]) -> list[str]:
    """The accounts `with_newcomers` opens."""
    return [_newcomer(world, place, day)[0].id for place, day in enumerate(days)]


def _newcomer(world: World, place: int, day: date) -> tuple[Account, Entry]:
    profile, n = PROFILES[world.landlord], _NEWCOMER + place
    number = profile.account.format(n=n, suffix="")
    fee = Entry(
        id=profile.entry.format(n=n, digit=0, i=1),
        account=number,
        unit="",
        posted_on=day,
        sequence=1,
        due_on=None,
        period_from=None,
        period_to=None,
        code=profile.entries["fee"],
        label="Frais d'ouverture de compte",
        cents=1_500,
        document="",
        reversal_of="",
    )
    contracts = (world.contracts[1].id,)
    shown = profile.number.format(n=n, digit=0)
    return Account(number, shown, "recharge", contracts, day, 0, world.today, fee.cents), fee


def _with_entries(world: World, change: Callable[[Entry], Entry | None]) -> World:
    entries = {
        number: tuple(kept for entry in ledger if (kept := change(entry)) is not None)
        for number, ledger in world.entries.items()
    }
    return replace(world, entries=entries)
