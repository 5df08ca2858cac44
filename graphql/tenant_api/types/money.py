"""Money and periods as front ends see them."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Final, NewType

import strawberry
from strawberry.schema.config import StrawberryConfig

from hub.domain.money import to_decimal

CURRENCY: Final = "EUR"  # all that is held is in euros: the canonical records carry no other currency

Period = NewType("Period", str)


def period(start: date, end: date) -> Period:
    """The days from `start` to `end`."""
    return Period(f"{start.isoformat()}/{end.isoformat()}")


def period_or_none(start: date | None, end: date | None) -> Period | None:
    """The same, None when either day is not known."""
    return period(start, end) if start and end else None


@strawberry.type(description="An amount of money. On accounts and notices, + means that the tenant owes it.")
class Money:
    amount: Decimal = strawberry.field(description='Exact, with two decimal places, as a string: "238.57".')
    currency: str = strawberry.field(description='ISO 4217 code, e.g. "EUR".')


def money(cents: int) -> Money:
    """Cents as front ends see them."""
    return Money(amount=to_decimal(cents), currency=CURRENCY)


def money_or_none(cents: int | None) -> Money | None:
    """The same, where there may be no amount."""
    return None if cents is None else money(cents)


CONFIG: Final = StrawberryConfig(
    scalar_map={
        Period: strawberry.scalar(
            name="Period",
            description="Days from one to another, both included, as an ISO 8601 interval: 2026-11-01/2026-11-30.",
            serialize=str,
        ),
    }
)
