"""Opening balances (soldes à nouveau): each begins the balance anew, nothing is counted twice, no year disappears."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from random import Random
from typing import Any, cast

import pytest
from sqlalchemy import text

from hub.records import Stream
from hub.services.read_account import accounts_by_id, statements
from hub.store.balance_rows import Difference, find_differences, list_differences
from hub.store.guard_facts import compare_ledger, compare_snapshot
from hub.store.reads import Reading, ledger
from hub.store.staging import stage

NOW = datetime(2027, 6, 1, 3, tzinfo=UTC)
FIRST = date(2026, 1, 1)
TODAY = date(2027, 12, 31)
E1: dict[str, Any] = {
    "external_id": "E1",
    "account_ref": "A1",
    "unit_ref": "U1",
    "posted_on": date(2018, 6, 26),
    "kind": "rent",
    "source_sequence": 3,
    "label": "LOG 004473 06/18",
    "amount_cents": 23_857,
    "erp_code": "LOC",
}
"""The first night's, as its source gives it."""


@dataclass
class Asked:
    """Reads as a request does, in the test's own transaction."""

    conn: Any

    async def rows(self, statement: Any, **values: object) -> Any:
        return (await self.conn.execute(statement, values)).all()


def entry(name: str, day: date, cents: int, *, sequence: int = 0, opening: bool = False) -> dict[str, Any]:
    kind = "opening_balance" if opening else "rent" if cents > 0 else "payment_card"
    row = {"external_id": name, "account_ref": "A2", "posted_on": day, "kind": kind, "source_sequence": sequence}
    return row | {"label": "solde à nouveau" if opening else "écriture", "amount_cents": cents}


def account(**facts: Any) -> dict[str, Any]:
    return {"external_id": "A2", "number": "411002", "kind": "rent"} | facts


async def put(landlord: Any, of: dict[str, Any], rows: Sequence[dict[str, Any]]) -> None:
    await landlord.apply(Stream.ACCOUNTS, of, mode="delta")
    await landlord.apply(Stream.LEDGER_ENTRIES, *rows, mode="delta")


async def read(landlord: Any, first: date = FIRST, last: date = TODAY) -> tuple[Any, dict[str, int], Any]:
    """The account, each entry's running balance, a statement."""
    (found,) = await landlord.ask("select object_id from external_key where object_type='account' and external_id='A2'")
    names = dict(await landlord.ask("select id, external_id from ledger_entry"))
    async with landlord.scope() as conn:
        link = "select landlord_id, hub_uuid7(1), 'erp', :id, id, 1 from contract limit 1"
        into = "account_contract (landlord_id, id, source, account_id, contract_id, changed_run)"
        await conn.execute(text(f"insert into {into} {link} on conflict do nothing"), {"id": found})
        reading = cast(Reading, Asked(conn))
        (one,) = (await accounts_by_id(reading, [found], today=TODAY)).values()
        pages = await ledger.pages(reading, [found], take=1000, newest_first=False)
        told = await statements(reading, [found], from_on=first, to_on=last)
    return one, {names[row.id]: row.running_cents for row in pages.get(found, [])}, told[found]


def expected(opening_on: date | None, opening: int | None, rows: Sequence[dict[str, Any]]) -> list[int]:
    """The running balances, worked out entry by entry."""
    running: int | None = None
    before: list[int] = []
    base: int | None = None
    after: list[int] = []
    waiting = opening is not None
    for row in rows:
        if waiting and (opening_on is None or row["posted_on"] >= opening_on):
            waiting, running = False, opening
            base = running if base is None else base
        if row["kind"] == "opening_balance":
            running = row["amount_cents"]
            base = running if base is None else base
        elif running is None:
            before.append(row["amount_cents"])
            continue
        else:
            running += row["amount_cents"]
        assert running is not None
        after.append(running)
    if base is None and waiting:
        base = opening
    start = base - sum(before) if base is not None else 0
    return [start + sum(before[: place + 1]) for place in range(len(before))] + after


@pytest.mark.parametrize("seed", range(12))
async def test_running_balances_and_balance_are_those_worked_out_by_hand(housed: Any, seed: int) -> None:
    rng = Random(seed)
    days = sorted(FIRST + timedelta(days=rng.randrange(500)) for _ in range(rng.randrange(1, 14)))
    rows = [
        entry(f"X{n:02}", day, rng.randint(-900, 900), sequence=n, opening=rng.random() < 0.25)
        for n, day in enumerate(days)
    ]
    opening = rng.choice([None, rng.randint(-500, 500)])
    opening_on = rng.choice([None, FIRST + timedelta(days=rng.randrange(500))])
    await put(housed, account(opening_on=opening_on, opening_cents=opening), rows)

    found, running, told = await read(housed)

    due = expected(opening_on, opening, rows)
    assert dict(zip([row["external_id"] for row in rows], due, strict=True)) == running
    if opening_on is None or opening is None or opening_on <= rows[-1]["posted_on"]:
        assert due[-1] == found.balance_cents
    assert due[-1] == told.closing_cents
    moved = sum(row["amount_cents"] for row in rows if row["kind"] != "opening_balance")
    assert moved == told.debits_cents + told.credits_cents


