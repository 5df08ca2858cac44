"""The invented world: the same each time, and its figures add up."""

from __future__ import annotations

import hashlib
from datetime import date, timedelta
from itertools import pairwise

import pytest

from hub.sandbox import GUIDE_ACCOUNT, World, advance, build_world, truth
from hub.sandbox.guide import GUIDE_LINES
from hub.sandbox.model import Landlord

TODAY = date(2026, 11, 20)
LANDLORDS: tuple[Landlord, ...] = ("rives-doise", "cite-des-tilleuls")


def test_the_same_seed_gives_the_same_world(world: World) -> None:
    again = build_world(world.landlord, contracts=60, today=TODAY)
    other = build_world(world.landlord, contracts=60, seed=2, today=TODAY)

    assert again == world
    assert truth(other)["order_digest"] != truth(world)["order_digest"]
    assert {person.family for person in other.persons} != {person.family for person in world.persons}


@pytest.mark.parametrize(
    ("landlord", "contracts", "ledger", "notices"),
    [("rives-doise", 312, 18_978, 4_680), ("cite-des-tilleuls", 287, 15_914, 4_305)],
)
def test_a_landlord_has_its_usual_size(landlord: Landlord, contracts: int, ledger: int, notices: int) -> None:
    counts = truth(build_world(landlord, today=TODAY))["counts"]

    assert (counts["contracts"], counts["ledger_entries"], counts["rent_notices"]) == (contracts, ledger, notices)


def test_every_balance_is_opening_plus_entries(world: World) -> None:
    for account in world.accounts:
        entries = world.entries[account.id]
        assert account.balance_cents == account.opening_cents + sum(entry.cents for entry in entries)
        assert account.balance_on == TODAY
        assert all(entry.posted_on <= TODAY for entry in entries)


def test_a_ledger_is_in_order_and_its_identifiers_are_unique(world: World) -> None:
    for entries in world.entries.values():
        order = [(entry.posted_on, entry.sequence) for entry in entries]
        assert order == sorted(set(order))
    identifiers = [entry.id for entry in world.ledger()]
    assert len(identifiers) == len(set(identifiers))


def test_a_notice_announces_what_the_ledger_calls(world: World) -> None:
    ledger = {(entry.account, entry.document): 0 for entry in world.ledger() if entry.document}
    for entry in world.ledger():
        if entry.document:
            ledger[entry.account, entry.document] += entry.cents
    for notice in world.notices:
        assert notice.total_cents == notice.previous_cents + sum(line.cents for line in notice.lines)
        called = sum(line.cents for line in notice.lines if line.kind != "housing_aid")
        assert ledger[notice.account, notice.number] == called


def test_a_notice_knows_the_balance_before_it(world: World) -> None:
    single = {account.id: account for account in world.accounts if len(account.contracts) == 1}
    for notice in world.notices:
        account = single.get(notice.account)
        if account is None:
            continue
        entries = world.entries[account.id]
        first = next(place for place, entry in enumerate(entries) if entry.document == notice.number)
        assert notice.previous_cents == account.opening_cents + sum(entry.cents for entry in entries[:first])


def test_every_reference_leads_somewhere(world: World) -> None:
    sites = {site.code for site in world.sites}
    units, persons = {unit.id for unit in world.units}, {person.id for person in world.persons}
    contracts, accounts = {item.id for item in world.contracts}, {item.id for item in world.accounts}

    assert (
        len(units) == len(world.units) and len(persons) == len(world.persons) and len(accounts) == len(world.accounts)
    )
    assert {site.parent for site in world.sites if site.parent} <= sites
    assert {unit.building for unit in world.units} <= sites
    assert {item.unit for contract in world.contracts for item in contract.units} <= units
    assert {party.person for contract in world.contracts for party in contract.parties} <= persons
    assert {contract.account for contract in world.contracts} <= accounts
    assert {contract for account in world.accounts for contract in account.contracts} == contracts
    assert {entry.unit for entry in world.ledger() if entry.unit} <= units
    assert {entry.reversal_of for entry in world.ledger() if entry.reversal_of} <= {
        entry.id for entry in world.ledger()
    }


def test_a_dozen_contracts_show_every_case() -> None:
    world = build_world("rives-doise", contracts=12, today=TODAY)
    contracts = {contract.n: contract for contract in world.contracts}
    kinds = {account.kind for account in world.accounts}

    assert [contracts[n].status for n in (0, 1, 2, 3, 4)] == ["ended", "current", "upcoming", "under_notice", "ended"]
    assert {"rent", "deposit", "recharge", "garage"} <= kinds
    assert contracts[6].account == contracts[7].account
    assert contracts[7].parties[0].person == contracts[6].parties[0].person
    assert {party.role for party in contracts[1].parties} >= {"holder", "co_holder"}
    assert any(item.kind == "sls" for item in contracts[8].components)
    assert any(item.kind == "rls" and item.cents < 0 for item in contracts[1].components)
    assert contracts[2].starts_on > TODAY and not world.entries[contracts[2].account]


