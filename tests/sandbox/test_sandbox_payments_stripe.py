"""Stripe Checkout in the sandbox: sessions, events, refunds, disputes and payouts over its own HTTP."""

from __future__ import annotations

import hashlib
import hmac
import json
import time
from typing import Any

import httpx
import pytest

PAID = {"payment_intent.succeeded", "charge.succeeded", "checkout.session.completed"}


class Shop:
    def __init__(self, bank: Any, ear: Any) -> None:
        self.bank, self.ear = bank, ear
        self.facts = bank.shop("stripe")
        bank.order("shop", shop="rives-doise/stripe", notify_url=f"{ear.url}/events")

    def post(self, path: str, given: dict[str, Any] | None = None, *, key: str = "") -> httpx.Response:
        headers = self.headers() | ({"Idempotency-Key": key} if key else {})
        found: httpx.Response = self.bank.http.post(f"{self.bank.url}/v1/{path}", data=given or {}, headers=headers)
        return found

    def get(self, path: str, **params: Any) -> Any:
        answer = self.bank.http.get(f"{self.bank.url}/v1/{path}", params=params, headers=self.headers())
        assert answer.status_code == 200, answer.text
        return answer.json()

    def headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.facts['secret_key']}"}

    def asked(self, reference: str = "HH0001", cents: int = 35012, **more: str) -> dict[str, str]:
        return {
            "mode": "payment",
            "success_url": f"{self.ear.url}/ok?s={{CHECKOUT_SESSION_ID}}",
            "cancel_url": f"{self.ear.url}/cancel",
            "client_reference_id": reference,
            "line_items[0][price_data][currency]": "eur",
            "line_items[0][price_data][unit_amount]": str(cents),
            "line_items[0][price_data][product_data][name]": "Loyer",
            "line_items[0][quantity]": "1",
            "metadata[hub]": "1",
            "payment_intent_data[metadata][reference]": reference,
        } | more

    def begin(self, reference: str = "HH0001", *, key: str = "", **more: str) -> Any:
        answer = self.post("checkout/sessions", self.asked(reference, **more), key=key)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def pay(self, how: str = "pay", reference: str = "HH0001") -> str:
        session = self.begin(reference)
        self.bank.click(session["url"], how)
        found: str = session["id"]
        return found

    def session(self, number: str) -> Any:
        return self.get(f"checkout/sessions/{number}", **{"expand[]": "payment_intent"})

    def events(self, count: int) -> dict[str, Any]:
        return {self.checked(headers, body)["type"]: json.loads(body) for _, headers, body in self.ear.wait(count)}

    def checked(self, headers: dict[str, str], body: bytes) -> Any:
        parts = dict(part.split("=") for part in headers["stripe-signature"].split(","))
        signed = parts["t"].encode() + b"." + body
        assert parts["v1"] == hmac.new(self.facts["webhook_secret"].encode(), signed, hashlib.sha256).hexdigest()
        assert abs(int(parts["t"]) - time.time()) < 60
        return json.loads(body)


@pytest.fixture
def shop(bank: Any, ear: Any) -> Shop:
    return Shop(bank, ear)


def test_a_session_is_paid_told_of_and_read_back(shop: Shop) -> None:
    session = shop.begin()
    assert (session["status"], session["payment_status"], session["payment_intent"]) == ("open", "unpaid", None)
    back = shop.bank.click(session["url"], "pay")

    assert back.headers["location"] == f"{shop.ear.url}/ok?s={session['id']}"
    events = shop.events(3)
    assert set(events) == PAID
    told = events["checkout.session.completed"]["data"]["object"]
    assert (told["client_reference_id"], told["amount_total"], told["payment_status"]) == ("HH0001", 35012, "paid")
    found = shop.session(session["id"])
    intent = found["payment_intent"]
    assert (found["status"], intent["status"], intent["amount_received"]) == ("complete", "succeeded", 35012)
    assert intent["metadata"] == {"reference": "HH0001"}
    (charge,) = shop.get("charges", payment_intent=intent["id"])["data"]
    assert (charge["id"], charge["paid"], charge["amount"]) == (intent["latest_charge"], True, 35012)
    assert shop.get(f"payment_intents/{intent['id']}")["id"] == intent["id"]


