"""The dummy provider plays each outcome a screen must be ready for, chosen by the cents of the amount."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from hub.domain.payment_events import EventKind
from hub.domain.payments import Asked, PaymentState, project
from hub.errors import DeadlineError
from hub.ports import RawRequest, StartRefusedError, WebhookRefusedError
from hub.testing.payment_bench import PaymentBench
from payment_providers.dummy import DummyProvider
from payment_providers.dummy.webhooks import deliveries, signed

K = EventKind


@pytest.fixture
def bench(tmp_path: Path) -> PaymentBench:
    return PaymentBench(DummyProvider, {"webhook_key": "key"}, tmp_path)


def state(bench: PaymentBench, ask: Any) -> PaymentState:
    return project(Asked(ask.amount_cents), bench.fetch(bench.ref(ask))).state


@pytest.mark.parametrize(
    ("cents", "become"),
    [
        (1_200, PaymentState.SUCCEEDED),
        (1_299, PaymentState.SUCCEEDED),
        (1_201, PaymentState.FAILED),
        (1_203, PaymentState.SUCCEEDED),
        (1_204, PaymentState.SUCCEEDED),
        (1_205, PaymentState.PROCESSING),
        (1_206, PaymentState.SUCCEEDED),
        (1_208, PaymentState.CANCELED),
    ],
)
def test_the_cents_say_what_happens(bench: PaymentBench, cents: int, become: PaymentState) -> None:
    ask = bench.ask(cents)
    bench.start(ask)
    assert state(bench, ask) is become


def test_a_payment_that_hangs_was_taken_all_the_same(bench: PaymentBench) -> None:
    ask = bench.ask(1_202)
    with pytest.raises(DeadlineError):
        bench.start(ask)
    assert state(bench, ask) is PaymentState.SUCCEEDED
    assert K.CAPTURED in {one.kind for one in bench.start(ask).events}


def test_what_asks_for_an_action_settles_when_it_is_asked_about(bench: PaymentBench) -> None:
    ask = bench.ask(1_206)
    assert [one.kind for one in bench.start(ask).events] == [K.STARTED]
    assert state(bench, ask) is PaymentState.SUCCEEDED


def test_what_is_late_settles_after_three_days(bench: PaymentBench) -> None:
    ask = bench.ask(1_205)
    bench.start(ask)
    bench.clock.move(days=3)
    assert state(bench, ask) is PaymentState.SUCCEEDED


def test_what_nobody_did_anything_about_expires(bench: PaymentBench) -> None:
    bench.settings = {"scenario": "asks"}
    ask = bench.ask()
    ref = bench.ref(ask, bench.start(ask))
    with bench.open() as provider:
        found = provider.cancel(ref, "k")
    assert [one.kind for one in found] == [K.STARTED, K.CANCELED]
    assert state(bench, ask) is PaymentState.CANCELED


def test_a_setting_says_it_for_every_amount(bench: PaymentBench) -> None:
    bench.settings = {"scenario": "refuses"}
    with pytest.raises(StartRefusedError, match="refused_by_provider"):
        bench.start(bench.ask())


def test_a_key_or_reference_used_for_something_else_is_refused(bench: PaymentBench) -> None:
    ask = bench.ask()
    bench.start(ask, "k")
    with pytest.raises(StartRefusedError, match="key_reused"):
        bench.start(replace(ask, amount_cents=1), "k")
    with pytest.raises(StartRefusedError, match="reference_reused"):
        bench.start(ask, "another")


def test_webhooks_come_twice_before_or_after_three_days() -> None:
    assert len(deliveries("twice")) == 2
    assert deliveries("early")[0] < timedelta(0)
    assert deliveries("late") == (timedelta(days=3),)
    assert deliveries("settles") == (timedelta(0),)


def test_without_a_key_no_webhook_is_believed(bench: PaymentBench) -> None:
    ask = bench.ask()
    event = bench.start(ask).events[-1]
    now = bench.clock.now()
    body, headers = signed("key", ask.reference, event, now)
    with bench.open({"webhook_key": None}) as provider, pytest.raises(WebhookRefusedError, match="no_webhook_key"):
        provider.verify_webhook(RawRequest("webhook", body, headers, {}, now))
