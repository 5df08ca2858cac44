"""The older form of Systempay and PayZen: `vads_*` fields posted by the browser, answered in kind. See README.md."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import re
import time
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import ClassVar
from urllib.parse import urlencode

from hub.sandbox.payments.model import Delivery, News, Payment, Shop, Transaction, Wire
from hub.sandbox.payments.pages import Pages, ends_here, notice, posts_back
from hub.sandbox.payments.site import Draft, Signed, Site
from hub.sandbox.payments.web import Answer, Request, goes_to

PATH = "/vads-payment/"
_SECONDS = 900.0
_FORM = {"Content-Type": "application/x-www-form-urlencoded; charset=UTF-8"}
_TELLS: tuple[News, ...] = ("paid", "waiting", "refused", "abandoned", "cancelled", "refunded")
_STATUS: Mapping[str, str] = {
    "waiting": "WAITING_AUTHORISATION",
    "authorised": "AUTHORISED",
    "captured": "CAPTURED",
    "refused": "REFUSED",
    "abandoned": "ABANDONED",
    "cancelled": "CANCELLED",
}
_RESULT: Mapping[str, str] = {"refused": "05", "abandoned": "17"}
_RULES: Mapping[str, str] = {
    "vads_version": r"V2",
    "vads_action_mode": r"INTERACTIVE",
    "vads_page_action": r"PAYMENT",
    "vads_payment_config": r"SINGLE",
    "vads_trans_id": r"[A-Za-z0-9]{6}",
    "vads_trans_date": r"\d{14}",
    "vads_amount": r"[1-9]\d{0,11}",
    "vads_currency": r"978",
    "vads_order_id": r"[A-Za-z0-9_-]{1,64}",
}


def signature(fields: Mapping[str, str], key: str) -> str:
    """The values of `vads_*` in the order of their names, and the key, joined by `+`."""
    text = "+".join([fields[name] for name in sorted(fields) if name.startswith("vads_")] + [key])
    return base64.b64encode(hmac.new(key.encode(), text.encode(), hashlib.sha256).digest()).decode()


class Vads(Site):
    """A payment is its site, its day and its `vads_trans_id`: the same again is the same payment, or an error."""

    wire: ClassVar[Wire] = "vads"

    def answer(self, request: Request) -> Answer | None:
        if request.path.rstrip("/") != PATH.rstrip("/"):
            return None
        if request.method != "POST":
            return _refuses("aucun champ", 405)
        fields = {name: value for name, value in request.form().items() if name.startswith("vads_")}
        shop = self.shops.get(fields.get("vads_site_id", ""))
        if shop is None:
            return _refuses("vads_site_id")
        given = request.form().get("signature", "")
        if not hmac.compare_digest(given.encode(), signature(fields, shop.secrets["key"]).encode()):
            return _refuses("signature")
        if wrong := self._wrong(shop, fields):
            return _refuses(wrong)
        about = fields["vads_order_id"]
        return self.through(shop, "form", about, lambda: self._begin(shop, fields), lambda: _refuses("96", 500))

    def drafts(self, payment: Payment, news: News, about: Transaction | None) -> Iterable[Draft]:
        if news not in _TELLS or about is None:
            return ()
        source = {"cancelled": "BO", "refunded": "BO"}.get(news, "PAY")
        if news == "paid" and self.book.store.told_of(payment.id):
            source = "BATCH_AUTO"
        fields = self._fields(payment, about) | {"vads_url_check_src": source}
        url = payment.notify_url or self.book.settings(payment.shop)["notify_url"]
        return (Draft(news, url, json.dumps(fields, ensure_ascii=False)),)

    def signed(self, shop: Shop, delivery: Delivery) -> Signed:
        fields: dict[str, str] = json.loads(delivery.body)
        return Signed(urlencode(self._sealed(shop, fields)).encode(), _FORM)

    def back(self, shop: Shop, payment: Payment) -> Answer:
        asked: Mapping[str, str] = payment.facts["fields"]
        url = self._return_url(payment)
        if not url:
            return ends_here("Merci")
        mode = asked.get("vads_return_mode", "NONE")
        if mode == "NONE" or not payment.transactions:
            return goes_to(url)
        fields = self._sealed(shop, self._fields(payment, payment.transactions[-1]))
        if mode == "GET":
            return goes_to(f"{url}{'&' if '?' in url else '?'}{urlencode(fields)}")
        title = "Paiement accepté" if payment.paid is not None else "Paiement non abouti"
        return posts_back(url, fields, title)

    # --- how it is done ----------------------------------------------------------------------------------------------

    def _wrong(self, shop: Shop, fields: Mapping[str, str]) -> str:
        """The first field that is."""
        if fields.get("vads_ctx_mode") != self.book.settings(shop.key)["mode"]:
            return "vads_ctx_mode"
        bad = (name for name, rule in _RULES.items() if not re.fullmatch(rule, fields.get(name, "")))
        return next(bad, "")

    def _begin(self, shop: Shop, fields: dict[str, str]) -> Answer:
        number = f"{shop.id}-{fields['vads_trans_date'][:8]}-{fields['vads_trans_id']}"
        with self.book.lock:
            payment = self.book.store.payments.get(number)
            if payment is not None and payment.facts["fields"] != fields:
                return _refuses("vads_trans_id")
            payment = payment or self.book.begin(self._new(shop, number, fields))
        begun = payment
        page = Pages(self.book).page(begun)
        return Answer(page.body, page.status, after=lambda: self.book.told(begun))

    def _new(self, shop: Shop, number: str, fields: dict[str, str]) -> Payment:
        now = time.time()
        return Payment(
            number,
            shop.key,
            fields["vads_order_id"],
            int(fields["vads_amount"]),
            "EUR",
            now,
            now + _SECONDS,
            notify_url=fields.get("vads_url_check", ""),
            return_url=fields.get("vads_url_return", ""),
            facts={"fields": fields},
        )

    def _return_url(self, payment: Payment) -> str:
        asked: Mapping[str, str] = payment.facts["fields"]
        outcome = {"refused": "refused", "abandoned": "cancel"}.get(payment.state, "success")
        return asked.get(f"vads_url_{outcome}") or payment.return_url

    def _fields(self, payment: Payment, one: Transaction) -> dict[str, str]:
        """What was asked, and what came of it."""
        made = datetime.fromtimestamp(one.made_at, UTC)
        shown = {name: value for name, value in payment.facts["fields"].items() if not name.startswith("vads_url_")}
        return shown | {
            "vads_amount": str(one.cents),
            "vads_effective_amount": str(one.cents),
            "vads_effective_currency": "978",
            "vads_effective_creation_date": f"{made:%Y%m%d%H%M%S}",
            "vads_presentation_date": f"{made:%Y%m%d%H%M%S}",
            "vads_result": _RESULT.get(one.status, "00"),
            "vads_extra_result": "",
            "vads_auth_result": one.error or "00",
            "vads_auth_mode": "FULL",
            "vads_auth_number": one.auth,
            "vads_trans_status": _STATUS[one.status],
            "vads_trans_uuid": one.id,
            "vads_operation_type": one.kind.upper(),
            "vads_parent_trans_uuid": one.parent,
            "vads_sequence_number": "1",
            "vads_payment_src": "EC",
            "vads_card_brand": "CB",
            "vads_card_number": "497010XXXXXX0055",
            "vads_expiry_month": "6",
            "vads_expiry_year": "2030",
            "vads_warranty_result": "YES",
            "vads_threeds_status": "Y",
        }

    def _sealed(self, shop: Shop, fields: dict[str, str]) -> dict[str, str]:
        return fields | {"signature": signature(fields, shop.secrets["key"])}


def _refuses(name: str, status: int = 400) -> Answer:
    """The page a browser gets for a form that is wrong: the field is named, as the real one does in test mode."""
    return notice("Formulaire refusé", f"Champ en erreur : {name}", status)
