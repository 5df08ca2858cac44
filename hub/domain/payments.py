"""A payment's state is worked out from everything heard of it, in whatever order it was heard.

`project` is the one place that says what a payment is; `erp_totals` the one that says what the ERP must be told of it.
Both read the whole set of events, so a webhook that beats our commit, a return before the webhook, or a refund heard
before the payment it belongs to make no difference. Cents, never a float.
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum

from hub.domain.payment_events import EventKind, PaymentEvent


class PaymentState(StrEnum):
    CREATED = "created"
    ACTION_REQUIRED = "action_required"
    PROCESSING = "processing"
    UNKNOWN = "unknown"
    AUTHORIZED = "authorized"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELED = "canceled"
    EXPIRED = "expired"
    REVIEW = "review"
    PARTIALLY_REFUNDED = "partially_refunded"
    REFUNDED = "refunded"
    DISPUTED = "disputed"
    CHARGED_BACK = "charged_back"


OPEN = frozenset({PaymentState.CREATED, PaymentState.ACTION_REQUIRED, PaymentState.PROCESSING, PaymentState.UNKNOWN})
"""No money yet, and money may still come: nothing else is begun for the same accounts."""
PAID = frozenset(
    {
        PaymentState.AUTHORIZED,
        PaymentState.SUCCEEDED,
        PaymentState.PARTIALLY_REFUNDED,
        PaymentState.REFUNDED,
        PaymentState.DISPUTED,
        PaymentState.CHARGED_BACK,
    }
)
"""Money came, whatever became of it."""

# Ends without money, the one that says most first: several may be heard of one payment. What ran out is closed at its
# provider by us, and is told as cancelled from there.
_ENDS: tuple[tuple[EventKind, PaymentState], ...] = (
    (EventKind.START_REFUSED, PaymentState.FAILED),
    (EventKind.REFUSED, PaymentState.FAILED),
    (EventKind.EXPIRED, PaymentState.EXPIRED),
    (EventKind.CANCELED, PaymentState.CANCELED),
    (EventKind.ABANDONED, PaymentState.CANCELED),
    (EventKind.NOT_FOUND, PaymentState.EXPIRED),
)


@dataclass(frozen=True, slots=True)
class Asked:
    """What the payment was begun for."""

    amount_cents: int
    currency: str = "EUR"


@dataclass(frozen=True, slots=True)
class Misfit:
    """A fact a person must look at: the event's id, and a stable code that says why."""

    event: str
    reason: str


@dataclass(frozen=True, slots=True)
class Projection:
    """What all events together say. `gross_cents`: money promised or captured; `back_cents`: refunded or charged back
    of it. `contested_cents`: in disputes not decided yet. `reason`: why it failed, or why a person must look."""

    state: PaymentState
    gross_cents: int = 0
    captured_cents: int = 0
    refunded_cents: int = 0
    lost_cents: int = 0
    contested_cents: int = 0
    fallen_through_cents: int = 0
    reason: str = ""

    @property
    def net_cents(self) -> int:
        """What the landlord has, or is promised."""
        return self.gross_cents - self.refunded_cents - self.lost_cents

    @property
    def refundable_cents(self) -> int:
        """What could still be given back."""
        return max(0, self.net_cents - self.contested_cents)


@dataclass(slots=True)
class _Sums:
    """The largest amount heard per reference and kind: the same fact told with another id counts once."""

    by_kind: dict[EventKind, dict[str, int]] = field(default_factory=dict)

    @classmethod
    def of(cls, events: Iterable[PaymentEvent]) -> _Sums:
        sums = cls()
        for event in events:
            held = sums.by_kind.setdefault(event.kind, {})
            held[event.ref] = max(held.get(event.ref, 0), event.amount_cents or 0)
        return sums

    def __getitem__(self, kind: EventKind) -> Mapping[str, int]:
        return self.by_kind.get(kind, {})

    def has(self, kind: EventKind) -> bool:
        return kind in self.by_kind


def mismatch(asked: Asked, event: PaymentEvent) -> str:
    """Why an event about money does not fit what was asked; "" when it does. Partial captures do not exist here."""
    if event.kind not in (EventKind.AUTHORIZED, EventKind.CAPTURED):
        return ""
    if event.currency != asked.currency:
        return "other_currency"
    return "" if event.amount_cents == asked.amount_cents else "other_amount"


def project(asked: Asked, events: Iterable[PaymentEvent]) -> Projection:
    """The state of a payment, from the set of its events in any order."""
    heard = sorted(events, key=lambda one: (one.occurred_at, one.id))
    sums = _Sums.of(heard)
    captured, promised = sums[EventKind.CAPTURED], sums[EventKind.AUTHORIZED]
    fallen = {ref: amount for ref, amount in promised.items() if _fell_through(ref, sums) and ref not in captured}
    kept = {ref: max(captured.get(ref, 0), promised.get(ref, 0)) for ref in {*captured, *promised} - fallen.keys()}
    gross = sum(kept.values())
    refunds = {
        ref: amount for ref, amount in sums[EventKind.REFUNDED].items() if ref not in sums[EventKind.REFUND_FAILED]
    }
    opened, won, lost = (
        sums[kind] for kind in (EventKind.DISPUTE_OPENED, EventKind.DISPUTE_WON, EventKind.DISPUTE_LOST)
    )
    contested = sum(amount for ref, amount in opened.items() if ref not in won and ref not in lost)
    lost_cents = sum(max(amount, opened.get(ref, 0)) for ref, amount in lost.items() if ref not in won)
    found = Projection(
        PaymentState.CREATED,
        gross_cents=gross,
        captured_cents=sum(captured.get(ref, 0) for ref in kept),
        refunded_cents=min(sum(refunds.values()), gross),
        lost_cents=min(lost_cents, max(0, gross - sum(refunds.values()))),
        contested_cents=min(contested, gross),
        fallen_through_cents=sum(fallen.values()),
    )
    state, reason = _state(asked, found, heard, sums)
    return replace(found, state=state, reason=reason)


