"""The `stripe` provider keeps every promise of the trade, against the sandbox's Stripe."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any, ClassVar

import pytest

from hub.ports import PaymentAsk, RawRequest, Started
from hub.testing.payment_bench import PaymentBench
from hub.testing.payment_contract import PaymentProviderContract
from payment_providers.stripe import StripeProvider
from payment_providers.stripe.webhooks import HEADER, sign


class TestStripe(PaymentProviderContract):
    provider = StripeProvider
    nowhere: ClassVar[dict[str, Any]] = {"api_base": "http://127.0.0.1:9"}
    signs_time = True
    counter: ClassVar[Any]

    @pytest.fixture(scope="class")
    @classmethod
    def server(cls, stripe_counter: Any) -> dict[str, Any]:
        cls.counter = stripe_counter
        return {"api_base": stripe_counter.url, "mode": "TEST", **stripe_counter.secrets}

    def tenant_pays(self, bench: PaymentBench, ask: PaymentAsk, started: Started) -> None:
        self.counter.captured(ask.reference)

    def webhook(self, bench: PaymentBench, ask: PaymentAsk, started: Started) -> RawRequest:
        self.counter.act(ask.reference)
        return self.counter.notification(ask.reference, bench)

    def mutilated(self, raw: RawRequest) -> Iterator[tuple[str, RawRequest]]:
        yield HEADER, replace(raw, headers={})
        event = json.loads(raw.body)
        about = event["data"]["object"]
        for name in ("id", "type", "livemode", "data"):
            yield name, self._signed(raw, {key: value for key, value in event.items() if key != name})
        for name in ("id", "object"):
            lacking = {key: value for key, value in about.items() if key != name}
            yield f"object.{name}", self._signed(raw, {**event, "data": {"object": lacking}})

    def _signed(self, raw: RawRequest, event: Any) -> RawRequest:
        body, stamp = json.dumps(event).encode(), str(int(raw.received_at.timestamp()))
        made = sign(body, self.counter.secrets["webhook_secret"], stamp)
        return replace(raw, body=body, headers={HEADER: f"t={stamp},v1={made}"})
