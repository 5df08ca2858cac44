"""Beginning a payment at Lyra, and what is remembered of it.

The interface takes no idempotency key and does not find an order nobody has touched yet, so the number of the payment
order (or the form's token) is kept in the connector's state: a second start gives the first one's page again. Where
that memory was lost nobody has seen the page either, and a new one harms nobody.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from hub.domain.payment_events import EventKind, PaymentEvent
from hub.errors import InputRefusedError, UnreachableError
from hub.ports import Context, Embedded, PaymentAsk, Redirect, Started
from payment_providers.lyra.client import LyraClient
from payment_providers.lyra.settings import LyraSettings

FORM_LIFETIME = timedelta(minutes=15)
_LOCALES = {"fr": "fr_FR", "en": "en_GB", "de": "de_DE", "es": "es_ES", "it": "it_IT", "pt": "pt_PT", "nl": "nl_NL"}


@dataclass(frozen=True, slots=True)
class Kept:
    """A payment order (`ident`) or a form (`token`), begun at `at`."""

    at: datetime
    ident: str = ""
    token: str = ""


class Starting:
    """Begins payments, and finds what was begun."""

    def __init__(self, settings: LyraSettings, context: Context, client: LyraClient) -> None:
        self._settings, self._context, self._client = settings, context, client

    def kept(self, reference: str) -> Kept | None:
        text = self._context.state.get(f"start:{reference}")
        if not text:
            return None
        found = json.loads(text)
        return Kept(datetime.fromisoformat(found["at"]), found["ident"], found["token"])

    def again(self, reference: str, kept: Kept) -> Started | None:
        """The page or form that was given before; None where nobody can pay there any more."""
        if kept.ident:
            order = self._client.call("Charge/PaymentOrder/Get", {"paymentOrderId": kept.ident})
            events = (order_event(order),)
            action = Redirect(_text(order, "paymentURL")) if events[0].kind is EventKind.STARTED else None
            return Started(action, kept.ident, events)
        if self._context.clock.now() < kept.at + FORM_LIFETIME:
            return self._form(reference, kept)
        return None

    def begin(self, ask: PaymentAsk) -> Started:
        """A new payment order, or a new form."""
        now = self._context.clock.now()
        if self._settings.form == "embedded":
            answer = self._client.call("Charge/CreatePayment", self._order(ask), moves=True)
            kept = Kept(now, token=_text(answer, "formToken"))
            self._keep(ask.reference, kept)
            return self._form(ask.reference, kept)
        own = {
            "channelOptions": {"channelType": "URL"},
            "expirationDate": ask.expires_at.isoformat(timespec="seconds"),
            "returnMode": "POST",
            "returnUrl": ask.return_url,
        }
        order = self._client.call("Charge/CreatePaymentOrder", {**self._order(ask), **own}, moves=True)
        started = Started(Redirect(_text(order, "paymentURL")), _text(order, "paymentOrderId"), (order_event(order),))
        self._keep(ask.reference, Kept(now, ident=started.provider_ref))
        return started

    def _order(self, ask: PaymentAsk) -> dict[str, Any]:
        customer = {"reference": ask.payer, **({"email": ask.email} if ask.email else {})}
        return {
            "amount": ask.amount_cents,
            "currency": ask.currency,
            "orderId": ask.reference,
            "customer": customer,
            "locale": _LOCALES.get(ask.language[:2].lower(), "fr_FR"),
            "merchantComment": ask.label[:255],
            "ipnTargetUrl": ask.webhook_url,
        }

    def _form(self, reference: str, kept: Kept) -> Started:
        own = self._settings
        base = (own.script_endpoint or "").rstrip("/")
        script = f"{base}/static/js/krypton-client/V4.0/stable/kr-payment-form.min.js"
        started = PaymentEvent(f"{reference}:started:{int(kept.at.timestamp())}", EventKind.STARTED, kept.at)
        return Started(Embedded(script, kept.token, own.public_key), "", (started,))

    def _keep(self, reference: str, kept: Kept) -> None:
        content = {"at": kept.at.isoformat(), "ident": kept.ident, "token": kept.token}
        self._context.state.put(f"start:{reference}", json.dumps(content))


_ORDER_ENDS = {
    "EXPIRED": (EventKind.EXPIRED, "not_paid_in_time"),
    "CANCELLED": (EventKind.CANCELED, "canceled_by_us"),
    "ABANDONED": (EventKind.ABANDONED, "abandoned"),
    "REFUSED": (EventKind.REFUSED, "refused_by_bank"),
}


def order_event(order: Mapping[str, Any]) -> PaymentEvent:
    """What a payment order says of itself while it has no transaction: it waits, or nobody can pay it any more."""
    ident, status = _text(order, "paymentOrderId"), order.get("paymentOrderStatus")
    kind, reason = _ORDER_ENDS.get(str(status), (EventKind.STARTED, ""))
    try:
        at = datetime.fromisoformat(_text(order, "creationDate"))
    except ValueError:
        raise InputRefusedError("the payment order's time cannot be read") from None
    return PaymentEvent(f"{ident}:{kind}", kind, at, reason=reason)


def _text(answer: Mapping[str, Any], name: str) -> str:
    found = answer.get(name)
    if not isinstance(found, str) or not found:
        raise UnreachableError(f"the payment provider's answer has no {name}")
    return found