def test_the_same_key_gives_the_same_session_also_after_a_restart(shop: Shop) -> None:
    first = shop.begin(key="k1")
    shop.bank.again()
    again = shop.post("checkout/sessions", shop.asked(), key="k1")
    assert again.json() == first
    assert again.headers["idempotent-replayed"] == "true"
    assert len(shop.bank.charges()) == 1


def test_the_same_key_for_something_else_is_an_error(shop: Shop) -> None:
    shop.begin(key="k1")
    other = shop.post("checkout/sessions", shop.asked(cents=1), key="k1")
    assert (other.status_code, other.json()["error"]["type"]) == (400, "idempotency_error")


def test_a_session_begun_behind_a_dropped_answer_is_found_again_by_its_key(shop: Shop) -> None:
    shop.bank.order("chaos", drop_after=1)
    with pytest.raises(httpx.RemoteProtocolError):
        shop.begin(key="k1")
    shop.bank.order("chaos", reset=True)
    session = shop.begin(key="k1")
    assert [one["id"] for one in shop.bank.charges()] == [session["id"]]


def test_without_a_key_every_request_begins_another(shop: Shop) -> None:
    assert shop.begin()["id"] != shop.begin()["id"]


def test_a_refused_card_leaves_the_session_open_and_tells_why(shop: Shop) -> None:
    session = shop.begin()
    shop.bank.click(session["url"], "refuse")
    events = shop.events(2)
    assert set(events) == {"payment_intent.payment_failed", "charge.failed"}
    error = events["payment_intent.payment_failed"]["data"]["object"]["last_payment_error"]
    assert (error["code"], error["type"]) == ("card_declined", "card_error")
    assert shop.session(session["id"])["status"] == "open"
    shop.bank.click(session["url"], "pay")
    assert shop.session(session["id"])["payment_intent"]["amount_received"] == 35012
    assert len(shop.get("charges")["data"]) == 2


def test_who_gives_up_goes_back_and_the_session_stays_open(shop: Shop) -> None:
    session = shop.begin()
    assert shop.bank.click(session["url"], "abandon").headers["location"] == f"{shop.ear.url}/cancel"
    assert shop.session(session["id"])["status"] == "open"
    assert shop.ear.heard == []


def test_a_session_can_be_expired_while_nobody_has_paid(shop: Shop) -> None:
    session = shop.begin()
    expired = shop.post(f"checkout/sessions/{session['id']}/expire").json()
    assert (expired["status"], expired["url"]) == ("expired", None)
    assert set(shop.events(1)) == {"checkout.session.expired"}
    paid = shop.pay(reference="HH0002")
    assert shop.post(f"checkout/sessions/{paid}/expire").status_code == 400


def test_who_waits_is_processing_and_succeeds_later(shop: Shop) -> None:
    number = shop.pay("late")
    events = shop.events(2)
    assert events["checkout.session.completed"]["data"]["object"]["payment_status"] == "unpaid"
    assert shop.session(number)["payment_intent"]["status"] == "processing"
    shop.bank.order("pass", days=3.1)
    assert "checkout.session.async_payment_succeeded" in shop.events(5)
    assert shop.session(number)["payment_status"] == "paid"


def test_refunds_are_made_once_a_key_and_never_beyond_the_charge(shop: Shop) -> None:
    intent = shop.session(shop.pay())["payment_intent"]["id"]
    part = {"payment_intent": intent, "amount": "12", "metadata[refund]": "r1"}
    refund = shop.post("refunds", part, key="r1").json()
    assert shop.post("refunds", part, key="r1").json() == refund
    assert (refund["status"], refund["amount"], refund["metadata"]) == ("succeeded", 12, {"refund": "r1"})
    assert shop.post("refunds", {"payment_intent": intent, "amount": "35001"}).json()["error"]["param"] == "amount"
    shop.post("refunds", {"payment_intent": intent})
    assert shop.post("refunds", {"payment_intent": intent}).json()["error"]["code"] == "charge_already_refunded"

    assert [one["amount"] for one in shop.get("refunds", payment_intent=intent)["data"]] == [35000, 12]
    assert shop.get(f"refunds/{refund['id']}")["id"] == refund["id"]
    assert shop.events(7)["charge.refunded"]["data"]["object"]["amount_refunded"] == 35012
    assert shop.bank.charges()[0]["refunded_cents"] == 35012


