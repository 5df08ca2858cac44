"""The guard's rules: ordinary nights pass, cut, old, foreign and empty data does not, each limit where it is said."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from random import Random
from typing import Literal

import pytest

from hub.domain.guard import (
    Ages,
    GuardLimits,
    LedgerFacts,
    Reason,
    SnapshotFacts,
    judge_age,
    judge_ledger,
    judge_snapshot,
)
from hub.sandbox.model import World
from hub.sandbox.world import advance, build_world

USUAL = GuardLimits()
NIGHTS = 200
EVENING = datetime(2026, 11, 20, 2, 30, tzinfo=UTC)


class Held:
    """A stream's keys as the hub would hold them, and when each went missing."""

    def __init__(self, keys: set[str], *, anchors: bool) -> None:
        self.keys, self.anchors = keys, anchors
        self.missing: dict[str, datetime] = {}

    def judge(self, new: set[str], at: datetime) -> list[Reason]:
        served = self.keys - self.missing.keys()
        dripped = [key for key, since in self.missing.items() if since > at - USUAL.drip and key not in new]
        facts = SnapshotFacts(held=len(served), staged=len(new), common=len(served & new), dripped=len(dripped))
        return judge_snapshot(facts, USUAL, noun="contracts", anchors=self.anchors)

    def apply(self, new: set[str], at: datetime) -> None:
        for key in self.keys - new:
            self.missing.setdefault(key, at)
        self.missing = {key: since for key, since in self.missing.items() if key not in new}
        self.keys |= new


def turn_over(rng: Random, keys: set[str], night: int) -> set[str]:
    """A night's legitimate turnover: now and then a contract leaves the export, others come."""
    leaving = rng.sample(sorted(keys), rng.choice((0, 0, 0, 1, 1, 2)))
    return (keys - set(leaving)) | {f"new-{night}-{place}" for place in range(rng.choice((0, 0, 1, 2)))}


@pytest.mark.parametrize("size", [12, 300, 4000])
def test_two_hundred_ordinary_nights_of_contracts_are_never_held(size: int) -> None:
    rng = Random(f"nights/{size}")
    keys = {f"CT-{place}" for place in range(size)}
    held, at = Held(set(keys), anchors=True), EVENING
    for night in range(NIGHTS):
        at += timedelta(days=rng.choice((1, 1, 1, 1, 3)))
        keys = turn_over(rng, keys, night) if size > 12 or night % 10 == 0 else keys
        assert [] == held.judge(keys, at), f"night {night}"
        held.apply(keys, at)


@pytest.mark.parametrize("landlord", ["rives-doise", "cite-des-tilleuls"])
def test_two_hundred_nights_of_rent_calls_and_payments_are_never_held(
    landlord: Literal["rives-doise", "cite-des-tilleuls"],
) -> None:
    """Every night of a whole sandbox world, rent-call nights among them, and nights that did not run."""
    rng, world = Random(f"rent/{landlord}"), build_world(landlord, contracts=40, today=date(2026, 3, 3))
    last, calls = EVENING, 0
    for night in range(NIGHTS):
        days = rng.choice((1, 1, 1, 1, 1, 2, 3))
        newer = advance(world, world.today + timedelta(days=days))
        facts, at = ledger_facts(world, newer), last + timedelta(days=days)
        limits = GuardLimits(debit_floor_cents=0)
        assert [] == judge_ledger(facts, Ages(as_of=at, last_as_of=last), limits), f"night {night}, {newer.today}"
        calls += facts.new_debits_cents > 0.5 * facts.rent_roll_cents
        world, last = newer, at
    assert calls >= NIGHTS // 31, "there were rent-call nights among them"


def ledger_facts(before: World, after: World) -> LedgerFacts:
    known = {entry.id for entry in before.ledger()}
    new = [entry.cents for entry in after.ledger() if entry.id not in known and entry.cents > 0]
    running = [one for contract in after.contracts for one in contract.components if one.in_force(after.today)]
    return LedgerFacts(new_debits_cents=sum(new), rent_roll_cents=sum(one.cents for one in running))


