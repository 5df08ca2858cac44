"""The `lyra` provider keeps every promise of the trade, against the sandbox's Lyra."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any, ClassVar
from urllib.parse import parse_qsl, urlencode

import pytest

from hub.ports import Embedded, PaymentAsk, RawRequest, Started
from hub.testing.payment_bench import PaymentBench
from hub.testing.payment_contract import PaymentProviderContract
from payment_providers.lyra import LyraProvider
from payment_providers.lyra.signature import sign


class LyraContract(PaymentProviderContract):
    provider = LyraProvider
    nowhere: ClassVar[dict[str, Any]] = {"endpoint": "http://127.0.0.1:9", "report_url": "http://127.0.0.1:9/r.csv"}
    counter: ClassVar[Any]

    @pytest.fixture(scope="class")
    @classmethod
    def server(cls, lyra_counter: Any) -> dict[str, Any]:
        cls.counter = lyra_counter
        return {
            "endpoint": lyra_counter.url,
            "shop_id": lyra_counter.id,
            "mode": "TEST",
            "report_url": f"{lyra_counter.url}/api-payment/reports/remises.csv?since={{since}}",
            **lyra_counter.secrets,
        }

    def tenant_pays(self, bench: PaymentBench, ask: PaymentAsk, started: Started) -> None:
        self.counter.captured(ask.reference)

    def webhook(self, bench: PaymentBench, ask: PaymentAsk, started: Started) -> RawRequest:
        self.counter.act(ask.reference)
        return self.counter.notification(ask.reference, bench)

    def mutilated(self, raw: RawRequest) -> Iterator[tuple[str, RawRequest]]:
        fields = dict(parse_qsl(raw.body.decode(), strict_parsing=True))
        for name in fields:
            yield name, replace(raw, body=urlencode(without(fields, name)).encode())
        order = json.loads(fields["kr-answer"])
        for name in ("shopId", "orderDetails", "transactions"):
            yield name, self._signed(raw, fields, without(order, name))
        for name in ("orderId", "mode"):
            details = without(order["orderDetails"], name)
            yield name, self._signed(raw, fields, {**order, "orderDetails": details})
        for name in ("uuid", "amount", "currency", "detailedStatus", "creationDate"):
            bare = [without(one, name) for one in order["transactions"]]
            yield name, self._signed(raw, fields, {**order, "transactions": bare})

    def _signed(self, raw: RawRequest, fields: Mapping[str, str], order: Mapping[str, Any]) -> RawRequest:
        answer = json.dumps(order)
        named = {**fields, "kr-answer": answer, "kr-hash": sign(answer, self.counter.secrets["password"])}
        return replace(raw, body=urlencode(named).encode())


class TestLyra(LyraContract):
    def test_one_start_is_one_payment_at_the_bank(self, bench: PaymentBench) -> None:
        ask = bench.ask()
        bench.start(ask), bench.start(ask)
        assert len(self.counter.payments(ask.reference)) == 1


class TestLyraEmbedded(LyraContract):
    settings: ClassVar[dict[str, Any]] = {
        "form": "embedded",
        "public_key": "69876501:testpublickey_sandbox1",
        "script_endpoint": "https://static.payzen.eu",
    }

    def test_the_form_comes_with_public_values_only(self, bench: PaymentBench) -> None:
        action = bench.start(bench.ask()).action
        assert isinstance(action, Embedded)
        assert action.script_url.startswith("https://static.payzen.eu/")
        assert not any(secret in repr(action) for secret in bench.secrets())


def without(content: Mapping[str, Any], name: str) -> dict[str, Any]:
    return {key: value for key, value in content.items() if key != name}