def test_a_dispute_is_opened_told_and_closed(shop: Shop) -> None:
    shop.pay()
    shop.bank.order("dispute", reference="HH0001")
    (dispute,) = shop.get("disputes")["data"]
    assert (dispute["status"], dispute["amount"]) == ("needs_response", 35012)
    shop.bank.order("dispute", reference="HH0001", outcome="lost")
    events = shop.events(5)
    assert events["charge.dispute.created"]["data"]["object"]["id"] == dispute["id"]
    assert events["charge.dispute.closed"]["data"]["object"]["status"] == "lost"
    assert shop.get(f"disputes/{dispute['id']}")["status"] == "lost"


def test_a_payout_is_the_sum_of_its_movements_to_the_cent(shop: Shop) -> None:
    intent = shop.session(shop.pay())["payment_intent"]["id"]
    shop.pay(reference="HH0002")
    shop.post("refunds", {"payment_intent": intent, "amount": "12"})
    assert shop.get("payouts")["data"] == []
    shop.bank.order("pass", days=1)

    (payout,) = shop.get("payouts")["data"]
    rows = shop.get("balance_transactions", payout=payout["id"], **{"expand[]": "data.source"})["data"]
    assert sorted(one["type"] for one in rows) == ["charge", "charge", "payout", "refund"]
    assert sum(one["net"] for one in rows if one["type"] != "payout") == payout["amount"] == 2 * (35012 - 550) - 12
    assert sum(one["net"] for one in rows) == 0
    assert {one["source"]["payment_intent"] for one in rows if one["type"] == "refund"} == {intent}
    assert shop.events(9)["payout.paid"]["data"]["object"]["id"] == payout["id"]
    shop.bank.order("pass", days=1)
    assert len(shop.get("payouts")["data"]) == 1


def test_lists_come_in_pages(shop: Shop) -> None:
    for n in range(5):
        shop.pay(reference=f"HH{n}")
    first = shop.get("charges", limit=2)
    assert first["has_more"]
    rest = shop.get("charges", limit=3, starting_after=first["data"][-1]["id"])
    assert not rest["has_more"]
    assert len({one["id"] for one in first["data"] + rest["data"]}) == 5


@pytest.mark.parametrize(
    ("name", "value", "param"),
    [
        ("success_url", "", "success_url"),
        ("line_items[0][price_data][unit_amount]", "0", "unit_amount"),
        ("line_items[0][price_data][unit_amount]", "12.5", "unit_amount"),
        ("line_items[0][price_data][unit_amount]", "49", "line_items"),
        ("line_items[0][price_data][currency]", "usd", "line_items[0][price_data][currency]"),
        ("mode", "subscription", "mode"),
        ("metadata", "x", "metadata"),
        ("expires_at", "1", "expires_at"),
    ],
)
def test_input_that_is_wrong_is_named(shop: Shop, name: str, value: str, param: str) -> None:
    asked = shop.asked()
    if name == "metadata":
        del asked["metadata[hub]"]
    refused = shop.post("checkout/sessions", asked | {name: value})
    assert (refused.status_code, refused.json()["error"]["param"]) == (400, param)
    assert shop.bank.charges() == []


def test_a_wrong_key_and_an_unknown_number_are_told_apart(shop: Shop) -> None:
    for path in ("checkout/sessions/cs_test_x", "payment_intents/pi_x", "charges/ch_x", "payouts/po_x", "nonsense/x"):
        answer = shop.bank.http.get(f"{shop.bank.url}/v1/{path}", headers=shop.headers())
        assert (answer.status_code, answer.json()["error"]["code"]) == (404, "resource_missing")
    shop.facts["secret_key"] = "sk_test_wrong"
    assert shop.post("checkout/sessions", shop.asked()).status_code == 401
    assert shop.bank.http.get(f"{shop.bank.url}/v1/charges").status_code == 401


def test_another_accounts_objects_are_out_of_reach(shop: Shop) -> None:
    number = shop.pay()
    shop.facts = shop.bank.shop("stripe", "cite-des-tilleuls")
    answer = shop.bank.http.get(f"{shop.bank.url}/v1/checkout/sessions/{number}", headers=shop.headers())
    assert answer.status_code == 404
    assert shop.get("charges")["data"] == []
