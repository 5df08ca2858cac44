"""The `systempay_form` provider keeps every promise of the trade, against the sandbox's vads page."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, ClassVar
from urllib.parse import parse_qsl, urlencode

import pytest
import requests

from hub.domain.payment_events import EventKind
from hub.ports import Form, PaymentAsk, RawRequest, Started, StartRefusedError, WebhookRefusedError
from hub.sandbox.payments.vads import PATH
from hub.testing.fakes import MemoryState
from hub.testing.payment_bench import PaymentBench
from hub.testing.payment_contract import PaymentProviderContract
from payment_providers.systempay_form import SystempayFormProvider
from payment_providers.systempay_form.events import FIELDS, events_of
from payment_providers.systempay_form.form import number_of, signature

K = EventKind
NOW = datetime(2026, 11, 20, 23, 30, tzinfo=UTC)


def settings_of(counter: Any) -> dict[str, Any]:
    return {"page": f"{counter.url}{PATH}", "site_id": counter.id, "mode": "TEST", **counter.secrets}


def posted(started: Started) -> int:
    """What the browser does with the form: the status of the page it comes to."""
    assert isinstance(started.action, Form)
    return requests.post(started.action.url, data=started.action.fields, timeout=10).status_code


class TestSystempayForm(PaymentProviderContract):
    provider = SystempayFormProvider
    counter: ClassVar[Any]

    @pytest.fixture(scope="class")
    @classmethod
    def server(cls, vads_counter: Any) -> dict[str, Any]:
        cls.counter = vads_counter
        return settings_of(vads_counter)

    def webhook(self, bench: PaymentBench, ask: PaymentAsk, started: Started) -> RawRequest:
        assert posted(started) == 200
        self.counter.act(ask.reference)
        return self.counter.notification(ask.reference, bench)

    def mutilated(self, raw: RawRequest) -> Iterator[tuple[str, RawRequest]]:
        fields = dict(parse_qsl(raw.body.decode(), keep_blank_values=True))
        yield "signature", replace(raw, body=urlencode({**fields, "signature": ""}).encode())
        for name in (*FIELDS, "vads_url_check_src"):
            lacking = {key: value for key, value in fields.items() if key not in (name, "signature")}
            yield name, replace(raw, body=self._signed(lacking))

    def _signed(self, fields: Mapping[str, str]) -> bytes:
        return urlencode({**fields, "signature": signature(fields, self.counter.secrets["key"])}).encode()

    def test_the_page_takes_the_form_twice_for_one_payment(self, bench: PaymentBench) -> None:
        ask = bench.ask()
        assert [posted(bench.start(ask)) for _ in range(2)] == [200, 200]
        assert len(self.counter.payments(ask.reference)) == 1

    def test_a_form_made_anew_after_a_lost_memory_is_refused_by_the_bank(self, bench: PaymentBench) -> None:
        ask = bench.ask()
        assert posted(bench.start(ask)) == 200
        bench.clock.move(seconds=3)
        with bench.open() as provider:
            again = replace_state(provider).start(ask, "k")
        assert posted(again) == 400
        assert len(self.counter.payments(ask.reference)) == 1

    def test_a_browser_that_comes_back_brings_the_same_facts(self, bench: PaymentBench) -> None:
        ask = bench.ask()
        raw = self.webhook(bench, ask, bench.start(ask))
        fields = dict(parse_qsl(raw.body.decode(), keep_blank_values=True))
        lacking = {name: value for name, value in fields.items() if name not in ("signature", "vads_url_check_src")}
        body = self._signed(lacking)
        query = dict(parse_qsl(body.decode(), keep_blank_values=True))
        for back in (replace(raw, channel="return", body=body), RawRequest("return", b"", {}, query, NOW)):
            assert self._heard(bench, back) == self._heard(bench, raw)


def replace_state(provider: Any) -> Any:
    provider.context = replace(provider.context, state=MemoryState())
    return provider


FIELD_VALUES = {
    "vads_site_id": "12345671",
    "vads_ctx_mode": "TEST",
    "vads_order_id": "A1",
    "vads_amount": "100",
    "vads_currency": "978",
    "vads_trans_uuid": "u1",
    "vads_operation_type": "DEBIT",
    "vads_effective_creation_date": "20261120090000",
    "vads_auth_result": "00",
}


@pytest.mark.parametrize(
    ("status", "changed", "said"),
    [
        ("AUTHORISED", {}, [(K.AUTHORIZED, "")]),
        ("CAPTURED", {}, [(K.AUTHORIZED, ""), (K.CAPTURED, "")]),
        ("WAITING_AUTHORISATION", {}, [(K.PROCESSING, "")]),
        ("REFUSED", {"vads_auth_result": "51"}, [(K.REFUSED, "insufficient_funds")]),
        ("REFUSED", {"vads_auth_result": ""}, [(K.REFUSED, "refused_by_bank")]),
        ("ABANDONED", {"vads_auth_result": ""}, [(K.ABANDONED, "abandoned")]),
        ("CANCELLED", {}, [(K.AUTHORIZED, ""), (K.CAPTURE_LOST, "canceled_before_capture")]),
        ("CANCELLED", {"vads_auth_result": ""}, [(K.CANCELED, "canceled_before_capture")]),
        ("CAPTURE_FAILED", {}, [(K.AUTHORIZED, ""), (K.CAPTURE_LOST, "capture_failed")]),
        ("NEW_WORD", {}, [(K.MISMATCH, "unknown_status")]),
        ("CAPTURED", {"vads_operation_type": "CREDIT"}, [(K.REFUNDED, "")]),
        ("REFUSED", {"vads_operation_type": "CREDIT"}, [(K.REFUNDED, ""), (K.REFUND_FAILED, "refused")]),
    ],
)
def test_each_status_is_a_fact_of_the_hub(status: str, changed: dict[str, str], said: Any) -> None:
    found = events_of({**FIELD_VALUES, "vads_trans_status": status, **changed})
    assert [(one.kind, one.reason) for one in found] == said


@pytest.mark.parametrize("changed", [{"site_id": "99999999"}, {"mode": "PRODUCTION"}])
def test_a_signed_message_of_another_shop_or_mode_is_refused(
    vads_counter: Any, tmp_path: Path, changed: dict[str, str]
) -> None:
    bench = PaymentBench(SystempayFormProvider, settings_of(vads_counter), tmp_path)
    ask = bench.ask()
    posted(bench.start(ask))
    vads_counter.act(ask.reference)
    with bench.open(changed) as provider, pytest.raises(WebhookRefusedError, match="other_"):
        provider.parse_webhook(provider.verify_webhook(vads_counter.notification(ask.reference, bench)))


def test_a_sha1_signature_is_never_believed() -> None:
    import hashlib

    fields = {**FIELD_VALUES, "vads_trans_status": "CAPTURED", "vads_url_check_src": "PAY"}
    text = "+".join([*(fields[name] for name in sorted(fields)), "key"])
    old = hashlib.sha1(text.encode()).hexdigest()
    raw = RawRequest("webhook", urlencode({**fields, "signature": old}).encode(), {}, {}, NOW)
    from payment_providers.systempay_form.form import verified_fields

    with pytest.raises(WebhookRefusedError, match="bad_signature"):
        verified_fields(raw, "key")


def test_transaction_numbers_of_a_day_differ_and_stay() -> None:
    state = MemoryState()
    numbers = {number_of(f"R{n}", NOW, state).ident for n in range(5_000)}
    assert len(numbers) == 5_000
    assert all(len(one) == 6 and one.isalnum() for one in numbers)
    assert number_of("R7", NOW, state) == number_of("R7", NOW, state)


def test_a_number_that_is_taken_is_not_given_out_again() -> None:
    state = MemoryState()
    first = number_of("A1", NOW, MemoryState()).ident
    state.put(f"taken:20261120:{first}", "B2")
    assert number_of("A1", NOW, state).ident != first


def test_another_currency_is_refused(vads_counter: Any, tmp_path: Path) -> None:
    bench = PaymentBench(SystempayFormProvider, settings_of(vads_counter), tmp_path)
    with pytest.raises(StartRefusedError, match="euros"):
        bench.start(replace(bench.ask(), currency="CHF"))


def test_a_page_that_does_not_answer_is_told(vads_counter: Any, tmp_path: Path) -> None:
    bench = PaymentBench(SystempayFormProvider, settings_of(vads_counter), tmp_path)
    with bench.open({"page": "http://127.0.0.1:9/"}) as provider:
        (finding,) = provider.check()
    assert (finding.ok, bool(finding.hint)) == (False, True)
