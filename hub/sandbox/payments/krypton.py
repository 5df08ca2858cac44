"""A stand-in for Lyra's script: it draws buttons where the real one draws a card form, and posts back like it."""

from __future__ import annotations

import json
from pathlib import Path

from hub.sandbox.payments.book import Book, BookError
from hub.sandbox.payments.lyra import Lyra
from hub.sandbox.payments.web import Answer, Request, says

SCRIPT = "/static/js/krypton-client/V4.0/stable/kr-payment-form.min.js"
PAY = "/static/js/krypton-client/pay"
_ANYWHERE = {"Access-Control-Allow-Origin": "*", "Access-Control-Allow-Headers": "content-type"}


class Krypton:
    """The script and what its buttons call."""

    def __init__(self, book: Book, lyra: Lyra) -> None:
        self._book, self._lyra = book, lyra

    def answer(self, request: Request) -> Answer | None:
        if request.path == SCRIPT:
            script = Path(__file__).with_name("krypton.js").read_bytes()
            return Answer(script, kind="text/javascript; charset=utf-8", headers=_ANYWHERE)
        if request.path != PAY:
            return None
        if request.method == "OPTIONS":
            return Answer(status=204, headers=_ANYWHERE)
        return self._pay(request)

    def _pay(self, request: Request) -> Answer:
        given = request.json() or {}
        token, public_key = str(given.get("formToken", "")), str(given.get("publicKey", ""))
        shop = next((one for one in self._lyra.shops.values() if one.public["public_key"] == public_key), None)
        payments = [] if shop is None else self._book.store.of_shop(shop.key)
        payment = next((one for one in payments if one.facts["form_token"] == token), None)
        if shop is None or payment is None:
            return says({"error": "formToken inconnu"}, 400, headers=_ANYWHERE)
        try:
            self._book.act(payment, "refuse" if given.get("how") == "refuse" else "pay")
        except BookError:
            return says({"error": "formToken déjà payé ou expiré"}, 400, headers=_ANYWHERE)
        self._book.post.wait_for(payment, 5.0)
        fields = json.dumps(self._lyra.return_fields(shop, payment))
        return Answer(fields.encode(), kind="application/json", headers=_ANYWHERE)
