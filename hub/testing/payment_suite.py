"""What the payment contract's promises stand on: the world an author plays, and how the suite goes about it."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, ClassVar

import pytest

from hub.domain.payment_events import EventKind, PaymentEvent
from hub.ports import Heard, PaymentAsk, PaymentProvider, RawRequest, Started, WebhookRefusedError
from hub.testing.fakes import LOCAL_NETWORK
from hub.testing.payment_bench import PaymentBench
from hub.testing.promises import promise
from hub.wire.policy import NetworkPolicy

MONEY = frozenset({EventKind.AUTHORIZED, EventKind.CAPTURED, EventKind.CAPTURE_LOST, EventKind.REFUNDED})


class PaymentSuite:
    """Attributes and methods an author sets or overrides; see `PaymentProviderContract`."""

    provider: ClassVar[type[PaymentProvider[Any]]]
    settings: ClassVar[Mapping[str, Any]] = {}
    nowhere: ClassVar[Mapping[str, Any]] = {}
    older_settings: ClassVar[Mapping[int, Mapping[str, Any]]] = {}
    network: ClassVar[NetworkPolicy] = LOCAL_NETWORK
    signs_time: ClassVar[bool] = False

    def tenant_pays(self, bench: PaymentBench, ask: PaymentAsk, started: Started) -> None:
        """Let the tenant pay at the provider, to the end (captured)."""
        pytest.skip("exempt: no tenant_pays, so nobody can pay here")

    def webhook(self, bench: PaymentBench, ask: PaymentAsk, started: Started) -> RawRequest:
        """A genuine notification of a payment that was begun, as the provider sends it."""
        pytest.skip("exempt: has no webhooks")

    def mutilated(self, raw: RawRequest) -> Iterator[tuple[str, RawRequest]]:
        """The same notification without a field it must have, and signed again: the field's name, the request."""
        yield from ()

    @pytest.fixture(scope="class")
    @classmethod
    def bench(cls, server: Mapping[str, Any], tmp_path_factory: pytest.TempPathFactory) -> PaymentBench:
        """The provider on the bench, with the settings that lead to the server."""
        folder = tmp_path_factory.mktemp(cls.provider.name)
        return PaymentBench(cls.provider, {**cls.settings, **server}, folder, network=cls.network)

    # -- how the suite does it -----------------------------------------------------------------------------------------

    def _paid(self, bench: PaymentBench) -> tuple[PaymentAsk, Started]:
        ask = bench.ask()
        started = bench.start(ask)
        self.tenant_pays(bench, ask, started)
        return ask, started

    def _notified(self, bench: PaymentBench) -> tuple[PaymentAsk, Started, RawRequest]:
        if bench.capabilities.webhook == "none":
            pytest.skip("exempt: has no webhooks")
        ask = bench.ask()
        started = bench.start(ask)
        return ask, started, self.webhook(bench, ask, started)

    def _heard(self, bench: PaymentBench, raw: RawRequest) -> list[Heard]:
        with bench.open() as provider:
            return list(provider.parse_webhook(provider.verify_webhook(raw)))

    def _all_refused(self, bench: PaymentBench) -> None:
        raw = RawRequest("webhook", b"reference=1&paid=1", {}, {}, bench.clock.now())
        with bench.open() as provider, pytest.raises(WebhookRefusedError):
            provider.verify_webhook(raw)

    def _in_our_words(self, events: Sequence[PaymentEvent]) -> None:
        promise(len({one.id for one in events}) == len(events), "two facts under one id")
        for one in events:
            promise(isinstance(one.kind, EventKind) and bool(one.id), f"{one.kind!r} is no word of the hub")
            promise(one.occurred_at.tzinfo is not None, f"{one.kind} has a time without a zone")
            cents = one.amount_cents
            promise(cents is None or (type(cents) is int and cents >= 0), f"{one.kind}: {cents!r} is not whole cents")
            promise(one.kind not in MONEY or bool(one.ref and cents), f"{one.kind} without transaction or amount")
            promise(one.reason == one.reason.lower() and " " not in one.reason, f"{one.reason!r} is no code")

    def _nowhere(self) -> Mapping[str, Any]:
        if not self.nowhere:
            pytest.skip("exempt: uses no network")
        return self.nowhere

    def _modules(self) -> Iterator[Any]:
        name = self.provider.__module__
        while name:
            yield sys.modules[name]
            name = name.rpartition(".")[0]

    def _no_secret(self, bench: PaymentBench, text: str, place: str, *more: str) -> None:
        for secret in (*bench.secrets(), *more):
            promise(secret not in text, f"a secret shows in {place}")
