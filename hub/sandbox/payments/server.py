"""All payment wires behind one port: their services, the page, and the sandbox's own doors."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from shutil import rmtree
from typing import Any

from hub.sandbox.payments.agenda import DAY, Agenda
from hub.sandbox.payments.book import Book
from hub.sandbox.payments.control import Desk
from hub.sandbox.payments.krypton import Krypton
from hub.sandbox.payments.lyra import Lyra
from hub.sandbox.payments.pages import Pages
from hub.sandbox.payments.payfip import Payfip
from hub.sandbox.payments.shops import open_shops
from hub.sandbox.payments.site import Site
from hub.sandbox.payments.store import Store
from hub.sandbox.payments.stripe import Stripe
from hub.sandbox.payments.vads import Vads
from hub.sandbox.payments.web import Answer, Request, WebServer, not_found

_FOLDER = "payments"


class PaymentServer:
    """Serves `<folder>/payments`. OSError when the port is taken."""

    def __init__(self, folder: Path, *, host: str = "127.0.0.1", port: int = 0) -> None:
        shops = open_shops(folder)
        self._web = WebServer(self._answer, host=host, port=port)
        self._store = Store(folder / _FOLDER)
        self._agenda = Agenda(self._store.notes.get("skipped", 0.0))
        self.book = Book(self._store, self._agenda, shops)
        lyra, stripe = Lyra(self.book, shops.values()), Stripe(self.book, shops.values())
        self.book.after_days.append(stripe.pay_out)
        self._sites: list[Site] = [lyra, Vads(self.book, shops.values()), Payfip(self.book, shops.values()), stripe]
        self.book.sites = {site.wire: site for site in self._sites}
        for site in self._sites:
            site.address = self.url
        self._doors: list[Callable[[Request], Answer | None]] = [site.answer for site in self._sites]
        self._doors += [Pages(self.book).answer, Krypton(self.book, lyra).answer, Desk(self.book).answer]

    @staticmethod
    def forget(folder: Path) -> None:
        """Everything but the shops' keys."""
        rmtree(folder / _FOLDER, ignore_errors=True)

    @property
    def url(self) -> str:
        return self._web.url

    @property
    def port(self) -> int:
        return self._web.port

    def start(self) -> None:
        self._agenda.start()
        self.book.resume()
        self._web.start()

    def stop(self) -> None:
        self._web.stop()
        self._agenda.stop()
        self.book.post.stop()
        with self.book.lock:
            self._store.close()

    def pass_nights(self, nights: int) -> None:
        """What was paid by day is captured, and what is late by days moves on."""
        self.book.pass_time(nights * DAY)

    def state(self) -> dict[str, Any]:
        """Where it is and who its shops are, without a secret."""
        shops: dict[str, dict[str, Any]] = {}
        for shop in self.book.shops.values():
            files = {f"{name}_file": file for name, file in shop.files.items()}
            shops.setdefault(shop.landlord, {})[shop.wire] = {"id": shop.id, **shop.public, **files}
        return {"port": self.port, "url": self.url, "shops": shops}

    def _answer(self, request: Request) -> Answer:
        for door in self._doors:
            if (answer := door(request)) is not None:
                return answer
        return not_found()