@pytest.mark.parametrize("seed", range(60))
def test_cut_foreign_and_empty_snapshots_are_held_however_often_they_come(seed: int) -> None:
    rng = Random(seed)
    size = rng.randint(12, 5000)
    keys = {f"CT-{place}" for place in range(size)}
    held = Held(set(keys), anchors=True)
    limit = max(10, size // 100)
    cut = set(sorted(keys)[: rng.randint(0, size - limit - 1)])
    foreign = {f"XX-{place}" for place in range(rng.randint(3, 5000))}
    mixed = foreign | set(rng.sample(sorted(keys), min(len(foreign), size) // 4))
    for bad in (cut, foreign, mixed, set()):
        for times in range(2):
            reasons = held.judge(bad, EVENING + timedelta(days=times))
            assert reasons, f"{len(bad)} of {size} keys"
            assert all(reason.sentence for reason in reasons)


@pytest.mark.parametrize(("gone", "held"), [(10, False), (11, True)])
def test_of_a_small_set_ten_may_disappear(gone: int, held: bool) -> None:
    facts = SnapshotFacts(held=500, staged=500 - gone, common=500 - gone)
    assert held == bool(judge_snapshot(facts, USUAL, noun="contracts", anchors=True))


@pytest.mark.parametrize(("gone", "held"), [(100, False), (101, True)])
def test_of_a_large_set_one_in_a_hundred_may_disappear(gone: int, held: bool) -> None:
    facts = SnapshotFacts(held=10_000, staged=10_000 - gone, common=10_000 - gone)
    assert held == bool(judge_snapshot(facts, USUAL, noun="contracts", anchors=True))


@pytest.mark.parametrize(("gone", "held"), [(500, False), (501, True)])
def test_of_rows_nothing_hangs_on_one_in_twenty_may_go(gone: int, held: bool) -> None:
    facts = SnapshotFacts(held=10_000, staged=10_000 - gone, common=10_000 - gone)
    reasons = judge_snapshot(facts, USUAL, noun="parties", anchors=False)
    assert (["fewer_rows"] if held else []) == [reason.rule for reason in reasons]


def test_a_few_every_night_add_up_within_a_week() -> None:
    facts = SnapshotFacts(held=300, staged=296, common=296, dripped=7)
    (reason,) = judge_snapshot(facts, USUAL, noun="contracts", anchors=True)
    assert ("slow_drip", 11, 10) == (reason.rule, reason.figure, reason.limit)
    assert [] == judge_snapshot(SnapshotFacts(300, 300, 300, dripped=50), USUAL, noun="contracts", anchors=True)


def test_rows_that_could_not_be_read_are_not_taken_for_gone() -> None:
    facts = SnapshotFacts(held=300, staged=200, common=200, refused=95)
    assert [] == judge_snapshot(facts, USUAL, noun="contracts", anchors=True)


def test_a_merger_that_trebles_the_contracts_is_not_taken_for_another_landlord() -> None:
    assert [] == judge_snapshot(SnapshotFacts(held=300, staged=900, common=300), USUAL, noun="contracts", anchors=True)


def test_a_snapshot_from_before_the_last_one_is_stale_by_its_name_or_its_time() -> None:
    earlier = EVENING - timedelta(days=1)
    (by_time,) = judge_age(Ages(as_of=earlier, last_as_of=EVENING))
    (by_name,) = judge_age(Ages(EVENING, earlier, group="2026-11-18T00:00:00", last_group="2026-11-19T00:00:00"))
    assert ("stale", "stale") == (by_time.rule, by_name.rule)
    assert "of 2026-11-18, older than the last applied, of 2026-11-19" in by_name.sentence
    assert [] == judge_age(Ages(as_of=EVENING, last_as_of=EVENING))
    assert [] == judge_age(Ages(earlier, EVENING, group="2026-11-20T00:00:00", last_group="2026-11-19T00:00:00"))


def test_rent_called_twice_is_held_and_a_month_without_nights_is_not() -> None:
    night, month = EVENING + timedelta(days=1), EVENING + timedelta(days=31)
    called = LedgerFacts(new_debits_cents=10_100_000, rent_roll_cents=10_000_000)
    doubled = LedgerFacts(new_debits_cents=20_200_000, rent_roll_cents=10_000_000)
    assert [] == judge_ledger(called, Ages(night, EVENING), USUAL)
    assert ["new_debits"] == [one.rule for one in judge_ledger(doubled, Ages(night, EVENING), USUAL)]
    assert [] == judge_ledger(doubled, Ages(month, EVENING), USUAL)


def test_debits_are_not_judged_without_a_rent_roll_or_below_the_floor() -> None:
    ages = Ages(EVENING + timedelta(days=1), EVENING)
    assert [] == judge_ledger(LedgerFacts(new_debits_cents=10**12), ages, USUAL)
    assert [] == judge_ledger(LedgerFacts(new_debits_cents=500_000, rent_roll_cents=1), ages, USUAL)
    assert [] != judge_ledger(LedgerFacts(new_debits_cents=500_001, rent_roll_cents=1), ages, USUAL)


@pytest.mark.parametrize(("changed", "held"), [(100, False), (101, True)])
def test_one_in_a_thousand_old_entries_may_change(changed: int, held: bool) -> None:
    facts = LedgerFacts(old_held=100_000, old_changed=changed)
    ages = Ages(EVENING + timedelta(days=1), EVENING)
    assert held == bool(judge_ledger(facts, ages, USUAL))
