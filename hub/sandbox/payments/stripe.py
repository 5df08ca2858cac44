"""Stripe Checkout: the part of its API that a hosted payment needs. See README.md."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
import secrets
import time
from collections.abc import Callable, Iterable, Mapping
from typing import Any, ClassVar

from hub.sandbox.payments import stripe_words as words
from hub.sandbox.payments.book import BookError
from hub.sandbox.payments.model import Delivery, News, Payment, Shop, Transaction, Wire
from hub.sandbox.payments.site import Draft, Signed, Site
from hub.sandbox.payments.stripe_http import (
    Facts,
    Kept,
    StripeError,
    expanded,
    fields_of,
    listed,
    missing,
    number,
    table,
    text,
)
from hub.sandbox.payments.stripe_payouts import PAYOUT, Movement, by_payout, movement, movements, own_movement, payout
from hub.sandbox.payments.web import Answer, Request, goes_to, says

VERSION = "2026-09-30.sandbox"
_SECONDS = 86_400.0
_LEAST_CENTS = 50


class Stripe(Site):
    wire: ClassVar[Wire] = "stripe"
    captures_at_once = True
    tries_again = True
    gives_up_for_good = False

    def answer(self, request: Request) -> Answer | None:
        if not request.path.startswith("/v1/"):
            return None
        shop = self._known(request)
        if shop is None:
            return StripeError("Invalid API Key provided.", status=401).answer()
        try:
            given = fields_of(request)
            about = request.headers.get("idempotency-key") or text(given, "client_reference_id") or request.path
            what = f"{request.method} {request.path.split('/')[2]}"
            return self.through(shop, what, about, lambda: self._do(shop, request, given), _broken)
        except StripeError as error:
            return error.answer()

    def drafts(self, payment: Payment, news: News, about: Transaction | None) -> Iterable[Draft]:
        shop = self.shop_of(payment)
        was_waiting = any(one.event == "payment_intent.processing" for one in self.book.store.told_of(payment.id))
        return [self._event(shop, name, facts) for name, facts in self._news(shop, payment, news, about, was_waiting)]

    def signed(self, shop: Shop, delivery: Delivery) -> Signed:
        body, at = delivery.body.encode(), int(time.time())
        made = hmac.new(shop.secrets["webhook_secret"].encode(), b"%d." % at + body, hashlib.sha256).hexdigest()
        return Signed(
            body, {"Content-Type": "application/json; charset=utf-8", "Stripe-Signature": f"t={at},v1={made}"}
        )

    def back(self, shop: Shop, payment: Payment) -> Answer:
        url = payment.return_url if payment.paid is not None or payment.is_waiting else payment.facts["cancel_url"]
        return goes_to((url or payment.return_url).replace("{CHECKOUT_SESSION_ID}", payment.id))

    def pay_out(self) -> None:
        """Tell of the payouts made since it was last told."""
        with self.book.lock:
            for shop in self.shops.values():
                made = self._payouts(shop)
                new = [one for one in made if one > self.book.store.notes.get(f"paid out {shop.key}", "")]
                for one in new:
                    facts = payout(one, made[one], is_live=self._is_live(shop))
                    self.book.post.take_of_shop(shop.key, one, self._event(shop, "payout.paid", facts))
                if new:
                    self.book.store.note(f"paid out {shop.key}", new[-1])

    # --- what is asked -----------------------------------------------------------------------------------------------

    def _do(self, shop: Shop, request: Request, given: Facts) -> Answer:
        with self.book.lock:
            if request.method == "GET":
                facts = expanded(self._get(shop, request.path, given), given, lambda one: self._object(shop, one))
                return says(facts)
            act = self._order(shop, request.path, given)
            facts, is_again = Kept(self.book.store.notes, self.book.store.note).once(shop.key, request, act)
            facts = expanded(facts, given, lambda one: self._object(shop, one))
        begun = self.book.store.payments.get(str(facts.get("id")))
        after = None if begun is None else lambda: self.book.told(begun)
        return says(facts, headers={"Idempotent-Replayed": "true"} if is_again else {}, after=after)

    def _get(self, shop: Shop, path: str, given: Facts) -> Facts:
        name = path.removeprefix("/v1/")
        if name in ("account", "balance"):
            return {"id": shop.id, "object": name, "livemode": self._is_live(shop)}
        rows = self._rows(shop, name, given)
        return self._object(shop, name.rsplit("/", 1)[-1]) if rows is None else listed(path, rows, given)

    def _rows(self, shop: Shop, name: str, given: Facts) -> list[Facts] | None:
        """A list, oldest first; None for what is no list."""
        live, payments = self._is_live(shop), self.book.store.of_shop(shop.key)
        wanted = text(given, "payment_intent")
        chosen = [one for one in payments if wanted in ("", words.intent_id(one))]
        if name == "checkout/sessions":
            return [self._session(shop, one) for one in chosen]
        if name == "payment_intents":
            return [words.intent(one, is_live=live) for one in chosen if words.attempts(one)]
        if name == "charges":
            return [words.charge(one, debit, is_live=live) for one in chosen for debit in words.attempts(one)]
        if name == "refunds":
            return [words.refund(one, two) for one in chosen for two in one.transactions if two.kind == "credit"]
        if name == "disputes":
            return [words.dispute(one, two, is_live=live) for one in chosen for two in one.disputes]
        if name == "payouts":
            return [payout(one, found, is_live=live) for one, found in self._payouts(shop).items()]
        return self._balance(shop, given) if name == "balance_transactions" else None

    def _balance(self, shop: Shop, given: Facts) -> list[Facts]:
        wanted = text(given, "payout")
        if not wanted:
            return [movement(one) for one in self._movements(shop)]
        found = self._payouts(shop).get(wanted)
        if found is None:
            raise missing("payout", wanted)
        return [*map(movement, found), own_movement(wanted, found)]

    def _object(self, shop: Shop, wanted: str) -> Facts:
        """Whatever a number stands for."""
        live = self._is_live(shop)
        if wanted.startswith((PAYOUT, words.MOVEMENT)):
            return self._of_balance(shop, wanted)
        kind, _, rest = wanted.partition("_")
        payment = self._payment(shop, kind, rest)
        if kind == "cs":
            return self._session(shop, payment)
        if kind == "pi":
            return words.intent(payment, is_live=live)
        if kind == "dp":
            (dispute,) = (one for one in payment.disputes if one.id == wanted)
            return words.dispute(payment, dispute, is_live=live)
        one = payment.transaction(rest)
        if one is None:
            raise missing("object", wanted)
        return words.refund(payment, one) if kind == "re" else words.charge(payment, one, is_live=live)

    def _of_balance(self, shop: Shop, wanted: str) -> Facts:
        payouts = self._payouts(shop)
        if (found := payouts.get(wanted)) is not None:
            return payout(wanted, found, is_live=self._is_live(shop))
        own = [own_movement(one, found) for one, found in payouts.items()]
        for facts in [*map(movement, self._movements(shop)), *own]:
            if facts["id"] == wanted:
                return facts
        raise missing("object", wanted)

    def _payment(self, shop: Shop, kind: str, rest: str) -> Payment:
        store = self.book.store
        if kind in ("cs", "pi"):
            payment = store.payments.get(words.SESSION + rest.removeprefix("test_"))
        else:
            payment = (
                store.of_transaction(f"dp_{rest}" if kind == "dp" else rest) if kind in ("ch", "re", "dp") else None
            )
        if payment is None or payment.shop != shop.key or (kind == "pi" and not words.attempts(payment)):
            raise missing("object", f"{kind}_{rest}")
        return payment

    # --- what is ordered ---------------------------------------------------------------------------------------------

    def _order(self, shop: Shop, path: str, given: Facts) -> Callable[[], Facts]:
        parts = path.removeprefix("/v1/").split("/")
        match parts:
            case ["checkout", "sessions"]:
                return lambda: self._create(shop, given)
            case ["checkout", "sessions", wanted, "expire"]:
                return lambda: self._expire(shop, wanted)
            case ["refunds"]:
                return lambda: self._refund(shop, given)
            case ["webhook_endpoints"]:
                return lambda: self._endpoint(shop, given)
        raise StripeError(f"Unrecognized request URL (POST: {path}).", status=404)

    def _create(self, shop: Shop, given: Facts) -> Facts:
        for name in ("mode", "success_url", "line_items"):
            if not given.get(name):
                raise StripeError(f"Missing required param: {name}.", code="parameter_missing", param=name)
        if given["mode"] != "payment":
            raise StripeError("This sandbox knows payments only.", param="mode")
        cents, now = self._amount(table(given, "line_items")), time.time()
        facts = {
            "cancel_url": text(given, "cancel_url"),
            "customer_email": text(given, "customer_email"),
            "metadata": table(given, "metadata"),
            "intent_metadata": table(table(given, "payment_intent_data"), "metadata"),
        }
        expires_at = float(number(given, "expires_at")) if "expires_at" in given else now + _SECONDS
        if not 1_790 <= expires_at - now <= _SECONDS + 10:
            raise StripeError("expires_at must be between 30 minutes and 24 hours from now.", param="expires_at")
        payment = Payment(
            words.SESSION + secrets.token_hex(24),
            shop.key,
            text(given, "client_reference_id"),
            cents,
            "EUR",
            now,
            expires_at,
            return_url=text(given, "success_url"),
            facts=facts,
        )
        return self._session(shop, self.book.begin(payment))

    def _amount(self, items: Mapping[str, Any]) -> int:
        total = 0
        for place in items:
            item = table(items, place)
            price = table(item, "price_data")
            if text(price, "currency").lower() != "eur":
                raise StripeError("Invalid currency.", param=f"line_items[{place}][price_data][currency]")
            total += number(price, "unit_amount") * (number(item, "quantity") if "quantity" in item else 1)
        if total < _LEAST_CENTS:
            raise StripeError("The amount is below the minimum.", code="amount_too_small", param="line_items")
        return total

    def _expire(self, shop: Shop, wanted: str) -> Facts:
        payment = self._payment(shop, *wanted.split("_", 1)) if wanted.startswith("cs_") else None
        if payment is None:
            raise missing("checkout.session", wanted)
        if not payment.is_open:
            raise StripeError('Only Checkout Sessions with a status in ["open"] can be expired.')
        self.book.end(payment, "expired")
        return self._session(shop, payment)

    def _refund(self, shop: Shop, given: Facts) -> Facts:
        wanted = text(given, "payment_intent") or text(given, "charge")
        kind, _, rest = wanted.partition("_")
        payment = self._payment(shop, kind, rest)
        left = payment.charged_cents - payment.refunded_cents
        if any(one.status != "won" for one in payment.disputes):
            raise StripeError("Charge has been charged back; cannot issue a refund.", code="charge_disputed")
        if payment.paid is not None and not left:
            raise StripeError("Charge has already been refunded.", code="charge_already_refunded")
        try:
            credit = self.book.refund(payment, number(given, "amount") if "amount" in given else left)
        except BookError as error:
            what = "greater than unrefunded amount on charge" if error.code == "too_much" else "not possible: unpaid"
            raise StripeError(f"Refund amount is {what}.", param="amount") from None
        payment.facts.setdefault("refunds", {})[credit.id] = table(given, "metadata")
        self.book.store.keep_payment(payment)
        return words.refund(payment, credit)

    def _endpoint(self, shop: Shop, given: Facts) -> Facts:
        """Where events go to. A shop of the sandbox has one, and its secret is the one in its file."""
        self.book.set_settings(shop.key, {"notify_url": text(given, "url")})
        secret = shop.secrets["webhook_secret"]
        return {"id": "we_sandbox", "object": "webhook_endpoint", "url": text(given, "url"), "secret": secret}

    # --- how it is done ----------------------------------------------------------------------------------------------

    def _news(
        self, shop: Shop, payment: Payment, news: News, about: Transaction | None, was_waiting: bool
    ) -> list[tuple[str, Facts]]:
        live = self._is_live(shop)
        session, intent = self._session(shop, payment), words.intent(payment, is_live=live)
        if news == "expired":
            return [("checkout.session.expired", session)]
        if about is None or about.status == "abandoned":
            return []
        if news == "refunded":
            debit = payment.paid or about
            return [
                ("charge.refunded", words.charge(payment, debit, is_live=live)),
                ("refund.created", words.refund(payment, about)),
            ]
        if news in ("dispute_opened", "dispute_closed"):
            facts = words.dispute(payment, payment.disputes[-1], is_live=live)
            return [(f"charge.dispute.{'created' if news == 'dispute_opened' else 'closed'}", facts)]
        charge = words.charge(payment, about, is_live=live)
        if news == "refused":
            return [("payment_intent.payment_failed", intent), ("charge.failed", charge)]
        if news == "waiting":
            return [("payment_intent.processing", intent), ("checkout.session.completed", session)]
        if news == "paid":
            last = "async_payment_succeeded" if was_waiting else "completed"
            paid = [("payment_intent.succeeded", intent), ("charge.succeeded", charge)]
            return [*paid, (f"checkout.session.{last}", session)]
        return []

    def _event(self, shop: Shop, name: str, facts: Facts) -> Draft:
        event = {
            "id": f"evt_{secrets.token_hex(12)}",
            "object": "event",
            "api_version": VERSION,
            "created": int(time.time()),
            "data": {"object": facts},
            "livemode": self._is_live(shop),
            "pending_webhooks": 1,
            "request": {"id": None, "idempotency_key": None},
            "type": name,
        }
        return Draft(name, self.book.settings(shop.key)["notify_url"], json.dumps(event, ensure_ascii=False, indent=2))

    def _session(self, shop: Shop, payment: Payment) -> Facts:
        return words.session(payment, f"{self.address}/c/pay/{payment.id}", is_live=self._is_live(shop))

    def _movements(self, shop: Shop) -> list[Movement]:
        return movements(self.book.store.of_shop(shop.key))

    def _payouts(self, shop: Shop) -> dict[str, list[Movement]]:
        return by_payout(shop.id, self._movements(shop), self.book.agenda.day())

    def _is_live(self, shop: Shop) -> bool:
        return bool(self.book.settings(shop.key)["mode"] == "PRODUCTION")

    def _known(self, request: Request) -> Shop | None:
        """By bearer, or as the user of HTTP Basic."""
        kind, _, given = request.headers.get("authorization", "").partition(" ")
        if kind.lower() == "basic":
            try:
                given = base64.b64decode(given, validate=True).decode("ascii").partition(":")[0]
            except (binascii.Error, UnicodeDecodeError):
                return None
        return next((one for one in self.shops.values() if _is_same(given, one.secrets["secret_key"])), None)


def _is_same(given: str, key: str) -> bool:
    return hmac.compare_digest(given.encode(), key.encode())


def _broken() -> Answer:
    return StripeError("An unknown error occurred.", status=500, kind="api_error").answer()
