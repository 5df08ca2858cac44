"""The trade of a payment provider, told as its journey: check, start, and then whatever is heard of the payment.

A provider is plain blocking Python, made anew for each piece of work: `__init__(settings, context)`, used by one
thread, closed. It runs in workers only: the API process holds no provider's secret. It keeps nothing and decides
nothing: it tells facts (`PaymentEvent`), and the hub works out the state. Every call may come twice with the same key.

Where money may move: `start` (only where a provider charges at once), `refund`, `cancel`. Nowhere else.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any, ClassVar, Generic, Literal, TypeVar

from hub.domain.payment_events import PaymentEvent
from hub.errors import NotSupportedError, TerminalError
from hub.ports.context import Context
from hub.ports.erp import Finding, PluginSettings

Method = Literal["card", "direct_debit", "transfer", "cash", "cheque", "tip", "test"]
Flow = Literal["redirect", "form", "embedded", "instructions"]
Text = Mapping[str, str]
"""A sentence by language: `{"fr": …, "en": …}`."""


class ProviderSettings(PluginSettings):
    """Base of a provider's settings. Secrets are `SecretStr`: stored encrypted, never returned, never logged."""


@dataclass(frozen=True, slots=True)
class ProviderCapabilities:
    """What a provider can do. Everything defaults to "no".

    `webhook`: "signed" (verified by `verify_webhook`), "ping" (unsigned: all it can do is make the hub ask), "none".
    `poll`: `fetch` tells the truth at any time; then nothing a webhook says is believed before it was read back.
    `idempotency`: "native" (a key sent along), "by_reference" (`start` looks our reference up first), "none".
    `limits_cents`: smallest and largest payment. `lifetime`: how long a started payment can still be paid.
    `settles`: `settlements` gives the provider's remittances (*remises*).
    """

    methods: tuple[Method, ...]
    flow: Flow
    poll: bool = False
    webhook: Literal["signed", "ping", "none"] = "none"
    refund: Literal["none", "full", "partial"] = "none"
    cancel: bool = False
    idempotency: Literal["native", "by_reference", "none"] = "none"
    limits_cents: tuple[int, int] = (1, 99_999_999)
    lifetime: timedelta = timedelta(minutes=30)
    settles: bool = False


@dataclass(frozen=True, slots=True)
class PaymentAsk:
    """A payment to begin. `reference`: ours, at most 32 letters and digits, unique for ever and for the landlord: the
    provider must be able to find the payment by it. `payer`: a pseudonym of the tenant (never a name).
    `email`: the tenant's, empty where the ERP has none. `label`: what the payment page may show, in ASCII.
    `return_url`: where the provider sends the browser back to; `webhook_url`: where it tells the hub.
    `instructions`: facts an offline means needs (account number, customer reference, contract reference).
    """

    reference: str
    amount_cents: int
    currency: str
    payer: str
    email: str
    label: str
    language: str
    return_url: str
    webhook_url: str
    expires_at: datetime
    account_numbers: tuple[str, ...] = ()
    customer_reference: str = ""


@dataclass(frozen=True, slots=True)
class PaymentRef:
    """A payment as both sides know it. `provider_ref`: what `start` gave, "" while unknown. `started_at`: when `start`
    was first called."""

    reference: str
    provider_ref: str
    amount_cents: int
    currency: str
    started_at: datetime


@dataclass(frozen=True, slots=True)
class Redirect:
    """Send the browser there."""

    url: str


@dataclass(frozen=True, slots=True)
class Form:
    """Post these fields there from the browser; the URL is the provider's own page."""

    url: str
    fields: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Embedded:
    """Show the provider's form inside the page: its script's address and the public values it needs."""

    script_url: str
    token: str
    public_key: str


@dataclass(frozen=True, slots=True)
class Instructions:
    """What the tenant does away from the screen. `title`, `text` by language; `reference` to write on the payment;
    `fields`: further facts by name (iban, bic, beneficiary, …); `barcode`: payload of the barcode a counter reads;
    `qr`: payload of a QR code (EPC069-12)."""

    title: Text
    text: Text
    reference: str = ""
    fields: Mapping[str, str] = field(default_factory=dict)
    barcode: str = ""
    qr: str = ""


Action = Redirect | Form | Embedded | Instructions


@dataclass(frozen=True, slots=True)
class Started:
    """The provider knows the payment. `provider_ref`: its own id, if it gave one. `events`: what it said already
    (a provider that charges at once has more to tell than "started")."""

    action: Action | None
    provider_ref: str = ""
    events: tuple[PaymentEvent, ...] = ()


@dataclass(frozen=True, slots=True)
class RawRequest:
    """An HTTP request as it came in, byte for byte. Header names in lower case. `received_at`: when it came.
    `channel`: the URL it came to, the provider's own notifications or the browser coming back."""

    channel: Literal["webhook", "return"]
    body: bytes
    headers: Mapping[str, str]
    query: Mapping[str, str]
    received_at: datetime


@dataclass(frozen=True, slots=True)
class RawResponse:
    """What the caller of a webhook is answered. Never a redirect: some take one for a success."""

    status: int = 200
    body: bytes = b"OK"
    content_type: str = "text/plain; charset=utf-8"


@dataclass(frozen=True, slots=True)
class Verified:
    """A webhook known to come from the provider (or a ping, which proves nothing and is only asked about). `payload` is
    what `parse_webhook` reads."""

    payload: Any


