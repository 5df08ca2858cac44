"""The `dummy` provider keeps every promise of the trade."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any, ClassVar

import pytest

from hub.domain.payment_events import EventKind
from hub.ports import PaymentAsk, RawRequest, Started
from hub.testing.payment_bench import PaymentBench
from hub.testing.payment_contract import PaymentProviderContract
from payment_providers.dummy import DummyProvider
from payment_providers.dummy.webhooks import TIMESTAMP, resigned, signed

KEY = "dummy-webhook-key-0123456789"


class TestDummy(PaymentProviderContract):
    provider = DummyProvider
    settings: ClassVar[dict[str, Any]] = {"webhook_key": KEY}
    signs_time = True

    @pytest.fixture(scope="class")
    @classmethod
    def server(cls) -> dict[str, Any]:
        return {}

    def tenant_pays(self, bench: PaymentBench, ask: PaymentAsk, started: Started) -> None:
        """It pays by itself."""

    def webhook(self, bench: PaymentBench, ask: PaymentAsk, started: Started) -> RawRequest:
        event = next(one for one in bench.fetch(bench.ref(ask, started)) if one.kind is EventKind.CAPTURED)
        body, headers = signed(KEY, ask.reference, event, bench.clock.now())
        return RawRequest("webhook", body, headers, {}, bench.clock.now())

    def mutilated(self, raw: RawRequest) -> Iterator[tuple[str, RawRequest]]:
        content = json.loads(raw.body)
        for name in content:
            body = json.dumps({key: value for key, value in content.items() if key != name}).encode()
            headers = resigned(KEY, body, raw.headers[TIMESTAMP])
            yield name, replace(raw, body=body, headers=headers)
        for name in raw.headers:
            yield name, replace(raw, headers={key: value for key, value in raw.headers.items() if key != name})
