"""Lyra REST V4 in the sandbox: as its documentation has it, over real HTTP, with a person on the page."""

from __future__ import annotations

import hashlib
import hmac
import json
import re
from html import unescape
from typing import Any
from urllib.parse import parse_qsl

import httpx
import pytest


class Shop:
    """The landlord's side of it."""

    def __init__(self, bank: Any, ear: Any) -> None:
        self.bank, self.ear = bank, ear
        self.facts = bank.shop("lyra")
        self.reference = "HH0001"

    def call(self, name: str, given: dict[str, Any], *, password: str | None = None) -> httpx.Response:
        return self.bank.http.post(
            f"{self.bank.url}/api-payment/V4/{name}",
            json=given,
            auth=(self.facts["id"], password or self.facts["password"]),
        )

    def answer(self, name: str, **given: Any) -> Any:
        said = self.call(name, given).json()
        assert said["status"] == "SUCCESS", said
        return said["answer"]

    def error(self, name: str, **given: Any) -> str:
        said = self.call(name, given).json()
        assert said["status"] == "ERROR", said
        return said["answer"]["errorCode"]

    def begin(self, cents: int = 35012, reference: str = "HH0001", **more: Any) -> Any:
        given = {"amount": cents, "currency": "EUR", "orderId": reference, "customer": {"reference": "p1"}}
        given |= {"ipnTargetUrl": f"{self.ear.url}/ipn", "returnUrl": f"{self.ear.url}/back"} | more
        return self.answer("Charge/CreatePaymentOrder", **given)

    def pay(self, how: str = "pay", **more: Any) -> httpx.Response:
        return self.bank.click(self.begin(**more)["paymentURL"], how)

    def order(self, reference: str = "HH0001") -> Any:
        return self.answer("Order/Get", orderId=reference)

    def transaction(self) -> Any:
        return self.order()["transactions"][0]

    def report(self, **asked: str) -> str:
        url, auth = f"{self.bank.url}/api-payment/reports/remises.csv", (self.facts["id"], self.facts["password"])
        return self.bank.http.get(url, auth=auth, params=asked).text

    def news(self, count: int) -> list[Any]:
        """What was told, every signature checked the way the shop must."""
        return [self.read(dict(parse_qsl(body.decode())), "password") for _, _, body in self.ear.wait(count)]

    def read(self, fields: dict[str, str], key: str) -> Any:
        text = fields["kr-answer"].replace("\\/", "/")
        secret = self.facts["password" if key == "password" else "hmac_key"]
        assert fields["kr-hash-key"] == key
        assert fields["kr-hash-algorithm"] == "sha256_hmac"
        assert fields["kr-hash"] == hmac.new(secret.encode(), text.encode(), hashlib.sha256).hexdigest()
        return json.loads(fields["kr-answer"])


@pytest.fixture
def shop(bank: Any, ear: Any) -> Shop:
    return Shop(bank, ear)


def hidden(page: str) -> dict[str, str]:
    found = re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]*)">', page)
    return {name: unescape(value) for name, value in found}


def test_a_payment_is_told_before_the_browser_returns_with_a_signature_of_the_other_key(shop: Shop) -> None:
    page = shop.pay()

    (news,) = shop.news(1)
    assert (news["orderStatus"], news["orderCycle"], news["shopId"]) == ("PAID", "CLOSED", shop.facts["id"])
    assert news["orderDetails"]["orderId"] == "HH0001"
    assert news["orderDetails"]["mode"] == "TEST"
    (told,) = news["transactions"]
    assert (told["amount"], told["currency"], told["detailedStatus"]) == (35012, "EUR", "AUTHORISED")
    back = shop.read(hidden(page.text), "sha256_hmac")
    assert back["transactions"][0]["uuid"] == told["uuid"] == shop.transaction()["uuid"]
    assert f'action="{shop.ear.url}/back"' in page.text


def test_slashes_are_escaped_in_what_is_posted_and_not_in_what_is_signed(shop: Shop) -> None:
    shop.pay()
    ((_, _, body),) = shop.ear.wait(1)
    fields = dict(parse_qsl(body.decode()))
    assert "V4\\/Payment" in fields["kr-answer"]
    raw = hmac.new(shop.facts["password"].encode(), fields["kr-answer"].encode(), hashlib.sha256).hexdigest()
    assert raw != fields["kr-hash"]


