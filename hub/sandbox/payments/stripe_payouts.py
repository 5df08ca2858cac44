"""Stripe's balance: every movement with its fee, and the payout of each day's movements, which comes the day after."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

from hub.sandbox.payments.model import Payment
from hub.sandbox.payments.stripe_words import CHARGE, MOVEMENT, REFUND, fee_cents

DISPUTE_FEE = 2_000
PAYOUT = "po_"


@dataclass(frozen=True, slots=True)
class Movement:
    """`cents` is signed, the fee is what Stripe keeps."""

    id: str
    kind: str
    source: str
    cents: int
    fee: int
    day: str
    made_at: float


def movements(payments: Iterable[Payment]) -> list[Movement]:
    """Oldest first."""
    found = [one for payment in payments for one in _of(payment)]
    return sorted(found, key=lambda one: (one.day, one.made_at, one.id))


def _of(payment: Payment) -> Iterable[Movement]:
    for one in payment.transactions:
        if one.status != "captured":
            continue
        if one.kind == "debit":
            kind, source, cents, fee = "charge", CHARGE + one.id, one.cents, fee_cents(one.cents)
        else:
            kind, source, cents, fee = "refund", REFUND + one.id, -one.cents, 0
        yield Movement(MOVEMENT + one.id, kind, source, cents, fee, one.captured_on, one.captured_at or one.made_at)
    for dispute in payment.disputes:
        number = f"{MOVEMENT}{dispute.id}"
        yield Movement(
            number, "adjustment", dispute.id, -dispute.cents, DISPUTE_FEE, dispute.opened_on, dispute.made_at
        )
        if dispute.status == "won":
            yield Movement(
                f"{number}_won", "adjustment", dispute.id, dispute.cents, 0, dispute.closed_on, dispute.made_at
            )


def by_payout(account: str, found: Iterable[Movement], today: date) -> dict[str, list[Movement]]:
    """The movements of each payout that was made, by its number; oldest first."""
    made: dict[str, list[Movement]] = defaultdict(list)
    for one in found:
        if one.day < today.isoformat():
            made[_number(account, one.day)].append(one)
    return dict(made)


def _number(account: str, day: str) -> str:
    return f"{PAYOUT}{account.removeprefix('acct_')}_{day.replace('-', '')}"


def payout(number: str, found: list[Movement], *, is_live: bool) -> dict[str, Any]:
    day = date.fromisoformat(found[0].day) + timedelta(days=1)
    arrives = int(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp())
    return {
        "id": number,
        "object": "payout",
        "amount": sum(one.cents - one.fee for one in found),
        "arrival_date": arrives,
        "automatic": True,
        "balance_transaction": MOVEMENT + number,
        "created": arrives,
        "currency": "eur",
        "livemode": is_live,
        "metadata": {},
        "method": "standard",
        "status": "paid",
        "type": "bank_account",
    }


def movement(one: Movement) -> dict[str, Any]:
    """A balance transaction."""
    fees = [{"amount": one.fee, "currency": "eur", "type": "stripe_fee", "description": "fees"}] if one.fee else []
    return {
        "id": one.id,
        "object": "balance_transaction",
        "amount": one.cents,
        "available_on": int(one.made_at),
        "created": int(one.made_at),
        "currency": "eur",
        "fee": one.fee,
        "fee_details": fees,
        "net": one.cents - one.fee,
        "reporting_category": {"adjustment": "dispute"}.get(one.kind, one.kind),
        "source": one.source,
        "status": "available",
        "type": one.kind,
    }


def own_movement(number: str, found: list[Movement]) -> dict[str, Any]:
    """The payout's own entry: what leaves the balance for the bank."""
    net = sum(one.cents - one.fee for one in found)
    first = found[0]
    return movement(Movement(MOVEMENT + number, "payout", number, -net, 0, first.day, first.made_at))
