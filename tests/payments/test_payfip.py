"""What is PayFiP's own: rules of the fields, a result by letter, silences that mean something by their age."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from hub.domain.payment_events import EventKind
from hub.errors import InputRefusedError, RetryableError
from hub.ports import PaymentRef, RawRequest, StartRefusedError, WebhookRefusedError
from hub.sandbox.payments.chaos import Chaos
from hub.sandbox.payments.payfip_soap import PATH
from hub.testing.payment_bench import PaymentBench
from payment_providers.payfip import PayfipProvider
from payment_providers.payfip.events import detail_events, moment_of, silence_event

K = EventKind
NOW = datetime(2026, 11, 20, 9, 0, tzinfo=UTC)
REF = PaymentRef("A1", "id1", 12_500, "EUR", NOW)
DETAIL = {
    "numcli": "006101",
    "saisie": "T",
    "refdet": "A1",
    "montant": "12500",
    "dattrans": "20112026",
    "heurtrans": "1003",
}


@pytest.fixture
def bench(payfip_counter: Any, tmp_path: Path) -> PaymentBench:
    settings = {"service": f"{payfip_counter.url}{PATH}", "client_number": payfip_counter.id, "mode": "TEST"}
    return PaymentBench(PayfipProvider, settings, tmp_path)


def said(after: timedelta, **changed: str) -> list[tuple[EventKind, str]]:
    found = detail_events({**DETAIL, **changed}, REF, "id1", NOW + after, client_number="006101", saisie="T")
    return [(one.kind, one.reason) for one in found]


PAID = [(K.AUTHORIZED, ""), (K.CAPTURED, "")]


@pytest.mark.parametrize(
    ("minutes", "changed", "facts"),
    [
        (5, {"resultrans": "P"}, PAID),
        (5, {"resultrans": "V"}, PAID),
        (5, {"resultrans": "R"}, [(K.ATTEMPT_REFUSED, "refused_by_bank")]),
        (16, {"resultrans": "R"}, [(K.REFUSED, "refused_by_bank")]),
        (16, {"resultrans": "Z"}, [(K.REFUSED, "refused_by_bank")]),
        (0, {"resultrans": "A"}, [(K.STARTED, "")]),
        (2, {"resultrans": "A"}, [(K.ABANDONED, "abandoned")]),
        (5, {"resultrans": "?"}, [(K.MISMATCH, "unknown_result")]),
        (5, {"resultrans": "P", "montant": "12501"}, [*PAID, (K.MISMATCH, "other_amount")]),
        (5, {"resultrans": "P", "numcli": "000001"}, [(K.MISMATCH, "other_shop")]),
        (5, {"resultrans": "P", "saisie": "W"}, [(K.MISMATCH, "other_mode")]),
        (5, {"resultrans": "P", "refdet": "A2"}, [(K.MISMATCH, "other_reference")]),
    ],
)
def test_each_result_is_a_fact_of_the_hub(minutes: int, changed: Mapping[str, str], facts: Any) -> None:
    assert said(timedelta(minutes=minutes), **changed) == facts


@pytest.mark.parametrize(
    ("code", "minutes", "kind"),
    [
        ("P5", 1, K.STARTED),
        ("P5", 119, K.STARTED),
        ("P5", 120, K.EXPIRED),
        ("P1", 14, K.STARTED),
        ("P1", 15, K.EXPIRED),
    ],
)
def test_silence_means_waiting_until_it_means_never_paid(code: str, minutes: int, kind: EventKind) -> None:
    assert silence_event(code, REF, "id1", NOW + timedelta(minutes=minutes)).kind is kind


def test_times_are_those_of_paris_in_summer_and_winter() -> None:
    assert moment_of(DETAIL) == datetime(2026, 11, 20, 9, 3, tzinfo=UTC)
    assert moment_of({"dattrans": "01072026", "heurtrans": "1003"}) == datetime(2026, 7, 1, 8, 3, tzinfo=UTC)
    with pytest.raises(InputRefusedError):
        moment_of({"dattrans": "31022026", "heurtrans": "1003"})


def test_an_amount_that_is_no_whole_number_of_cents_is_refused() -> None:
    for amount in ("125.00", "-1", "", "1e4"):
        with pytest.raises(InputRefusedError):
            said(timedelta(), resultrans="P", montant=amount)


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"email": ""}, "email_missing"),
        ({"email": "a@b.c"}, "email_missing"),
        ({"email": f"{'a' * 80}@example.org"}, "email_missing"),
        ({"reference": "A-1"}, "reference_unfit"),
        ({"reference": "A" * 31}, "reference_unfit"),
        ({"amount_cents": 99}, "amount_unfit"),
        ({"amount_cents": 10_000_001}, "amount_unfit"),
        ({"currency": "CHF"}, "currency_unfit"),
    ],
)
def test_what_payfip_would_not_take_is_refused_before_it_is_sent(
    bench: PaymentBench, changed: Any, reason: str
) -> None:
    with pytest.raises(StartRefusedError) as caught:
        bench.start(replace(bench.ask(), **changed))
    assert caught.value.reason == reason
    assert "example.org" not in str(caught.value)


def test_the_fields_keep_to_payfips_alphabet(bench: PaymentBench, payfip_counter: Any) -> None:
    ask = replace(bench.ask(), label="Loyer (nov.) / parking" + " x" * 80)
    bench.start(ask)
    (begun,) = payfip_counter.payments(ask.reference)
    assert begun.facts["objet"].startswith("Loyer nov parking x")
    assert len(begun.facts["objet"]) <= 100
    assert (begun.cents, begun.facts["exer"], begun.facts["saisie"]) == (12_500, str(bench.clock.now().year), "T")


def test_a_refusal_of_payfips_own_is_told_by_its_code(bench: PaymentBench) -> None:
    with bench.open({"client_number": "999999"}) as provider, pytest.raises(StartRefusedError) as caught:
        provider.start(bench.ask(), "k")
    assert caught.value.reason == "payfip_c1"


def test_a_service_out_of_order_is_tried_again_later(bench: PaymentBench, payfip_counter: Any) -> None:
    book, shop = payfip_counter.server.book, payfip_counter.shop
    book.set_chaos(shop, Chaos(error_before=1.0))
    try:
        with pytest.raises(RetryableError):
            bench.start(bench.ask())
    finally:
        book.set_chaos(shop, Chaos())


def test_a_payment_nobody_made_waits_and_then_expires(bench: PaymentBench) -> None:
    ask = bench.ask()
    ref = bench.ref(ask, bench.start(ask))
    assert [one.kind for one in bench.fetch(ref)] == [K.STARTED]
    bench.clock.move(minutes=121)
    assert [one.kind for one in bench.fetch(ref)] == [K.EXPIRED]


def test_a_direct_debit_is_paid_too(bench: PaymentBench, payfip_counter: Any) -> None:
    ask = bench.ask()
    ref = bench.ref(ask, bench.start(ask))
    payfip_counter.act(ask.reference, method="debit")
    bench.clock.move(hours=1)
    assert [one.kind for one in bench.fetch(ref)][-1] in (K.CAPTURED, K.STARTED)


def test_a_callback_says_which_payment_and_nothing_else(bench: PaymentBench) -> None:
    body = b"idop=0f1e2d3c-aaaa-bbbb-cccc-1234567890ab&resultrans=P&montant=1"
    for raw in (
        RawRequest("webhook", body, {}, {}, NOW),
        RawRequest("return", b"", {}, {"idOp": "0f1e2d3c-aaaa-bbbb-cccc-1234567890ab"}, NOW),
    ):
        with bench.open() as provider:
            (heard,) = provider.parse_webhook(provider.verify_webhook(raw))
        assert (heard.provider_ref, heard.events) == ("0f1e2d3c-aaaa-bbbb-cccc-1234567890ab", ())
    for body in (b"", b"idop=", b"idop=%3Cscript%3E", b"\xff"):
        with bench.open() as provider, pytest.raises(WebhookRefusedError):
            provider.verify_webhook(RawRequest("webhook", body, {}, {}, NOW))


def test_a_memory_lost_before_anybody_saw_the_page_is_no_payment(bench: PaymentBench) -> None:
    ask = bench.ask()
    bench.start(ask)
    bench.state.values.clear()
    assert bench.fetch(bench.ref(ask)) == []
    late = replace(bench.ref(ask), started_at=bench.clock.now() - timedelta(minutes=3))
    assert [one.kind for one in bench.fetch(late)] == [K.NOT_FOUND]
