"""Lakeside Homes: its world lives on like the others', and its ERP answers zeep the way Voyager's interface does."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
import zeep
from lxml import etree

from hub.errors import InvalidAskError
from hub.sandbox import Sandbox, World, advance, build_world, truth, truth_of
from hub.sandbox.lakeside_ledger import still_due
from hub.sandbox.misbehaviours import MISBEHAVIOURS, YARDI
from hub.sandbox.mischief import Order
from hub.sandbox.yardi_server import DATABASE, ENTITY, NAMESPACE, OPERATIONS, PLATFORM, SERVER

TODAY = date(2026, 11, 20)
WORLD: dict[str, Any] = {"contracts": 24, "today": TODAY}
HURT = [
    name
    for name, one in MISBEHAVIOURS.items()
    if not one.is_of_door and not one.is_of_till and YARDI not in (one.not_for or {})
]
ASKED = ("GetResidentTransactions_Login", "GetResidentTransactions_ByChargeDate_Login")


@pytest.fixture(scope="module")
def first_day(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A world's folder, made once: tests begin with a copy."""
    folder = tmp_path_factory.mktemp("first")
    with Sandbox(folder, **WORLD):
        pass
    return folder


@pytest.fixture
def own(tmp_path: Path, first_day: Path) -> Iterator[Sandbox]:
    shutil.copytree(first_day, tmp_path / "sandbox", ignore=shutil.ignore_patterns("run"))
    with Sandbox(tmp_path / "sandbox", **WORLD) as sandbox:
        yield sandbox


@pytest.fixture(scope="module")
def world() -> World:
    return build_world(YARDI, today=TODAY)


def login(sandbox: Sandbox) -> dict[str, str]:
    door = sandbox.state["lakeside"]
    password, licence = ((sandbox.folder / door[f"{name}_file"]).read_text() for name in ("password", "licence"))
    place = {"ServerName": SERVER, "Database": DATABASE, "Platform": PLATFORM}
    return {"UserName": "hub", "Password": password, **place, "InterfaceEntity": ENTITY, "InterfaceLicense": licence}


def answer(sandbox: Sandbox, operation: str, **arguments: str) -> str:
    """The raw reply, or how it ends."""
    words = "".join(f"<{name}>{value}</{name}>" for name, value in {**login(sandbox), **arguments}.items())
    body = f'<{operation} xmlns="{NAMESPACE}">{words}</{operation}>'
    envelope = f'<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"><s:Body>{body}</s:Body></s:Envelope>'
    try:
        return httpx.post(sandbox.lakeside.address, content=envelope, timeout=30).text
    except httpx.HTTPError as error:
        return type(error).__name__


def told(sandbox: Sandbox) -> list[str]:
    days = {"FromDate": (sandbox.day - timedelta(days=40)).isoformat(), "ToDate": sandbox.day.isoformat()}
    places = [site.code for site in sandbox.world(YARDI).sites]
    return [answer(sandbox, operation, YardiPropertyId=place, **days) for operation in ASKED for place in places]


# --- the world --------------------------------------------------------------------------------------------------------


def test_a_world_is_small_whatever_is_asked_for_and_shows_every_case():
    assert len(build_world(YARDI, contracts=5_000, today=TODAY).units) == 60
    small = build_world(YARDI, contracts=12, today=TODAY)
    assert len(small.units) == 12
    assert {contract.status for contract in small.contracts} == {"upcoming", "current", "under_notice", "ended"}
    assert {party.role for one in small.contracts for party in one.parties} >= {"holder", "co_holder", "occupant"}
    assert len(small.persons) > len(small.contracts) < 12, "some never had a lease"


def test_days_taken_one_by_one_or_together_lead_to_the_same_world(world):
    together, one_by_one = advance(world, TODAY + timedelta(days=70)), world
    for _ in range(70):
        one_by_one = advance(one_by_one, one_by_one.today + timedelta(days=1))
    assert one_by_one == together
    assert truth(together)["ledger"]["entries"] > truth(world)["ledger"]["entries"]
    for account, entries in world.entries.items():
        assert together.entries[account][: len(entries)] == entries, "what was entered stays"


