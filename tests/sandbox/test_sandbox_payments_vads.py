"""The vads form in the sandbox: signed both ways, told before the browser returns."""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
from html import unescape
from typing import Any
from urllib.parse import parse_qs, parse_qsl, urlsplit

import httpx
import pytest


class Shop:
    def __init__(self, bank: Any, ear: Any) -> None:
        self.bank, self.ear = bank, ear
        self.facts = bank.shop("vads")

    def sign(self, fields: dict[str, str]) -> str:
        values = [fields[name] for name in sorted(fields) if name.startswith("vads_")]
        text = "+".join([*values, self.facts["key"]])
        made = hmac.new(self.facts["key"].encode(), text.encode(), hashlib.sha256)
        return base64.b64encode(made.digest()).decode()

    def fields(self, **more: str) -> dict[str, str]:
        return {
            "vads_site_id": self.facts["id"],
            "vads_ctx_mode": "TEST",
            "vads_version": "V2",
            "vads_action_mode": "INTERACTIVE",
            "vads_page_action": "PAYMENT",
            "vads_payment_config": "SINGLE",
            "vads_trans_id": "000001",
            "vads_trans_date": "20261129101500",
            "vads_amount": "35012",
            "vads_currency": "978",
            "vads_order_id": "HH0001",
            "vads_cust_email": "é.l'été@example.org",
            "vads_url_check": f"{self.ear.url}/check",
            "vads_url_return": f"{self.ear.url}/back",
            "vads_return_mode": "POST",
        } | more

    def post(self, signature: str | None = None, **more: str) -> httpx.Response:
        fields = self.fields(**more)
        sent = fields | {"signature": self.sign(fields) if signature is None else signature}
        return self.bank.http.post(f"{self.bank.url}/vads-payment/", data=sent)

    def pay(self, how: str = "pay", **more: str) -> httpx.Response:
        page = self.post(**more)
        assert page.status_code == 200, page.text
        action = re.search(r'<form method="post" action="([^"]+)"', page.text)
        assert action
        return self.bank.http.post(f"{self.bank.url}{action[1]}", data={"how": how})

    def news(self, count: int) -> list[dict[str, str]]:
        return [self.checked(dict(parse_qsl(body.decode(), True))) for _, _, body in self.ear.wait(count)]

    def checked(self, fields: dict[str, str]) -> dict[str, str]:
        assert fields["signature"] == self.sign(fields)
        return fields


@pytest.fixture
def shop(bank: Any, ear: Any) -> Shop:
    return Shop(bank, ear)


def hidden(page: str) -> dict[str, str]:
    found = re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]*)">', page)
    return {name: unescape(value) for name, value in found}


def test_a_payment_is_told_with_a_signature_and_the_browser_brings_another(shop: Shop) -> None:
    page = shop.pay()
    (news,) = shop.news(1)
    assert (news["vads_result"], news["vads_trans_status"], news["vads_operation_type"]) == (
        "00",
        "AUTHORISED",
        "DEBIT",
    )
    assert (news["vads_amount"], news["vads_order_id"], news["vads_trans_id"]) == ("35012", "HH0001", "000001")
    assert (news["vads_url_check_src"], news["vads_cust_email"]) == ("PAY", "é.l'été@example.org")
    assert re.fullmatch(r"\d{6}", news["vads_auth_number"])
    back = shop.checked(hidden(page.text))
    assert back["vads_trans_uuid"] == news["vads_trans_uuid"]
    assert f'action="{shop.ear.url}/back"' in page.text


def test_the_browser_may_return_by_get_or_with_nothing(shop: Shop) -> None:
    found = shop.pay(vads_return_mode="GET")
    query = parse_qs(urlsplit(found.headers["location"]).query, keep_blank_values=True)
    assert shop.checked({name: one[0] for name, one in query.items()})["vads_result"] == "00"
    bare = shop.pay(vads_return_mode="NONE", vads_trans_id="000002")
    assert bare.headers["location"] == f"{shop.ear.url}/back"


@pytest.mark.parametrize(("how", "result", "status"), [("refuse", "05", "REFUSED"), ("abandon", "17", "ABANDONED")])
def test_what_is_not_paid_is_told_with_its_result(shop: Shop, how: str, result: str, status: str) -> None:
    shop.pay(how, vads_url_refused=f"{shop.ear.url}/refused")
    (news,) = shop.news(1)
    assert (news["vads_result"], news["vads_trans_status"], news["vads_auth_number"]) == (result, status, "")
    assert shop.bank.charges()[0]["charged_cents"] == 0


def test_a_form_with_a_wrong_or_old_signature_begins_nothing(shop: Shop) -> None:
    fields = shop.fields()
    text = "+".join([*(fields[name] for name in sorted(fields)), shop.facts["key"]])
    for bad in ("", "x", hashlib.sha1(text.encode()).hexdigest()):
        assert shop.post(bad).status_code == 400
    assert shop.post(shop.sign(fields), vads_amount="1").status_code == 400
    assert shop.bank.charges() == []


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("vads_ctx_mode", "PRODUCTION"),
        ("vads_trans_id", "12345"),
        ("vads_amount", "0"),
        ("vads_amount", "35.00"),
        ("vads_currency", "840"),
        ("vads_payment_config", "MULTI"),
    ],
)
def test_a_field_that_is_wrong_is_named(shop: Shop, name: str, value: str) -> None:
    refused = shop.post(**{name: value})
    assert refused.status_code == 400
    assert name in refused.text


def test_a_trans_id_is_used_once_a_day(shop: Shop) -> None:
    shop.pay()
    assert "terminé" in shop.post().text
    assert "vads_trans_id" in shop.post(vads_order_id="HH0002", vads_amount="900").text
    assert shop.post(vads_order_id="HH0002", vads_trans_date="20261130101500").status_code == 200
    assert [one["reference"] for one in shop.bank.charges()] == ["HH0001", "HH0002"]


def test_a_refund_from_the_back_office_is_told_as_a_credit(shop: Shop) -> None:
    shop.pay()
    shop.bank.order("capture")
    shop.bank.order("refund", reference="HH0001", cents=12)
    credit = shop.news(2)[1]
    assert (credit["vads_operation_type"], credit["vads_amount"], credit["vads_url_check_src"]) == (
        "CREDIT",
        "12",
        "BO",
    )
    assert credit["vads_parent_trans_uuid"] == shop.news(2)[0]["vads_trans_uuid"]


def test_who_waits_is_told_of_twice(shop: Shop) -> None:
    shop.pay("late")
    shop.bank.order("pass", days=3.1)
    first, second = shop.news(2)
    assert (first["vads_trans_status"], second["vads_trans_status"]) == ("WAITING_AUTHORISATION", "AUTHORISED")
    assert second["vads_url_check_src"] == "BATCH_AUTO"


def test_a_form_sent_again_after_a_lost_answer_is_the_same_payment(shop: Shop) -> None:
    shop.bank.order("chaos", drop_after=1)
    with pytest.raises(httpx.RemoteProtocolError):
        shop.post()
    shop.bank.order("chaos", reset=True)
    shop.bank.again()
    shop.pay()
    assert [one["charged_cents"] for one in shop.bank.charges()] == [35012]
