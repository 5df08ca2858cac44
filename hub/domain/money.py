"""Money is integer cents; + means the tenant owes. No float comes near an amount."""

from __future__ import annotations

from decimal import Decimal
from typing import NewType

Cents = NewType("Cents", int)

# Keeps every sum of a landlord's ledger inside a bigint, and catches a column read in the wrong unit.
MAX_CENTS = 10**13


def to_cents(amount: Decimal | str) -> Cents:
    """Cents of a decimal amount of at most two places ("238.57" → 23857). Raises ValueError otherwise."""
    scaled = Decimal(amount).scaleb(2)
    if scaled != scaled.to_integral_value():
        raise ValueError("an amount has at most two decimal places")
    return Cents(int(scaled))


def to_decimal(cents: int) -> Decimal:
    """The amount with its two places (23857 → Decimal("238.57"))."""
    return Decimal(cents).scaleb(-2)
