"""The `dummy` provider: no network, no money; what it began it remembers in its state."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, ClassVar

from hub.domain.payment_events import EventKind, PaymentEvent
from hub.domain.redaction import only
from hub.errors import DeadlineError, TerminalError
from hub.ports import (
    Finding,
    Heard,
    PaymentAsk,
    PaymentProvider,
    PaymentRef,
    ProviderCapabilities,
    RawRequest,
    Redirect,
    RefundAsk,
    Started,
    StartRefusedError,
    Verified,
    WebhookRefusedError,
)
from payment_providers.dummy.memory import LIFETIME, Kept, Memory
from payment_providers.dummy.settings import DummySettings
from payment_providers.dummy.webhooks import SHAPE, event_of, verify


class DummyProvider(PaymentProvider[DummySettings]):
    """Settles, declines, hangs, is early, late or heard twice: whatever a screen must be ready for."""

    name: ClassVar[str] = "dummy"
    summary: ClassVar[str] = "Moves no money: plays every outcome of a payment, for screens and tests"
    settings_model = DummySettings
    capabilities = ProviderCapabilities(
        methods=("test",),
        flow="redirect",
        poll=True,
        webhook="signed",
        refund="partial",
        cancel=True,
        idempotency="native",
        lifetime=LIFETIME,
    )

    def check(self) -> Iterator[Finding]:
        yield Finding("moves no money", True, f"scenario {self.settings.scenario}")

    def start(self, ask: PaymentAsk, key: str) -> Started:
        if (kept := self._memory.by_key(key)) is None:
            kept = self._begin(ask, key)
            if kept.scenario == "hangs":
                raise DeadlineError("the dummy provider hangs, as it was asked to", hint="ask it what became of it")
        elif (kept.reference, kept.amount_cents, kept.currency) != (ask.reference, ask.amount_cents, ask.currency):
            raise StartRefusedError("key_reused")
        return Started(Redirect(ask.return_url), kept.transaction, tuple(self._events(kept)))

    def fetch(self, ref: PaymentRef) -> Sequence[PaymentEvent]:
        kept = self._memory.by_reference(ref.reference)
        if kept is None:
            return [PaymentEvent(f"{ref.reference}:not_found", EventKind.NOT_FOUND, self.context.clock.now())]
        kept.asked += 1
        self._memory.keep(kept)
        return self._events(kept)

    def verify_webhook(self, raw: RawRequest) -> Verified:
        if raw.channel != "webhook":
            raise WebhookRefusedError("return_says_nothing")
        if self.settings.webhook_key is None:
            raise WebhookRefusedError("no_webhook_key")
        return Verified(verify(raw, self.settings.webhook_key.get_secret_value()))

    def parse_webhook(self, verified: Verified) -> Sequence[Heard]:
        return [Heard(verified.payload["reference"], events=(event_of(verified.payload),))]

    def redact(self, payload: Any) -> Any:
        return only(payload, SHAPE)

    def refund(self, ask: RefundAsk) -> Sequence[PaymentEvent]:
        kept, now = self._memory.by_reference(ask.payment.reference), self.context.clock.now()
        if kept is None or kept.paid_at(now) is None:
            raise TerminalError("the dummy provider has no money of this payment to give back")
        if ask.key not in kept.refunds:
            if not 0 < ask.amount_cents <= kept.left_cents:
                raise TerminalError("the refund is larger than what is left of the payment")
            kept.refunds[ask.key], kept.refunded[ask.key] = ask.amount_cents, now.isoformat()
            self._memory.keep(kept)
        return self._events(kept)

    def cancel(self, ref: PaymentRef, key: str) -> Sequence[PaymentEvent]:
        kept, now = self._memory.by_reference(ref.reference), self.context.clock.now()
        if kept is None:
            return self.fetch(ref)
        if kept.paid_at(now) is None and kept.scenario in ("asks", "settles") and not kept.canceled:
            kept.canceled = now.isoformat()
            self._memory.keep(kept)
        return self._events(kept)

    @property
    def _memory(self) -> Memory:
        return Memory(self.context.state)

    def _begin(self, ask: PaymentAsk, key: str) -> Kept:
        if self._memory.by_reference(ask.reference) is not None:
            raise StartRefusedError("reference_reused")
        scenario = self.settings.scenario_of(ask.amount_cents)
        if scenario == "refuses":
            raise StartRefusedError("refused_by_provider")
        now = self.context.clock.now().isoformat()
        kept = Kept(ask.reference, key, ask.amount_cents, ask.currency, scenario, now)
        self._memory.keep(kept)
        return kept

    def _events(self, kept: Kept) -> list[PaymentEvent]:
        return kept.events(self.context.clock.now())