async def test_a_year_that_ends_and_one_that_begins_with_its_balance_are_one_history(housed: Any) -> None:
    last_year = [entry("O26", FIRST, 1000, opening=True), entry("R26", date(2026, 5, 1), 500)]
    this_year = [entry("O27", date(2027, 1, 1), 1500, opening=True), entry("R27", date(2027, 5, 1), 200)]
    await put(housed, account(), [*last_year, *this_year])
    found, running, told = await read(housed, date(2027, 1, 1), TODAY)
    assert {"O26": 1000, "R26": 1500, "O27": 1500, "R27": 1700} == running
    assert 1700 == found.balance_cents
    assert (1500, 200, 0, 1700) == (told.opening_cents, told.debits_cents, told.credits_cents, told.closing_cents)


async def test_entries_of_before_the_accounts_opening_are_not_counted_twice(housed: Any) -> None:
    rows = [entry("R26", date(2026, 5, 1), 500), entry("R27", date(2027, 5, 1), 200)]
    await put(housed, account(opening_on=date(2027, 1, 1), opening_cents=1500), rows)
    found, running, told = await read(housed, FIRST, date(2026, 12, 31))
    assert (1700, {"R26": 1500, "R27": 1700}) == (found.balance_cents, running)
    assert (1000, 1500) == (told.opening_cents, told.closing_cents)


async def test_a_snapshot_that_begins_a_year_later_makes_no_old_entry_disappear(housed: Any) -> None:
    old = [entry(f"R{n}", date(2026, 2, 1) + timedelta(days=n), 100) for n in range(40)]
    await put(housed, account(), [entry("O", FIRST, 0, opening=True), *old])
    new = [entry("O", date(2027, 1, 1), 4000, opening=True), entry("NEW", date(2027, 1, 5), 100)]
    # An account's ledger without an opening balance stays complete: E1 is in the set, E2 is not.
    new.append(E1)
    async with housed.scope() as conn:
        await stage(conn, Stream.LEDGER_ENTRIES, [housed.rows(Stream.LEDGER_ENTRIES, *new)])
        asked: dict[str, Any] = {"landlord": housed.name, "source": "erp", "as_of": date(2027, 6, 1)}
        compared = await compare_snapshot(conn, stream=Stream.LEDGER_ENTRIES, refused=0, drip_since=NOW, **asked)
        facts = await compare_ledger(conn, old_days=60, **asked)
    assert ("E2",) == compared.sample
    assert (0, 100) == (facts.old_changed, facts.new_debits_cents)

    result = await housed.apply(Stream.LEDGER_ENTRIES, *new)

    assert (1, 1, 1) == (result.missing, result.added, result.changed)
    assert ["E2"] == await housed.ask("select external_id from ledger_entry where missing_since is not null")
    found, running, _ = await read(housed)
    assert (4100, 4000, 4100) == (found.balance_cents, running["R39"], running["NEW"])


async def test_a_balance_is_compared_from_its_last_opening_at_its_own_day(housed: Any) -> None:
    rows = [
        entry("R26", date(2026, 5, 1), 500),
        entry("O27", date(2027, 1, 1), 900, opening=True),
        entry("R27", date(2027, 5, 1), 200),
        entry("LATER", date(2027, 5, 20), 70),
    ]
    facts = {"balance_on": date(2027, 5, 10), "balance_cents": 1100}
    await put(housed, account(**facts), rows)
    assert [] == await differences(housed)
    await put(housed, account(**facts | {"balance_cents": 1350}), [])
    (one,) = await differences(housed)
    assert ("A2", 1350, 1100, 250) == (one.account, one.of_record_cents, one.summed_cents, one.difference_cents)
    await put(housed, account(), [])
    assert [] == await differences(housed)


async def differences(landlord: Any) -> list[Difference]:
    state = """insert into feed_state (landlord_id, feed, stream, source, mapping_version, as_of)
        values (:landlord, 'ledger', 'ledger_entries', 'erp', '1', :now) on conflict do nothing"""
    async with landlord.scope() as conn:
        await conn.execute(text(state), {"landlord": landlord.name, "now": NOW})
        await find_differences(conn, landlord=landlord.name, time_zone="Europe/Paris", now=NOW)
        return await list_differences(conn, landlord=landlord.name)
