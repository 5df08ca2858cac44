"""The ways the payment providers can misbehave by name; `/_sandbox/chaos` sets each of them by share and second."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from hub.errors import InvalidAskError, NotFoundError
from hub.sandbox.payments.book import Book
from hub.sandbox.payments.chaos import Chaos
from hub.sandbox.payments.model import is_of

WHO = "payments"
_NOTE = "misbehaves"


@dataclass(frozen=True, slots=True)
class PaymentMisbehaviour:
    wire: str
    seen: str
    chaos: Mapping[str, Any]


PAYMENT_MISBEHAVIOURS: Mapping[str, PaymentMisbehaviour] = {
    "errors": PaymentMisbehaviour(
        "every other request is answered with HTTP 500, and nothing was done", "tried again", {"error_before": 0.5}
    ),
    "time-outs": PaymentMisbehaviour(
        "every other request is done and never answered", "unknown, then resolved by asking", {"drop_after": 0.5}
    ),
    "no-webhooks": PaymentMisbehaviour("webhooks never come", "settled by polling", {"webhook_never": 1.0}),
    "late-webhooks": PaymentMisbehaviour(
        "webhooks come two minutes late", "settled by polling or by the return", {"webhook_delay_seconds": 120.0}
    ),
    "webhooks-after-days": PaymentMisbehaviour(
        "webhooks come three nights late", "nothing changes when they come", {"webhook_delay_days": 3.0}
    ),
    "webhooks-twice": PaymentMisbehaviour("each webhook comes twice", "one payment", {"webhook_twice": 1.0}),
    "webhooks-shuffled": PaymentMisbehaviour(
        "webhooks overtake each other by up to 20 s",
        "the same end as in order",
        {"webhook_shuffle": 1.0, "webhook_shuffle_seconds": 20.0},
    ),
    "webhooks-altered": PaymentMisbehaviour(
        "one digit of each webhook is another", "refused, settled by polling", {"webhook_alter": 1.0}
    ),
    "auto-pay": PaymentMisbehaviour(
        "whoever is sent to the page has paid at once", "paid payments", {"auto_pay": "reference"}
    ),
    "auto-pay-refusals": PaymentMisbehaviour(
        "the same, and three cards in ten are refused",
        "paid and refused payments",
        {"auto_pay": "reference", "refuse_share": 0.3},
    ),
}


def misbehave(book: Book, what: str, shop: str = "") -> str:
    """From now on and through restarts, in the place of what was wrong before; says what. Raises AskError."""
    about = PAYMENT_MISBEHAVIOURS.get(what)
    if about is None:
        raise NotFoundError(
            f"payment providers cannot {what}", hint="`housing-hub sandbox misbehave --list` tells what they can"
        )
    if not any(is_of(key, shop) for key in book.shops):
        raise InvalidAskError(f"no payment provider serves {shop}", hint="a landlord, or rives-doise/lyra")
    behave(book)
    for key in book.shops:
        if is_of(key, shop):
            book.set_chaos(key, Chaos.read(dict(about.chaos)))
    with book.lock:
        book.store.note(_NOTE, {"what": what, "file": shop})
    return f"{shop or WHO}: {about.wire}"


def behave(book: Book) -> None:
    with book.lock:
        for key in book.shops:
            book.set_chaos(key, Chaos())
        book.store.note(_NOTE, None)


def misbehaves(book: Book) -> dict[str, Any] | None:
    """What was ordered by name and not yet ended."""
    found: dict[str, Any] | None = book.store.notes.get(_NOTE)
    return found
