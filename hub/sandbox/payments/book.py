"""The provider's book: payments begun, paid, refused, captured, refunded and disputed, and the shops told of it.

What each wire calls these things is its own affair (`Site`).
"""

from __future__ import annotations

import secrets
import time
import uuid
from collections.abc import Callable, Mapping
from dataclasses import asdict
from functools import partial
from threading import RLock
from typing import Any

from hub.sandbox.payments.agenda import Agenda
from hub.sandbox.payments.chaos import Chaos, Dice
from hub.sandbox.payments.model import Dispute, How, News, Payment, Shop, Transaction, is_of
from hub.sandbox.payments.post import Post
from hub.sandbox.payments.site import NIGHT, THREE_DAYS, Site
from hub.sandbox.payments.store import Store

REFUSALS = ("51", "05", "54", "61")
"""What a bank says when it refuses: funds, do not honour, expired card, limit."""


class BookError(Exception):
    """It cannot be done: `code` is not_open, not_paid, too_much or unknown."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


class Book:
    """Every method may be called by any thread."""

    def __init__(self, store: Store, agenda: Agenda, shops: Mapping[str, Shop]) -> None:
        self.store, self.agenda, self.shops = store, agenda, shops
        self.lock, self.dice = RLock(), Dice()
        self.sites: dict[str, Site] = {}
        self.after_days: list[Callable[[], None]] = []
        self.post = Post(self)
        self._chaos = {key: Chaos(**kept) for key, kept in store.notes.get("chaos", {}).items()}

    def resume(self) -> None:
        """Go on with what was under way when the sandbox stopped."""
        with self.lock:
            for payment in self.store.payments.values():
                for one in payment.transactions:
                    self._plan(payment, one)
                if payment.facts.get("told"):
                    self._send_tenant(payment)
                if payment.is_open:
                    self._plan_expiry(payment)
            self.post.resume()

    # --- settings ----------------------------------------------------------------------------------------------------

    def chaos(self, shop: str) -> Chaos:
        return self._chaos.get(shop, _CALM)

    def set_chaos(self, shop: str, chaos: Chaos) -> None:
        with self.lock:
            self._chaos[shop] = chaos
            self.store.note("chaos", {key: asdict(one) for key, one in self._chaos.items() if one != _CALM})

    def settings(self, shop: str) -> dict[str, Any]:
        """What a shop set up in its back office: `notify_url`, `mode`."""
        found: dict[str, Any] = {"notify_url": "", "mode": "TEST"} | self.store.notes.get(f"shop {shop}", {})
        return found

    def set_settings(self, shop: str, settings: dict[str, Any]) -> None:
        with self.lock:
            self.store.note(f"shop {shop}", self.settings(shop) | settings)

    # --- a payment's life --------------------------------------------------------------------------------------------

    def begin(self, payment: Payment) -> Payment:
        with self.lock:
            self.store.keep_payment(payment)
            self._plan_expiry(payment)
            return payment

    def told(self, payment: Payment) -> None:
        """The shop has its answer: whoever pays can now be sent to the page."""
        if not self.chaos(payment.shop).auto_pay:
            return
        with self.lock:
            payment.facts["told"] = True
            self.store.keep_payment(payment)
            self._send_tenant(payment)

    def act(self, payment: Payment, how: How, *, method: str = "card") -> Transaction | None:
        """What a person does on the page. BookError when nothing can be done there any more."""
        with self.lock:
            self.expire_if_late(payment)
            if not payment.is_open:
                raise BookError("not_open")
            payment.facts["method"] = method
            payment.is_silent = payment.is_silent or how == "silent"
            if how == "abandon":
                return self._abandon(payment)
            if how == "refuse":
                return self._refuse(payment)
            return self._take_money(payment, how)

    def end(self, payment: Payment, why: News) -> None:
        """Nobody can pay it any more. BookError when somebody has."""
        with self.lock:
            if payment.paid is not None or payment.is_waiting:
                raise BookError("not_open")
            if not payment.end:
                payment.end = why
                self._keep(payment, why, None)

    def expire_if_late(self, payment: Payment) -> None:
        with self.lock:
            if payment.is_open and time.time() >= payment.expires_at:
                self.end(payment, "expired")

    def capture(self, shop: str = "") -> int:
        """All that is authorised and may be captured, at once; gives how many."""
        with self.lock:
            found = [
                (payment, one)
                for payment in self.store.payments.values()
                if is_of(payment.shop, shop)
                for one in payment.transactions
                if one.status == "authorised"
            ]
            for payment, one in found:
                self._capture(payment, one)
            return len(found)

    def cancel(self, payment: Payment, one: Transaction) -> None:
        """Before it is captured. BookError afterwards."""
        with self.lock:
            if one.status not in ("authorised", "waiting"):
                raise BookError("not_paid")
            one.status, one.due_at = "cancelled", None
            self._keep(payment, "cancelled", one)

    def refund(self, payment: Payment, cents: int, *, key: str = "") -> Transaction:
        """Money goes back, in a transaction of its own. BookError when there is not so much."""
        with self.lock:
            debit = payment.paid
            if debit is None:
                raise BookError("not_paid")
            if not 0 < cents <= debit.cents - payment.refunded_cents - _lost(payment):
                raise BookError("too_much")
            credit = self._transaction(payment, "credit", cents, parent=debit.id, key=key)
            self._settle(payment, credit, at_once=self._at_once(payment), wait=NIGHT)
            self._keep(payment, "refunded", credit)
            return credit

    def lower(self, payment: Payment, one: Transaction, cents: int) -> None:
        """Less than was authorised will be captured. BookError once it was, and for more."""
        with self.lock:
            if one.status not in ("authorised", "waiting") or not 0 < cents <= one.cents:
                raise BookError("too_much")
            one.cents = cents
            self.store.keep_payment(payment)

    def dispute(self, payment: Payment, cents: int | None = None) -> Dispute:
        """The cardholder contests what was captured."""
        with self.lock:
            debit = payment.paid
            if debit is None:
                raise BookError("not_paid")
            number, today = f"dp_{secrets.token_hex(12)}", self.agenda.day().isoformat()
            dispute = Dispute(number, debit.id, cents or debit.cents, "open", time.time(), today)
            payment.disputes.append(dispute)
            self._keep(payment, "dispute_opened", debit)
            return dispute

    def close_dispute(self, payment: Payment, *, is_won: bool) -> Dispute:
        with self.lock:
            dispute = next((one for one in payment.disputes if one.status == "open"), None)
            if dispute is None:
                raise BookError("unknown")
            dispute.status = "won" if is_won else "lost"
            dispute.closed_on = self.agenda.day().isoformat()
            self._keep(payment, "dispute_closed", payment.transaction(dispute.transaction))
            return dispute

    def pass_time(self, seconds: float) -> None:
        """Time goes on at once, with all that falls due in it."""
        self.agenda.skip(seconds)
        with self.lock:
            self.store.note("skipped", self.agenda.skipped)
        for do in self.after_days:
            do()

    # --- how it is done ----------------------------------------------------------------------------------------------

    def _abandon(self, payment: Payment) -> Transaction | None:
        one = self._transaction(payment, "debit", payment.cents, status="abandoned")
        if self._site(payment).gives_up_for_good:
            payment.end = "abandoned"
        self._keep(payment, "abandoned", one)
        return one

    def _refuse(self, payment: Payment) -> Transaction:
        roll = self.dice.roll(self.chaos(payment.shop).seed, "refusal", payment.reference)
        reason = REFUSALS[int(roll * len(REFUSALS))]
        one = self._transaction(payment, "debit", payment.cents, status="refused", error=reason)
        if not self._site(payment).tries_again:
            payment.end = "refused"
        self._keep(payment, "refused", one)
        return one

    def _take_money(self, payment: Payment, how: How) -> Transaction:
        one = self._transaction(payment, "debit", payment.cents)
        at_once = self._at_once(payment)
        if how == "late" or (how == "hold" and at_once):
            one.due_at = self.agenda.now() + (THREE_DAYS if how == "late" else NIGHT)
            self._keep(payment, "waiting", one)
            return one
        self._settle(payment, one, at_once=at_once, wait=THREE_DAYS if how == "hold" else NIGHT)
        self._keep(payment, "paid", one)
        return one

    def _settle(self, payment: Payment, one: Transaction, *, at_once: bool, wait: float) -> None:
        """The bank says yes."""
        one.auth = f"{int(one.id[:8], 16) % 1_000_000:06d}"
        if at_once:
            self._mark_captured(one)
        else:
            seconds = self.chaos(payment.shop).capture_seconds
            one.status, one.due_at = "authorised", self.agenda.now() + (wait if seconds is None else seconds)

    def _mark_captured(self, one: Transaction) -> None:
        one.status, one.due_at = "captured", None
        one.captured_at, one.captured_on = time.time(), self.agenda.day().isoformat()

    def _capture(self, payment: Payment, one: Transaction) -> None:
        self._mark_captured(one)
        self._keep(payment, "captured", one)

    def _go_on(self, payment: Payment, one: Transaction) -> None:
        with self.lock:
            if one.due_at is None or one.due_at > self.agenda.now():
                return
            if one.status == "authorised":
                self._capture(payment, one)
            elif one.status == "waiting":
                self._settle(payment, one, at_once=self._at_once(payment), wait=NIGHT)
                self._keep(payment, "paid", one)

    def _transaction(self, payment: Payment, kind: Any, cents: int, **more: Any) -> Transaction:
        one = Transaction(uuid.uuid4().hex, kind, cents, more.pop("status", "waiting"), time.time(), **more)
        payment.transactions.append(one)
        return one

    def _at_once(self, payment: Payment) -> bool:
        return self._site(payment).captures_at_once

    def _site(self, payment: Payment) -> Site:
        return self.sites[self.shops[payment.shop].wire]

    def _keep(self, payment: Payment, news: News, about: Transaction | None) -> None:
        """Down on paper first, then told."""
        self.store.keep_payment(payment)
        if about is not None:
            self._plan(payment, about)
        for draft in self._site(payment).drafts(payment, news, about):
            self.post.take(payment, draft)

    def _plan(self, payment: Payment, one: Transaction) -> None:
        if one.due_at is not None:
            self.agenda.at(one.due_at, partial(self._go_on, payment, one))

    def _plan_expiry(self, payment: Payment) -> None:
        """A little late, so that it is over by then."""
        self.agenda.at(payment.expires_at + self.agenda.skipped + 0.01, partial(self._expire, payment))

    def _expire(self, payment: Payment) -> None:
        """Pages end by everybody's time: a day that was skipped ends none."""
        with self.lock:
            self.expire_if_late(payment)
            if payment.is_open:
                self._plan_expiry(payment)

    def _send_tenant(self, payment: Payment) -> None:
        self.agenda.at(self.agenda.now() + self.chaos(payment.shop).auto_seconds, partial(self._tenant_pays, payment))

    def _tenant_pays(self, payment: Payment) -> None:
        with self.lock:
            chaos = self.chaos(payment.shop)
            others = self.store.of_reference(payment.shop, payment.reference)
            if not chaos.auto_pay or (chaos.auto_pay == "reference" and any(not one.is_untouched for one in others)):
                return
            refuses = self.dice.falls(chaos.refuse_share, chaos.seed, "tenant", payment.reference)
            if payment.is_open:
                self.act(payment, "refuse" if refuses else "pay")


_CALM = Chaos()


def _lost(payment: Payment) -> int:
    return sum(one.cents for one in payment.disputes if one.status == "lost")
