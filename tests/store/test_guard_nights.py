"""Legitimate nights through the guard's own SQL: whole landlords, night by night, and none is held; bad ones are."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

import pytest

from hub.domain.guard import Ages, GuardLimits, Reason, judge_ledger, judge_snapshot
from hub.records import RECORDS, Stream
from hub.store.apply import apply_stream
from hub.store.guard_facts import compare_ledger, compare_snapshot
from hub.store.staging import stage

LIMITS = GuardLimits()
RENT = 42_000


@dataclass(frozen=True)
class Tenancy:
    """One contract with its tenant, account and rent; the rent's line has a new number after each indexation."""

    n: int
    starts_on: date
    leaves_on: date | None = None
    rent: int = RENT
    revision: int = 0

    def ends(self, day: date) -> bool:
        return self.leaves_on is not None and self.leaves_on <= day


@dataclass
class Erp:
    """An ERP that tells running tenancies only, as some do; what has ended is gone the next night."""

    tenancies: list[Tenancy]
    entries: list[dict[str, Any]] = field(default_factory=list)

    def running(self, day: date) -> list[Tenancy]:
        return [one for one in self.tenancies if not one.ends(day - timedelta(days=1))]

    def charge(self, day: date, kind: str, cents: int, who: Iterable[Tenancy], *, what: str = "") -> None:
        for one in who:
            key = f"{day:%Y%m%d}-{kind}-{one.n}{what}"
            row = {"external_id": key, "account_ref": f"A{one.n}", "posted_on": day, "kind": kind, "label": kind}
            self.entries.append(row | {"amount_cents": cents})

    def tell(self, day: date) -> dict[Stream, list[dict[str, Any]]]:
        """Tonight's export: all there is, and of the ledger what was posted today."""
        here = self.running(day)
        return {
            Stream.PERSONS: [{"external_id": f"P{one.n}", "family_name": f"Nom {one.n}"} for one in here],
            Stream.CONTRACTS: [self._contract(one, day) for one in here],
            Stream.PARTIES: [
                {"contract_ref": f"C{one.n}", "person_ref": f"P{one.n}", "role": "holder"} for one in here
            ],
            Stream.PRICE_COMPONENTS: [
                {
                    "external_id": f"R{one.n}/{one.revision}",
                    "contract_ref": f"C{one.n}",
                    "kind": "rent",
                    "label": "Loyer",
                    "amount_cents": one.rent,
                }
                for one in here
            ],
            Stream.ACCOUNTS: [{"external_id": f"A{one.n}", "number": f"411{one.n}"} for one in here],
            Stream.ACCOUNT_CONTRACTS: [{"account_ref": f"A{one.n}", "contract_ref": f"C{one.n}"} for one in here],
            Stream.LEDGER_ENTRIES: [row for row in self.entries if row["posted_on"] == day],
        }

    @staticmethod
    def _contract(one: Tenancy, day: date) -> dict[str, Any]:
        row: dict[str, Any] = {"external_id": f"C{one.n}", "reference": f"L/{one.n}", "starts_on": one.starts_on}
        told = one.leaves_on is not None and one.leaves_on - timedelta(days=30) <= day
        leaving = {"notice_on": one.leaves_on and one.leaves_on - timedelta(days=30), "move_out_on": one.leaves_on}
        return row | ({"status": "under_notice", **leaving} if told else {"status": "current"})


class Hub:
    """The hub's side of those nights: stage, judge by the guard's facts, apply."""

    def __init__(self, landlord: Any) -> None:
        self.landlord, self.run, self.last = landlord, 0, None

    async def night(
        self, told: dict[Stream, list[dict[str, Any]]], day: date, *, may_be_held: bool = False
    ) -> dict[Stream, list[Reason]]:
        """What each stream would be held for, only those that would; applied unless that is asked."""
        found = {}
        for stream, rows in told.items():
            self.run += 1
            at = datetime.combine(day, time(2, 30), UTC)
            async with self.landlord.scope() as conn:
                await stage(conn, stream, [self.landlord.rows(stream, *rows)])
                reasons = await self._judge(conn, stream, at) if self.last else []
                if reasons:
                    found[stream] = reasons
                if not may_be_held and rows:
                    delta = "delta" if stream is Stream.LEDGER_ENTRIES else "snapshot"
                    mine = {"landlord": self.landlord.name, "source": "erp", "run_id": self.run, "now": at}
                    result = await apply_stream(conn, stream=stream, mode=delta, **mine)  # type: ignore[arg-type]
                    assert [] == result.rejects
        self.last = at if not may_be_held else self.last
        return found

    async def _judge(self, conn: Any, stream: Stream, at: datetime) -> list[Reason]:
        mine = {"landlord": self.landlord.name, "source": "erp"}
        if stream is Stream.LEDGER_ENTRIES:
            facts = await compare_ledger(conn, as_of=at.date(), old_days=LIMITS.old_days, **mine)
            return judge_ledger(facts, Ages(at, self.last), LIMITS)
        compared = await compare_snapshot(
            conn, stream=stream, refused=0, drip_since=at - LIMITS.drip, as_of=at.date(), **mine
        )
        anchors = RECORDS[stream].anchor is not None
        return judge_snapshot(compared.facts, LIMITS, noun=stream.value, anchors=anchors)