def test_a_usual_world_holds_what_tenants_meet(world: World) -> None:
    labels = " | ".join(entry.label for entry in build_world(world.landlord, today=TODAY).ledger())

    for expected in (
        "REGUL CHARGES 2025",
        "Rejet prélèvement",
        "SLS ",
        "RLS ",
        "FRAIS ENQUETE SLS",
        "GAR ",
        "Efficash",
        "TIP SEPA",
    ):
        assert expected in labels


@pytest.mark.parametrize("landlord", LANDLORDS)
def test_the_guide_account_holds_its_seven_lines(landlord: Landlord) -> None:
    world = build_world(landlord, contracts=12, today=TODAY)
    newest_first = list(reversed(world.entries[GUIDE_ACCOUNT[landlord]]))

    seen = [
        (
            f"{entry.posted_on:%d/%m/%Y}",
            entry.label,
            f"{entry.cents / 100:.2f}" if entry.cents > 0 else "",
            f"{-entry.cents / 100:.2f}" if entry.cents < 0 else "",
        )
        for entry in newest_first
    ]
    assert tuple(seen) == GUIDE_LINES
    assert [entry.sequence for entry in newest_first] == [1, 6, 5, 4, 3, 2, 1]


def test_days_taken_one_by_one_or_together_lead_to_the_same_world(world: World) -> None:
    target = date(2027, 2, 3)
    step = world
    while step.today < target:
        step = advance(step, step.today + timedelta(days=1))

    assert step == advance(world, target)


def test_a_later_day_keeps_all_that_was_written(world: World) -> None:
    later = advance(world, TODAY + timedelta(days=45))

    for account, entries in world.entries.items():
        assert later.entries[account][: len(entries)] == entries
    assert len(list(later.ledger())) > len(list(world.ledger()))
    assert len(later.notices) > len(world.notices)
    assert later.persons != world.persons
    for account in later.accounts:
        assert account.balance_cents == account.opening_cents + sum(item.cents for item in later.entries[account.id])


def test_an_upcoming_contract_begins_and_a_given_notice_ends() -> None:
    world = build_world("cite-des-tilleuls", contracts=12, today=TODAY)
    later = {contract.n: contract for contract in advance(world, TODAY + timedelta(days=120)).contracts}

    assert later[2].status == "current"
    assert later[3].status == "ended"


def test_the_order_digest_is_what_the_readme_says(world: World) -> None:
    text = "".join(
        f"{account}\t{entry.posted_on}\t{entry.sequence}\t{entry.label}\t{entry.cents}\n"
        for account in sorted(world.entries)
        for entry in world.entries[account]
    )
    assert truth(world)["order_digest"] == hashlib.sha256(text.encode()).hexdigest()


def test_truth_counts_unreadable_lines_apart() -> None:
    figures = truth(build_world("cite-des-tilleuls", contracts=12, today=TODAY))

    assert figures["quarantined"] == 2
    assert [line["value"] for line in figures["quarantined_lines"]] == ["RGL2", "31/02/2026"]
    assert figures["ledger"]["entries"] == figures["counts"]["ledger_entries"]
    assert figures["ledger"]["sum_cents"] == figures["ledger"]["debit_cents"] - figures["ledger"]["credit_cents"]
    assert sum(figures["ledger"]["by_account"].values()) == figures["ledger"]["sum_cents"]
    assert truth(build_world("rives-doise", contracts=12, today=TODAY))["quarantined"] == 0


def test_names_need_more_than_ascii_and_fit_cp1252(world: World) -> None:
    text = "".join(f"{person.given} {person.family}" for person in world.persons)

    assert all(letter in text for letter in "éçœ'-")
    assert text.encode("cp1252").decode("cp1252") == text
    assert all(person.email.endswith("@example.org") for person in world.persons if person.email)
    assert all(person.phone.startswith("01 99 00 ") for person in world.persons if person.phone)
    assert all(person.mobile.startswith("06 39 98 ") for person in world.persons if person.mobile)


def test_too_small_a_world_is_refused() -> None:
    with pytest.raises(ValueError, match="at least ten contracts"):
        build_world("rives-doise", contracts=3, today=TODAY)


def test_notices_are_issued_in_order(world: World) -> None:
    assert all(first.issued_on <= second.issued_on for first, second in pairwise(world.notices))
