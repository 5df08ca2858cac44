"""Which debts a payment settles (*imputation des paiements*), by Civil Code art. 1342-10.

The debtor's own indication comes first; else debts that have fallen due before those that have not; among these the
oldest; of one day, pro rata. (The debts a debtor has "most interest" to settle are the same kind here: rent and charges
of one lease.) Cents; a share is rounded by largest remainder, so that the shares add up to the payment.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from itertools import groupby
from typing import Final

STRATEGY: Final = "fr_1342_10"
VERSION: Final = 1


@dataclass(frozen=True, slots=True)
class Debt:
    """What is left of one charge. `key` names it (a ledger entry); `amount_cents` > 0."""

    key: str
    due_on: date
    amount_cents: int


@dataclass(frozen=True, slots=True)
class Share:
    """What a payment settles of a debt."""

    key: str
    amount_cents: int


@dataclass(frozen=True, slots=True)
class Allocation:
    """The shares, in the order they were settled, and what is left over as an advance."""

    shares: tuple[Share, ...]
    advance_cents: int
    strategy: str = STRATEGY
    version: int = VERSION


def allocate(amount_cents: int, debts: Sequence[Debt], *, today: date, chosen: Sequence[str] = ()) -> Allocation:
    """Settle debts with a payment. `chosen`: keys of the debts the tenant wants settled first, in that order."""
    left, shares = amount_cents, list[Share]()
    for group in _in_order(debts, today, chosen):
        if not left:
            break
        taken = split(min(left, sum(debt.amount_cents for debt in group)), [debt.amount_cents for debt in group])
        shares += [Share(debt.key, cents) for debt, cents in zip(group, taken, strict=True) if cents]
        left -= sum(taken)
    return Allocation(tuple(shares), left)


def outstanding(charges: Sequence[Debt], credits_cents: int, *, today: date) -> list[Debt]:
    """What is left of charges after all credits so far (a positive sum), settled by the same rule."""
    settled = {share.key: share.amount_cents for share in allocate(credits_cents, charges, today=today).shares}
    left = [Debt(one.key, one.due_on, one.amount_cents - settled.get(one.key, 0)) for one in charges]
    return [one for one in left if one.amount_cents]


def split(amount_cents: int, weights: Sequence[int]) -> list[int]:
    """Shares of an amount in proportion to weights, by largest remainder (the first of equals): they add up to it."""
    total = sum(weights)
    if total == 0:
        return [0] * len(weights)
    floors = [amount_cents * weight // total for weight in weights]
    by_remainder = sorted(range(len(weights)), key=lambda place: (-(amount_cents * weights[place] % total), place))
    for place in by_remainder[: amount_cents - sum(floors)]:
        floors[place] += 1
    return floors


def split_rest(total_cents: int, weights: Sequence[int], given: Sequence[int]) -> list[int]:
    """What is to be added to shares given already, so that all of them add up to a total that has grown.

    By what is left of each weight. (A larger total split anew may give one of them less than it has: the Alabama
    paradox of the largest remainder.) Nothing is taken away where more was given.
    """
    missing = max(0, total_cents - sum(given))
    left = [max(0, weight - has) for weight, has in zip(weights, given, strict=True)]
    return split(missing, left if sum(left) >= missing else weights)


def _in_order(debts: Sequence[Debt], today: date, chosen: Sequence[str]) -> list[list[Debt]]:
    """Groups of debts that rank alike, first to be settled first."""
    by_key = {debt.key: debt for debt in debts}
    first = [[by_key[key]] for key in dict.fromkeys(chosen) if key in by_key]
    named = set(chosen)
    rest = sorted((debt for debt in debts if debt.key not in named), key=lambda debt: _rank(debt, today))
    return first + [list(group) for _, group in groupby(rest, key=lambda debt: _rank(debt, today))]


def _rank(debt: Debt, today: date) -> tuple[bool, date]:
    return (debt.due_on > today, debt.due_on)