def test_what_is_authorised_is_captured_at_night_and_stands_in_the_days_remittance(shop: Shop) -> None:
    shop.pay()
    shop.bank.order("pass", days=1)

    one = shop.transaction()
    assert (one["status"], one["detailedStatus"]) == ("PAID", "CAPTURED")
    header, row = (line.split(";") for line in shop.report().split("\r\n")[:2])
    told = dict(zip(header, row, strict=True))
    assert (told["ORDER_ID"], told["UUID"], told["TYPE"]) == ("HH0001", one["uuid"], "PAIEMENT")
    assert (told["MONTANT_BRUT"], told["COMMISSION"], told["MONTANT_NET"]) == ("350,12", "1,28", "348,84")
    assert told["NUM_AUTO"] == one["transactionDetails"]["cardDetails"]["authorizationResponse"]["authorizationNumber"]


def test_refunds_and_disputes_are_taken_off_the_remittance_of_their_day(shop: Shop) -> None:
    shop.pay()
    shop.pay(reference="HH0002")
    shop.bank.order("pass", days=1)
    shop.answer("Transaction/CancelOrRefund", uuid=shop.transaction()["uuid"], amount=12, currency="EUR")
    shop.bank.order("pass", days=1)
    shop.bank.order("dispute", reference="HH0002")
    shop.bank.order("dispute", reference="HH0002", outcome="won")
    rows = [row.split(";") for row in shop.report().split("\r\n")[1:-1]]
    assert [(row[2], row[3], row[7], row[8]) for row in rows] == [
        ("PAIEMENT", "HH0001", "350,12", "1,28"),
        ("PAIEMENT", "HH0002", "350,12", "1,28"),
        ("REMBOURSEMENT", "HH0001", "-0,12", "0,00"),
        ("IMPAYE", "HH0002", "-350,12", "0,00"),
        ("IMPAYE", "HH0002", "350,12", "0,00"),
    ]
    assert rows[3][4] == rows[1][4], "a dispute names the payment's transaction"
    assert shop.report(since=rows[2][1]).count("\r\n") == 4


def test_a_remittance_report_is_for_the_shop_only(shop: Shop) -> None:
    url = f"{shop.bank.url}/api-payment/reports/remises.csv"
    assert shop.bank.http.get(url).status_code == 401
    shop.pay()
    shop.bank.order("capture")
    other = shop.bank.shop("lyra", "cite-des-tilleuls")
    assert shop.bank.http.get(url, auth=(other["id"], other["password"])).text.count("\r\n") == 1


def test_a_refused_card_leaves_the_page_open_for_another(shop: Shop) -> None:
    url = shop.begin()["paymentURL"]
    page = shop.bank.click(url, "refuse")

    assert "refusé" in page.text
    order = shop.order()
    assert (order["orderStatus"], order["orderCycle"]) == ("UNPAID", "OPEN")
    refused = order["transactions"][0]
    assert (refused["detailedStatus"], refused["errorCode"]) == ("REFUSED", "ACQ_001")
    assert refused["detailedErrorCode"] in ("51", "05", "54", "61")
    shop.bank.click(url, "pay")
    assert shop.order()["orderStatus"] == "PAID"
    assert [one["orderStatus"] for one in shop.news(2)] == ["UNPAID", "PAID"]


def test_who_gives_up_leaves_an_abandoned_order(shop: Shop) -> None:
    shop.pay("abandon")
    order = shop.order()
    assert (order["orderStatus"], order["orderCycle"]) == ("UNPAID", "CLOSED")
    assert order["transactions"][0]["detailedStatus"] == "ABANDONED"


def test_what_was_never_begun_or_touched_is_not_found(shop: Shop) -> None:
    assert shop.error("Order/Get", orderId="nothing") == "PSP_010"
    shop.begin()
    assert shop.error("Order/Get", orderId="HH0001") == "PSP_010"
    assert shop.error("Transaction/Get", uuid="nothing") == "PSP_010"


