"""A provider and an ERP of the tests' own: they say what a test tells them to, and remember what they were asked."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any, ClassVar

from hub.domain.payment_events import EventKind, PaymentEvent
from hub.ports import (
    CallSource,
    Capabilities,
    ConnectorSettings,
    Feed,
    Finding,
    Heard,
    PaymentAsk,
    PaymentProvider,
    PaymentRef,
    Posting,
    PostingBatch,
    PostingResult,
    ProviderCapabilities,
    ProviderSettings,
    Pull,
    Push,
    RawRequest,
    RefundAsk,
    Settlement,
    Spool,
    Started,
    Verified,
    WebhookRefusedError,
    setting,
)
from hub.records import Batch, Stream


@dataclass
class Till:
    """What the provider knows: facts by our reference, remittances; and how often it was asked."""

    facts: dict[str, list[PaymentEvent]] = field(default_factory=dict)
    remittances: list[Settlement] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)


@dataclass
class Ledger:
    """What the ERP has. `refuses`: with which code it refuses, until that is mended."""

    entered: list[Posting] = field(default_factory=list)
    refuses: str = ""


TILL, LEDGER = Till(), Ledger()


class TillProvider(PaymentProvider[ProviderSettings]):
    name = "till"
    settings_model = ProviderSettings
    capabilities = ProviderCapabilities(
        methods=("card",), flow="redirect", poll=True, webhook="signed", refund="partial", settles=True
    )

    def check(self) -> Iterator[Finding]:
        yield Finding("look", True)

    def start(self, ask: PaymentAsk, key: str) -> Started:
        return Started(None)

    def fetch(self, ref: PaymentRef) -> Sequence[PaymentEvent]:
        TILL.asked.append(ref.reference)
        return TILL.facts.get(ref.reference, [])

    def verify_webhook(self, raw: RawRequest) -> Verified:
        raise WebhookRefusedError("unsigned")

    def parse_webhook(self, verified: Verified) -> Sequence[Heard]:
        return []

    def redact(self, payload: Any) -> Any:
        return None

    def refund(self, ask: RefundAsk) -> Sequence[PaymentEvent]:
        now = self.context.clock.now()
        return [PaymentEvent(f"refund-{ask.key}", EventKind.REFUNDED, now, f"re-{ask.key}", ask.amount_cents)]

    def settlements(self, since: date) -> Iterator[Settlement]:
        yield from (one for one in TILL.remittances if one.paid_on >= since)


class QuietTill(TillProvider):
    name = "quiet_till"
    capabilities = ProviderCapabilities(methods=("card",), flow="redirect", poll=True, webhook="signed")


class LedgerSettings(ConnectorSettings):
    read_back: bool = setting("Whether it can be asked", default=True)


class LedgerErp(CallSource[LedgerSettings]):
    name = "ledger_erp"
    settings_model = LedgerSettings
    capabilities: ClassVar[Capabilities] = Capabilities(pull={Stream.SITES: Pull()})

    def check(self, feeds: Sequence[Feed]) -> Iterator[Finding]:
        yield Finding("look", True)

    def pull(self, feed: Feed, cursor: str | None, spool: Spool) -> Iterator[Batch]:
        yield Batch([])

    @classmethod
    def push_of(cls, settings: ConnectorSettings) -> Push:
        return Push(read_back=isinstance(settings, LedgerSettings) and settings.read_back)

    def post(self, batch: PostingBatch) -> Sequence[PostingResult]:
        if LEDGER.refuses:
            return [
                PostingResult(
                    one.reference, "refused", code=LEDGER.refuses, message="the period is closed", terminal=True
                )
                for one in batch.postings
            ]
        LEDGER.entered += batch.postings
        return [PostingResult(one.reference, "posted", erp_ref=f"R-{one.account_number}") for one in batch.postings]

    def find_postings(self, batch: PostingBatch) -> Sequence[PostingResult]:
        has = {one.reference for one in LEDGER.entered}
        return [PostingResult(one.reference, "posted" if one.reference in has else "absent") for one in batch.postings]
