"""What is Stripe's own: keys that make a start safe to repeat, a window of time, refunds, disputes and payouts."""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from hub.domain.payment_events import EventKind
from hub.domain.payments import Asked, PaymentState, project
from hub.errors import InputRefusedError, MisconfiguredError, PluginError, UnreachableError
from hub.ports import PaymentRef, RawRequest, StartRefusedError, WebhookRefusedError
from hub.sandbox.payments.chaos import Chaos
from hub.testing.payment_bench import PaymentBench
from payment_providers.stripe import StripeProvider
from payment_providers.stripe.events import charge_events, dispute_events, refund_events
from payment_providers.stripe.webhooks import sign, verified_event

K = EventKind
NOW = datetime(2026, 11, 20, 9, 0, tzinfo=UTC)
REF = PaymentRef("A1", "cs_1", 100, "EUR", NOW)


@pytest.fixture
def bench(stripe_counter: Any, tmp_path: Path) -> PaymentBench:
    settings = {"api_base": stripe_counter.url, "mode": "TEST", **stripe_counter.secrets}
    return PaymentBench(StripeProvider, settings, tmp_path)


def paid(bench: PaymentBench, counter: Any) -> tuple[PaymentRef, str]:
    ask = bench.ask()
    ref = bench.ref(ask, bench.start(ask))
    counter.captured(ask.reference)
    return ref, next(one.ref for one in bench.fetch(ref) if one.kind is K.CAPTURED)


# -- beginning ---------------------------------------------------------------------------------------------------------


def test_a_start_whose_answer_was_lost_is_found_by_our_reference(bench: PaymentBench, stripe_counter: Any) -> None:
    book, ask = stripe_counter.server.book, bench.ask()
    book.set_chaos(stripe_counter.shop, Chaos(drop_after=1.0, drop_seconds=0.0))
    try:
        with pytest.raises(UnreachableError):
            bench.start(ask, "k")
    finally:
        book.set_chaos(stripe_counter.shop, Chaos())
    assert [one.kind for one in bench.fetch(bench.ref(ask))] == [K.STARTED]
    assert bench.start(ask, "k").provider_ref == stripe_counter.payments(ask.reference)[0].id
    assert len(stripe_counter.payments(ask.reference)) == 1


def test_a_key_used_for_another_amount_is_refused(bench: PaymentBench) -> None:
    ask = bench.ask()
    bench.start(ask, "same")
    with pytest.raises(StartRefusedError, match="idempotency_key_reused"):
        bench.start(replace(ask, amount_cents=1), "same")


def test_an_amount_below_the_minimum_is_refused_by_its_code(bench: PaymentBench) -> None:
    with pytest.raises(StartRefusedError) as caught:
        bench.start(bench.ask(49))
    assert caught.value.reason == "stripe_amount_too_small"


def test_a_wrong_key_is_for_a_person(bench: PaymentBench) -> None:
    with bench.open({"secret_key": "sk_test_wrong"}) as provider, pytest.raises(MisconfiguredError) as caught:
        provider.start(bench.ask(), "k")
    assert "sk_test" not in str(caught.value)


