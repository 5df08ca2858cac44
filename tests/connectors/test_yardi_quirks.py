"""The twelve quirks seen in Yardi Voyager's public material, each met by the file of Lakeside Homes over real SOAP."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from datetime import date, timedelta
from typing import Any

import pytest

from hub.errors import MisconfiguredError, RetryableError, TerminalError
from hub.sandbox import Sandbox, advance
from hub.sandbox.faults import SoapFaults
from hub.sandbox.model import World
from hub.testing.bench import Bench, told
from hub.testing.fakes import FolderSpool

SLUG = "lakeside-homes"
RESIDENTS, BY_DATE = "GetResidentTransactions_Login", "GetResidentTransactions_ByChargeDate_Login"
LEASE_CHARGES, UNITS = "GetResidentsLeaseCharges_Login", "GetUnitInformation_Login"
BenchOf = Callable[..., Bench]


@pytest.fixture
def faults(sandbox: Sandbox) -> Iterator[SoapFaults]:
    """The server's misbehaviour, ended with the test."""
    yield sandbox.lakeside.faults
    sandbox.lakeside.faults.clear()


@pytest.fixture
def lakeside(sandbox: Sandbox) -> World:
    return sandbox.world("lakeside-homes")


@pytest.fixture
def bench(sandbox: Sandbox, bench_of: BenchOf) -> Callable[..., Bench]:
    """One feed on the bench; `settings` replaces the connector's."""

    def make(feed: str, settings: dict[str, Any] | None = None, **changes: Any) -> Bench:
        made = bench_of(SLUG, sandbox, only=feed, **changes)
        made.settings = {**made.settings, **(settings or {})}
        return made

    return make


@pytest.fixture
def read(bench: Callable[..., Bench]) -> Callable[..., list[dict[str, Any]]]:
    """A feed's rows."""

    def rows(feed: str, settings: dict[str, Any] | None = None, **changes: Any) -> list[dict[str, Any]]:
        made = bench(feed, settings, **changes)
        harvest = made.harvest(made.feeds[0])
        assert harvest.rejects == []
        return harvest.rows

    return rows


def replies(made: Bench) -> str:
    """What the ERP really sent."""
    spool = FolderSpool(made.folder / "raw")
    with made.open() as connector:
        list(connector.pull(made.feeds[0], None, spool))  # type: ignore[attr-defined]  # a source of calls
    return "".join(file.path.read_text("utf-8") for file in spool.files)


def only(place: str) -> dict[str, Any]:
    return {"name": "property", "values": [place]}


def with_login(made: Bench, **parts: str) -> dict[str, Any]:
    """The login in the body with some parts replaced."""
    return {"arguments": {**made.settings["arguments"], **parts}}


def test_quirk_1_the_placeholder_namespace_is_taken_by_its_names(bench, read, faults):
    sent = replies(bench("persons"))
    assert 'xmlns:MITS="http://my-company.com/namespace"' in sent
    before = read("persons")
    assert len(before) == sent.count("<MITS:Customer ")
    others = {"http://my-company.com/namespace": "urn:another", "http://yardi.com/ResidentTransactions20": "urn:x"}
    faults.edits = {RESIDENTS: lambda text: re.sub("|".join(others), lambda found: others[found[0]], text)}
    assert read("persons") == before


def test_quirk_2_newlines_and_indentation_in_leaves_are_no_part_of_values(bench, read, lakeside):
    sent = replies(bench("contracts"))
    assert re.search(r"<MITS:LeaseFromDate>\d{4}-\d\d-\d\d\n +</MITS:LeaseFromDate>", sent)
    assert re.search(r"<CustomerID>t\d+\n +</CustomerID>", sent)
    starts = {row["external_id"]: row["starts_on"] for row in read("contracts")}
    assert starts == {contract.id: contract.starts_on for contract in lakeside.contracts}
    assert re.search(r"<Amount>-?\d+\.\d\d\n +</Amount>", replies(bench("ledger")))


def test_quirk_3_co_tenants_have_numbers_of_their_own_and_sentinel_dates_are_none(bench, read, lakeside):
    sent = replies(bench("parties"))
    assert re.search(r'<MITS:Customer Type="customer"><MITS:CustomerID>r\d+', sent)
    assert "<MITS:LeaseFromDate>0001-01-01</MITS:LeaseFromDate>" in sent
    found = {(row["contract_ref"], row["person_ref"], row["role"], row["is_solidary"]) for row in read("parties")}
    assert found == {
        (contract.id, party.person, party.role, party.solidary)
        for contract in lakeside.contracts
        for party in contract.parties
    }
    assert {role for _, _, role, _ in found} >= {"holder", "co_holder", "occupant", "guarantor"}
    assert all(row["move_out_on"] is None or row["move_out_on"].year > 2000 for row in read("contracts"))
    assert {row["move_out_on"] for row in read("contracts")} >= {None}


