"""What the dummy provider remembers of a payment, and what it says of it at a given moment."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta

from hub.domain.payment_events import EventKind, PaymentEvent
from hub.ports import State

LIFETIME = timedelta(minutes=30)
_LATE = timedelta(days=3)
_PAID = ("settles", "hangs", "twice", "early", "late", "asks")


@dataclass(slots=True)
class Kept:
    """One payment. `asked`: how often it was fetched. `refunds`: cents by key."""

    reference: str
    key: str
    amount_cents: int
    currency: str
    scenario: str
    started: str
    asked: int = 0
    canceled: str = ""
    refunds: dict[str, int] = field(default_factory=dict)
    refunded: dict[str, str] = field(default_factory=dict)

    @property
    def transaction(self) -> str:
        """The dummy's own name for the money."""
        return f"tx-{self.reference}"

    @property
    def left_cents(self) -> int:
        return self.amount_cents - sum(self.refunds.values())

    def paid_at(self, now: datetime) -> datetime | None:
        """When the money came; None while it has not."""
        if self.scenario not in _PAID or self.canceled or (self.scenario == "asks" and not self.asked):
            return None
        paid = self._started + (_LATE if self.scenario == "late" else timedelta(0))
        return paid if paid <= now else None

    def events(self, now: datetime) -> list[PaymentEvent]:
        """All that is known by now, from the first moment."""
        told = [self._event(EventKind.STARTED, self._started)]
        if (paid := self.paid_at(now)) is not None:
            told += [self._money(EventKind.AUTHORIZED, paid), self._money(EventKind.CAPTURED, paid)]
            told += [self._refund(key, cents) for key, cents in self.refunds.items()]
        elif self.canceled:
            told.append(self._event(EventKind.CANCELED, datetime.fromisoformat(self.canceled), "canceled_by_us"))
        elif self.scenario == "declines":
            told.append(self._event(EventKind.REFUSED, self._started, "insufficient_funds"))
        elif self.scenario == "abandons":
            told.append(self._event(EventKind.ABANDONED, self._started, "left_the_page"))
        elif self.scenario == "late":
            told.append(self._event(EventKind.PROCESSING, self._started))
        elif now > self._started + LIFETIME:
            told.append(self._event(EventKind.EXPIRED, self._started + LIFETIME, "not_paid_in_time"))
        return told

    @property
    def _started(self) -> datetime:
        return datetime.fromisoformat(self.started)

    def _event(self, kind: EventKind, at: datetime, reason: str = "") -> PaymentEvent:
        return PaymentEvent(f"{self.reference}:{kind}", kind, at, currency=self.currency, reason=reason)

    def _money(self, kind: EventKind, at: datetime) -> PaymentEvent:
        return PaymentEvent(f"{self.reference}:{kind}", kind, at, self.transaction, self.amount_cents, self.currency)

    def _refund(self, key: str, cents: int) -> PaymentEvent:
        at = datetime.fromisoformat(self.refunded[key])
        kind = EventKind.REFUNDED
        return PaymentEvent(f"{self.reference}:{kind}:{key}", kind, at, f"re-{key}", cents, self.currency)


class Memory:
    """Payments by reference and by key, in the persisted state."""

    def __init__(self, state: State) -> None:
        self._state = state

    def by_reference(self, reference: str) -> Kept | None:
        text = self._state.get(f"payment:{reference}")
        return Kept(**json.loads(text)) if text else None

    def by_key(self, key: str) -> Kept | None:
        reference = self._state.get(f"key:{key}")
        return self.by_reference(reference) if reference else None

    def keep(self, kept: Kept) -> None:
        self._state.put(f"payment:{kept.reference}", json.dumps(asdict(kept)))
        self._state.put(f"key:{kept.key}", kept.reference)
