"""The `stripe` provider: Checkout sessions, begun under the hub's own key."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import date, timedelta
from typing import Any, ClassVar

from hub.domain.payment_events import EventKind, PaymentEvent
from hub.errors import HubError, TerminalError
from hub.ports import (
    Context,
    Finding,
    Heard,
    PaymentAsk,
    PaymentProvider,
    PaymentRef,
    ProviderCapabilities,
    RawRequest,
    Redirect,
    RefundAsk,
    Settlement,
    Started,
    StartRefusedError,
    Verified,
)
from payment_providers.stripe import payouts
from payment_providers.stripe.api import StripeApi
from payment_providers.stripe.events import (
    charge_events,
    dispute_events,
    foreign_event,
    redacted,
    refund_events,
    session_events,
    text,
)
from payment_providers.stripe.settings import StripeSettings
from payment_providers.stripe.webhooks import verified_event

_SESSIONS = "/v1/checkout/sessions"
# Around the start, where its answer was lost: clocks differ a little, and a call in flight may arrive late.
_BEFORE, _IN_FLIGHT = timedelta(minutes=5), timedelta(minutes=2)
_LOCALES = frozenset({"fr", "en", "de", "es", "it", "nl", "pt", "pl", "tr"})


class StripeProvider(PaymentProvider[StripeSettings]):
    """A session is our payment; its charges, refunds and disputes are read back, whatever a webhook says."""

    name: ClassVar[str] = "stripe"
    summary: ClassVar[str] = 'Card payments by Stripe Checkout; needs pip install "housing-hub[stripe]"'
    settings_model = StripeSettings
    capabilities = ProviderCapabilities(
        methods=("card",),
        flow="redirect",
        poll=True,
        webhook="signed",
        refund="partial",
        cancel=True,
        idempotency="native",
        limits_cents=(50, 99_999_999),
        lifetime=timedelta(minutes=60),
        settles=True,
    )

    def __init__(self, settings: StripeSettings, context: Context) -> None:
        super().__init__(settings, context)
        self._api = StripeApi(settings, context)

    def check(self) -> Iterator[Finding]:
        try:
            balance = self._api.get("/v1/balance")
        except HubError as error:
            yield Finding("log in", False, error.message, error.hint or "check api_base and secret_key")
            return
        if balance.get("livemode") is not self._is_live:
            yield Finding("log in", False, "the key belongs to the other mode", "write that mode, or the other key")
            return
        yield Finding("log in", True, self.settings.mode)

    def start(self, ask: PaymentAsk, key: str) -> Started:
        try:
            session = self._api.post(_SESSIONS, _session_of(ask), key=key)
        except TerminalError as refusal:
            said = getattr(refusal, "said", "")
            if not said:
                raise
            raise StartRefusedError(f"stripe_{said}", refusal.message) from None
        ident = text(session, "id")
        self.context.state.put(f"session:{ask.reference}", ident)
        ref = PaymentRef(ask.reference, ident, ask.amount_cents, ask.currency, self.context.clock.now())
        return Started(Redirect(text(session, "url")), ident, tuple(session_events(session, ref)))

    def fetch(self, ref: PaymentRef) -> Sequence[PaymentEvent]:
        session = self._session(ref)
        if session is None:
            if self.context.clock.now() < ref.started_at + _IN_FLIGHT:
                return []
            return [PaymentEvent(f"{ref.reference}:not_found", EventKind.NOT_FOUND, ref.started_at)]
        if session.get("livemode") is not self._is_live:
            return [foreign_event(session, "other_mode")]
        events = list(session_events(session, ref))
        if any(one.kind is EventKind.MISMATCH for one in events) or not session.get("payment_intent"):
            return events
        return [*events, *self._money(session, ref)]

    def verify_webhook(self, raw: RawRequest) -> Verified:
        return Verified(verified_event(raw, self.settings.webhook_secret.get_secret_value(), is_live=self._is_live))

    def parse_webhook(self, verified: Verified) -> Sequence[Heard]:
        """Which payment it is about; nothing where it is about none of ours (a payout). What came of it is asked."""
        about = verified.payload["data"]["object"]
        session = about["id"] if about["object"] == "checkout.session" else ""
        reference = about.get("client_reference_id") or _reference(about)
        intent = about.get("payment_intent")
        if not reference and not session and isinstance(intent, str):
            reference = _reference(self._api.get(f"/v1/payment_intents/{intent}"))
        return [Heard(reference, session)] if reference or session else []

    def redact(self, payload: Any) -> Any:
        return redacted(payload)

    def refund(self, ask: RefundAsk) -> Sequence[PaymentEvent]:
        """Keys are forgotten after a day: older refunds are found by the key in their metadata."""
        known = self._api.each("/v1/refunds", charge=ask.transaction)
        if not any(one.get("charge") == ask.transaction and _key(one) == ask.key for one in known):
            metadata = {"reference": ask.payment.reference, "refund_key": ask.key}
            params = {"charge": ask.transaction, "amount": ask.amount_cents, "metadata": metadata}
            self._api.post("/v1/refunds", params, key=ask.key)
        return self.fetch(ask.payment)

    def cancel(self, ref: PaymentRef, key: str) -> Sequence[PaymentEvent]:
        session = self._session(ref)
        if session is not None and session.get("status") == "open":
            try:
                self._api.post(f"{_SESSIONS}/{text(session, 'id')}/expire", {}, key=key)
            except TerminalError as refusal:
                # Somebody paid meanwhile: what is read back says so.
                self.context.log.info("a session could not be expired: %s", getattr(refusal, "said", refusal.code))
        return self.fetch(ref)

    def settlements(self, since: date) -> Iterator[Settlement]:
        return payouts.settlements(self._api, since)

    def close(self) -> None:
        self._api.close()

    @property
    def _is_live(self) -> bool:
        return self.settings.mode == "PRODUCTION"

    def _session(self, ref: PaymentRef) -> Mapping[str, Any] | None:
        """The session of a payment: by its id, or where that was lost, among those made when it was begun."""
        ident = ref.provider_ref or self.context.state.get(f"session:{ref.reference}")
        if ident:
            return self._api.get(f"{_SESSIONS}/{ident}", expand=["payment_intent"])
        first, last = ref.started_at - _BEFORE, ref.started_at + self.capabilities.lifetime
        made = {"gte": int(first.timestamp()), "lte": int(last.timestamp())}
        found = self._api.each(_SESSIONS, created=made, expand=["data.payment_intent"])
        return next((one for one in found if one.get("client_reference_id") == ref.reference), None)

    def _money(self, session: Mapping[str, Any], ref: PaymentRef) -> Iterator[PaymentEvent]:
        intent = session["payment_intent"]
        ident = text(intent, "id")
        is_open = session.get("status") == "open"
        charges = self._api.each("/v1/charges", payment_intent=ident)
        yield from charge_events(charges, intent, is_open=is_open, ref=ref)
        yield from refund_events(self._api.each("/v1/refunds", payment_intent=ident))
        yield from dispute_events(self._api.each("/v1/disputes", payment_intent=ident))


def _session_of(ask: PaymentAsk) -> dict[str, Any]:
    """The same for the same ask, or the key would be refused the second time."""
    named = {"reference": ask.reference}
    price = {
        "currency": ask.currency.lower(),
        "unit_amount": ask.amount_cents,
        "product_data": {"name": ask.label or ask.reference},
    }
    language = ask.language[:2].lower()
    return {
        "mode": "payment",
        "client_reference_id": ask.reference,
        "line_items": [{"quantity": 1, "price_data": price}],
        "payment_method_types": ["card"],
        "locale": language if language in _LOCALES else "auto",
        "success_url": ask.return_url,
        "cancel_url": ask.return_url,
        "expires_at": int(ask.expires_at.timestamp()),
        "metadata": named,
        "payment_intent_data": {"metadata": named},
        **({"customer_email": ask.email} if ask.email else {}),
    }


def _reference(about: Mapping[str, Any]) -> str:
    metadata = about.get("metadata")
    return str(metadata.get("reference") or "") if isinstance(metadata, Mapping) else ""


def _key(refund: Mapping[str, Any]) -> str:
    metadata = refund.get("metadata")
    return str(metadata.get("refund_key") or "") if isinstance(metadata, Mapping) else ""
