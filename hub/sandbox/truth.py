"""What a faithful copy of a world holds: the figures a sync is measured against, counted without any parsing."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable
from dataclasses import asdict
from typing import Any

from hub.sandbox.bookings import Booking
from hub.sandbox.documents import documents
from hub.sandbox.files import refused_positions
from hub.sandbox.guide import GUIDE_LINES
from hub.sandbox.model import World
from hub.sandbox.profiles import DEMO_CONTRACT, DEMO_PERSON, GUIDE_ACCOUNT, GUIDE_CONTRACT


def truth(world: World, bookings: Iterable[Booking] = ()) -> dict[str, Any]:
    """Counts per stream, sums, balances and order of a world, ready for JSON. Cents; + means the tenant owes.

    `order_digest`: SHA-256 of UTF-8 lines "account⇥posted on⇥sequence⇥label⇥cents⏎", accounts in the order of their
    identifiers, entries in ledger order. Lines nobody can read are in `quarantined` only. `bookings`: what partners had
    entered, each once for each time it was booked, the oldest first.
    """
    return {
        "landlord": world.landlord,
        "seed": world.seed,
        "base": world.base.isoformat(),
        "today": world.today.isoformat(),
        "counts": counts(world),
        "ledger": _ledger(world),
        "balances": _balances(world),
        "order_digest": order_digest(world),
        "quarantined": len(world.refused),
        "quarantined_lines": [
            {"file": file, "line": line, "field": bad.field, "value": bad.value}
            for file, line, bad in refused_positions(world)
        ],
        "bookings": [asdict(booking) for booking in bookings],
        **_guide(world),
        "demo": {"contract": DEMO_CONTRACT[world.landlord], "person": DEMO_PERSON[world.landlord]},
    }


def _guide(world: World) -> dict[str, Any]:
    """The tenant guide's account, where the landlord has one."""
    if world.landlord not in GUIDE_ACCOUNT:
        return {}
    place = {"contract": GUIDE_CONTRACT[world.landlord], "account": GUIDE_ACCOUNT[world.landlord]}
    return {"guide": place | {"lines": [list(line) for line in GUIDE_LINES]}}


def summary(held: dict[str, Any]) -> dict[str, Any]:
    """A truth without what it says of every single account."""
    short = {name: value for name, value in held.items() if name != "balances"}
    return (
        short
        | {"bookings": len(held["bookings"])}
        | {"ledger": {name: value for name, value in held["ledger"].items() if name != "by_account"}}
    )


def counts(world: World) -> dict[str, int]:
    """Rows per stream."""
    return {
        "sites": len(world.sites),
        "units": len(world.units),
        "persons": len(world.persons),
        "contracts": len(world.contracts),
        "contract_units": sum(len(contract.units) for contract in world.contracts),
        "parties": sum(len(contract.parties) for contract in world.contracts),
        "price_components": sum(len(contract.components) for contract in world.contracts),
        "accounts": len(world.accounts),
        "account_contracts": sum(len(account.contracts) for account in world.accounts),
        "ledger_entries": sum(len(entries) for entries in world.entries.values()),
        "rent_notices": len(world.notices),
        "rent_notice_lines": sum(len(notice.lines) for notice in world.notices),
        "documents": len(documents(world)),
    }


def order_digest(world: World) -> str:
    digest = hashlib.sha256()
    for account in sorted(world.entries):
        for entry in world.entries[account]:
            line = f"{account}\t{entry.posted_on.isoformat()}\t{entry.sequence}\t{entry.label}\t{entry.cents}\n"
            digest.update(line.encode())
    return digest.hexdigest()


def _ledger(world: World) -> dict[str, Any]:
    amounts = [entry.cents for entry in world.ledger()]
    return {
        "entries": len(amounts),
        "debit_cents": sum(cents for cents in amounts if cents > 0),
        "credit_cents": -sum(cents for cents in amounts if cents < 0),
        "sum_cents": sum(amounts),
        "by_account": {account: sum(entry.cents for entry in entries) for account, entries in world.entries.items()},
        "by_code": dict(sorted(Counter(entry.code for entry in world.ledger()).items())),
    }


def _balances(world: World) -> dict[str, dict[str, Any]]:
    return {
        account.id: {
            "opening_cents": account.opening_cents,
            "balance_cents": account.balance_cents,
            "balance_on": account.balance_on.isoformat(),
        }
        for account in world.accounts
    }
