"""The page a person pays on, and the providers as a part of the sandbox."""

from __future__ import annotations

import re
from datetime import date
from pathlib import Path
from typing import Any

import httpx
import pytest

from hub.sandbox import Sandbox
from hub.sandbox.payments.pages import euros

TODAY = date(2026, 11, 20)
CHOICES = {"pay", "refuse", "abandon", "hold", "silent", "late"}


def begin(bank: Any, **more: Any) -> str:
    """A page's address."""
    shop = bank.shop("lyra")
    given = {"amount": 123456, "currency": "EUR", "orderId": "HH0001", "returnUrl": "http://127.0.0.1/back"} | more
    auth = (shop["id"], shop["password"])
    answer = bank.http.post(f"{bank.url}/api-payment/V4/Charge/CreatePaymentOrder", json=given, auth=auth).json()
    url: str = answer["answer"]["paymentURL"]
    return url


def test_the_page_tells_in_french_whom_one_pays_and_how_much_and_needs_no_script(bank: Any) -> None:
    page = bank.http.get(begin(bank)).text
    assert '<html lang="fr">' in page
    assert "Rives d&#x27;Oise Habitat" in page
    assert "1\N{NO-BREAK SPACE}234,56 EUR" in page
    assert set(re.findall(r'name="how" value="(\w+)"', page)) == CHOICES
    assert "<script" not in page
    for words in ("Payer", "Carte refusée", "Abandonner", "Payer puis rester en attente", "Ne plus répondre"):
        assert words in page


def test_what_a_shop_sent_is_text_on_the_page_and_never_markup(bank: Any) -> None:
    page = bank.http.get(begin(bank, orderId="<b>x</b>\"'")).text
    assert "<b>x" not in page
    assert "&lt;b&gt;x&lt;/b&gt;" in page


def test_a_page_that_is_none_says_so(bank: Any) -> None:
    for path in ("/t/nothing", "/pay/nothing", "/c/pay/nothing", "/tpa/paiementws.web?idop=nothing"):
        assert bank.http.get(f"{bank.url}{path}").status_code == 404
    assert bank.http.get(f"{bank.url}/nothing").status_code == 404


def test_a_button_that_is_none_does_nothing(bank: Any) -> None:
    begin(bank)
    number = bank.charges()[0]["id"]
    assert bank.http.post(f"{bank.url}/pay/{number}", data={"how": "steal"}).status_code == 404
    assert bank.http.post(f"{bank.url}/pay/{number}", data={}).status_code == 404
    assert bank.charges()[0]["state"] == "open"


def test_a_second_click_pays_nothing_more(bank: Any) -> None:
    url = begin(bank)
    number = bank.charges()[0]["id"]
    for _ in range(3):
        bank.http.post(f"{bank.url}/pay/{number}", data={"how": "pay"})
    assert "terminé" in bank.http.get(url).text
    assert bank.charges()[0]["charged_cents"] == 123456


def test_a_page_ends_when_its_time_has_passed(bank: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    url = begin(bank)
    payment = bank.server.book.store.payments[bank.charges()[0]["id"]]
    payment.expires_at = payment.made_at
    assert "terminé" in bank.http.get(url).text
    assert bank.charges()[0]["state"] == "expired"


def test_amounts_are_written_as_in_france() -> None:
    assert [euros(cents) for cents in (5, 100, 123456789)] == [
        "0,05",
        "1,00",
        "1\N{NO-BREAK SPACE}234\N{NO-BREAK SPACE}567,89",
    ]


def test_the_sandbox_tells_where_its_providers_are_and_keeps_their_port_and_payments(tmp_path: Path) -> None:
    with Sandbox(tmp_path, contracts=12, today=TODAY) as first:
        told = first.state["payments"]
        assert sorted(told["shops"]) == ["cite-des-tilleuls", "lakeside-homes", "rives-doise"]
        assert sorted(told["shops"]["rives-doise"]) == ["lyra", "payfip", "stripe", "vads"]
        shop = told["shops"]["rives-doise"]["lyra"]
        auth = (shop["id"], (tmp_path / shop["password_file"]).read_text())
        url = f"{told['url']}/api-payment/V4"
        given = {"amount": 100, "currency": "EUR", "orderId": "A1"}
        httpx.post(f"{url}/Charge/CreatePaymentOrder", json=given, auth=auth)
        httpx.post(f"{told['url']}/_sandbox/pay", json={"shop": "rives-doise", "reference": "A1"})
        first.advance()
        found = httpx.post(f"{url}/Order/Get", json={"orderId": "A1"}, auth=auth).json()["answer"]
        assert found["transactions"][0]["detailedStatus"] == "CAPTURED", "a night captures"
    with Sandbox(tmp_path, contracts=12, today=TODAY) as second:
        assert second.state["payments"] == told
        (charge,) = httpx.get(f"{told['url']}/_sandbox/charges").json()["charges"]
        assert charge["state"] == "captured"


def test_another_world_begins_without_payments_under_the_same_keys(tmp_path: Path) -> None:
    with Sandbox(tmp_path, contracts=12, today=TODAY) as first:
        file = tmp_path / first.state["payments"]["shops"]["rives-doise"]["vads"]["key_file"]
        key = file.read_text()
        given = {"amount": 100, "currency": "EUR", "orderId": "A1"}
        shop = first.state["payments"]["shops"]["rives-doise"]["lyra"]
        auth = (shop["id"], (tmp_path / shop["password_file"]).read_text())
        httpx.post(f"{first.payments.url}/api-payment/V4/Charge/CreatePayment", json=given, auth=auth)
    with Sandbox(tmp_path, contracts=12, seed=2, today=TODAY) as second:
        assert httpx.get(f"{second.payments.url}/_sandbox/charges").json()["charges"] == []
        assert file.read_text() == key