def test_a_payment_paid_twice_under_one_reference_is_shown_as_two(shop: Shop) -> None:
    shop.pay()
    shop.pay()
    assert [one["status"] for one in shop.order()["transactions"]] == ["PAID", "PAID"]
    assert [one["charged_cents"] for one in shop.bank.charges()] == [35012, 35012]


def test_a_wrong_password_is_401_with_a_code(shop: Shop) -> None:
    refused = shop.call("Charge/CreatePayment", {}, password="wrong")
    assert refused.status_code == 401
    assert refused.json()["answer"]["errorCode"] == "INT_905"


@pytest.mark.parametrize(
    "wrong",
    [{"amount": 0}, {"amount": 12.5}, {"amount": "350"}, {"currency": "USD"}, {"orderId": ""}, {"paymentForms": []}],
)
def test_input_that_is_wrong_is_told_at_http_200(shop: Shop, wrong: dict[str, Any]) -> None:
    given = {"amount": 100, "currency": "EUR", "orderId": "A1"} | wrong
    for name in ("Charge/CreatePayment", "Charge/CreatePaymentOrder"):
        assert shop.error(name, **given) == "INT_902"
    assert shop.bank.charges() == []


def test_before_capture_all_is_cancelled_whatever_the_amount(shop: Shop) -> None:
    shop.pay()
    answer = shop.answer("Transaction/CancelOrRefund", uuid=shop.transaction()["uuid"], amount=100, currency="EUR")
    assert (answer["operationType"], answer["detailedStatus"]) == ("DEBIT", "CANCELLED")
    assert shop.order()["orderStatus"] == "UNPAID"
    assert shop.error("Transaction/CancelOrRefund", uuid=answer["uuid"]) == "PSP_105"
    assert shop.news(2)[1]["transactions"][0]["detailedStatus"] == "CANCELLED"


def test_before_capture_the_amount_can_be_lowered(shop: Shop) -> None:
    shop.pay()
    uuid = shop.transaction()["uuid"]
    assert shop.answer("Transaction/Update", uuid=uuid, amount=30000, currency="EUR")["amount"] == 30000
    shop.bank.order("capture")
    assert shop.bank.charges()[0]["charged_cents"] == 30000
    assert shop.error("Transaction/Update", uuid=uuid, amount=100, currency="EUR") == "PSP_102"


def test_after_capture_parts_are_refunded_until_nothing_is_left(shop: Shop) -> None:
    shop.pay()
    shop.bank.order("capture")
    uuid = shop.transaction()["uuid"]
    credit = shop.answer("Transaction/CancelOrRefund", uuid=uuid, amount=5012, currency="EUR")

    assert (credit["operationType"], credit["amount"], credit["detailedStatus"]) == ("CREDIT", 5012, "AUTHORISED")
    assert credit["transactionDetails"]["parentTransactionUuid"] == uuid
    assert shop.error("Transaction/CancelOrRefund", uuid=uuid, amount=30001, currency="EUR") == "PSP_102"
    shop.answer("Transaction/CancelOrRefund", uuid=uuid, amount=30000, currency="EUR")
    assert shop.error("Transaction/CancelOrRefund", uuid=uuid, amount=1, currency="EUR") == "PSP_104"
    (charge,) = shop.bank.charges()
    assert (charge["charged_cents"], charge["refunded_cents"], charge["state"]) == (35012, 35012, "refunded")
    assert [one["operationType"] for one in shop.order()["transactions"]] == ["DEBIT", "CREDIT", "CREDIT"]
    assert [one["transactions"][0]["operationType"] for one in shop.news(3)] == ["DEBIT", "CREDIT", "CREDIT"]


def test_what_is_disputed_is_not_refunded(shop: Shop) -> None:
    shop.pay()
    shop.bank.order("capture")
    shop.bank.order("dispute", reference="HH0001")
    assert shop.error("Transaction/CancelOrRefund", uuid=shop.transaction()["uuid"], amount=1) == "PSP_107"


