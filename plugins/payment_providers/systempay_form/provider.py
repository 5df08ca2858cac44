"""The `systempay_form` provider: a form to post, and signed messages, which are all that is ever heard."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import timedelta
from typing import Any, ClassVar

from hub.domain.payment_events import EventKind, PaymentEvent
from hub.domain.redaction import KEEP, only
from hub.errors import HubError, NotSupportedError
from hub.ports import (
    Finding,
    Form,
    Heard,
    PaymentAsk,
    PaymentProvider,
    PaymentRef,
    ProviderCapabilities,
    RawRequest,
    Started,
    StartRefusedError,
    Verified,
    WebhookRefusedError,
)
from hub.wire import Deadline, HttpSession
from payment_providers.systempay_form.events import FIELDS, events_of, require
from payment_providers.systempay_form.form import fields_of, number_of, verified_fields
from payment_providers.systempay_form.settings import SystempayFormSettings

_SOURCE = "vads_url_check_src"
_SHAPE = dict.fromkeys((*FIELDS, "vads_trans_id", "vads_trans_date", "vads_result", "vads_card_brand", _SOURCE), KEEP)
_CHECK_SECONDS = 20


class SystempayFormProvider(PaymentProvider[SystempayFormSettings]):
    """The form's own web service is another contract, so this provider cannot be asked: the bank's notification rules
    must be on for the end of a payment, for its retries and for what is done by hand in the back office."""

    name: ClassVar[str] = "systempay_form"
    summary: ClassVar[str] = "Card payments by the older vads form of Systempay and PayZen, HMAC-SHA-256 only"
    settings_model = SystempayFormSettings
    capabilities = ProviderCapabilities(
        methods=("card",),
        flow="form",
        webhook="signed",
        idempotency="by_reference",
        limits_cents=(100, 9_999_999),
        lifetime=timedelta(minutes=15),
    )

    def check(self) -> Iterator[Finding]:
        """The page answers; the key is proved by the first payment only."""
        deadline = Deadline(min(_CHECK_SECONDS, self.context.network.total_seconds))
        try:
            with HttpSession(self.context.network) as http:
                http.request("GET", self.settings.page, deadline=deadline, accept=(400, 405)).close()
        except HubError as error:
            yield Finding("page", False, error.message, error.hint or "check page")
            return
        yield Finding("page", True, f"shop {self.settings.site_id}, {self.settings.mode}")

    def start(self, ask: PaymentAsk, key: str) -> Started:
        if ask.currency != "EUR":
            raise StartRefusedError("currency_unfit", "this contract is in euros")
        number = number_of(ask.reference, self.context.clock.now(), self.context.state)
        started = PaymentEvent(f"{ask.reference}:started", EventKind.STARTED, number.at)
        form = Form(self.settings.page, fields_of(ask, number, self.settings))
        return Started(form, f"{number.at:%Y%m%d}-{number.ident}", (started,))

    def fetch(self, ref: PaymentRef) -> Sequence[PaymentEvent]:
        raise NotSupportedError("systempay_form cannot be asked, because the form contract has no web service")

    def verify_webhook(self, raw: RawRequest) -> Verified:
        fields = verified_fields(raw, self.settings.key.get_secret_value())
        if raw.channel == "webhook" and not fields.get(_SOURCE):
            raise WebhookRefusedError("missing_field", f"the notification has no {_SOURCE}")
        return Verified(fields)

    def parse_webhook(self, verified: Verified) -> Sequence[Heard]:
        fields, own = verified.payload, self.settings
        require(fields)
        if fields["vads_site_id"] != own.site_id:
            raise WebhookRefusedError("other_shop")
        if fields["vads_ctx_mode"] != own.mode:
            raise WebhookRefusedError("other_mode")
        return [Heard(fields["vads_order_id"], events=tuple(events_of(fields)))]

    def redact(self, payload: Any) -> Any:
        return only(payload, _SHAPE)