def test_quirk_4_an_ended_term_is_not_an_ended_tenancy(read, lakeside):
    rows = {row["external_id"]: row for row in read("contracts")}
    over = rows["t0000006"]
    assert (over["status"], over["ends_on"] < lakeside.today) == ("current", True)
    assert {number: row["status"] for number, row in rows.items()} == {
        contract.id: contract.status for contract in lakeside.contracts
    }
    codes = {row["erp_code"] for row in rows.values()}
    assert codes >= {"current resident", "future resident", "former resident", "notice", "eviction"}


def test_quirk_4_residents_of_every_status_are_persons_but_only_leases_are_contracts(read, lakeside):
    persons = {row["external_id"] for row in read("persons")}
    without = persons - {party.person for contract in lakeside.contracts for party in contract.parties}
    assert without >= {"t0000007", "t0000008", "t0000009"}, "applicants, canceled and denied ones"
    assert persons == {person.id for person in lakeside.persons}
    assert not without & {row["external_id"] for row in read("contracts")}


def test_quirk_5_nobody_found_at_http_200_is_empty_and_the_other_properties_still_come(bench, read, faults):
    before = read("price_components")
    faults.says = {LEASE_CHARGES: "No tenants exist with the given search criteria"}
    assert read("price_components") == []
    faults.says = {}
    month = {"YardiPropertyId": "{property}", "PostMonth": "2020-01-01"}
    assert 'messageType="Error"' in replies(bench("price_components", arguments=month))
    assert read("price_components") == before != []


def test_quirk_5_no_access_to_a_property_at_http_200_is_for_a_person(read):
    with pytest.raises(MisconfiguredError, match="Invalid or no access to Yardi Property"):
        read("units", for_each=only("elsewhere"))


def test_quirk_6_an_element_without_content_is_told_as_what_it_may_be(bench):
    made = bench("contracts")
    made.settings = {**made.settings, **with_login(made, Database="lakeside_test")}
    with pytest.raises(MisconfiguredError, match="neither rows nor a message") as caught:
        made.harvest(made.feeds[0])
    assert "wrong login, a wrong database or an unknown site" in caught.value.hint
    with made.open() as connector:
        findings = list(connector.check(made.feeds))
    assert (findings[-1].step, findings[-1].ok) == ("log in", False), "feeds are not tried with a wrong login"


@pytest.mark.parametrize(
    "text",
    [
        "Receipt has already been reversed",
        "May not  NSF  a receipt that has been NSF",
        "Cannot  reverse  a receipt whose post month is outside your allowable range",
    ],
)
def test_quirk_7_refused_reversals_are_never_tried_again_double_blanks_and_all(read, faults, text):
    faults.says = {RESIDENTS: text}
    with pytest.raises(TerminalError, match=" ".join(text.split())):
        read("contracts")


def test_quirk_8_a_tax_packed_in_free_text_is_unpacked(bench, read):
    assert "<Comment>tax=true;rate=0.130000</Comment>" in replies(bench("price_components"))
    rows = read("price_components")
    taxed = {row["amount_cents"]: row["vat_cents"] for row in rows if row["kind"] == "parking_rent"}
    # 13 % of 25.50, 40.35 and 60.50: 331.5, 524.55 and 786.5 cents
    assert taxed
    assert taxed.items() <= {2_550: 332, 4_035: 525, 6_050: 787}.items()
    assert {row["vat_cents"] for row in rows if row["kind"] != "parking_rent"} == {None}


def test_quirk_9_dates_of_another_shape_are_the_same_days(read, faults):
    ledger, contracts = read("ledger"), read("contracts")

    def american(text: str) -> str:
        return re.sub(r">(\d{4})-(\d\d)-(\d\d)(?=\s*<)", r">\2-\3-\1", text)

    faults.edits = {BY_DATE: american, RESIDENTS: lambda text: text.replace("0001-01-01", "") and american(text)}
    assert read("ledger") == ledger
    assert [row["starts_on"] for row in read("contracts")] == [row["starts_on"] for row in contracts]