def residence(size: int, *, since: date = date(2020, 1, 1)) -> Erp:
    return Erp([Tenancy(n, since) for n in range(size)])


@pytest.fixture
def hub(landlord: Any) -> Hub:
    return Hub(landlord)


async def test_a_winter_of_rent_calls_indexation_settlement_and_a_new_building_is_never_held(hub: Hub) -> None:
    """Thirty nights: 20 December to 18 January."""
    erp, first = residence(250), date(2026, 12, 20)
    for number in range(30):
        day = first + timedelta(days=number)
        if day == date(2026, 12, 26):
            erp.charge(day, "rent", RENT, erp.tenancies)
        if day == date(2027, 1, 1):  # every rent is revised; the lines of the old rents are told no more
            erp.tenancies = [replace(one, rent=RENT * 1035 // 1000, revision=1) for one in erp.tenancies]
        if day == date(2027, 1, 6):  # what the charges of a year really were
            erp.charge(day, "charge_settlement", 21_000, erp.tenancies)
        if day == date(2027, 1, 12):  # sixty dwellings are let at once: deposit and first rent
            new = [Tenancy(1000 + n, day) for n in range(60)]
            erp.tenancies += new
            erp.charge(day, "deposit", RENT, new)
            erp.charge(day, "rent", RENT, new, what="first")
        assert {} == await hub.night(erp.tell(day), day), f"{day}"


async def test_rent_and_the_settlement_of_charges_in_one_night_are_not_held_and_rent_called_twice_is(hub: Hub) -> None:
    erp, day = residence(60), date(2026, 6, 25)
    await hub.night(erp.tell(day), day)
    day = date(2026, 6, 26)
    erp.charge(day, "rent", RENT, erp.tenancies)
    erp.charge(day, "charge_settlement", 18_000, erp.tenancies)
    assert {} == await hub.night(erp.tell(day), day)

    day = date(2026, 7, 26)
    erp.charge(day, "rent", RENT, erp.tenancies)
    erp.charge(day, "rent", RENT, erp.tenancies, what="again")
    hub.last = datetime(2026, 7, 25, 2, 30, tzinfo=UTC)
    held = await hub.night(erp.tell(day), day, may_be_held=True)
    assert ["new_debits"] == [one.rule for one in held[Stream.LEDGER_ENTRIES]]


async def test_students_who_leave_in_june_are_not_taken_for_a_cut_file_and_a_cut_file_is(hub: Hub) -> None:
    """Of 250 rooms twenty are given up within two weeks, twelve of them on the last of June: the export lacks all that
    was theirs the day after."""
    erp, first = residence(250, since=date(2025, 9, 1)), date(2026, 6, 20)
    for n in range(20):
        day = date(2026, 6, 30) if n < 12 else first + timedelta(days=1 + n - 12)
        erp.tenancies[n] = replace(erp.tenancies[n], leaves_on=day)
    for number in range(16):
        day = first + timedelta(days=number)
        assert {} == await hub.night(erp.tell(day), day), f"{day}"

    day = date(2026, 7, 6)
    cut = {stream: rows[:-12] for stream, rows in erp.tell(day).items() if stream is not Stream.LEDGER_ENTRIES}
    held = await hub.night(cut, day, may_be_held=True)
    assert {Stream.PERSONS, Stream.CONTRACTS, Stream.ACCOUNTS} <= held.keys()
    assert "12 contracts would disappear" in held[Stream.CONTRACTS][0].sentence


async def test_tenancies_that_ended_long_ago_and_were_told_since_may_not_vanish_together(hub: Hub) -> None:
    erp, day = residence(60), date(2026, 6, 1)
    told = erp.tell(day)
    for row in told[Stream.CONTRACTS][:20]:
        row |= {"status": "ended", "move_out_on": date(2025, 12, 31)}
    await hub.night(told, day)
    day += timedelta(days=1)
    held = await hub.night({Stream.CONTRACTS: told[Stream.CONTRACTS][20:]}, day, may_be_held=True)
    assert ["disappearing"] == [one.rule for one in held[Stream.CONTRACTS]]


async def test_rents_of_another_landlords_contracts_are_held(hub: Hub) -> None:
    erp, day = residence(30), date(2026, 6, 1)
    await hub.night(erp.tell(day), day)
    day += timedelta(days=1)
    rents = [row | {"external_id": f"X{n}", "contract_ref": f"X{n}"} for n, row in enumerate(told_rents(erp, day))]
    held = await hub.night({Stream.PRICE_COMPONENTS: rents}, day, may_be_held=True)
    assert ["wrong_landlord"] == [one.rule for one in held[Stream.PRICE_COMPONENTS]]


def told_rents(erp: Erp, day: date) -> list[dict[str, Any]]:
    return erp.tell(day)[Stream.PRICE_COMPONENTS]
