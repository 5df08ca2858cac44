"""Rives d'Oise Habitat over the real wire, called with zeep."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx
import pytest
import zeep
from zeep.wsse.username import UsernameToken

from hub.sandbox import GUIDE_ACCOUNT, Sandbox, build_world
from hub.sandbox.soap_server import SoapServer

TODAY = date(2026, 11, 20)
EMPTY = "Aucun enregistrement pour les criteres demandes"


def caller(url: str, password: str) -> Any:
    return zeep.Client(url, wsse=UsernameToken("hub", password)).service


@pytest.fixture(scope="module")
def service(shared: Sandbox) -> Any:
    return caller(shared.soap.wsdl_url, (shared.folder / "secrets/rives_password").read_text())


@pytest.fixture
def alone() -> Iterator[SoapServer]:
    """A server of one's own, to misbehave with."""
    server = SoapServer(build_world("rives-doise", contracts=12, today=TODAY), user="hub", password="invented")
    server.start()
    yield server
    server.stop()


def text_of(reply: Any) -> str:
    return str(reply.Messages.Message[0].Texte)


def entries_of(service: Any, **window: Any) -> list[Any]:
    found, token = [], None
    while True:
        reply = service.ListerEcritures(**window, Jeton=token)
        found += reply.Ecritures.Ecriture
        token = reply.JetonSuivant
        if token is None:
            return found


def signed(entry: Any) -> int:
    cents = int(Decimal(entry.Montant.strip()) * 100)
    return cents if entry.Sens == "D" else -cents


def test_the_wsdl_in_the_package_is_one_zeep_can_read() -> None:
    path = Path(__file__).parents[2] / "hub/sandbox/wsdl/ServiceLocatif.wsdl"
    binding = next(iter(zeep.Client(str(path)).wsdl.bindings.values()))

    assert binding.name.localname == "ServiceLocatifSoap"
    assert len(binding._operations) == 11


def test_the_version_says_the_worlds_day(service: Any) -> None:
    assert service.LireVersion().Date == TODAY


def test_a_wrong_password_is_a_fault(shared: Sandbox) -> None:
    with pytest.raises(zeep.exceptions.Fault, match="Identifiant ou mot de passe incorrect") as caught:
        caller(shared.soap.wsdl_url, "wrong").LireVersion()
    assert caught.value.code == "wsse:FailedAuthentication"


def test_a_call_without_token_is_a_fault(shared: Sandbox) -> None:
    with pytest.raises(zeep.exceptions.Fault, match="UsernameToken attendu"):
        zeep.Client(shared.soap.wsdl_url).service.LireVersion()


def test_units_are_listed_residence_by_residence(service: Any, shared: Sandbox) -> None:
    world = shared.world("rives-doise")
    found = []
    for site in service.ListerResidences().Residences.Residence:
        if site.Nature == "RES":
            reply = service.ListerLots(CodeResidence=site.Code)
            found += [] if reply.Messages else reply.Lots.Lot

    assert sorted(unit.Identifiant for unit in found) == sorted(unit.id for unit in world.units)
    assert found[0].Libelle != found[0].Libelle.strip()


def test_a_residence_without_units_says_so_at_http_200(service: Any) -> None:
    assert text_of(service.ListerLots(CodeResidence="R9999")) == EMPTY
    assert text_of(service.ListerLots(CodeResidence="R0001-A")) == EMPTY


def test_an_unknown_residence_is_not_allowed(service: Any) -> None:
    assert text_of(service.ListerLots(CodeResidence="R0000")) == "Acces non autorise a la residence"


def test_persons_come_in_a_namespace_of_their_own(service: Any, shared: Sandbox) -> None:
    found: list[str] = []
    for page in range(1, 100):
        reply = service.ListerPersonnes(Page=page, TaillePage=5)
        directory = reply.Contenu._value_1
        assert directory.tag == "{http://my-company.com/namespace}Annuaire"
        found += [person.get("Id") for person in directory]
        if page == reply.NombrePages:
            break

    assert found == [person.id for person in shared.world("rives-doise").persons]


def test_contracts_bring_parties_units_and_components(service: Any, shared: Sandbox) -> None:
    pages = [service.ListerContrats(Page=page, TaillePage=5) for page in (1, 2, 3)]
    contracts = [contract for page in pages for contract in page.Contrats.Contrat]
    demo = contracts[1]

    assert [page.NombrePages for page in pages] == [3, 3, 3]
    assert [contract.Identifiant for contract in contracts] == [
        item.id for item in shared.world("rives-doise").contracts
    ]
    assert [party.Role for party in demo.Parties.Partie][:2] == ["TIT", "COT"]
    assert len(demo.Lots.Lot) >= 2
    assert demo.DateSortie == date(1, 1, 1)
    assert demo.DateEffet != demo.DateEffet.strip()
    assert any(item.Code == "RLS" and item.Montant < 0 for item in demo.Rubriques.Rubrique)


def test_a_page_past_the_last_one_is_empty_and_a_wrong_one_refused(service: Any) -> None:
    assert text_of(service.ListerContrats(Page=99)) == EMPTY
    assert text_of(service.ListerContrats(Page=0)) == "Parametre invalide: Page"


