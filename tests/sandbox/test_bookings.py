"""The landlords' ERPs take payments in over their real wire, remember them, and misbehave about them when told to."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import pytest
import zeep
import zeep.exceptions
from typer.testing import CliRunner
from zeep.wsse.username import UsernameToken

from hub.cli.app import build
from hub.sandbox import Landlord, Sandbox, read_bookings, truth_of
from hub.sandbox.bookings import FILE
from hub.sandbox.control import tell
from hub.sandbox.till import Asked, RefusedError

TODAY = date(2026, 11, 20)
WORLD: dict[str, Any] = {"contracts": 12, "today": TODAY}
SOAP: Landlord = "rives-doise"
YARDI: Landlord = "lakeside-homes"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "data" / "sandbox"


@pytest.fixture
def erp(folder: Path) -> Iterator[Sandbox]:
    with Sandbox(folder, **WORLD) as sandbox:
        yield sandbox


def service(erp: Sandbox) -> Any:
    token = UsernameToken("hub", (erp.folder / "secrets/rives_password").read_text())
    return zeep.Client(erp.soap.wsdl_url, wsse=token).service


def pay(erp: Sandbox, reference: str = "A1", cents: int = 100) -> Any:
    return service(erp).EnregistrerReglement(
        Reference=reference, Compte="K000001", Montant=f"{cents / 100:.2f}", DateReglement=TODAY, ModePaiement="CB"
    )


def entries(erp: Sandbox) -> dict[str, Any]:
    found = service(erp).ListerEcritures(DepuisLe=erp.day).Ecritures
    return {entry.Numero: entry for entry in found.Ecriture if entry.Compte == "K000001"} if found else {}


def misbehave(erp: Sandbox, what: str, file: str = "", **more: Any) -> None:
    tell(erp.folder, {"do": "misbehave", "landlord": SOAP, "order": {"what": what, "file": file, **more}})


def test_a_payment_is_answered_as_its_schema_says_and_is_in_the_ledger(erp: Sandbox) -> None:
    answer = pay(erp)

    entry = entries(erp)[answer.NumeroEcriture]
    assert (entry.ReferencePartenaire, entry.Montant, entry.Sens, entry.Code) == ("A1", "1.00", "C", "CB")
    [found] = service(erp).RechercherReglement(Reference="A1").Reglements.Reglement
    assert (found.NumeroEcriture, found.Etat) == (answer.NumeroEcriture, "CPT")
    assert service(erp).RechercherReglement(Reference="A2").Messages


def test_what_was_booked_is_told_also_while_the_sandbox_runs(erp: Sandbox, folder: Path) -> None:
    pay(erp)

    [booking] = read_bookings(folder, SOAP)
    assert (booking.reference, booking.cents) == ("A1", -100)
    assert [one["reference"] for one in truth_of(folder, SOAP)["bookings"]] == ["A1"]
    typed = CliRunner().invoke(build(), ["sandbox", "bookings", SOAP, "--json", "--data-dir", str(folder.parent)])
    assert [row["reference"] for row in json.loads(typed.stdout)] == ["A1"]


def test_a_payment_booked_late_is_seen_so_many_nights_later(erp: Sandbox) -> None:
    misbehave(erp, "post-late", "3", times=1)
    number = pay(erp).NumeroEcriture
    assert number not in entries(erp)
    assert service(erp).RechercherReglement(Reference="A1").Reglements.Reglement[0].Etat == "ATT"
    erp.advance(days=2)
    assert number not in entries(erp)

    erp.advance()

    assert number in entries(erp)
    number = pay(erp, "A2").NumeroEcriture
    assert number in entries(erp)


def test_a_payment_may_be_booked_without_its_reference(erp: Sandbox) -> None:
    misbehave(erp, "post-no-reference")

    number = pay(erp).NumeroEcriture

    entry = entries(erp)[number]
    assert entry.ReferencePartenaire is None
    assert erp.bookings.of(SOAP)[0].reference == "A1"


def test_a_payment_sent_twice_is_booked_twice_only_where_that_is_asked_for(erp: Sandbox) -> None:
    pay(erp)
    assert pay(erp).Messages
    misbehave(erp, "post-twice")

    pay(erp)

    assert [one.reference for one in erp.bookings.of(SOAP)] == ["A1", "A1"]


def test_one_posting_in_so_many_can_be_met(erp: Sandbox) -> None:
    till = erp.tills[SOAP]
    till.faults.what, till.faults.every = "post-closed", 3

    answers = [pay(erp, f"B{n}") for n in range(6)]

    assert [bool(one.Messages) for one in answers] == [False, False, True, False, False, True]


def test_no_more_is_taken_back_than_was_paid(erp: Sandbox) -> None:
    till = erp.tills[YARDI]
    till.enter(Asked("A1", "t0000001", 100, "Check", "Check Payment", TODAY))
    till.enter(Asked("A2", "t0000001", 60, "Refund", "Refund", TODAY, reverses="A1"))

    with pytest.raises(RefusedError, match="reversed"):
        till.enter(Asked("A3", "t0000001", 41, "Refund", "Refund", TODAY, reverses="A1"))
    assert till.enter(Asked("A3", "t0000001", 40, "Refund", "Refund", TODAY, reverses="A1")).booking.cents == 40


def test_misbehaviour_about_payments_survives_a_night_and_ends_with_behave(erp: Sandbox) -> None:
    misbehave(erp, "post-closed")
    erp.advance()
    assert pay(erp).Messages

    tell(erp.folder, {"do": "behave", "landlord": SOAP})

    assert pay(erp).NumeroEcriture


def test_a_booking_cut_off_on_disk_is_none(erp: Sandbox, folder: Path) -> None:
    pay(erp)
    erp.stop()
    with (folder / FILE).open("a") as lines:
        lines.write('{"landlord": "rives-do')

    with Sandbox(folder, **WORLD) as again:
        pay(again, "A2")
        assert [one.reference for one in read_bookings(folder)] == ["A1", "A2"]


def test_another_world_begins_without_bookings(erp: Sandbox, folder: Path) -> None:
    pay(erp)
    erp.stop()

    with Sandbox(folder, seed=2, **WORLD) as other:
        assert not other.bookings.of(SOAP)
        assert not list(read_bookings(folder))
