"""Three books compared to the cent: the provider's charges, the hub's payments, the ERP's bookings."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from hub.domain.payments import OPEN, PAID
from hub.sandbox.bookings import Booking

PAYMENTS: Final = """
    select id, reference, state, amount_cents, gross_cents, refunded_cents, lost_cents, idempotency_key
    from payment order by id"""
POSTINGS: Final = """
    select id, payment_id, account_id, reference, kind, amount_cents, state, code from erp_posting order by id"""
OPEN_PARTS: Final = """
    select p.account_id from payment_part p join payment y on y.landlord_id = p.landlord_id and y.id = p.payment_id
    where y.state in ('created', 'action_required', 'processing', 'unknown')
    group by p.account_id having count(*) > 1"""
JOBS_LEFT: Final = """
    select kind, state, last_error, count(*) from job where state in ('ready', 'leased', 'dead')
    group by kind, state, last_error order by 1, 2"""
WEBHOOKS: Final = "select state, reason, count(*) from payment_webhook group by state, reason order by 1, 2"
_TOLD: Final = ("posted", "reflected")


@dataclass
class Books:
    """What the three say in the end. `keys`: the tenants' intentions, with the id each was told."""

    charges: Sequence[Any]
    payments: Sequence[Any]
    postings: Sequence[Any]
    bookings: Sequence[Booking]
    jobs: Sequence[Any]
    crowded: Sequence[Any]
    keys: dict[str, str]
    seen_paid: set[str]
    counts: Counter[str] = field(default_factory=Counter)

    def differences(self) -> Iterator[str]:
        """Sentences, none of them when all is well."""
        for check in (self._known, self._charged, self._posted, self._in_order, self._quiet):
            yield from check()

    # --- tenants and the hub ------------------------------------------------------------------------------------------

    def _known(self) -> Iterator[str]:
        held = Counter(row.idempotency_key for row in self.payments)
        unknown = [key for key, told in self.keys.items() if told and not held[key]]
        yield from _some("payments a tenant was told of are not known", unknown)
        yield from _some("intentions became several payments", [key for key, count in held.items() if count > 1])
        states = {row.idempotency_key: row.state for row in self.payments}
        unpaid = [key for key in self.seen_paid if states.get(key) not in _names(PAID)]
        yield from _some("payments a tenant saw paid are not paid any more", unpaid)
        open_still = [row.reference for row in self.payments if row.state in _names(OPEN)]
        yield from _some("payments never ended", open_still)
        yield from _some(
            "payments wait for a person", [row.reference for row in self.payments if row.state == "review"]
        )

    # --- the provider and the hub -------------------------------------------------------------------------------------

    def _charged(self) -> Iterator[str]:
        by_reference = {row.reference: row for row in self.payments}
        per_intention: Counter[str] = Counter()
        charged: Counter[str] = Counter()
        refunded: Counter[str] = Counter()
        lost, foreign = [], []
        for one in self.charges:
            if not one["charged_cents"]:
                continue
            reference = one["reference"]
            charged[reference] += one["charged_cents"]
            refunded[reference] += one["refunded_cents"]
            held = by_reference.get(reference) or by_reference.get(reference.rpartition("-")[0])
            if held is None:
                foreign.append(reference)
                continue
            per_intention[held.idempotency_key] += 1
            if held.reference != reference or held.state not in _names(PAID):
                lost.append(reference)
        yield from _some("charges are of no payment of ours", foreign)
        yield from _some("charges are lost: the hub does not show them as paid", lost)
        yield from _some("intentions were charged twice", [key for key, count in per_intention.items() if count > 1])
        yield from self._to_the_cent(charged, refunded)
        self.counts["charges"] = sum(per_intention.values())

    def _to_the_cent(self, charged: Counter[str], refunded: Counter[str]) -> Iterator[str]:
        other = [row.reference for row in self.payments if row.gross_cents != charged[row.reference]]
        yield from _some("payments are of another amount than was charged", other)
        back = [row.reference for row in self.payments if row.refunded_cents != refunded[row.reference]]
        yield from _some("payments are refunded by another amount", back)
        ours = (sum(row.gross_cents for row in self.payments), sum(row.refunded_cents for row in self.payments))
        theirs = (charged.total(), refunded.total())
        self.counts.update({"paid cents": theirs[0], "refunded cents": theirs[1]})
        self.counts["paid"] = sum(row.gross_cents > 0 for row in self.payments)
        if ours != theirs:
            yield f"the hub has {_euros(ours)} paid and refunded, the provider {_euros(theirs)}"

    # --- the ERP and the hub ------------------------------------------------------------------------------------------

    def _posted(self) -> Iterator[str]:
        booked = Counter(one.reference for one in self.bookings)
        known = {row.reference: row for row in self.postings}
        yield from _some("bookings are of no posting of ours", [name for name in booked if name not in known])
        yield from _some("postings were booked twice", [name for name, count in booked.items() if count > 1])
        told = [row for row in self.postings if row.state in _TOLD]
        yield from _some(
            "postings are told and not booked", [row.reference for row in told if not booked[row.reference]]
        )
        silent = [row.reference for row in self.postings if row.state not in (*_TOLD, "void")]
        yield from _some("postings were never told", silent)
        cents = {one.reference: abs(one.cents) for one in self.bookings}
        other = [row.reference for row in told if cents.get(row.reference) != row.amount_cents]
        yield from _some("postings were booked with another amount", other)
        yield from self._net_of_each()
        self.counts.update({"bookings": len(self.bookings), "reversals": _reversals(self.bookings)})

    def _net_of_each(self) -> Iterator[str]:
        """What was booked for each payment, less what was taken back, is what it brought."""
        payment_of = {row.reference: row.payment_id for row in self.postings}
        net: Counter[Any] = Counter()
        for one in self.bookings:
            net[payment_of.get(one.reference)] -= one.cents
        wrong = [
            row.reference
            for row in self.payments
            if net[row.id] != row.gross_cents - row.refunded_cents - row.lost_cents
        ]
        yield from _some("payments are booked with another sum than they brought", wrong)

    def _in_order(self) -> Iterator[str]:
        place = {one.reference: number for number, one in enumerate(self.bookings)}
        accounts: dict[Any, list[int]] = defaultdict(list)
        for row in self.postings:
            if row.reference in place:
                accounts[row.account_id].append(place[row.reference])
        mixed = [str(account) for account, places in accounts.items() if places != sorted(places)]
        yield from _some("accounts had their postings out of order", mixed)
        self.counts["accounts"] = len(accounts)

    # --- at rest ------------------------------------------------------------------------------------------------------

    def _quiet(self) -> Iterator[str]:
        yield from _some("accounts have two open payments", [str(row.account_id) for row in self.crowded])
        for row in self.jobs:
            yield f"{row.count} jobs {row.kind} are {row.state}: {row.last_error}"


def _names(states: Iterable[Any]) -> set[str]:
    return {state.value for state in states}


def _reversals(bookings: Sequence[Booking]) -> int:
    return sum(one.kind == "reversal" for one in bookings)


def _euros(pair: tuple[int, int]) -> str:
    return " and ".join(f"{cents // 100}.{cents % 100:02}" for cents in pair)


def _some(what: str, found: Sequence[str]) -> Iterator[str]:
    if found:
        yield f"{len(found)} {what}, the first: {found[0]}"