@pytest.mark.parametrize(
    ("part", "said"),
    [
        ("UserName", "Login failed"),
        ("Password", "Login failed"),
        ("InterfaceLicense", "license is not valid"),
        ("InterfaceEntity", "interface entity"),
    ],
)
def test_quirk_10_login_errors_differ_by_the_part_that_is_wrong_and_all_are_for_a_person(bench, part, said):
    made = bench("sites")
    made.settings = {**made.settings, **with_login(made, **{part: "not-the-right-one"})}
    with pytest.raises(MisconfiguredError, match=said) as caught:
        made.harvest(made.feeds[0])
    assert not [secret for secret in made.secrets() if secret in told(caught.value)]
    with made.open() as connector:
        findings = list(connector.check(made.feeds))
    assert (findings[-1].step, findings[-1].ok) == ("log in", False)
    assert said in findings[-1].detail


def test_quirk_11_the_pace_agreed_for_an_operation_is_kept(bench):
    made = bench("units", {"calls_per_minute": {"*": 6_000, UNITS: 120}})
    began = time.monotonic()
    made.harvest(made.feeds[0])
    assert time.monotonic() - began >= 1.0, "three properties, two calls a second"


def test_quirk_11_a_limit_that_was_reached_is_tried_again_later(read, faults):
    faults.says = {UNITS: "Rate limit exceeded for this interface"}
    with pytest.raises(RetryableError, match="Rate limit exceeded"):
        read("units")


def test_quirk_12_a_balance_is_what_is_still_due_of_the_charges_whatever_the_payments(bench, read, faults, lakeside):
    balances = {row["external_id"]: row["balance_cents"] for row in read("accounts")}
    assert balances == {account.id: account.balance_cents for account in lakeside.accounts}
    assert any(balances.values())
    assert "<Payment Type=" in replies(bench("accounts"))
    faults.edits = {RESIDENTS: lambda text: re.sub(r"<Payment .*?</Payment>", "", text, flags=re.DOTALL)}
    assert {row["external_id"]: row["balance_cents"] for row in read("accounts")} == balances


def test_quirk_12_a_unit_is_told_by_its_property_and_number(read, lakeside):
    numbers = [row["lot_number"] for row in read("units")]
    assert len(set(numbers)) < len(numbers), "numbers begin anew in each property"
    rented = {row["contract_ref"]: row["unit_ref"] for row in read("contract_units")}
    assert rented == {contract.id: contract.units[0].unit for contract in lakeside.contracts}
    charged = {row["account_ref"]: row["unit_ref"] for row in read("ledger") if row["unit_ref"]}
    assert charged.items() <= rented.items()


def test_quirk_12_the_landlords_recurring_codes_say_what_the_rent_is(read):
    everything = read("price_components")
    rents = read("price_components", keep=[{"path": "ChargeCode", "in": ["rent"]}])
    assert rents == [row for row in everything if row["erp_code"] == "rent"]
    assert 0 < len(rents) < len(everything)


def test_a_charge_and_a_receipt_of_the_same_number_are_two_entries(read):
    numbers = {row["external_id"] for row in read("ledger")}
    charges, receipts = ({one.partition("-")[2] for one in numbers if one.startswith(kind)} for kind in ("C", "P"))
    assert charges & receipts


def test_a_returned_payment_is_owed_again_and_names_its_receipt(read):
    rows = {row["external_id"]: row for row in read("ledger")}
    returned = [row for row in rows.values() if row["kind"] == "payment_rejected"]
    assert returned
    for row in returned:
        assert row["amount_cents"] == -rows[row["reversal_of"]]["amount_cents"] > 0


def test_dates_are_asked_for_piece_by_piece_with_both_ends_included(read):
    whole = read("ledger")
    by_day = read("ledger", window={"days": 17, "start": date(2024, 1, 1)}, for_each=only("heron"))
    accounts = {row["account_ref"] for row in by_day}
    assert by_day
    assert {row["external_id"] for row in by_day} == {
        row["external_id"] for row in whole if row["account_ref"] in accounts
    }
    assert len({row["external_id"] for row in by_day}) == len(by_day), "no day is asked for twice"


def test_what_is_dated_ahead_is_asked_for_as_far_as_the_landlord_says(sandbox, read, faults):
    later = advance(sandbox.world("lakeside-homes"), sandbox.day + timedelta(days=40))
    faults.worlds = {BY_DATE: later}
    start = sandbox.day - timedelta(days=5)
    for ahead in (0, 15, 40):
        window = {"days": 7, "start": start, "ahead_days": ahead}
        last = sandbox.day + timedelta(days=ahead)
        due = {entry.id for entry in later.ledger() if start <= entry.posted_on <= last}
        assert {row["external_id"] for row in read("ledger", window=window)} == due
