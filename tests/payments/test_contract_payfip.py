"""The `payfip` provider keeps every promise of the trade, against the sandbox's PayFiP."""

from __future__ import annotations

from typing import Any, ClassVar

import pytest

from hub.ports import PaymentAsk, RawRequest, Started
from hub.sandbox.payments.payfip import PAGE
from hub.sandbox.payments.payfip_soap import PATH
from hub.testing.payment_bench import PaymentBench
from hub.testing.payment_contract import PaymentProviderContract
from payment_providers.payfip import PayfipProvider


class TestPayfip(PaymentProviderContract):
    provider = PayfipProvider
    nowhere: ClassVar[dict[str, Any]] = {"service": "http://127.0.0.1:9/x"}
    counter: ClassVar[Any]

    @pytest.fixture(scope="class")
    @classmethod
    def server(cls, payfip_counter: Any) -> dict[str, Any]:
        cls.counter = payfip_counter
        url = payfip_counter.url
        return {
            "service": f"{url}{PATH}",
            "page": f"{url}{PAGE}",
            "client_number": payfip_counter.id,
            "mode": "TEST",
        }

    def tenant_pays(self, bench: PaymentBench, ask: PaymentAsk, started: Started) -> None:
        self.counter.act(ask.reference)

    def webhook(self, bench: PaymentBench, ask: PaymentAsk, started: Started) -> RawRequest:
        self.counter.act(ask.reference)
        return self.counter.notification(ask.reference, bench)
