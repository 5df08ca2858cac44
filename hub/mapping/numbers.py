"""Amounts and whole numbers written by people, read exactly: digits are moved, nothing passes through a float."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

import polars as pl

# What stands beside an amount and says nothing more: "238,57 €", "£12", "EUR 5".
_CURRENCY = r"(?i)\s*(?:€|£|EUR|GBP)\s*"
_MINUS = {"\u2212": "-", "\u2013": "-"}
# Space, no-break space, thin space, narrow no-break space: what separates thousands where a comma separates decimals.
SPACES = (" ", "\u00a0", "\u2009", "\u202f")


def scaled(
    found: pl.Expr, *, places: int, decimal: str, thousands: Sequence[str], once: Callable[[pl.Expr], pl.Expr]
) -> pl.Expr:
    """The text's number times 10 ** places as Int64; null where it is no number, or not whole after scaling.

    A minus may lead or trail, or the number stand in parentheses. Thousands must stand in groups of three.
    `once` keeps a result that is used more than once.
    """
    bare = once(found.str.replace_all(_CURRENCY, ""))
    plain = once(bare.str.replace_many(dict.fromkeys(thousands, "") | _MINUS))
    sound = _only_groups_of_three(bare, thousands) & plain.str.contains(_pattern(places, decimal))
    # The pattern leaves nothing to round: the decimal is exact, and its unscaled integer is what is asked for.
    exact = (
        plain.str.strip_chars("+-()").str.replace(decimal, ".", literal=True).cast(pl.Decimal(38, places), strict=False)
    )
    size = once(exact.to_physical().cast(pl.Int64, strict=False))
    minus = plain.str.contains(r"^[(-]|-$")
    return once(pl.when(sound).then(pl.when(minus).then(-size).otherwise(size)))


def _pattern(places: int, decimal: str) -> str:
    """A number that is whole once scaled: further decimals may only be noughts."""
    point = re.escape(decimal)
    number = rf"[0-9]+(?:{point}[0-9]{{0,{places}}}0*)?"
    if places:
        number = rf"(?:{number}|{point}[0-9]{{1,{places}}}0*)"
    return rf"^(?:[+-]?{number}|{number}-|\({number}\))$"


def _only_groups_of_three(bare: pl.Expr, thousands: Sequence[str]) -> pl.Expr:
    """False where "12 34" or "1.5" would be joined into another number."""
    if not thousands:
        return pl.lit(True)
    mark = f"(?:{'|'.join(map(re.escape, thousands))})"
    return ~bare.str.contains(rf"[0-9]{mark}(?:[0-9]{{0,2}}(?:[^0-9]|$)|[0-9]{{4}})")


RATE_PLACES = 6


def share(cents: pl.Expr, rate: pl.Expr) -> pl.Expr:
    """So much of an amount: `rate` is a whole number of millionths. Halves of a cent go away from nought, as taxes are
    rounded."""
    whole = 10**RATE_PLACES
    exact = cents.cast(pl.Int128) * rate.cast(pl.Int128)
    size = ((exact.abs() * 2 + whole) // (2 * whole)).cast(pl.Int64, strict=False)
    return pl.when(exact < 0).then(-size).otherwise(size)