def test_accounts_carry_the_erps_own_balance(service: Any, shared: Sandbox) -> None:
    truth = shared.truth("rives-doise")
    accounts = service.ListerComptes(Page=1).Comptes.Compte

    assert {item.Identifiant: int(item.MontantSolde * 100) for item in accounts} == {
        account: figures["balance_cents"] for account, figures in truth["balances"].items()
    }
    assert {item.DateSolde for item in accounts} == {TODAY}
    assert any(len(item.Contrats.RefContrat) == 2 for item in accounts)


def test_the_ledger_is_read_by_tokens_to_the_last_line(alone: SoapServer) -> None:
    alone.world = build_world("rives-doise", contracts=120, today=TODAY)
    entries = entries_of(caller(alone.wsdl_url, "invented"))

    assert len(entries) > 4_000
    assert {entry.Numero: signed(entry) for entry in entries} == {
        entry.id: entry.cents for entry in alone.world.ledger()
    }


def test_the_guides_seven_lines_come_newest_first(service: Any) -> None:
    lines = [entry for entry in entries_of(service) if entry.Compte == GUIDE_ACCOUNT["rives-doise"]]

    assert [(entry.DateComptable.strip(), entry.Libelle, signed(entry), entry.Ordre) for entry in lines] == [
        ("2018-07-10", "Chèque bancaire", -4386, 1),
        ("2018-06-26", "APL 06/18", -19195, 6),
        ("2018-06-26", "LOG 004473 06/18", 23857, 5),
        ("2018-06-26", "LOG 004473 05/18", -2774, 4),
        ("2018-06-26", "LOG 004473 04/18", -2774, 3),
        ("2018-06-26", "LOG 004473 03/18", -2774, 2),
        ("2018-06-26", "APL 02/18 05/18", 10820, 1),
    ]


def test_a_window_gives_the_entries_of_its_days_only(service: Any, shared: Sandbox) -> None:
    first, last = date(2026, 9, 1), date(2026, 9, 30)
    entries = entries_of(service, DepuisLe=first, JusquAu=last)

    expected = [entry.id for entry in shared.world("rives-doise").ledger() if first <= entry.posted_on <= last]
    assert sorted(entry.Numero for entry in entries) == sorted(expected)
    assert text_of(service.ListerEcritures(DepuisLe=date(2030, 1, 1))) == EMPTY


def test_an_unknown_token_is_refused(service: Any) -> None:
    assert text_of(service.ListerEcritures(Jeton="Jffff")) == "Jeton de lecture inconnu"


def test_notices_bring_their_lines(service: Any, shared: Sandbox) -> None:
    notices = service.ListerAvisEcheance(Page=1, TaillePage=1000).Avis.AvisEcheance
    since = service.ListerAvisEcheance(Page=1, TaillePage=1000, DepuisLe=date(2026, 10, 1)).Avis.AvisEcheance

    assert [notice.Numero for notice in notices] == [item.number for item in shared.world("rives-doise").notices]
    for notice in notices:
        assert notice.Total == notice.SoldeAnterieur + sum(line.Montant for line in notice.Lignes.Ligne)
    assert {notice.DateEmission for notice in since} == {date(2026, 10, 26)}


def test_a_busy_server_says_so_as_often_as_it_is_told(alone: SoapServer) -> None:
    service = caller(alone.wsdl_url, "invented")
    alone.faults.busy = 2

    replies = [service.ListerComptes(Page=1) for _ in range(3)]

    assert [text_of(reply) if reply.Messages else "" for reply in replies] == [
        "Serveur occupe, reessayez",
        "Serveur occupe, reessayez",
        "",
    ]


def test_a_broken_server_answers_a_fault(alone: SoapServer) -> None:
    alone.faults.fault = True
    with pytest.raises(zeep.exceptions.Fault, match="Erreur interne"):
        caller(alone.wsdl_url, "invented").LireVersion()


def test_a_hung_server_never_answers_and_still_stops(alone: SoapServer) -> None:
    alone.faults.hang = True
    with pytest.raises(httpx.ReadTimeout):
        httpx.post(alone.address, content=b"<x/>", timeout=0.3)
    begun = time.monotonic()
    alone.stop()
    assert time.monotonic() - begun < 2


def test_a_dripping_server_sends_a_row_at_a_time(alone: SoapServer) -> None:
    service = caller(alone.wsdl_url, "invented")
    alone.faults.drip_seconds = 0.02
    begun = time.monotonic()

    accounts = service.ListerComptes(Page=1).Comptes.Compte

    assert time.monotonic() - begun > 0.02 * len(accounts)


def test_a_doctype_is_refused(alone: SoapServer) -> None:
    body = b'<!DOCTYPE x [<!ENTITY a "b">]><soap:Envelope xmlns:soap="http://schemas.xmlsoap.org/soap/envelope/"/>'
    reply = httpx.post(alone.address, content=body)

    assert reply.status_code == 500
    assert "sans DOCTYPE" in reply.text


def test_a_long_reply_is_streamed_in_chunks(shared: Sandbox) -> None:
    secret = (shared.folder / "secrets/rives_password").read_text()
    client = zeep.Client(shared.soap.wsdl_url, wsse=UsernameToken("hub", secret))
    with client.settings(raw_response=True):
        reply = client.service.ListerAvisEcheance(Page=1, TaillePage=1000)

    assert reply.headers["Transfer-Encoding"] == "chunked"
    assert len(reply.content) > 100_000
