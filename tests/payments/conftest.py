"""The sandbox's payment providers, and a desk at which tests do what a person would."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import pytest

from hub.ports import RawRequest
from hub.sandbox.payments import PaymentServer
from hub.sandbox.payments.model import How, Payment
from hub.testing.payment_bench import PaymentBench


@dataclass(frozen=True, slots=True)
class Counter:
    """One shop of the sandbox: its payments, what its tenants do, what it tells the hub."""

    server: PaymentServer
    shop: str

    @property
    def url(self) -> str:
        return self.server.url

    @property
    def id(self) -> str:
        return self.server.book.shops[self.shop].id

    @property
    def secrets(self) -> Mapping[str, str]:
        return self.server.book.shops[self.shop].secrets

    def payments(self, reference: str) -> list[Payment]:
        """All that was begun under one reference: there ought to be one."""
        return list(self.server.book.store.of_reference(self.shop, reference))

    def act(self, reference: str, how: How = "pay", **options: Any) -> Payment:
        payment = self.payments(reference)[-1]
        self.server.book.act(payment, how, **options)
        return payment

    def captured(self, reference: str) -> Payment:
        payment = self.act(reference)
        self.server.book.capture(self.shop)
        return payment

    def notification(self, reference: str, bench: PaymentBench) -> RawRequest:
        """The last webhook of a payment, signed as it would leave now."""
        book, payment = self.server.book, self.payments(reference)[-1]
        *_, delivery = book.store.told_of(payment.id)
        shop = book.shops[self.shop]
        signed = book.sites[shop.wire].signed(shop, delivery)
        headers = {name.lower(): value for name, value in signed.headers.items()}
        return RawRequest("webhook", signed.body, headers, {}, bench.clock.now())


@pytest.fixture(scope="session")
def payment_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PaymentServer]:
    server = PaymentServer(tmp_path_factory.mktemp("sandbox"))
    server.start()
    yield server
    server.stop()


@pytest.fixture(scope="session")
def lyra_counter(payment_server: PaymentServer) -> Counter:
    return Counter(payment_server, "rives-doise/lyra")


@pytest.fixture(scope="session")
def payfip_counter(payment_server: PaymentServer) -> Counter:
    return Counter(payment_server, "rives-doise/payfip")


@pytest.fixture(scope="session")
def vads_counter(payment_server: PaymentServer) -> Counter:
    return Counter(payment_server, "rives-doise/vads")


@pytest.fixture(scope="session")
def stripe_counter(payment_server: PaymentServer) -> Counter:
    return Counter(payment_server, "rives-doise/stripe")
