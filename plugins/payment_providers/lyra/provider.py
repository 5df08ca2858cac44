"""The `lyra` provider: starts, asks, verifies, gives back."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import date, timedelta
from functools import cached_property
from typing import Any, ClassVar

from hub.domain.payment_events import EventKind, PaymentEvent
from hub.errors import HubError, InputRefusedError
from hub.ports import (
    Context,
    Finding,
    Heard,
    PaymentAsk,
    PaymentProvider,
    PaymentRef,
    ProviderCapabilities,
    ProviderSettings,
    RawRequest,
    RefundAsk,
    Settlement,
    Started,
    StartRefusedError,
    Verified,
    WebhookRefusedError,
)
from payment_providers.lyra import remittances
from payment_providers.lyra.client import NOT_FOUND, LyraClient, LyraRefusalError
from payment_providers.lyra.events import (
    events_of,
    foreign,
    foreign_events,
    is_paid,
    mismatches,
    order_of,
    redacted,
)
from payment_providers.lyra.refunding import Refunding
from payment_providers.lyra.settings import LyraSettings
from payment_providers.lyra.signature import verified_answer
from payment_providers.lyra.starting import FORM_LIFETIME, Starting, order_event

# A start that hangs may still arrive for so long; and a form that was opened in time may still be on its way.
_IN_FLIGHT = timedelta(minutes=2)
_LINGERING = timedelta(minutes=15)


class LyraProvider(PaymentProvider[LyraSettings]):
    """Orders are known by our reference (`orderId`); what happened to one is always read back with `Order/Get`."""

    name: ClassVar[str] = "lyra"
    summary: ClassVar[str] = "Card payments by Lyra REST V4: PayZen, Systempay, Scellius, Sogecommerce"
    settings_model = LyraSettings
    capabilities = ProviderCapabilities(
        methods=("card",),
        flow="redirect",
        poll=True,
        webhook="signed",
        refund="partial",
        cancel=True,
        idempotency="by_reference",
        limits_cents=(100, 9_999_999),
        settles=True,
    )

    def __init__(self, settings: LyraSettings, context: Context) -> None:
        super().__init__(settings, context)
        self._client = LyraClient(settings, context)

    @classmethod
    def capabilities_of(cls, settings: ProviderSettings) -> ProviderCapabilities:
        if not isinstance(settings, LyraSettings):
            return cls.capabilities
        found = replace(cls.capabilities, settles=bool(settings.report_url or settings.report_folder))
        if settings.form == "embedded":
            found = replace(found, flow="embedded", cancel=False, lifetime=FORM_LIFETIME)
        return found

    def check(self) -> Iterator[Finding]:
        try:
            mode = self._client.mode()
        except HubError as error:
            yield Finding("log in", False, error.message, error.hint or "check endpoint, shop_id and password")
            return
        if mode != self.settings.mode:
            yield Finding("log in", False, f"the password is one of {mode}", "write that mode, or the other password")
            return
        yield Finding("log in", True, f"shop {self.settings.shop_id}, {mode}")
        if self.capabilities_of(self.settings).settles:
            yield self._check_report()

    def start(self, ask: PaymentAsk, key: str) -> Started:
        kept, order = self._starting.kept(ask.reference), self._order(ask.reference)
        if order is not None:
            said = self._said(order, ask.amount_cents, ask.currency)
            again = self._starting.again(ask.reference, kept) if kept and not is_paid(order) else None
            return Started(again.action if again else None, kept.ident if kept else "", tuple(said))
        if kept is not None and (again := self._starting.again(ask.reference, kept)) is not None:
            return again
        try:
            return self._starting.begin(ask)
        except LyraRefusalError as refusal:
            raise StartRefusedError(f"lyra_{refusal.said.lower()}", refusal.message) from None

    def fetch(self, ref: PaymentRef) -> Sequence[PaymentEvent]:
        if (order := self._order(ref.reference)) is not None:
            return self._said(order, ref.amount_cents, ref.currency)
        kept, now = self._starting.kept(ref.reference), self.context.clock.now()
        if ident := ref.provider_ref or (kept.ident if kept else ""):
            return [order_event(self._client.call("Charge/PaymentOrder/Get", {"paymentOrderId": ident}))]
        if kept is not None and now < kept.at + FORM_LIFETIME + _LINGERING:
            return [PaymentEvent(f"{ref.reference}:started:{int(kept.at.timestamp())}", EventKind.STARTED, kept.at)]
        if kept is not None:
            ended, reason = kept.at + FORM_LIFETIME, "not_paid_in_time"
            return [PaymentEvent(f"{ref.reference}:expired", EventKind.EXPIRED, ended, reason=reason)]
        if now < ref.started_at + _IN_FLIGHT:
            return []
        return [PaymentEvent(f"{ref.reference}:not_found", EventKind.NOT_FOUND, ref.started_at)]

    def verify_webhook(self, raw: RawRequest) -> Verified:
        own = self.settings
        key = own.password if raw.channel == "webhook" else own.hmac_key
        return Verified(verified_answer(raw, key.get_secret_value()))

    def parse_webhook(self, verified: Verified) -> Sequence[Heard]:
        answer, own = verified.payload, self.settings
        try:
            reference, _, _ = order_of(answer)
            if reason := foreign(answer, shop_id=own.shop_id, mode=own.mode):
                raise WebhookRefusedError(reason)
            return [Heard(reference, events=tuple(events_of(answer)))]
        except InputRefusedError as error:
            raise WebhookRefusedError("missing_field", error.message) from None

    def redact(self, payload: Any) -> Any:
        return redacted(payload)

    def refund(self, ask: RefundAsk) -> Sequence[PaymentEvent]:
        Refunding(self._client, self.context.state).refund(ask, self._own_order(ask.payment))
        return self.fetch(ask.payment)

    def cancel(self, ref: PaymentRef, key: str) -> Sequence[PaymentEvent]:
        if self.settings.form == "embedded":
            return super().cancel(ref, key)
        kept = self._starting.kept(ref.reference)
        if ident := ref.provider_ref or (kept.ident if kept else ""):
            try:
                self._client.call("Charge/PaymentOrder/Cancel", {"paymentOrderId": ident}, moves=True)
            except LyraRefusalError as refusal:
                # Somebody paid meanwhile, or it ended before: what is read back says which.
                self.context.log.info("a payment order could not be cancelled: %s", refusal.said)
        return self.fetch(ref)

    def settlements(self, since: date) -> Iterator[Settlement]:
        return remittances.settlements(self.settings, self.context, self._client, since)

    def close(self) -> None:
        self._client.close()

    @cached_property
    def _starting(self) -> Starting:
        return Starting(self.settings, self.context, self._client)

    def _order(self, reference: str) -> dict[str, Any] | None:
        """What Lyra knows of an order; None while nobody has tried to pay it."""
        try:
            return self._client.call("Order/Get", {"orderId": reference})
        except LyraRefusalError as refusal:
            if refusal.said == NOT_FOUND:
                return None
            raise

    def _own_order(self, ref: PaymentRef) -> Mapping[str, Any]:
        order, own = self._order(ref.reference), self.settings
        if order is None or foreign(order, shop_id=own.shop_id, mode=own.mode):
            raise LyraRefusalError(NOT_FOUND)
        return order

    def _said(self, order: Mapping[str, Any], amount_cents: int, currency: str) -> list[PaymentEvent]:
        """What an order says, measured against what was asked."""
        own = self.settings
        if reason := foreign(order, shop_id=own.shop_id, mode=own.mode):
            return list(foreign_events(order, reason))
        return [*events_of(order), *mismatches(order, amount_cents=amount_cents, currency=currency)]

    def _check_report(self) -> Finding:
        today = self.context.clock.now().date()
        try:
            count = sum(1 for _ in self.settlements(today - timedelta(days=31)))
        except HubError as error:
            return Finding("report", False, error.message, error.hint or "check report_url or report_folder")
        return Finding("report", True, f"{count} remittances in 31 days")