def test_a_payment_order_can_be_cancelled_while_nobody_has_paid(shop: Shop) -> None:
    order = shop.begin()
    assert order["paymentOrderStatus"] == "RUNNING"
    cancelled = shop.answer("Charge/PaymentOrder/Cancel", paymentOrderId=order["paymentOrderId"])
    assert cancelled["paymentOrderStatus"] == "CANCELLED"
    assert "terminé" in shop.bank.http.get(order["paymentURL"]).text
    assert shop.bank.http.post(f"{shop.bank.url}/pay/{order['paymentOrderId']}", data={"how": "pay"}).status_code == 200
    assert shop.bank.charges()[0]["charged_cents"] == 0

    paid = shop.begin(reference="HH0002")
    shop.bank.click(paid["paymentURL"], "pay")
    assert shop.error("Charge/PaymentOrder/Cancel", paymentOrderId=paid["paymentOrderId"]) == "PSP_108"


def test_a_tenant_who_waits_is_running_and_paid_three_days_later(shop: Shop) -> None:
    shop.pay("late")
    assert shop.order()["orderStatus"] == "RUNNING"
    shop.bank.order("pass", days=2)
    assert shop.order()["orderStatus"] == "RUNNING"
    shop.bank.order("pass", days=1.1)
    assert shop.order()["orderStatus"] == "PAID"
    assert [one["orderStatus"] for one in shop.news(2)] == ["RUNNING", "PAID"]


def test_what_is_held_is_authorised_and_captured_only_later(shop: Shop) -> None:
    shop.pay("hold")
    shop.bank.order("pass", days=1)
    assert shop.transaction()["detailedStatus"] == "AUTHORISED"
    shop.bank.order("pass", days=2.1)
    assert shop.transaction()["detailedStatus"] == "CAPTURED"


def test_a_silent_payment_took_the_money_and_tells_nobody(shop: Shop) -> None:
    page = shop.pay("silent")
    assert shop.ear.url not in page.text
    assert shop.order()["orderStatus"] == "PAID"
    assert shop.bank.charges()[0]["webhooks_sent"] == 0
    assert shop.ear.heard == []


def test_the_embedded_forms_script_pays_with_token_and_public_key_only(shop: Shop) -> None:
    script = shop.bank.http.get(f"{shop.bank.url}/static/js/krypton-client/V4.0/stable/kr-payment-form.min.js")
    assert script.headers["content-type"].startswith("text/javascript")
    assert ".kr-embedded" in script.text
    given = {"amount": 700, "currency": "EUR", "orderId": "E1", "ipnTargetUrl": f"{shop.ear.url}/ipn"}
    token = shop.answer("Charge/CreatePayment", **given)["formToken"]
    pay = f"{shop.bank.url}/static/js/krypton-client/pay"

    assert shop.bank.http.post(pay, json={"formToken": token, "publicKey": "other"}).status_code == 400
    fields = shop.bank.http.post(pay, json={"formToken": token, "publicKey": shop.facts["public_key"]}).json()
    assert shop.read(fields, "sha256_hmac")["orderStatus"] == "PAID"
    assert shop.news(1)[0]["orderDetails"]["orderId"] == "E1"
    again = shop.bank.http.post(pay, json={"formToken": token, "publicKey": shop.facts["public_key"]})
    assert again.status_code == 400


def test_another_shops_payments_are_out_of_reach(shop: Shop) -> None:
    shop.pay()
    uuid = shop.transaction()["uuid"]
    shop.facts = shop.bank.shop("lyra", "cite-des-tilleuls")
    assert shop.error("Order/Get", orderId="HH0001") == "PSP_010"
    assert shop.error("Transaction/CancelOrRefund", uuid=uuid) == "PSP_010"


def test_a_shop_may_name_its_notification_url_and_mode_in_the_back_office(shop: Shop) -> None:
    shop.bank.order("shop", shop="rives-doise/lyra", notify_url=f"{shop.ear.url}/office", mode="PRODUCTION")
    shop.pay(ipnTargetUrl=None)
    assert shop.news(1)[0]["orderDetails"]["mode"] == "PRODUCTION"
    assert shop.ear.heard[0][0] == "/office"
