"""What the four wires have in common: how each tells its news, and where it sends a browser back to."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from hub.sandbox.payments.model import Delivery, News, Payment, Shop, Transaction, Wire
from hub.sandbox.payments.web import Answer, HangUpError, Request

if TYPE_CHECKING:
    from hub.sandbox.payments.book import Book

NIGHT, THREE_DAYS = 43_200.0, 3 * 86_400.0
_DELIVERED = frozenset(range(200, 300))


@dataclass(frozen=True, slots=True)
class Draft:
    """A webhook to be sent: its event's name and what it says."""

    event: str
    url: str
    body: str


@dataclass(frozen=True, slots=True)
class Signed:
    """A webhook as it leaves."""

    body: bytes
    headers: Mapping[str, str]


class Site(ABC):
    """One wire. `captures_at_once`: it knows no money that is only promised. `has_debit`: its page offers a direct
    debit. `tries_again`: after a refusal another card may be tried. `gives_up_for_good`: who gave up cannot come back.
    `delivered`: statuses that mean "heard"."""

    wire: ClassVar[Wire]
    captures_at_once: ClassVar[bool] = False
    has_debit: ClassVar[bool] = False
    tries_again: ClassVar[bool] = False
    gives_up_for_good: ClassVar[bool] = True
    delivered: ClassVar[frozenset[int]] = _DELIVERED

    def __init__(self, book: Book, shops: Iterable[Shop]) -> None:
        self.book = book
        self.shops = {shop.id: shop for shop in shops if shop.wire == self.wire}
        self.address = ""

    @abstractmethod
    def answer(self, request: Request) -> Answer | None:
        """None for a path that is not this wire's."""

    @abstractmethod
    def drafts(self, payment: Payment, news: News, about: Transaction | None) -> Iterable[Draft]:
        """What this wire tells the shop of it; often nothing. Wants the book's lock."""

    @abstractmethod
    def signed(self, shop: Shop, delivery: Delivery) -> Signed:
        """A webhook, signed now."""

    @abstractmethod
    def back(self, shop: Shop, payment: Payment) -> Answer:
        """The browser goes back to the shop."""

    def shop_of(self, payment: Payment) -> Shop:
        return self.book.shops[payment.shop]

    def through(
        self, shop: Shop, what: str, about: str, act: Callable[[], Answer], broken: Callable[[], Answer]
    ) -> Answer:
        """What the provider answers, as it behaves just now. Raises HangUpError for an answer that never comes."""
        chaos, dice = self.book.chaos(shop.key), self.book.dice
        if dice.falls(chaos.error_before, chaos.seed, f"{shop.key} error {what}", about):
            return broken()
        answer = act()
        if dice.falls(chaos.drop_after, chaos.seed, f"{shop.key} drop {what}", about):
            if answer.after is not None and dice.falls(chaos.auto_unheard, chaos.seed, f"{shop.key} unheard", about):
                answer.after()
            raise HangUpError(chaos.drop_seconds)
        return answer
