"""What can be heard of a payment: the words every provider's answers are translated into.

French terms once: paiement, remise en banque (capture), refus, abandon, remboursement (refund), impayé carte (dispute).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class EventKind(StrEnum):
    """What happened, as a fact that stays true. Facts about money name the provider's transaction (`ref`)."""

    STARTED = "started"
    """The provider knows the payment; the tenant has something to do."""
    START_UNKNOWN = "start_unknown"
    """Nobody knows whether the provider took the start: it is asked, never told again under another key."""
    START_REFUSED = "start_refused"
    """The provider would not even begin."""
    NOT_FOUND = "not_found"
    """Asked long enough afterwards, the provider has never heard of it: no money can have moved."""
    ATTEMPT_REFUSED = "attempt_refused"
    """One card was refused; the tenant may still try another on the same page."""
    PROCESSING = "processing"
    """The tenant has done what there was to do; the provider has not decided yet."""
    AUTHORIZED = "authorized"
    """The money is promised; `amount_cents` of it."""
    CAPTURED = "captured"
    """The money is on its way to the landlord."""
    CAPTURE_LOST = "capture_lost"
    """The authorisation of `ref` fell through before capture: reversed, expired or refused at the bank."""
    REFUSED = "refused"
    ABANDONED = "abandoned"
    CANCELED = "canceled"
    EXPIRED = "expired"
    REFUNDED = "refunded"
    """Money went back; `ref` is the refund's own."""
    REFUND_FAILED = "refund_failed"
    """The refund `ref` did not arrive: the money is the landlord's again."""
    DISPUTE_OPENED = "dispute_opened"
    """The cardholder contests; `ref` is the dispute's own."""
    DISPUTE_WON = "dispute_won"
    DISPUTE_LOST = "dispute_lost"
    MISMATCH = "mismatch"
    """What the provider reports does not fit what was asked (amount, currency, mode): a person must look."""
    CLEARED = "cleared"
    """An operator looked at what did not fit (`ref`: the id of that event) and let it stand."""


@dataclass(frozen=True, slots=True)
class PaymentEvent:
    """One fact. `id` is the provider's, or a digest of the content: the same fact heard twice is one.

    `ref`: the provider's transaction, refund or dispute. `amount_cents` is never negative; None where there is none.
    `reason`: a stable code in lower case (`insufficient_funds`, `expired_card`, …), never a person's words.
    """

    id: str
    kind: EventKind
    occurred_at: datetime
    ref: str = ""
    amount_cents: int | None = None
    currency: str = "EUR"
    reason: str = ""