def erp_totals(found: Projection, *, told_cents: int, back_cents: int = 0) -> tuple[int, int]:
    """What the ERP must have been told in all: paid, and taken back of it. `told_cents`, `back_cents`: postings made
    already. Their difference is always what the landlord has, or is promised.

    Nothing is told while a person must look. A promise that fell through after it was told is taken back; what was
    taken back and came after all (a refund that failed, a dispute won, another card) is told as paid again.
    """
    if found.state is PaymentState.REVIEW:
        return told_cents, back_cents
    gone = found.refunded_cents + found.lost_cents
    paid = max(told_cents, found.gross_cents + max(0, back_cents - gone))
    return paid, gone + paid - found.gross_cents


def _fell_through(ref: str, sums: _Sums) -> bool:
    return ref in sums[EventKind.CAPTURE_LOST]


def _state(asked: Asked, found: Projection, heard: list[PaymentEvent], sums: _Sums) -> tuple[PaymentState, str]:
    if unfit := misfits(heard, asked):
        return PaymentState.REVIEW, unfit[0].reason
    if found.gross_cents:
        return _paid_state(found), ""
    return _unpaid_state(found, heard, sums)


def misfits(events: Iterable[PaymentEvent], asked: Asked) -> list[Misfit]:
    """What a person must look at and has not let stand yet: what was reported is not what was asked, or the tenant paid
    twice. A decision (`CLEARED`, its `ref` the event's id) is about that fact, and the same money told again; whatever
    else comes is looked at anew."""
    heard = sorted(events, key=lambda one: (one.occurred_at, one.id))
    ids = {event.ref for event in heard if event.kind is EventKind.CLEARED}
    stand = {_money(event) for event in heard if event.id in ids and event.ref}
    found = []
    for event in heard:
        reason = event.reason or "mismatch" if event.kind is EventKind.MISMATCH else mismatch(asked, event)
        if reason and event.id not in ids and _money(event) not in stand:
            found.append(Misfit(event.id, reason))
    return found or _second_payments(heard, {ref for ref, *_ in stand})


def _second_payments(heard: list[PaymentEvent], stand: Container[str]) -> list[Misfit]:
    """Money of another transaction than the first, that nobody let stand."""
    captured = {event.ref for event in heard if event.kind is EventKind.CAPTURED}
    lost = {event.ref for event in heard if event.kind is EventKind.CAPTURE_LOST} - captured
    first_told: dict[str, str] = {}
    for event in heard:
        if event.kind in (EventKind.AUTHORIZED, EventKind.CAPTURED) and event.ref not in lost:
            first_told.setdefault(event.ref, event.id)
    others = list(first_told.items())[1:]
    return [Misfit(name, "paid_twice") for ref, name in others if ref not in stand]


def _money(event: PaymentEvent) -> tuple[str, int | None, str]:
    return (event.ref, event.amount_cents, event.currency)


def _paid_state(found: Projection) -> PaymentState:
    if found.contested_cents:
        return PaymentState.DISPUTED
    if found.lost_cents:
        return PaymentState.CHARGED_BACK
    if found.refunded_cents:
        return PaymentState.PARTIALLY_REFUNDED if found.net_cents else PaymentState.REFUNDED
    return PaymentState.SUCCEEDED if found.captured_cents == found.gross_cents else PaymentState.AUTHORIZED


def _unpaid_state(found: Projection, heard: list[PaymentEvent], sums: _Sums) -> tuple[PaymentState, str]:
    if found.fallen_through_cents:
        return PaymentState.FAILED, _reason(heard, EventKind.CAPTURE_LOST) or "capture_lost"
    for kind, state in _ENDS:
        if sums.has(kind):
            return state, _reason(heard, kind) or kind.value
    if sums.has(EventKind.PROCESSING):
        return PaymentState.PROCESSING, ""
    if sums.has(EventKind.STARTED) or sums.has(EventKind.ATTEMPT_REFUSED):
        return PaymentState.ACTION_REQUIRED, _reason(heard, EventKind.ATTEMPT_REFUSED)
    return (PaymentState.UNKNOWN, "") if sums.has(EventKind.START_UNKNOWN) else (PaymentState.CREATED, "")


def _reason(heard: list[PaymentEvent], kind: EventKind) -> str:
    """The last reason given with this kind of event."""
    return next((event.reason for event in reversed(heard) if event.kind is kind), "")
