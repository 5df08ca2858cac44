"""The sandbox's own doors, below `/_sandbox/`: what a person cannot do on a page, and the list a harness compares."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, replace
from typing import Any

from hub.errors import HubError, InvalidAskError, NotFoundError
from hub.sandbox.payments.agenda import DAY
from hub.sandbox.payments.book import Book, BookError
from hub.sandbox.payments.chaos import Chaos
from hub.sandbox.payments.model import How, Payment, is_of
from hub.sandbox.payments.web import Answer, Request, not_found, says

PREFIX = "/_sandbox/"
_HOWS: tuple[How, ...] = ("pay", "refuse", "abandon", "hold", "silent", "late")


class Desk:
    """Orders come as JSON objects, posted as such: a form of another page cannot give any."""

    def __init__(self, book: Book) -> None:
        self._book = book

    def answer(self, request: Request) -> Answer | None:
        """None for a path that is not the desk's."""
        if not request.path.startswith(PREFIX):
            return None
        name = request.path.removeprefix(PREFIX)
        try:
            if request.method == "GET":
                ask = _ASKS.get(name)
                return not_found() if ask is None else says(ask(self, request.query))
            given = request.json()
            if given is None or not request.headers.get("content-type", "").startswith("application/json"):
                return says({"error": "a JSON object is expected"}, 400)
            order = _ORDERS.get(name)
            return not_found() if order is None else says(order(self, given))
        except HubError as error:
            return says({"error": error.message, "hint": error.hint}, 404 if isinstance(error, NotFoundError) else 400)
        except BookError as error:
            return says({"error": error.code}, 409)
        except (TypeError, ValueError) as error:
            return says({"error": str(error), "hint": "a value of the wrong kind"}, 400)

    # --- asked -------------------------------------------------------------------------------------------------------

    def charges(self, given: Mapping[str, Any]) -> Any:
        """Every payment ever begun, with what it brought."""
        wanted = str(given.get("shop", ""))
        with self._book.lock:
            found = [self._charge(one) for one in self._book.store.payments.values() if is_of(one.shop, wanted)]
        return {"charges": found, "charged_cents": _sum(found, "charged"), "refunded_cents": _sum(found, "refunded")}

    def chaos(self, given: Mapping[str, Any]) -> Any:
        return {key: asdict(self._book.chaos(key)) for key in self._keys(given)}

    def deliveries(self, given: Mapping[str, Any]) -> Any:
        wanted = str(given.get("shop", ""))
        with self._book.lock:
            found = [one.as_json() for one in self._book.store.deliveries.values() if is_of(one.shop, wanted)]
        return {"deliveries": found}

    # --- ordered -----------------------------------------------------------------------------------------------------

    def set_chaos(self, given: Mapping[str, Any]) -> Any:
        """Only what is named changes; `reset`: everything else is good again."""
        changes = {name: value for name, value in given.items() if name not in ("shop", "reset")}
        Chaos.read(changes)
        for key in self._keys(given):
            base = Chaos() if given.get("reset") else self._book.chaos(key)
            self._book.set_chaos(key, replace(base, **changes))
        return self.chaos(given)

    def set_shop(self, given: Mapping[str, Any]) -> Any:
        """What the shop set up in its back office."""
        settings = {name: str(given[name]) for name in ("notify_url", "mode") if name in given}
        for key in self._keys(given):
            self._book.set_settings(key, settings)
        return {key: self._book.settings(key) for key in self._keys(given)}

    def pay(self, given: Mapping[str, Any]) -> Any:
        """What a person does on the page of the newest payment of a reference, or of one by its id."""
        how = next((one for one in _HOWS if one == given.get("how", "pay")), None)
        if how is None:
            raise InvalidAskError("nobody can do that on the page", hint=f"how: one of {', '.join(_HOWS)}")
        payment = self._payment(given)
        self._book.act(payment, how, method=str(given.get("method", "card")))
        return self._charge(payment)

    def capture(self, given: Mapping[str, Any]) -> Any:
        return {"captured": self._book.capture(str(given.get("shop", "")))}

    def refund(self, given: Mapping[str, Any]) -> Any:
        """A refund made by hand in the provider's back office."""
        payment = self._payment(given)
        self._book.refund(payment, int(given.get("cents", payment.charged_cents)))
        return self._charge(payment)

    def dispute(self, given: Mapping[str, Any]) -> Any:
        """`outcome`: won or lost closes the one that is open."""
        payment, outcome = self._payment(given), given.get("outcome")
        if outcome is None:
            self._book.dispute(payment, given.get("cents"))
        else:
            self._book.close_dispute(payment, is_won=outcome == "won")
        return self._charge(payment)

    def expire(self, given: Mapping[str, Any]) -> Any:
        payment = self._payment(given)
        self._book.end(payment, "expired")
        return self._charge(payment)

    def deliver(self, given: Mapping[str, Any]) -> Any:
        return {"delivered": self._book.post.deliver_now(str(given.get("shop", "")))}

    def pass_time(self, given: Mapping[str, Any]) -> Any:
        self._book.pass_time(float(given.get("days", 0)) * DAY + float(given.get("seconds", 0)))
        return {"day": self._book.agenda.day().isoformat()}

    # --- how it is done ----------------------------------------------------------------------------------------------

    def _keys(self, given: Mapping[str, Any]) -> list[str]:
        wanted = str(given.get("shop", ""))
        keys = [key for key in self._book.shops if is_of(key, wanted)]
        if not keys:
            raise NotFoundError(
                f"there is no shop {wanted}", hint="a landlord, or a landlord and a wire: rives-doise/lyra"
            )
        return keys

    def _payment(self, given: Mapping[str, Any]) -> Payment:
        store, wanted, reference = self._book.store, str(given.get("shop", "")), given.get("reference")
        if reference is None:
            found = [store.payments[given["id"]]] if given.get("id") in store.payments else []
        else:
            found = [one for key in self._keys({"shop": wanted}) for one in store.of_reference(key, str(reference))]
        if not found:
            raise NotFoundError("there is no such payment", hint="name it by shop and reference, or by id")
        return found[-1]

    def _charge(self, payment: Payment) -> dict[str, Any]:
        told = list(self._told(payment))
        return {
            "shop": payment.shop,
            "id": payment.id,
            "reference": payment.reference,
            "amount_cents": payment.cents,
            "currency": payment.currency,
            "state": payment.state,
            "charged_cents": payment.charged_cents,
            "refunded_cents": payment.refunded_cents,
            "transactions": [asdict(one) for one in payment.transactions],
            "disputes": [asdict(one) for one in payment.disputes],
            "webhooks_sent": told.count("sent"),
            "webhooks_due": told.count("due"),
            "webhooks_failed": told.count("failed"),
            "made_at": payment.made_at,
        }

    def _told(self, payment: Payment) -> Iterator[str]:
        return (one.state for one in self._book.store.told_of(payment.id))


def _sum(found: list[dict[str, Any]], what: str) -> int:
    return sum(one[f"{what}_cents"] for one in found)


_ASKS: Mapping[str, Callable[[Desk, Mapping[str, Any]], Any]] = {
    "charges": Desk.charges,
    "chaos": Desk.chaos,
    "deliveries": Desk.deliveries,
}
_ORDERS: Mapping[str, Callable[[Desk, Mapping[str, Any]], Any]] = {
    "chaos": Desk.set_chaos,
    "shop": Desk.set_shop,
    "pay": Desk.pay,
    "capture": Desk.capture,
    "refund": Desk.refund,
    "dispute": Desk.dispute,
    "expire": Desk.expire,
    "deliver": Desk.deliver,
    "pass": Desk.pass_time,
}
