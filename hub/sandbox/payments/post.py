"""What a provider sends its shops: webhooks, in good order or as badly as it was told to."""

from __future__ import annotations

import logging
import secrets
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from threading import Condition
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import urllib3

from hub.sandbox.payments.agenda import DAY
from hub.sandbox.payments.model import Delivery, Payment, is_of

if TYPE_CHECKING:
    from hub.sandbox.payments.book import Book
    from hub.sandbox.payments.site import Draft

MOST_TRIES = 5
_WORKERS = 8
_SECONDS = 30.0
_LOOPBACK = ("127.0.0.1", "localhost", "::1")
_log = logging.getLogger("hub.sandbox.payments")


class Post:
    """Redirects are never followed, and nothing leaves this machine. Its state is under the book's lock."""

    def __init__(self, book: Book) -> None:
        self._book = book
        self._pool = ThreadPoolExecutor(_WORKERS, thread_name_prefix="sandbox-webhook")
        self._http = urllib3.PoolManager(
            num_pools=16, maxsize=_WORKERS, retries=False, timeout=urllib3.Timeout(_SECONDS)
        )
        self._under_way: set[str] = set()
        self._tried = Condition(book.lock)

    def resume(self) -> None:
        for one in self._book.store.deliveries.values():
            if one.state == "due":
                self._plan(one)

    def stop(self) -> None:
        self._pool.shutdown(wait=False, cancel_futures=True)
        self._http.clear()

    def take(self, payment: Payment, draft: Draft) -> None:
        """Send it when it is due."""
        about = f"{payment.reference} {draft.event}"
        self._take(payment.shop, payment.id, about, draft, is_silent=payment.is_silent)

    def take_of_shop(self, shop: str, about: str, draft: Draft) -> None:
        """What is not about one payment."""
        self._take(shop, "", about, draft, is_silent=False)

    def _take(self, shop: str, payment: str, about: str, draft: Draft, *, is_silent: bool) -> None:
        chaos, dice = self._book.chaos(shop), self._book.dice
        wait = chaos.webhook_delay_seconds + chaos.webhook_delay_days * DAY
        if dice.falls(chaos.webhook_shuffle, chaos.seed, "shuffle", about):
            wait += dice.roll(chaos.seed, "shuffled", about) * chaos.webhook_shuffle_seconds
        never = is_silent or dice.falls(chaos.webhook_never, chaos.seed, "never", about)
        is_twice = not never and dice.falls(chaos.webhook_twice, chaos.seed, "twice", about)
        for _ in range(2 if is_twice else 1):
            one = Delivery(
                secrets.token_hex(8),
                shop,
                payment,
                draft.event,
                draft.url,
                draft.body,
                self._book.agenda.now() + wait,
                "never" if never or not draft.url else "due",
            )
            self._book.store.keep_delivery(one)
            if one.state == "due":
                self._plan(one)

    def wait_for(self, payment: Payment, seconds: float) -> None:
        """Until the shop was told once of all that is not put off."""
        with self._tried:
            self._tried.wait_for(lambda: not self._is_pending(payment), seconds)

    def deliver_now(self, shop: str, patience: float = 60.0) -> int:
        """All that waits, however long it was to wait; gives how many there were."""
        with self._tried:
            found = [
                one for one in self._book.store.deliveries.values() if one.state == "due" and is_of(one.shop, shop)
            ]
            for one in found:
                one.due_at = 0.0
                self._plan(one)
            asked = {one.id: one.tries for one in found}
            self._tried.wait_for(
                lambda: all(one.state != "due" or one.tries > asked[one.id] for one in found), patience
            )
            return len(found)

    def _is_pending(self, payment: Payment) -> bool:
        soon = self._book.agenda.now() + 0.1
        told = self._book.store.told_of(payment.id)
        return any(one.state == "due" and not one.tries and one.due_at <= soon for one in told)

    def _plan(self, one: Delivery) -> None:
        self._book.agenda.at(one.due_at, partial(self._begin, one, one.due_at))

    def _begin(self, one: Delivery, due_at: float) -> None:
        with self._book.lock:
            if one.state != "due" or one.due_at != due_at or one.id in self._under_way:
                return
            self._under_way.add(one.id)
        self._pool.submit(self._send, one)

    def _send(self, one: Delivery) -> None:
        try:
            status = self._post(one)
        except urllib3.exceptions.HTTPError as error:
            _log.debug("a webhook did not arrive (%s)", type(error).__name__)
            status = 0
        except Exception:  # noqa: BLE001  # a delivery that cannot be made is tried again
            _log.exception("a webhook could not be sent")
            status = 0
        with self._tried:
            self._under_way.discard(one.id)
            one.tries, one.status = one.tries + 1, status
            if status in self._book.sites[self._book.shops[one.shop].wire].delivered:
                one.state = "sent"
            elif one.tries >= MOST_TRIES:
                one.state = "failed"
            else:
                one.due_at = self._book.agenda.now() + self._pause(one)
                self._plan(one)
            self._book.store.keep_delivery(one)
            self._tried.notify_all()

    def _pause(self, one: Delivery) -> float:
        return self._book.chaos(one.shop).retry_seconds * float(2 ** (one.tries - 1))

    def _post(self, one: Delivery) -> int:
        if urlsplit(one.url).hostname not in _LOOPBACK:
            _log.warning("a webhook is for another machine: not sent")
            return 0
        shop, chaos = self._book.shops[one.shop], self._book.chaos(one.shop)
        signed = self._book.sites[shop.wire].signed(shop, one)
        body = signed.body
        with self._book.lock:
            about = f"{one.event} {one.payment}"
            if self._book.dice.falls(chaos.webhook_alter, chaos.seed, "alter", about):
                body = altered(body, self._book.dice.roll(chaos.seed, "altered", about))
        answer = self._http.request("POST", one.url, body=body, headers=dict(signed.headers), redirect=False)
        return answer.status


def altered(body: bytes, where: float) -> bytes:
    """One digit of it is another."""
    places = [place for place, byte in enumerate(body) if 48 <= byte <= 57]
    if not places:
        return body + b"0"
    place = places[int(where * len(places))]
    return body[:place] + b"%d" % ((body[place] - 47) % 10) + body[place + 1 :]