def test_without_the_extra_it_says_how_to_get_it(bench: PaymentBench, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [one for one in sys.modules if one == "stripe" or one.endswith("stripe.guarded")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.delattr(sys.modules["payment_providers.stripe"], "guarded", raising=False)
    monkeypatch.setitem(sys.modules, "stripe", None)
    with pytest.raises(PluginError, match=r'pip install "housing-hub\[stripe\]"'):
        bench.start(bench.ask())


# -- asking ------------------------------------------------------------------------------------------------------------


def charge(status: str, **more: Any) -> dict[str, Any]:
    made = {"id": "ch_1", "amount": 100, "currency": "eur", "created": 1_795_165_200, "captured": True}
    return {**made, "status": status, **more}


@pytest.mark.parametrize(
    ("made", "is_open", "said"),
    [
        (charge("succeeded"), False, [(K.AUTHORIZED, ""), (K.CAPTURED, "")]),
        (charge("succeeded", captured=False), False, [(K.AUTHORIZED, "")]),
        (charge("pending"), False, [(K.PROCESSING, "")]),
        (charge("failed", failure_code="expired_card"), True, [(K.ATTEMPT_REFUSED, "expired_card")]),
        (charge("failed", failure_code="card_declined"), False, [(K.REFUSED, "refused_by_bank")]),
        (charge("new_word"), False, [(K.MISMATCH, "unknown_status")]),
        (charge("succeeded", amount=101), False, [(K.AUTHORIZED, ""), (K.CAPTURED, ""), (K.MISMATCH, "other_amount")]),
        (
            charge("succeeded", currency="chf"),
            False,
            [(K.AUTHORIZED, ""), (K.CAPTURED, ""), (K.MISMATCH, "other_currency")],
        ),
    ],
)
def test_each_charge_is_a_fact_of_the_hub(made: Any, is_open: bool, said: Any) -> None:
    found = charge_events([made], {}, is_open=is_open, ref=REF)
    assert [(one.kind, one.reason) for one in found] == said


def test_the_banks_own_reason_is_told_in_the_hubs_word() -> None:
    intent = {"last_payment_error": {"charge": "ch_1", "decline_code": "authentication_required"}}
    (one,) = charge_events([charge("failed", failure_code="card_declined")], intent, is_open=False, ref=REF)
    assert one.reason == "three_ds_failed"


def test_amounts_that_are_no_whole_cents_are_refused() -> None:
    for amount in (100.0, "100", None, True):
        with pytest.raises(InputRefusedError):
            list(charge_events([charge("succeeded", amount=amount)], {}, is_open=False, ref=REF))


def test_a_refund_that_failed_is_the_landlords_money_again() -> None:
    kinds = [one.kind for one in refund_events([charge("failed", id="re_1")])]
    assert kinds == [K.REFUNDED, K.REFUND_FAILED]


def test_an_inquiry_is_no_dispute_yet() -> None:
    said = [charge(status, id="dp_1", reason="fraudulent") for status in ("warning_needs_response", "won", "lost")]
    kinds = [one.kind for one in dispute_events(said)]
    assert kinds == [K.DISPUTE_OPENED, K.DISPUTE_WON, K.DISPUTE_OPENED, K.DISPUTE_LOST]


def test_a_dispute_is_told_and_decided(bench: PaymentBench, stripe_counter: Any) -> None:
    ref, _ = paid(bench, stripe_counter)
    payment = stripe_counter.payments(ref.reference)[0]
    stripe_counter.server.book.dispute(payment, None)
    assert project(Asked(ref.amount_cents), bench.fetch(ref)).state is PaymentState.DISPUTED
    stripe_counter.server.book.close_dispute(payment, is_won=False)
    assert project(Asked(ref.amount_cents), bench.fetch(ref)).state is PaymentState.CHARGED_BACK


def test_a_session_of_the_other_mode_is_no_money(bench: PaymentBench, stripe_counter: Any) -> None:
    ref, _ = paid(bench, stripe_counter)
    with bench.open({"mode": "PRODUCTION"}) as provider:
        assert [(one.kind, one.reason) for one in provider.fetch(ref)] == [(K.MISMATCH, "other_mode")]


def test_a_session_of_another_payment_is_no_money(bench: PaymentBench, stripe_counter: Any) -> None:
    ref, _ = paid(bench, stripe_counter)
    other = replace(ref, reference="SOMETHINGELSE")
    assert [(one.kind, one.reason) for one in bench.fetch(other)] == [(K.MISMATCH, "other_reference")]


# -- giving back -------------------------------------------------------------------------------------------------------


def test_a_refund_whose_key_stripe_has_forgotten_is_not_given_twice(bench: PaymentBench, stripe_counter: Any) -> None:
    ref, transaction = paid(bench, stripe_counter)
    bench.refund(ref, transaction, 2_000, "k1")
    notes = stripe_counter.server.book.store.notes
    for name in [one for one in notes if one.startswith("answer ") and one.endswith(" k1")]:
        del notes[name]
    found = bench.refund(ref, transaction, 2_000, "k1")
    assert [one.amount_cents for one in found if one.kind is K.REFUNDED] == [2_000]


def test_canceling_what_was_paid_tells_that_it_was(bench: PaymentBench, stripe_counter: Any) -> None:
    ref, _ = paid(bench, stripe_counter)
    with bench.open() as provider:
        assert K.CAPTURED in {one.kind for one in provider.cancel(ref, "k")}


# -- webhooks ----------------------------------------------------------------------------------------------------------

EVENT = {
    "id": "evt_1",
    "type": "payout.paid",
    "livemode": False,
    "data": {"object": {"id": "po_1", "object": "payout"}},
}


def message(at: datetime, **how: Any) -> RawRequest:
    body, stamp = json.dumps(EVENT).encode(), str(int(at.timestamp()))
    header = how.get("header") or f"t={stamp},v1={sign(body, 'whsec', stamp)}"
    return RawRequest(how.get("channel", "webhook"), body, {"stripe-signature": header}, {}, NOW)


def test_a_message_is_believed_within_its_window_only() -> None:
    for seconds in (-299, 0, 59):
        assert verified_event(message(NOW + timedelta(seconds=seconds)), "whsec", is_live=False)
    for seconds, reason in ((-301, "stale"), (61, "from_the_future")):
        with pytest.raises(WebhookRefusedError, match=reason):
            verified_event(message(NOW + timedelta(seconds=seconds)), "whsec", is_live=False)


def test_one_good_signature_among_several_is_enough() -> None:
    stamp = str(int(NOW.timestamp()))
    good = sign(json.dumps(EVENT).encode(), "whsec", stamp)
    assert verified_event(message(NOW, header=f"t={stamp},v0=x,v1={'0' * 64},v1={good}"), "whsec", is_live=False)


@pytest.mark.parametrize("header", ["", "t=1", "v1=a", "t=1,t=2,v1=a", "t=x,v1=a", "t=1,v1", "t=²,v1=a", "t=1,v0=a"])
def test_a_header_that_says_too_little_or_too_much_is_refused(header: str) -> None:
    with pytest.raises(WebhookRefusedError, match="unsigned"):
        verified_event(message(NOW, header=header or " "), "whsec", is_live=False)


def test_a_message_of_the_other_mode_or_by_the_browser_is_refused() -> None:
    with pytest.raises(WebhookRefusedError, match="other_mode"):
        verified_event(message(NOW), "whsec", is_live=True)
    with pytest.raises(WebhookRefusedError, match="return_says_nothing"):
        verified_event(message(NOW, channel="return"), "whsec", is_live=False)


def test_a_message_about_a_payout_is_about_no_payment(bench: PaymentBench) -> None:
    with bench.open({"webhook_secret": "whsec"}) as provider:
        assert list(provider.parse_webhook(provider.verify_webhook(message(NOW)))) == []


def test_a_refund_made_by_hand_leads_to_its_payment(bench: PaymentBench, stripe_counter: Any) -> None:
    ref, _ = paid(bench, stripe_counter)
    payment = stripe_counter.payments(ref.reference)[0]
    stripe_counter.server.book.refund(payment, 500)
    raw = stripe_counter.notification(ref.reference, bench)
    assert json.loads(raw.body)["type"] == "refund.created"
    with bench.open() as provider:
        (heard,) = provider.parse_webhook(provider.verify_webhook(raw))
    assert heard.reference == ref.reference


# -- payouts -----------------------------------------------------------------------------------------------------------


def test_a_payout_names_payments_refunds_and_fees(bench: PaymentBench, stripe_counter: Any) -> None:
    ref, transaction = paid(bench, stripe_counter)
    bench.refund(ref, transaction, 2_000, "k1")
    stripe_counter.server.pass_nights(2)
    with bench.open() as provider:
        found = list(provider.settlements(bench.clock.now().date() - timedelta(days=3)))
    lines = [line for one in found for line in one.lines if line.reference == ref.reference]
    assert {(line.kind, line.gross_cents) for line in lines} == {("payment", 12_500), ("refund", -2_000)}
    assert all(line.fee_cents > 0 for line in lines if line.kind == "payment")
