"""PayFiP in the sandbox, called by zeep with the sandbox's own WSDL."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from urllib.parse import parse_qsl
from zoneinfo import ZoneInfo

import httpx
import pytest
import zeep

PATH = "/tpa/services/mas_securite/contrat_paiement_securise/PaiementSecuriseService"
ASKED = {
    "exer": "2026",
    "mel": "p1@example.org",
    "montant": "35012",
    "objet": "Loyer",
    "refdet": "HH0001",
    "saisie": "T",
}


class Shop:
    def __init__(self, bank: Any, ear: Any) -> None:
        self.bank, self.ear = bank, ear
        self.number = bank.shop("payfip")["id"]
        self.service = zeep.Client(f"{bank.url}{PATH}?wsdl").service

    def create(self, **more: str) -> str:
        urls = {"urlnotif": f"{self.ear.url}/notif", "urlredirect": f"{self.ear.url}/back?n=1"}
        found: str = self.service.creerPaiementSecurise(arg0={**ASKED, "numcli": self.number, **urls, **more})
        return found

    def click(self, number: str, how: str) -> httpx.Response:
        found: httpx.Response = self.bank.click(f"{self.bank.url}/tpa/paiementws.web?idop={number}", how)
        return found

    def detail(self, number: str) -> Any:
        return self.service.recupererDetailPaiementSecurise(arg0={"idOp": number})

    def fault(self, number: str) -> str:
        with pytest.raises(zeep.exceptions.Fault) as raised:
            self.detail(number)
        return code_of(raised.value)


def code_of(fault: Any, kind: str = "FonctionnelleErreur") -> str:
    (element,) = fault.detail
    assert element.tag.endswith(f"}}{kind}")
    assert element.findtext("libelle")
    assert int(element.findtext("severite")) > 0
    code: str = element.findtext("code")
    return code


@pytest.fixture
def shop(bank: Any, ear: Any) -> Shop:
    return Shop(bank, ear)


def test_a_card_payment_is_told_by_its_number_only_and_asked_for(shop: Shop) -> None:
    number = shop.create()
    assert shop.fault(number) == "P5"
    back = shop.click(number, "pay")

    ((path, _, body),) = shop.ear.wait(1)
    assert (path, dict(parse_qsl(body.decode()))) == ("/notif", {"idop": number})
    assert back.headers["location"] == f"{shop.ear.url}/back?n=1&idop={number}"
    told = shop.detail(number)
    assert (told.resultrans, told.montant, told.refdet, told.numcli) == ("P", "35012", "HH0001", shop.number)
    assert (told.exer, told.mel, told.objet, told.saisie, told.idOp) == ("2026", "p1@example.org", "Loyer", "T", number)
    assert len(told.numauto) == 6
    when = datetime.strptime(f"{told.dattrans} {told.heurtrans}", "%d%m%Y %H%M")
    assert abs((datetime.now(ZoneInfo("Europe/Paris")).replace(tzinfo=None) - when).total_seconds()) < 120


@pytest.mark.parametrize(("how", "result"), [("refuse", "R"), ("debit", "V"), ("refuse_debit", "Z"), ("abandon", "A")])
def test_each_outcome_has_its_letter(shop: Shop, how: str, result: str) -> None:
    number = shop.create()
    shop.click(number, how)
    told = shop.detail(number)
    assert told.resultrans == result
    assert told.numauto is None
    shop.ear.wait(1)
    assert shop.bank.charges()[0]["charged_cents"] == (35012 if how == "debit" else 0)


def test_who_gave_up_may_come_back_and_pay(shop: Shop) -> None:
    number = shop.create()
    shop.click(number, "abandon")
    assert shop.detail(number).resultrans == "A"
    shop.click(number, "pay")
    assert shop.detail(number).resultrans == "P"
    assert len(shop.ear.wait(2)) == 2


def test_who_waits_is_not_final_until_the_days_have_passed(shop: Shop) -> None:
    number = shop.create()
    shop.click(number, "late")
    shop.bank.order("pass", days=2)
    assert shop.fault(number) == "P5"
    assert shop.ear.heard == []
    shop.bank.order("pass", days=1.1)
    assert shop.detail(number).resultrans == "P"
    shop.ear.wait(1)


def test_what_was_never_paid_is_cleared_away_at_night(shop: Shop) -> None:
    number = shop.create()
    shop.bank.order("expire", reference="HH0001")
    assert shop.fault(number) == "P5"
    shop.bank.order("pass", days=1)
    assert shop.fault(number) == "P1"


def test_a_number_that_is_none_is_unknown(shop: Shop) -> None:
    assert shop.fault("nothing") == "P1"
    assert shop.fault("") == "P1"


@pytest.mark.parametrize(
    ("name", "value", "code"),
    [
        ("refdet", "HH-0001", "R3"),
        ("refdet", "H" * 31, "R3"),
        ("montant", "99", "M1"),
        ("montant", "10000001", "M1"),
        ("montant", "350.12", "M1"),
        ("mel", "a@b", "A1"),
        ("numcli", "999999", "C1"),
        ("saisie", "W", "S1"),
        ("objet", "Loyer é", "O1"),
        ("urlnotif", "", "U1"),
    ],
)
def test_input_that_is_wrong_is_a_fault_with_a_code(shop: Shop, name: str, value: str, code: str) -> None:
    with pytest.raises(zeep.exceptions.Fault) as raised:
        shop.create(**{name: value})
    assert code_of(raised.value) == code
    assert shop.bank.charges() == []


def test_the_client_is_known_by_its_number(shop: Shop) -> None:
    told = shop.service.recupererDetailClient(arg0={"numCli": shop.number})
    assert (told.numcli, told.libelleN1) == (shop.number, "Rives d'Oise Habitat")
    with pytest.raises(zeep.exceptions.Fault):
        shop.service.recupererDetailClient(arg0={"numCli": "999999"})


def test_an_error_before_the_commit_is_a_technical_fault(shop: Shop) -> None:
    shop.bank.order("chaos", error_before=1)
    with pytest.raises(zeep.exceptions.Fault) as raised:
        shop.create()
    assert code_of(raised.value, "TechIndisponibiliteErreur")
    assert shop.bank.charges() == []


def test_an_envelope_that_is_none_is_a_fault(shop: Shop) -> None:
    answer = shop.bank.http.post(f"{shop.bank.url}{PATH}", content=b"<!DOCTYPE x><x/>")
    assert answer.status_code == 500
    assert "TechProtocolaireErreur" in answer.text
