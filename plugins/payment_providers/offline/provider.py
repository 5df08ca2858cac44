"""The `offline` provider: tells the tenant what to do. That money came, only the ERP's ledger knows."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, ClassVar

from hub.domain.payment_events import EventKind, PaymentEvent
from hub.errors import NotSupportedError
from hub.ports import (
    Finding,
    Heard,
    Instructions,
    PaymentAsk,
    PaymentProvider,
    PaymentRef,
    ProviderCapabilities,
    ProviderSettings,
    RawRequest,
    Started,
    StartRefusedError,
    Verified,
    WebhookRefusedError,
)
from hub.ports.payments import Method
from payment_providers.offline.references import creditor_reference, epc_payload
from payment_providers.offline.settings import OfflineSettings
from payment_providers.offline.texts import Means, amount, filled

_METHODS: Mapping[Means, Method] = {"transfer": "transfer", "cheque": "cheque", "eficash": "cash", "tip_sepa": "tip"}
_LANGUAGES = ("fr", "en")


class OfflineProvider(PaymentProvider[OfflineSettings]):
    """Nothing is begun anywhere, so a second start says the same again."""

    name: ClassVar[str] = "offline"
    summary: ClassVar[str] = (
        "Instructions to pay by transfer (with QR code), cheque, cash at the post office or TIP SEPA"
    )
    settings_model = OfflineSettings
    capabilities = ProviderCapabilities(
        methods=("transfer", "cheque", "cash", "tip"), flow="instructions", idempotency="by_reference"
    )

    @classmethod
    def capabilities_of(cls, settings: ProviderSettings) -> ProviderCapabilities:
        if not isinstance(settings, OfflineSettings):
            return cls.capabilities
        limits = (1, settings.largest_cents)
        methods = (_METHODS[settings.means],)
        return replace(cls.capabilities, methods=methods, limits_cents=limits, lifetime=settings.lifetime)

    def check(self) -> Iterator[Finding]:
        """Nobody is asked: texts and numbers were proved when the file was read."""
        own = self.settings
        yield Finding(f"instructions for {own.means}", True, f"languages {', '.join(sorted(own.texts))}")

    def start(self, ask: PaymentAsk, key: str) -> Started:
        if ask.currency != "EUR":
            raise StartRefusedError("currency_unfit", "these means of payment are in euros")
        if ask.amount_cents > self.settings.largest_cents:
            raise StartRefusedError("amount_unfit", "the amount is larger than what this means takes")
        try:
            action = self._instructions(ask)
        except ValueError as error:
            raise StartRefusedError("reference_unfit", str(error)) from None
        at = self.context.clock.now()
        return Started(action, "", (PaymentEvent(f"{ask.reference}:started", EventKind.STARTED, at),))

    def fetch(self, ref: PaymentRef) -> Sequence[PaymentEvent]:
        raise NotSupportedError(
            "offline cannot be asked, because only the ERP's ledger knows what came this way",
            hint="the payment is settled when its entry is seen there",
        )

    def verify_webhook(self, raw: RawRequest) -> Verified:
        raise WebhookRefusedError("no_webhooks")

    def parse_webhook(self, verified: Verified) -> Sequence[Heard]:
        raise WebhookRefusedError("no_webhooks")

    def redact(self, payload: Any) -> Any:
        """Nothing comes in, so nothing is kept."""
        return None

    def _instructions(self, ask: PaymentAsk) -> Instructions:
        own, plain = self.settings, self._plain_reference(ask)
        reference = creditor_reference(plain) if own.structured else plain
        return Instructions(
            {language: filled(text, self._words(ask, reference, language)) for language, text in own.titles.items()},
            {language: filled(text, self._words(ask, reference, language)) for language, text in own.texts.items()},
            reference,
            self._facts(),
            self._barcode(ask, plain),
            self._qr(ask, plain),
        )

    def _plain_reference(self, ask: PaymentAsk) -> str:
        by_account = ask.account_numbers[0] if ask.account_numbers else ""
        found = {"account": by_account, "customer": ask.customer_reference, "payment": ask.reference}
        chosen = found[self.settings.reference]
        if not chosen:
            raise ValueError(f"this payment has no {self.settings.reference} reference")
        return chosen

    def _words(self, ask: PaymentAsk, reference: str, language: str) -> dict[str, str]:
        own = self.settings
        return {
            "amount": amount(ask.amount_cents, language if language in _LANGUAGES else "en"),
            "reference": reference,
            "accounts": ", ".join(ask.account_numbers),
            "customer": ask.customer_reference,
            "beneficiary": own.beneficiary,
            "iban": _in_fours(own.iban or ""),
            "bic": own.bic or "",
            "address": own.address,
        }

    def _facts(self) -> dict[str, str]:
        own = self.settings
        wanted = ("beneficiary", "iban", "bic") if own.means == "transfer" else ("beneficiary", "address")
        return {name: value for name in wanted if (value := getattr(own, name))}

    def _barcode(self, ask: PaymentAsk, reference: str) -> str:
        if not self.settings.barcode:
            return ""
        account = ask.account_numbers[0] if ask.account_numbers else ""
        values = {"reference": reference, "account": account, "customer": ask.customer_reference}
        return filled(self.settings.barcode, {**values, "cents": str(ask.amount_cents)})

    def _qr(self, ask: PaymentAsk, reference: str) -> str:
        own = self.settings
        if own.means != "transfer" or own.iban is None:
            return ""
        structured = creditor_reference(reference)
        cents = ask.amount_cents
        return epc_payload(name=own.beneficiary, iban=own.iban, bic=own.bic or "", cents=cents, reference=structured)


def _in_fours(iban: str) -> str:
    return " ".join(iban[start : start + 4] for start in range(0, len(iban), 4))
