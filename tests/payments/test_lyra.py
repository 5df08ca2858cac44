"""What is Lyra's own: two keys, one call that cancels or refunds, orders that are found only once somebody paid."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest

from hub.domain.payment_events import EventKind
from hub.domain.payments import Asked, PaymentState, project
from hub.errors import DeadlineError, ForbiddenError, InputRefusedError, RetryableError, UnreachableError
from hub.ports import RawRequest, Redirect, RefundAsk, WebhookRefusedError
from hub.testing.payment_bench import PaymentBench
from payment_providers.lyra import LyraProvider
from payment_providers.lyra.client import refuse_cards
from payment_providers.lyra.events import events_of
from payment_providers.lyra.remittances import cents
from payment_providers.lyra.signature import sign, verified_answer

NOW = datetime(2026, 11, 20, 9, 0, tzinfo=UTC)
K = EventKind


@pytest.fixture
def bench(lyra_counter: Any, tmp_path: Path) -> PaymentBench:
    settings = {"endpoint": lyra_counter.url, "shop_id": lyra_counter.id, "mode": "TEST", **lyra_counter.secrets}
    return PaymentBench(LyraProvider, settings, tmp_path)


def order(*transactions: Mapping[str, Any], cycle: str = "CLOSED") -> dict[str, Any]:
    return {
        "shopId": "69876501",
        "orderCycle": cycle,
        "orderDetails": {"orderId": "A1", "mode": "TEST", "orderTotalAmount": 100, "orderCurrency": "EUR"},
        "transactions": list(transactions),
    }


def transaction(status: str, uuid: str = "u1", **more: Any) -> dict[str, Any]:
    made = {"uuid": uuid, "amount": 100, "currency": "EUR", "detailedStatus": status, "operationType": "DEBIT"}
    return {**made, "creationDate": "2026-11-20T09:00:00+00:00", **more}


AUTHORISED = {"transactionDetails": {"cardDetails": {"authorizationResponse": {"authorizationResult": "0"}}}}
NO_3DS = {"transactionDetails": {"cardDetails": {"authenticationResponse": {
    "value": {"authenticationResult": {"status": "FAILED"}}}}}}  # fmt: skip


@pytest.mark.parametrize(
    ("made", "cycle", "said"),
    [
        (transaction("AUTHORISED"), "CLOSED", [(K.AUTHORIZED, "")]),
        (transaction("CAPTURED"), "CLOSED", [(K.AUTHORIZED, ""), (K.CAPTURED, "")]),
        (transaction("WAITING_AUTHORISATION"), "CLOSED", [(K.PROCESSING, "")]),
        (transaction("AUTHORISED_TO_VALIDATE"), "CLOSED", [(K.PROCESSING, "")]),
        (transaction("REFUSED", detailedErrorCode="51"), "OPEN", [(K.ATTEMPT_REFUSED, "insufficient_funds")]),
        (transaction("REFUSED", detailedErrorCode="54"), "CLOSED", [(K.REFUSED, "expired_card")]),
        (transaction("REFUSED", detailedErrorCode="05"), "CLOSED", [(K.REFUSED, "do_not_honour")]),
        (transaction("REFUSED", **NO_3DS), "CLOSED", [(K.REFUSED, "three_ds_failed")]),
        (transaction("REFUSED", detailedErrorCode="??"), "CLOSED", [(K.REFUSED, "refused_by_bank")]),
        (transaction("CANCELLED"), "CLOSED", [(K.CANCELED, "cancelled")]),
        (
            transaction("CANCELLED", **AUTHORISED),
            "CLOSED",
            [(K.AUTHORIZED, ""), (K.CAPTURE_LOST, "canceled_before_capture")],
        ),
        (transaction("EXPIRED"), "CLOSED", [(K.EXPIRED, "expired")]),
        (transaction("ABANDONED"), "CLOSED", [(K.ABANDONED, "abandoned")]),
        (transaction("CAPTURE_FAILED"), "CLOSED", [(K.AUTHORIZED, ""), (K.CAPTURE_LOST, "capture_failed")]),
        (transaction("SOMETHING_NEW"), "CLOSED", [(K.MISMATCH, "unknown_status")]),
        (transaction("AUTHORISED", operationType="CREDIT"), "CLOSED", [(K.REFUNDED, "")]),
    ],
)
def test_each_status_of_lyra_is_a_fact_of_the_hub(made: Any, cycle: str, said: Any) -> None:
    assert [(one.kind, one.reason) for one in events_of(order(made, cycle=cycle))] == said


def test_a_refused_card_before_a_good_one_is_an_attempt() -> None:
    tried = transaction("REFUSED", "u0", creationDate="2026-11-20T08:59:00+00:00", detailedErrorCode="51")
    found = events_of(order(transaction("CAPTURED"), tried))
    assert [one.kind for one in found] == [K.ATTEMPT_REFUSED, K.AUTHORIZED, K.CAPTURED]
    assert project(Asked(100), found).state is PaymentState.SUCCEEDED


def test_amounts_that_are_no_whole_cents_are_refused() -> None:
    for amount in (100.0, "100", None, True, -1):
        with pytest.raises(InputRefusedError):
            events_of(order(transaction("CAPTURED", amount=amount)))


@pytest.mark.parametrize("amount", [("amount_cents", 101, "other_amount"), ("currency", "CHF", "other_currency")])
def test_money_that_does_not_fit_is_told_and_goes_to_review(
    bench: PaymentBench, lyra_counter: Any, amount: Any
) -> None:
    ask = bench.ask()
    started = bench.start(ask)
    lyra_counter.captured(ask.reference)
    name, value, reason = amount
    asked = replace(bench.ref(ask, started), **{name: value})
    found = project(Asked(asked.amount_cents, asked.currency), bench.fetch(asked))
    assert (found.state, found.reason) == (PaymentState.REVIEW, reason)


@pytest.mark.parametrize(("changed", "reason"), [({"mode": "PRODUCTION"}, "other_mode")])
def test_an_order_of_another_mode_is_no_money(
    bench: PaymentBench, lyra_counter: Any, changed: Any, reason: str
) -> None:
    ask = bench.ask()
    started = bench.start(ask)
    lyra_counter.captured(ask.reference)
    with bench.open(changed) as provider:
        found = provider.fetch(bench.ref(ask, started))
    assert [(one.kind, one.reason) for one in found] == [(K.MISMATCH, reason)]


# -- signatures --------------------------------------------------------------------------------------------------------


def message(key: str, name: str, *, channel: Any = "webhook", answer: str = "", signed: str = "", **more: str) -> Any:
    text = answer or json.dumps(order(transaction("CAPTURED")))
    fields = {
        "kr-hash-key": name,
        "kr-hash-algorithm": "sha256_hmac",
        "kr-answer": text,
        "kr-answer-type": "V4/Payment",
    }
    body = urlencode({**fields, "kr-hash": sign(signed or text, key), **more}).encode()
    return RawRequest(channel, body, {}, {}, NOW)


def test_each_channel_has_the_key_it_is_pinned_to() -> None:
    assert verified_answer(message("pass", "password"), "pass")
    assert verified_answer(message("hmac", "sha256_hmac", channel="return"), "hmac")


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        (message("pass", "sha256_hmac"), "other_key"),
        (message("pass", "password", channel="return"), "other_key"),
        (message("hmac", "password"), "bad_signature"),
        (message("pass", "password", **{"kr-hash-algorithm": "sha256"}), "other_algorithm"),
        (message("pass", "password", **{"kr-answer-type": "V4/Other"}), "other_type"),
        (message("pass", "password", answer="[1]"), "not_json"),
        (message("pass", "password", answer="{"), "not_json"),
    ],
)
def test_a_message_cannot_choose_its_key_or_algorithm(raw: RawRequest, reason: str) -> None:
    with pytest.raises(WebhookRefusedError) as caught:
        verified_answer(raw, "pass")
    assert caught.value.reason == reason


def test_a_field_given_twice_is_refused() -> None:
    raw = message("pass", "password")
    with pytest.raises(WebhookRefusedError, match="field_twice"):
        verified_answer(replace(raw, body=raw.body + b"&kr-answer=%7B%7D"), "pass")


def test_a_signature_over_the_text_with_plain_slashes_is_good() -> None:
    escaped = json.dumps({**order(transaction("CAPTURED")), "url": "https://x/y"}).replace("/", "\\/")
    assert verified_answer(message("pass", "password", answer=escaped, signed=escaped.replace("\\/", "/")), "pass")
    assert verified_answer(message("pass", "password", answer=escaped), "pass")


@pytest.mark.parametrize("changed", [{"shop_id": "99999999"}, {"mode": "PRODUCTION"}])
def test_a_signed_message_of_another_shop_or_mode_is_refused(
    bench: PaymentBench, lyra_counter: Any, changed: dict[str, str]
) -> None:
    ask = bench.ask()
    bench.start(ask)
    lyra_counter.act(ask.reference)
    with bench.open(changed) as provider, pytest.raises(WebhookRefusedError, match="other_"):
        provider.parse_webhook(provider.verify_webhook(lyra_counter.notification(ask.reference, bench)))


# -- what is sent ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "body", [{"paymentForms": [{"pan": "4970100000000154"}]}, {"a": [{"b": {"PAN": "1"}}]}, {"securityCode": "123"}]
)
def test_a_request_with_card_data_is_never_sent(body: Any) -> None:
    with pytest.raises(ForbiddenError, match="card data never pass"):
        refuse_cards(body)


# -- lost answers ------------------------------------------------------------------------------------------------------


@contextmanager
def losing(bench: PaymentBench, service: str, error: Exception) -> Iterator[Any]:
    """A provider whose calls of one service arrive, and whose answers to them do not."""
    with bench.open() as provider:
        whole = provider._client._post  # type: ignore[attr-defined]

        def post(called: str, body: Any) -> Any:
            said = whole(called, body)
            if called == service:
                raise error
            return said

        provider._client._post = post  # type: ignore[attr-defined]
        yield provider


def test_a_start_whose_answer_is_lost_is_unknown_then_not_found(bench: PaymentBench, lyra_counter: Any) -> None:
    ask = bench.ask()
    with losing(bench, "Charge/CreatePaymentOrder", DeadlineError("hangs")) as provider, pytest.raises(DeadlineError):
        provider.start(ask, "k")
    early = bench.ref(ask)
    assert bench.fetch(early) == []
    late = replace(early, started_at=bench.clock.now() - timedelta(minutes=3))
    assert [one.kind for one in bench.fetch(late)] == [K.NOT_FOUND]
    assert isinstance(bench.start(ask).action, Redirect)


@pytest.mark.parametrize("error", [RetryableError("answered 500"), InputRefusedError("is not JSON")])
def test_an_error_page_after_a_start_leaves_it_open_whether_it_was_taken(bench: PaymentBench, error: Any) -> None:
    with losing(bench, "Charge/CreatePaymentOrder", error) as provider, pytest.raises(UnreachableError):
        provider.start(bench.ask(), "k")


def test_a_refund_whose_answer_and_memory_are_lost_is_not_given_twice(bench: PaymentBench, lyra_counter: Any) -> None:
    ask = bench.ask()
    ref = bench.ref(ask, bench.start(ask))
    paid = lyra_counter.captured(ask.reference).paid.id
    cut = UnreachableError("cut")
    with losing(bench, "Transaction/CancelOrRefund", cut) as provider, pytest.raises(UnreachableError):
        provider.refund(RefundAsk(ref, paid, 2_500, "k1"))
    bench.state.values.clear()
    found = bench.refund(ref, paid, 2_500, "k1")
    assert sum(one.amount_cents or 0 for one in found if one.kind is K.REFUNDED) == 2_500
    assert lyra_counter.payments(ask.reference)[0].refunded_cents == 2_500


# -- giving back -------------------------------------------------------------------------------------------------------


def test_all_of_a_payment_not_yet_remitted_is_canceled(bench: PaymentBench, lyra_counter: Any) -> None:
    ask = bench.ask()
    ref = bench.ref(ask, bench.start(ask))
    paid = lyra_counter.act(ask.reference).paid.id
    for _ in range(2):
        found = bench.refund(ref, paid, ask.amount_cents, "k")
        assert [one.kind for one in found] == [K.AUTHORIZED, K.CAPTURE_LOST]


def test_a_part_of_a_payment_not_yet_remitted_waits(bench: PaymentBench, lyra_counter: Any) -> None:
    ask = bench.ask()
    ref = bench.ref(ask, bench.start(ask))
    paid = lyra_counter.act(ask.reference).paid.id
    with pytest.raises(RetryableError, match="once the payment was remitted"):
        bench.refund(ref, paid, 100, "k")


def test_canceling_a_paid_order_tells_that_it_is_paid(bench: PaymentBench, lyra_counter: Any) -> None:
    ask = bench.ask()
    ref = bench.ref(ask, bench.start(ask))
    lyra_counter.captured(ask.reference)
    with bench.open() as provider:
        kinds = [one.kind for one in provider.cancel(ref, "k")]
    assert kinds == [K.AUTHORIZED, K.CAPTURED]


# -- remittances -------------------------------------------------------------------------------------------------------


def test_amounts_of_a_report_become_cents_without_a_float() -> None:
    assert [cents(text) for text in ("12,34", "-12.30", "1 234,00", "7", "0,05")] == [1234, -1230, 123400, 700, 5]
    for text in ("12,3", "", "1e3", "12,345"):
        with pytest.raises(ValueError, match="no amount"):
            cents(text)


HEAD = "REMISE;DATE_REMISE;TYPE;ORDER_ID;UUID;DATE_CAPTURE;MONTANT_BRUT;COMMISSION;MONTANT_NET;DEVISE\n"


def report(tmp_path: Path, lines: str, bench: PaymentBench) -> list[Any]:
    (tmp_path / "drop").mkdir()
    (tmp_path / "drop" / "remises.csv").write_text(HEAD + lines)
    with bench.open({"report_folder": tmp_path / "drop"}) as provider:
        return list(provider.settlements(date(2026, 11, 1)))


def test_a_report_dropped_in_a_folder_is_read_and_grouped(tmp_path: Path, bench: PaymentBench) -> None:
    lines = (
        "R1;21/11/2026;PAIEMENT;A1;u1;2026-11-20;100,00;0,40;99,60;EUR\n"
        "R1;21/11/2026;REMBOURSEMENT;A2;u2;2026-11-20;-10,00;0,00;-10,00;EUR\n"
        "R0;2026-10-30;PAIEMENT;A0;u0;2026-10-29;5,00;0,00;5,00;EUR\n"
    )
    (one,) = report(tmp_path, lines, bench)
    assert (one.ref, one.paid_on, one.net_cents) == ("R1", date(2026, 11, 21), 8960)
    assert [(line.kind, line.gross_cents, line.fee_cents) for line in one.lines] == [
        ("payment", 10_000, 40),
        ("refund", -1_000, 0),
    ]


@pytest.mark.parametrize(
    "line",
    [
        "R1;21/11/2026;PAIEMENT;A1;u1;2026-11-20;100,00;0,40;99,61;EUR\n",
        "R1;21/11/2026;PAIEMENT;A1;u1;2026-11-20;abc;0,40;99,60;EUR\n",
        "R1;soon;PAIEMENT;A1;u1;2026-11-20;100,00;0,40;99,60;EUR\n",
        "R1;21/11/2026;PAIEMENT\n",
    ],
)
def test_a_report_that_does_not_add_up_is_refused_with_its_line(tmp_path: Path, bench: PaymentBench, line: str) -> None:
    with pytest.raises(InputRefusedError, match="line 2"):
        report(tmp_path, line, bench)
