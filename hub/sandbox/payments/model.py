"""What a payment provider keeps: shops, payments with their transactions, and what it still has to tell a shop."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Literal, Self

Wire = Literal["lyra", "vads", "payfip", "stripe"]
Status = Literal["waiting", "authorised", "captured", "refused", "abandoned", "cancelled"]
How = Literal["pay", "refuse", "abandon", "hold", "silent", "late"]
News = Literal[
    "waiting",
    "paid",
    "captured",
    "refused",
    "abandoned",
    "cancelled",
    "expired",
    "refunded",
    "dispute_opened",
    "dispute_closed",
    "paid_out",
]


@dataclass(frozen=True, slots=True)
class Shop:
    """A landlord's contract on one wire. `id` is the wire's (shop, site, client number, account); `secrets` are by
    name, `files` say where they lie in the sandbox's folder."""

    landlord: str
    wire: Wire
    name: str
    id: str
    secrets: Mapping[str, str]
    files: Mapping[str, str]
    public: Mapping[str, str]

    @property
    def key(self) -> str:
        return f"{self.landlord}/{self.wire}"


@dataclass(slots=True)
class Transaction:
    """Money that moved or should have. `made_at`: seconds since 1970. `due_at`: when it goes on by itself (waiting →
    paid, authorised → captured), in the sandbox's time. `captured_on`: the sandbox's day."""

    id: str
    kind: Literal["debit", "credit"]
    cents: int
    status: Status
    made_at: float
    auth: str = ""
    error: str = ""
    parent: str = ""
    key: str = ""
    due_at: float | None = None
    captured_at: float | None = None
    captured_on: str = ""

    @property
    def is_paid(self) -> bool:
        return self.status in ("authorised", "captured")


@dataclass(slots=True)
class Dispute:
    id: str
    transaction: str
    cents: int
    status: Literal["open", "won", "lost"]
    made_at: float
    opened_on: str
    closed_on: str = ""


@dataclass(slots=True)
class Payment:
    """`end`: why nobody can pay it any more ("" while somebody can, or has). `facts`: what only its wire knows.
    `is_silent`: the provider tells nothing of it by itself."""

    id: str
    shop: str
    reference: str
    cents: int
    currency: str
    made_at: float
    expires_at: float
    notify_url: str = ""
    return_url: str = ""
    end: str = ""
    is_silent: bool = False
    facts: dict[str, Any] = field(default_factory=dict)
    transactions: list[Transaction] = field(default_factory=list)
    disputes: list[Dispute] = field(default_factory=list)

    @property
    def debits(self) -> list[Transaction]:
        return [one for one in self.transactions if one.kind == "debit"]

    @property
    def paid(self) -> Transaction | None:
        """The transaction that brought the money."""
        return next((one for one in self.debits if one.is_paid), None)

    @property
    def is_waiting(self) -> bool:
        return any(one.status == "waiting" for one in self.debits)

    @property
    def is_open(self) -> bool:
        return not self.end and self.paid is None and not self.is_waiting and not self.was_cancelled

    @property
    def is_untouched(self) -> bool:
        """Nobody has done anything on its page."""
        return not self.transactions and not self.end

    @property
    def was_cancelled(self) -> bool:
        return any(one.status == "cancelled" for one in self.debits)

    @property
    def refunded_cents(self) -> int:
        return sum(one.cents for one in self.transactions if one.kind == "credit" and one.is_paid)

    @property
    def charged_cents(self) -> int:
        return sum(one.cents for one in self.debits if one.is_paid)

    @property
    def state(self) -> str:
        """One word of it, for the ledger."""
        if self.paid is not None:
            if self.refunded_cents:
                return "refunded" if self.refunded_cents >= self.charged_cents else "partially_refunded"
            return self.paid.status
        if self.is_waiting:
            return "waiting"
        if self.was_cancelled:
            return "cancelled"
        return self.end or (self.debits[-1].status if self.debits else "open")

    def transaction(self, wanted: str) -> Transaction | None:
        return next((one for one in self.transactions if one.id == wanted), None)

    def as_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, kept: dict[str, Any]) -> Self:
        transactions = [Transaction(**one) for one in kept.pop("transactions")]
        disputes = [Dispute(**one) for one in kept.pop("disputes")]
        return cls(**kept, transactions=transactions, disputes=disputes)


@dataclass(slots=True)
class Delivery:
    """A webhook. `body` is what is told, as it stood then; the signature is made when it leaves. `due_at`: in the
    sandbox's time. `state`: due, sent (accepted), failed (given up), kept back (it is never told)."""

    id: str
    shop: str
    payment: str
    event: str
    url: str
    body: str
    due_at: float
    state: Literal["due", "sent", "failed", "never"] = "due"
    tries: int = 0
    status: int = 0

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


def is_of(key: str, wanted: str) -> bool:
    """Whether a shop is meant by its key, its landlord, or nothing."""
    return wanted in ("", key) or key.startswith(f"{wanted}/")