@dataclass(frozen=True, slots=True)
class Heard:
    """What a webhook is about: one of our payments by `reference` or by the provider's own id, and what it says of it.
    Where `fetch` can be asked, `events` are noted and not believed."""

    reference: str = ""
    provider_ref: str = ""
    events: tuple[PaymentEvent, ...] = ()


@dataclass(frozen=True, slots=True)
class RefundAsk:
    """Money to give back. `key`: the same for every attempt at this refund. `transaction`: the provider's transaction
    the money came with."""

    payment: PaymentRef
    transaction: str
    amount_cents: int
    key: str


@dataclass(frozen=True, slots=True)
class SettlementLine:
    """One line of a remittance: a payment, a refund, a dispute or a fee of its own. `gross_cents` is signed: + came in.
    `reference`: our payment's where the provider knows it, else "". `fee_cents` is what it kept, >= 0."""

    kind: Literal["payment", "refund", "dispute", "fee", "other"]
    gross_cents: int
    fee_cents: int = 0
    reference: str = ""
    transaction: str = ""
    occurred_on: date | None = None


@dataclass(frozen=True, slots=True)
class Settlement:
    """A remittance (*remise*): one credit on the landlord's bank account. `net_cents` is what its lines add up to,
    fees taken off, to the cent."""

    ref: str
    paid_on: date
    net_cents: int
    lines: tuple[SettlementLine, ...]
    currency: str = "EUR"


class WebhookRefusedError(TerminalError):
    """A webhook that proves nothing: unsigned, forged, altered, stale, of another shop or mode, or without a field it
    must have. `reason`: a stable code for the operator's list."""

    code = "WEBHOOK_REFUSED"

    def __init__(self, reason: str, message: str = "") -> None:
        super().__init__(message or f"the webhook is refused: {reason}")
        self.reason = reason


class StartRefusedError(TerminalError):
    """The provider will not begin this payment, and would not if asked again. `reason`: a stable code."""

    code = "START_REFUSED"

    def __init__(self, reason: str, message: str = "") -> None:
        super().__init__(message or f"the provider refuses to begin: {reason}")
        self.reason = reason


P = TypeVar("P", bound=ProviderSettings)


class PaymentProvider(ABC, Generic[P]):
    """Base of every payment provider. `name` is what a landlord writes as `plugin = "…"`.

    Raise `StartRefusedError` for a definite no, RetryableError where nothing was sent, and DeadlineError or
    UnreachableError where it may have been: the hub then asks `fetch` before anything else.
    """

    name: ClassVar[str]
    summary: ClassVar[str] = ""
    settings_model: ClassVar[type[ProviderSettings]]
    capabilities: ClassVar[ProviderCapabilities]

    def __init__(self, settings: P, context: Context) -> None:
        self.settings = settings
        self.context = context

    @classmethod
    def capabilities_of(cls, settings: ProviderSettings) -> ProviderCapabilities:
        """What this provider can do as set up (an embedded form instead of a redirect). Default: `capabilities`."""
        return cls.capabilities

    @classmethod
    def webhook_response(cls) -> RawResponse:
        """What the provider wants to hear at once, before anything was done with its webhook. Default: 200 OK."""
        return RawResponse()

    @abstractmethod
    def check(self) -> Iterator[Finding]:
        """Set-up time: try credentials and addresses step by step; moves no money, begins no payment."""

    @abstractmethod
    def start(self, ask: PaymentAsk, key: str) -> Started:
        """Make the payment known to the provider, once per `key`: called again, it finds what it began before."""

    @abstractmethod
    def fetch(self, ref: PaymentRef) -> Sequence[PaymentEvent]:
        """All that the provider knows of a payment, from its first moment. `NOT_FOUND` when it knows none, and only
        once it can be sure. May not move money. Raises NotSupportedError where `poll` is False."""

    @abstractmethod
    def verify_webhook(self, raw: RawRequest) -> Verified:
        """Prove that a webhook came from the provider, over its raw bytes, in constant time, with the key this settings
        pin (never one the message names). Raises WebhookRefusedError. There is no default: a provider without webhooks
        refuses all of them."""

    @abstractmethod
    def parse_webhook(self, verified: Verified) -> Sequence[Heard]:
        """What a verified webhook is about. Raises WebhookRefusedError when a field it must have is missing."""

    @abstractmethod
    def redact(self, payload: Any) -> Any:
        """The same payload (JSON-like) without card numbers, names or addresses: what may be stored."""

    def refund(self, ask: RefundAsk) -> Sequence[PaymentEvent]:
        """Give money back, once per key. Tells what is known afterwards: one call may cancel or refund."""
        raise NotSupportedError(f"{self.name} gives no refunds, because its interface has none")

    def cancel(self, ref: PaymentRef, key: str) -> Sequence[PaymentEvent]:
        """Make sure a payment that nobody paid can no longer be paid. Tells what is known afterwards."""
        raise NotSupportedError(f"{self.name} cannot cancel, because its interface has no way")

    def settlements(self, since: date) -> Iterator[Settlement]:
        """Remittances paid out on or after a day, oldest first; the same ones again are welcome."""
        raise NotSupportedError(f"{self.name} gives no remittances, because its interface has none")

    def close(self) -> None:
        """Release sockets. Called once, also after an error."""