@pytest.mark.parametrize("days", [0, 3, 9, 17, 45])
def test_what_is_due_of_the_charges_is_the_balance_on_any_day(world, days):
    later = advance(world, TODAY + timedelta(days=days))
    for account in later.accounts:
        due = still_due(later.entries[account.id])
        assert min(due.values(), default=0) >= 0
        assert sum(due.values()) == account.balance_cents


# --- the wire ---------------------------------------------------------------------------------------------------------


def test_the_wsdl_loads_in_zeep_with_both_bindings_and_tells_nothing_of_the_payloads(own):
    client = zeep.Client(own.lakeside.wsdl_url)
    assert {name.rpartition("}")[2] for name in client.wsdl.bindings} == {
        "ItfResidentTransactions20Soap",
        "ItfResidentTransactions20Soap12",
    }
    binding = client.wsdl.bindings[f"{{{NAMESPACE}}}ItfResidentTransactions20Soap"]
    assert set(binding.all()) == set(OPERATIONS)
    result: Any = client.service.GetPropertyConfigurations(**login(own))
    assert etree.QName(result).localname == "Properties"
    assert client.service.Ping() == "Itf_ResidentTransactions20"


def test_a_wrong_database_is_answered_with_nothing_and_a_wrong_password_with_a_message(own):
    assert "<GetPropertyConfigurationsResult/>" in answer(own, "GetPropertyConfigurations", Database="another")
    refused = answer(own, "GetPropertyConfigurations", Password="wrong")
    assert '<Messages><Message messageType="Error">Login failed' in refused


def test_both_days_of_a_range_are_included(own):
    entry = next(one for one in own.world(YARDI).ledger() if one.id.startswith("Charge"))
    place, day = entry.unit.partition("/")[0], entry.posted_on.isoformat()
    reply = answer(own, ASKED[1], YardiPropertyId=place, FromDate=day, ToDate=day)
    assert f"<TransactionID>{entry.sequence}</TransactionID>" in reply
    assert set(re.findall(r"<TransactionDate>(\S+)\s*</", reply)) == {day}


def test_an_unknown_operation_and_no_envelope_at_all_are_faults(own):
    assert "faultcode" in answer(own, "GetEverything")
    assert "faultcode" in httpx.post(own.lakeside.address, content="hello").text


# --- misbehaving ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("what", HURT)
def test_a_hurt_reply_is_another_one_and_is_right_again(own, what):
    own.advance(days=11)  # the first of a month: the day brings entries
    own.misbehave(YARDI, Order(what, file=ASKED[1] if what == "truncate" else ""))
    hurt = told(own)
    own.behave(YARDI)
    assert hurt != told(own)
    assert own.truth(YARDI) == truth_of(own.folder, YARDI)


def test_its_door_breaks_down_alone(own):
    own.misbehave(YARDI, Order("fault"))
    assert "Server was unable to process request." in answer(own, "Ping")
    assert not own.soap.faults.fault
    own.behave(YARDI)
    own.misbehave(YARDI, Order("busy", times=1))
    assert "busy" in answer(own, "GetVersionNumber")
    assert "busy" not in answer(own, "GetVersionNumber")


def test_an_operation_it_does_not_have_cannot_be_cut(own):
    with pytest.raises(InvalidAskError, match="no operation is called ListerContrats"):
        own.misbehave(YARDI, Order("truncate", file="ListerContrats"))


def test_a_restart_keeps_its_port_its_secrets_and_what_it_does_wrong(own, tmp_path):
    own.misbehave(YARDI, Order("drop-contracts"))
    port, secrets, dropped = own.lakeside.port, login(own), told(own)
    own.stop()
    with Sandbox(tmp_path / "sandbox", **WORLD) as again:
        assert (again.lakeside.port, login(again), told(again)) == (port, secrets, dropped)
