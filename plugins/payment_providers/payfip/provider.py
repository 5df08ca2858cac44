"""The `payfip` provider: begins by SOAP, asks by SOAP, and takes every callback for no more than a bell."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from datetime import timedelta
from typing import Any, ClassVar
from urllib.parse import parse_qsl, urlencode

from hub.domain.clock import today
from hub.domain.payment_events import EventKind, PaymentEvent
from hub.domain.redaction import KEEP, only
from hub.errors import HubError
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
    Started,
    StartRefusedError,
    Verified,
    WebhookRefusedError,
)
from payment_providers.payfip.client import NOT_FINAL, UNKNOWN, PayfipClient, PayfipRefusalError
from payment_providers.payfip.events import PAYABLE, detail_events, silence_event, started
from payment_providers.payfip.settings import SAISIE, PayfipSettings

_IN_FLIGHT = timedelta(minutes=2)
_REFERENCE = re.compile(r"[A-Za-z0-9]{1,30}")
_EMAIL = re.compile(r"(?=.{6,80}$)[!-~]+@[!-~]+\.[!-~]+")
_IDENT = re.compile(r"[A-Za-z0-9-]{8,64}")
_NO_LABEL = re.compile(r"[^A-Za-z0-9]+")
_LONGEST_LABEL = 100
_SHAPE = dict.fromkeys(
    ("idop", "idOp", "dattrans", "heurtrans", "exer", "montant", "numauto", "numcli", "refdet", "resultrans", "saisie"),
    KEEP,
)


class PayfipProvider(PaymentProvider[PayfipSettings]):
    """PayFiP finds a payment by its `idOp` only, kept in the connector's state: a second start finds the first there.
    Where that memory was lost, nobody has seen the page either."""

    name: ClassVar[str] = "payfip"
    summary: ClassVar[str] = "Card or direct debit by PayFiP, the public treasury's page, for public housing offices"
    settings_model = PayfipSettings
    capabilities = ProviderCapabilities(
        methods=("card", "direct_debit"),
        flow="redirect",
        poll=True,
        webhook="ping",
        idempotency="by_reference",
        limits_cents=(100, 10_000_000),
        lifetime=PAYABLE,
    )

    def __init__(self, settings: PayfipSettings, context: Context) -> None:
        super().__init__(settings, context)
        self._client = PayfipClient(settings, context)

    def check(self) -> Iterator[Finding]:
        own = self.settings
        try:
            found = self._client.client()
        except HubError as error:
            hint = "check client_number and mode with the DGFiP's correspondent"
            yield Finding("client number", False, error.message, error.hint or hint)
            return
        if found.get("numcli") != own.client_number:
            yield Finding("client number", False, "PayFiP answers for another number", "check client_number")
            return
        yield Finding("client number", True, f"{own.client_number}, {own.mode}")

    def start(self, ask: PaymentAsk, key: str) -> Started:
        ident, ref = self._kept(ask.reference), self._ref(ask)
        if not ident:
            ident = self._create(ask)
            self.context.state.put(f"idop:{ask.reference}", ident)
            self.context.state.put(f"began:{ask.reference}", ref.started_at.isoformat())
        url = f"{self.settings.page}{'&' if '?' in self.settings.page else '?'}{urlencode({'idop': ident})}"
        return Started(Redirect(url), ident, (started(ident, ref),))

    def fetch(self, ref: PaymentRef) -> Sequence[PaymentEvent]:
        ident, now, own = ref.provider_ref or self._kept(ref.reference), self.context.clock.now(), self.settings
        if not ident:
            if now < ref.started_at + _IN_FLIGHT:
                return []
            return [PaymentEvent(f"{ref.reference}:not_found", EventKind.NOT_FOUND, ref.started_at)]
        try:
            detail = self._client.detail(ident)
        except PayfipRefusalError as refusal:
            if refusal.said not in (NOT_FINAL, UNKNOWN):
                raise
            return [silence_event(refusal.said, ref, ident, now)]
        saisie = SAISIE[own.mode]
        return detail_events(detail, ref, ident, now, client_number=own.client_number, saisie=saisie)

    def verify_webhook(self, raw: RawRequest) -> Verified:
        """Nothing is signed: all that is looked at is which payment to ask about."""
        try:
            posted = dict(parse_qsl(raw.body.decode("ascii"), max_num_fields=50))
        except ValueError:
            raise WebhookRefusedError("not_a_form") from None
        fields = {name.lower(): value for name, value in (*raw.query.items(), *posted.items())}
        if not _IDENT.fullmatch(fields.get("idop", "")):
            raise WebhookRefusedError("missing_field", "the message has no idop")
        return Verified({"idop": fields["idop"]})

    def parse_webhook(self, verified: Verified) -> Sequence[Heard]:
        return [Heard(provider_ref=verified.payload["idop"])]

    def redact(self, payload: Any) -> Any:
        return only(payload, _SHAPE)

    def close(self) -> None:
        self._client.close()

    def _kept(self, reference: str) -> str:
        return self.context.state.get(f"idop:{reference}") or ""

    def _ref(self, ask: PaymentAsk) -> PaymentRef:
        """A second start tells the first one's time, so that its fact stays one."""
        began, now = self.context.state.get(f"began:{ask.reference}"), self.context.clock.now()
        at = type(now).fromisoformat(began) if began else now
        return PaymentRef(ask.reference, "", ask.amount_cents, ask.currency, at)

    def _create(self, ask: PaymentAsk) -> str:
        fields = self._fields(ask)
        try:
            return self._client.create(fields)
        except PayfipRefusalError as refusal:
            raise StartRefusedError(f"payfip_{(refusal.said or 'unknown').lower()}", refusal.message) from None

    def _fields(self, ask: PaymentAsk) -> dict[str, str]:
        """The call's fields, each within PayFiP's rules. Raises StartRefusedError."""
        own, (smallest, largest) = self.settings, self.capabilities.limits_cents
        if not _EMAIL.fullmatch(ask.email):
            raise StartRefusedError("email_missing", "PayFiP wants an e-mail address of 6 to 80 characters")
        if not _REFERENCE.fullmatch(ask.reference):
            raise StartRefusedError("reference_unfit", "PayFiP takes references of at most 30 letters and digits")
        if ask.currency != "EUR":
            raise StartRefusedError("currency_unfit", "PayFiP takes euros only")
        if not smallest <= ask.amount_cents <= largest:
            raise StartRefusedError("amount_unfit", "PayFiP takes from 1 to 100,000 EUR")
        notify = ask.webhook_url
        if own.notify_over_http:
            notify = notify.replace("https://", "http://", 1)
        return {
            "exer": str(today(self.context.clock, "Europe/Paris").year),
            "mel": ask.email,
            "montant": str(ask.amount_cents),
            "numcli": own.client_number,
            "objet": _NO_LABEL.sub(" ", ask.label).strip()[:_LONGEST_LABEL],
            "refdet": ask.reference,
            "saisie": SAISIE[own.mode],
            "urlnotif": notify,
            "urlredirect": ask.return_url,
        }
