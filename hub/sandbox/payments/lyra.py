"""Lyra REST V4, as Systempay, PayZen, Scellius and Sogecommerce speak it. See README.md for its fields."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
import time
import uuid
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from typing import Any, ClassVar
from urllib.parse import urlencode

from hub.sandbox.payments.book import BookError
from hub.sandbox.payments.lyra_words import answer_of, payment_order, stamp, transaction
from hub.sandbox.payments.model import Delivery, News, Payment, Shop, Transaction, Wire
from hub.sandbox.payments.pages import ends_here, posts_back
from hub.sandbox.payments.remittance import remittance_csv
from hub.sandbox.payments.site import Draft, Signed, Site
from hub.sandbox.payments.web import HTML, TEXT, Answer, Request, goes_to, says

PREFIX = "/api-payment/V4/"
REPORT = "/api-payment/reports/remises.csv"
_FORM_SECONDS, _ORDER_SECONDS = 900.0, 90 * 86_400.0
_FORM = {"Content-Type": "application/x-www-form-urlencoded; charset=UTF-8"}
_TELLS: tuple[News, ...] = ("paid", "waiting", "refused", "abandoned", "cancelled", "refunded")
_CURRENCIES = ("EUR",)


class LyraError(Exception):
    """Answered with `status: ERROR`."""

    def __init__(self, code: str, message: str, detail: str = "") -> None:
        super().__init__(message)
        self.code, self.message, self.detail = code, message, detail


class Lyra(Site):
    """Takes a redirect for "delivered", as the real one does."""

    wire: ClassVar[Wire] = "lyra"
    tries_again = True
    delivered = frozenset({200, 201, 202, 203, 204, 205, 206, 301, 302, 303, 307, 308})

    def answer(self, request: Request) -> Answer | None:
        if request.path == REPORT:
            return self._report(request)
        if not request.path.startswith(PREFIX):
            return None
        name = request.path.removeprefix(PREFIX)
        shop = self._known(request)
        if shop is None:
            return self._says(name, "", LyraError("INT_905", "invalid credentials"), status=401)
        operation, given = _OPERATIONS.get(name), request.json()
        if operation is None:
            return self._says(name, shop.key, LyraError("INT_901", "no such web service", name))
        if given is None:
            return self._says(name, shop.key, LyraError("INT_902", "invalid input", "JSON object expected"))
        about = str(given.get("orderId") or given.get("uuid") or given.get("paymentOrderId") or "")
        return self.through(
            shop, name, about, lambda: self._do(operation, name, shop, given), lambda: Answer(b"", 500, HTML)
        )

    def drafts(self, payment: Payment, news: News, about: Transaction | None) -> Iterable[Draft]:
        if news not in _TELLS or about is None:
            return ()
        url = payment.notify_url or self.book.settings(payment.shop)["notify_url"]
        return (Draft(news, url, self._kr_answer(payment, about)),)

    def signed(self, shop: Shop, delivery: Delivery) -> Signed:
        """PHP writes `/` as `\\/` in JSON; the signature is that of the text without it."""
        fields = _signed_fields(delivery.body, shop.secrets["password"], "password")
        fields["kr-answer"] = delivery.body.replace("/", "\\/")
        return Signed(urlencode(fields).encode(), _FORM)

    def back(self, shop: Shop, payment: Payment) -> Answer:
        """With a signed answer when it is posted; without one by GET, which proves nothing anyway."""
        if not payment.return_url:
            return ends_here("Merci")
        if payment.facts.get("return_mode") != "POST" or not payment.transactions:
            return goes_to(payment.return_url)
        title = "Paiement accepté" if payment.paid is not None else "Paiement non abouti"
        return posts_back(payment.return_url, self.return_fields(shop, payment), title)

    def return_fields(self, shop: Shop, payment: Payment) -> dict[str, str]:
        """What the browser posts: signed with the other key."""
        text = self._kr_answer(payment, payment.transactions[-1])
        return _signed_fields(text, shop.secrets["hmac_key"], "sha256_hmac")

    def page_url(self, payment: Payment) -> str:
        return f"{self.address}/t/{payment.id}"

    # --- web services ------------------------------------------------------------------------------------------------

    def create_payment(self, shop: Shop, given: Mapping[str, Any]) -> tuple[dict[str, Any], Payment | None]:
        payment = self._begin(shop, given, time.time() + _FORM_SECONDS)
        return {"formToken": payment.facts["form_token"], "_type": "V4/Charge/PaymentForm"}, payment

    def create_order(self, shop: Shop, given: Mapping[str, Any]) -> tuple[dict[str, Any], Payment | None]:
        payment = self._begin(shop, given, _expiry(given))
        return payment_order(payment, self.page_url(payment)), payment

    def get_order(self, shop: Shop, given: Mapping[str, Any]) -> tuple[dict[str, Any], Payment | None]:
        """An order on whose page nobody has done anything is not found, as with the real one."""
        payments = self.book.store.of_reference(shop.key, _text(given, "orderId"))
        pairs = [(payment, one) for payment in payments for one in payment.transactions]
        if not pairs:
            raise LyraError("PSP_010", "transaction not found")
        return answer_of(shop, self._mode(shop), payments, pairs), None

    def get_transaction(self, shop: Shop, given: Mapping[str, Any]) -> tuple[dict[str, Any], Payment | None]:
        payment, one = self._found(shop, given)
        return transaction(shop, payment, one) | {"orderDetails": _details(payment, self._mode(shop))}, None

    def cancel_or_refund(self, shop: Shop, given: Mapping[str, Any]) -> tuple[dict[str, Any], Payment | None]:
        """Before capture all of it is cancelled, whatever `amount` says; afterwards so much is refunded."""
        _, one = self._found(shop, given)
        mode = given.get("resolutionMode", "AUTO")
        if one.status in ("authorised", "waiting") and mode != "REFUND_ONLY":
            return self.cancel(shop, given)
        if mode == "CANCELLATION_ONLY" and one.status != "cancelled":
            raise LyraError("PSP_103", "the transaction can no longer be cancelled")
        return self.refund(shop, given)

    def cancel(self, shop: Shop, given: Mapping[str, Any]) -> tuple[dict[str, Any], Payment | None]:
        payment, one = self._found(shop, given)
        if one.status == "cancelled":
            raise LyraError("PSP_105", "the transaction is already cancelled")
        try:
            self.book.cancel(payment, one)
        except BookError:
            raise LyraError("PSP_103", "the transaction can no longer be cancelled") from None
        return transaction(shop, payment, one), None

    def refund(self, shop: Shop, given: Mapping[str, Any]) -> tuple[dict[str, Any], Payment | None]:
        payment, one = self._found(shop, given)
        if one.status == "cancelled":
            raise LyraError("PSP_105", "the transaction is already cancelled")
        if one.status != "captured" or one.kind != "debit":
            raise LyraError("PSP_106", "only a captured transaction can be refunded")
        if any(dispute.status != "won" for dispute in payment.disputes):
            raise LyraError("PSP_107", "the transaction is disputed")
        if payment.refunded_cents >= one.cents:
            raise LyraError("PSP_104", "the transaction is already refunded in full")
        cents = one.cents - payment.refunded_cents if given.get("amount") is None else _cents(given)
        try:
            credit = self.book.refund(payment, cents)
        except BookError:
            raise LyraError("PSP_102", "more than what is left of the transaction") from None
        return transaction(shop, payment, credit), None

    def update(self, shop: Shop, given: Mapping[str, Any]) -> tuple[dict[str, Any], Payment | None]:
        """A lower amount before capture."""
        payment, one = self._found(shop, given)
        try:
            self.book.lower(payment, one, _cents(given))
        except BookError:
            raise LyraError("PSP_102", "the amount cannot be changed so") from None
        return transaction(shop, payment, one), None

    def get_payment_order(self, shop: Shop, given: Mapping[str, Any]) -> tuple[dict[str, Any], Payment | None]:
        payment = self._order(shop, given)
        self.book.expire_if_late(payment)
        details = [transaction(shop, payment, one) for one in payment.transactions]
        return payment_order(payment, self.page_url(payment)) | {"transactionDetails": details}, None

    def cancel_payment_order(self, shop: Shop, given: Mapping[str, Any]) -> tuple[dict[str, Any], Payment | None]:
        payment = self._order(shop, given)
        try:
            self.book.end(payment, "cancelled")
        except BookError:
            raise LyraError("PSP_108", "only a RUNNING payment order can be cancelled") from None
        return payment_order(payment, self.page_url(payment)), None

    # --- how it is done ----------------------------------------------------------------------------------------------

    def _do(self, operation: Operation, name: str, shop: Shop, given: dict[str, Any]) -> Answer:
        try:
            with self.book.lock:
                facts, begun = operation(self, shop, given)
        except LyraError as error:
            return self._says(name, shop.key, error)
        after = None if begun is None else lambda: self.book.told(begun)
        return says(self._envelope(name, shop.key, "SUCCESS", facts), after=after)

    def _says(self, name: str, shop: str, error: LyraError, *, status: int = 200) -> Answer:
        facts = {
            "errorCode": error.code,
            "errorMessage": error.message,
            "detailedErrorCode": None,
            "detailedErrorMessage": error.detail or None,
            "_type": "V4/WebService/WebServiceError",
        }
        return says(self._envelope(name, shop, "ERROR", facts), status)

    def _envelope(self, name: str, shop: str, status: str, facts: dict[str, Any]) -> dict[str, Any]:
        mode = self.book.settings(shop)["mode"] if shop else None
        return {
            "webService": name,
            "version": "V4",
            "applicationVersion": "6.0.0",
            "status": status,
            "answer": facts,
            "ticket": None,
            "serverDate": stamp(time.time()),
            "applicationProvider": "SANDBOX",
            "metadata": None,
            "mode": mode,
            "serverUrl": self.address,
            "_type": "V4/WebService/Response",
        }

    def _known(self, request: Request) -> Shop | None:
        """By HTTP Basic."""
        kind, _, given = request.headers.get("authorization", "").partition(" ")
        try:
            user, _, password = base64.b64decode(given, validate=True).decode().partition(":")
        except (binascii.Error, UnicodeDecodeError):
            return None
        shop = self.shops.get(user)
        if shop is None or kind.lower() != "basic":
            return None
        return shop if hmac.compare_digest(password.encode(), shop.secrets["password"].encode()) else None

    def _begin(self, shop: Shop, given: Mapping[str, Any], expires_at: float) -> Payment:
        if "paymentForms" in given:
            raise LyraError("INT_902", "invalid input", "paymentForms needs a PCI contract, which this shop has not")
        cents, currency = _cents(given), given.get("currency")
        if currency not in _CURRENCIES:
            raise LyraError("INT_902", "invalid input", "currency")
        given_customer = given.get("customer") or {}
        number = uuid.uuid4().hex
        facts = {
            "customer": {name: given_customer.get(name) for name in ("email", "reference")},
            "metadata": given.get("metadata"),
            "return_mode": str(given.get("returnMode") or "POST"),
            "form_token": f"{number[:2]}{base64.urlsafe_b64encode(number.encode()).decode().rstrip('=')}",
        }
        return self.book.begin(
            Payment(
                number,
                shop.key,
                _text(given, "orderId"),
                cents,
                currency,
                time.time(),
                expires_at,
                notify_url=str(given.get("ipnTargetUrl") or ""),
                return_url=str(given.get("returnUrl") or ""),
                facts=facts,
            )
        )

    def _found(self, shop: Shop, given: Mapping[str, Any]) -> tuple[Payment, Transaction]:
        wanted = _text(given, "uuid")
        payment = self.book.store.of_transaction(wanted)
        one = payment.transaction(wanted) if payment is not None and payment.shop == shop.key else None
        if payment is None or one is None:
            raise LyraError("PSP_010", "transaction not found")
        return payment, one

    def _order(self, shop: Shop, given: Mapping[str, Any]) -> Payment:
        payment = self.book.store.payments.get(_text(given, "paymentOrderId"))
        if payment is None or payment.shop != shop.key:
            raise LyraError("PSP_010", "payment order not found")
        return payment

    def _kr_answer(self, payment: Payment, about: Transaction) -> str:
        shop = self.shop_of(payment)
        payments = self.book.store.of_reference(shop.key, payment.reference)
        facts = answer_of(shop, self._mode(shop), payments, [(payment, about)])
        return json.dumps(facts, ensure_ascii=False, separators=(",", ":"))

    def _mode(self, shop: Shop) -> str:
        return str(self.book.settings(shop.key)["mode"])

    def _report(self, request: Request) -> Answer:
        shop = self._known(request)
        if shop is None:
            return Answer(b"unauthorised", 401, TEXT, {"WWW-Authenticate": 'Basic realm="remises"'})
        text = remittance_csv(self.book.store.of_shop(shop.key), since=request.query.get("since", ""))
        return Answer(text.encode(), kind="text/csv; charset=utf-8")


Operation = Callable[[Lyra, Shop, Mapping[str, Any]], tuple[dict[str, Any], Payment | None]]
_OPERATIONS: Mapping[str, Operation] = {
    "Charge/CreatePayment": Lyra.create_payment,
    "Charge/CreatePaymentOrder": Lyra.create_order,
    "Order/Get": Lyra.get_order,
    "Transaction/Get": Lyra.get_transaction,
    "Transaction/CancelOrRefund": Lyra.cancel_or_refund,
    "Transaction/Cancel": Lyra.cancel,
    "Transaction/Refund": Lyra.refund,
    "Transaction/Update": Lyra.update,
    "Charge/PaymentOrder/Get": Lyra.get_payment_order,
    "PaymentOrder/Get": Lyra.get_payment_order,
    "Charge/PaymentOrder/Cancel": Lyra.cancel_payment_order,
    "PaymentOrder/Cancel": Lyra.cancel_payment_order,
    "Charge/SDKTest": lambda lyra, shop, given: ({"value": given.get("value"), "_type": "V4/Charge/SDKTest"}, None),
}


def _signed_fields(text: str, key: str, name: str) -> dict[str, str]:
    return {
        "kr-hash-key": name,
        "kr-hash-algorithm": "sha256_hmac",
        "kr-answer": text,
        "kr-answer-type": "V4/Payment",
        "kr-hash": hmac.new(key.encode(), text.encode(), hashlib.sha256).hexdigest(),
    }


def _details(payment: Payment, mode: str) -> dict[str, Any]:
    return {
        "orderTotalAmount": payment.cents,
        "orderCurrency": payment.currency,
        "mode": mode,
        "orderId": payment.reference,
        "metadata": payment.facts.get("metadata"),
        "_type": "V4/OrderDetails",
    }


def _cents(given: Mapping[str, Any]) -> int:
    cents = given.get("amount")
    if not isinstance(cents, int) or isinstance(cents, bool) or cents <= 0:
        raise LyraError("INT_902", "invalid input", "amount")
    return cents


def _text(given: Mapping[str, Any], name: str) -> str:
    text = given.get(name)
    if not isinstance(text, str) or not 0 < len(text) <= 64 or not text.isascii():
        raise LyraError("INT_902", "invalid input", name)
    return text


def _expiry(given: Mapping[str, Any]) -> float:
    text = given.get("expirationDate")
    if text is None:
        return time.time() + _ORDER_SECONDS
    try:
        when = datetime.fromisoformat(str(text))
    except ValueError:
        when = None
    if when is None or when.tzinfo is None or not 0 < when.timestamp() - time.time() <= _ORDER_SECONDS + 60:
        raise LyraError("INT_902", "invalid input", "expirationDate")
    return when.timestamp()
