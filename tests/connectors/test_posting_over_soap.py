"""Payments entered in an ERP that answers SOAP calls: once, whatever goes wrong with the answer."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import connector_postings as postings
import pytest
from connector_postings import TODAY, batch, booked, paid

from erp_connectors.soap import SoapConnector
from hub.errors import HubError, RetryableError
from hub.ports import PostingBatch, PostingResult, Push
from hub.sandbox import Landlord, Sandbox
from hub.sandbox.mischief import Order
from hub.testing.bench import Bench

SOAP: Landlord = "rives-doise"


@pytest.fixture
def erp(tmp_path: Path) -> Iterator[Sandbox]:
    with Sandbox(tmp_path / "world", contracts=12, today=TODAY) as sandbox:
        yield sandbox


@pytest.fixture
def bench(bench_of: Callable[..., Bench], erp: Sandbox) -> Bench:
    return bench_of(SOAP, erp, only="ledger")


def post(bench: Bench, what: PostingBatch | None = None) -> PostingResult:
    return postings.post(bench, what or batch(paid(SOAP)))[0]


def find(bench: Bench, what: PostingBatch | None = None) -> PostingResult:
    return postings.find(bench, what or batch(paid(SOAP)))[0]


def misbehave(erp: Sandbox, what: str, **more: Any) -> None:
    erp.misbehave(SOAP, Order(what, **more))


def test_it_says_how_it_posts(bench: Bench) -> None:
    assert SoapConnector.push_of(bench.check_settings(bench.settings)) == Push(read_back=True)
    without = {name: value for name, value in bench.settings.items() if name != "posting"}
    assert SoapConnector.push_of(bench.check_settings(without)) is None


def test_a_payment_is_entered_and_seen_with_our_reference_at_the_next_pull(bench: Bench, erp: Sandbox) -> None:
    before = erp.truth(SOAP)["balances"]["K000001"]["balance_cents"]

    result = post(bench)

    assert (result.outcome, result.reference) == ("posted", "HH0000000001")
    [seen] = [row for row in bench.harvest(bench.feeds[0]).rows if row["payment_ref"]]
    assert (seen["external_id"], seen["payment_ref"], seen["amount_cents"], seen["kind"]) == (
        result.erp_ref,
        "HH0000000001",
        -12_345,
        "payment_card",
    )
    assert erp.truth(SOAP)["balances"]["K000001"]["balance_cents"] == before - 12_345


def test_a_payment_is_taken_back(bench: Bench, erp: Sandbox) -> None:
    first = post(bench)
    back = paid(
        SOAP,
        "HH0000000002",
        2_345,
        kind="reversal",
        reverses="HH0000000001",
        reverses_erp_ref=first.erp_ref,
        reason="charged_back",
    )

    result = post(bench, batch(back, number=2))

    assert result.outcome == "posted"
    [seen] = [row for row in bench.harvest(bench.feeds[0]).rows if row["payment_ref"] == "HH0000000002"]
    assert (seen["amount_cents"], seen["kind"], seen["reversal_of"]) == (2_345, "payment_rejected", first.erp_ref)
    again = post(bench, batch(paid(SOAP, "HH0000000003", 10_001, kind="reversal", reverses="HH0000000001"), number=3))
    assert (again.outcome, again.terminal, again.code) == ("refused", True, "L-607")


@pytest.mark.parametrize(
    ("what", "terminal", "code"), [("post-closed", True, "L-601"), ("post-locked", False, "L-602")]
)
def test_a_refusal_is_a_result(bench: Bench, erp: Sandbox, what: str, terminal: bool, code: str) -> None:
    misbehave(erp, what, times=1)

    result = post(bench)

    assert (result.outcome, result.terminal, result.code) == ("refused", terminal, code)
    assert not booked(erp, SOAP)
    assert post(bench).outcome == "posted"


@pytest.mark.parametrize("what", ["post-hang", "post-drop"])
def test_what_was_booked_without_an_answer_is_found_and_was_sent_once(bench: Bench, erp: Sandbox, what: str) -> None:
    misbehave(erp, what)
    with pytest.raises(RetryableError):
        post(bench)
    erp.behave(SOAP)
    misbehave(erp, "post-twice")

    assert find(bench).outcome == "posted"
    assert booked(erp, SOAP) == [("HH0000000001", -12_345)]


def test_a_reference_sent_twice_is_posted_once(bench: Bench, erp: Sandbox) -> None:
    post(bench)

    assert post(bench).outcome == "posted"
    assert len(booked(erp, SOAP)) == 1


def test_what_was_never_sent_is_absent(bench: Bench) -> None:
    assert find(bench).outcome == "absent"


def test_a_busy_server_is_no_answer_to_the_question_what_it_has(bench: Bench, erp: Sandbox) -> None:
    misbehave(erp, "busy")

    with pytest.raises(RetryableError):
        find(bench)


def test_an_unknown_text_is_a_refusal_for_a_person(bench: Bench, erp: Sandbox) -> None:
    erp.soap.faults.says = {"EnregistrerReglement": "Erreur 42"}

    result = post(bench)

    assert (result.outcome, result.terminal, result.message) == ("refused", True, "Erreur 42")


def test_a_refusal_shows_no_address_and_no_iban(bench: Bench, erp: Sandbox) -> None:
    erp.soap.faults.says = {"EnregistrerReglement": "Compte verrouille par a.b@example.org FR7630006000011234567890189"}

    message = post(bench).message

    assert "example" not in message
    assert "3000600001" not in message


def test_an_answer_that_cannot_be_read_is_unknown(bench: Bench, erp: Sandbox) -> None:
    erp.soap.faults.edits = {"EnregistrerReglement": lambda text: text.replace("</soap:Body>", "")}

    with pytest.raises(RetryableError, match="not known"):
        post(bench)
    assert len(booked(erp, SOAP)) == 1


def test_check_tells_that_the_posting_does_not_fit_the_wsdl_and_sends_nothing(bench: Bench, erp: Sandbox) -> None:
    with bench.open() as connector:
        good = {one.step: one for one in connector.check(bench.feeds)}
    assert good["posting"].ok
    wrong = bench.settings["posting"] | {"payment": {"operation": "EnregistrerReglement", "arguments": {"Nom": "x"}}}
    with bench.open({"posting": wrong}) as connector:
        [bad] = [one for one in connector.check(bench.feeds) if one.step == "posting"]
    assert not bad.ok
    assert "Nom" in bad.detail
    assert not booked(erp, SOAP)


def test_a_means_of_payment_without_a_code_is_told_before_anything_is_sent(bench: Bench, erp: Sandbox) -> None:
    with pytest.raises(HubError, match="payment_cash"):
        post(bench, batch(paid(SOAP, method="payment_cash")))
    assert not booked(erp, SOAP)


def test_bookings_survive_a_restart_and_further_nights(bench: Bench, erp: Sandbox, tmp_path: Path) -> None:
    post(bench)
    erp.advance(days=3)
    held = erp.truth(SOAP)
    erp.stop()

    with Sandbox(tmp_path / "world", contracts=12, today=TODAY) as again:
        assert again.truth(SOAP) == held
        assert len(held["bookings"]) == 1
