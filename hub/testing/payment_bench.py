"""A payment provider on the bench: made as a worker makes it, with payments to begin, without a database."""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from hub.domain.payment_events import PaymentEvent
from hub.ports import (
    PaymentAsk,
    PaymentProvider,
    PaymentRef,
    ProviderCapabilities,
    ProviderSettings,
    RefundAsk,
    Started,
)
from hub.testing.bench import secrets_of
from hub.testing.fakes import LOCAL_NETWORK, FakeClock, MemoryState, make_context
from hub.wire.policy import NetworkPolicy


def _now() -> FakeClock:
    """The world's time: servers that play a provider have no other."""
    return FakeClock(datetime.now(UTC).replace(microsecond=0))


@dataclass(slots=True)
class PaymentBench:
    """Makes providers of one class with one set of settings; `state` outlives each of them, as in the hub."""

    provider: type[PaymentProvider[Any]]
    settings: Mapping[str, Any]
    folder: Path
    network: NetworkPolicy = LOCAL_NETWORK
    clock: FakeClock = field(default_factory=_now)
    state: MemoryState = field(default_factory=MemoryState)

    @contextmanager
    def open(
        self, settings: Mapping[str, Any] | None = None, *, network: NetworkPolicy | None = None
    ) -> Iterator[PaymentProvider[Any]]:
        """A fresh provider, closed at the end of the block."""
        context = make_context(
            self.folder, connector="card", clock=self.clock, state=self.state, network=network or self.network
        )
        provider = self.provider(self.check_settings({**self.settings, **(settings or {})}), context)
        try:
            yield provider
        finally:
            provider.close()

    def check_settings(self, settings: Mapping[str, Any]) -> ProviderSettings:
        return self.provider.settings_model.model_validate(dict(settings))

    @property
    def capabilities(self) -> ProviderCapabilities:
        """What the provider says it can do, as set up."""
        return self.provider.capabilities_of(self.check_settings(self.settings))

    def secrets(self) -> list[str]:
        """Every secret among the settings, in clear: to prove that it shows nowhere."""
        return list(secrets_of(self.check_settings(self.settings)))

    def wrong_secrets(self) -> dict[str, str]:
        """Another value for each secret that is set; the test is skipped where there is none."""
        checked = self.check_settings(self.settings)
        names = type(checked).model_fields
        wrong = {name: f"not-the-right-{name}" for name in names if isinstance(getattr(checked, name), SecretStr)}
        if not wrong:
            pytest.skip("exempt: has no secret")
        return wrong

    # -- a payment's life ----------------------------------------------------------------------------------------------

    def ask(self, amount_cents: int = 12_500, *, email: str = "camille@example.org") -> PaymentAsk:
        """A payment as the hub asks for it, with a reference of its own."""
        reference = uuid.uuid4().hex[:20].upper()
        return PaymentAsk(
            reference=reference,
            amount_cents=amount_cents,
            currency="EUR",
            payer="tenant7f3a",
            email=email,
            label="Loyer novembre 2026",
            language="fr",
            return_url="https://hub.example.org/pay/return/abc",
            webhook_url="https://hub.example.org/pay/webhook/abc",
            expires_at=self.clock.now() + min(self.capabilities.lifetime, timedelta(hours=1)),
            account_numbers=("L0042",),
            customer_reference="C0042",
        )

    def ref(self, ask: PaymentAsk, started: Started | None = None) -> PaymentRef:
        """The payment as both sides know it after `start`."""
        found = started.provider_ref if started else ""
        return PaymentRef(ask.reference, found, ask.amount_cents, ask.currency, self.clock.now())

    def start(self, ask: PaymentAsk, key: str = "") -> Started:
        with self.open() as provider:
            return provider.start(ask, key or f"start-{ask.reference}")

    def fetch(self, ref: PaymentRef) -> Sequence[PaymentEvent]:
        with self.open() as provider:
            return list(provider.fetch(ref))

    def refund(self, ref: PaymentRef, transaction: str, cents: int, key: str) -> Sequence[PaymentEvent]:
        with self.open() as provider:
            return list(provider.refund(RefundAsk(ref, transaction, cents, key)))
