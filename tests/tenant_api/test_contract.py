"""Contracts, what they cover, who is in them, what they cost; and whom to turn to."""

from __future__ import annotations

from typing import Any

CONTRACT = "{ viewer { contracts(first: 1) { nodes { id %s } } } }"


async def contract(api: Any, fields: str, **more: Any) -> dict[str, Any]:
    return (await api.ask(CONTRACT % fields, **more))["viewer"]["contracts"]["nodes"][0]


async def test_a_contract_shows_its_terms(api: Any) -> None:
    terms = await contract(api, "reference customerReference status startsOn endsOn dueDay deposit { amount }")
    del terms["id"]
    assert terms == {
        "reference": "C-1",
        "customerReference": "CLI-C-1",
        "status": "CURRENT",
        "startsOn": "2015-03-01",
        "endsOn": None,
        "dueDay": 5,
        "deposit": None,
    }


async def test_the_main_unit_comes_first_and_a_unit_without_address_has_its_buildings(api: Any) -> None:
    fields = "units { isMain from to unit { lot kind area site address { line1 postalCode city country } } }"
    home, garage = (await contract(api, fields))["units"]
    assert home["isMain"] is True
    assert home["unit"] == {
        "lot": "004473",
        "kind": "DWELLING",
        "area": "62.50",
        "site": "Bâtiment A",
        "address": {"line1": "12 rue des Lilas", "postalCode": "60100", "city": "Creil", "country": "FR"},
    }
    assert garage["unit"]["address"]["line1"] == "3 rue Basse"
    assert garage["unit"]["address"]["postalCode"] is None  # never half of one address and half of another


async def test_a_unit_the_contract_no_longer_covers_is_not_shown(api: Any) -> None:
    nodes = (await api.ask("{ viewer { contracts { nodes { reference units { unit { lot } } } } } }"))["viewer"]
    assert {node["reference"]: node["units"] for node in nodes["contracts"]["nodes"]}["C-0"] == []


async def test_parties_say_who_is_asking(api: Any) -> None:
    fields = "parties { displayName role isViewer isSolidary }"
    claire = (await contract(api, fields))["parties"]
    paul = (await contract(api, fields, tenant="paul"))["parties"]
    assert [each["displayName"] for each in claire] == ["Mme Claire Petit", "M. Paul Petit"]
    assert [each["isViewer"] for each in claire] == [True, False]
    assert [each["isViewer"] for each in paul] == [False, True]


async def test_price_components_are_those_in_effect_on_the_day(api: Any) -> None:
    fields = """
      today: priceComponents { kind label amount { amount } unit { lot } }
      before: priceComponents(on: "2025-06-01") { amount { amount } }"""
    prices = await contract(api, fields)
    assert [(each["kind"], each["amount"]["amount"]) for each in prices["today"]] == [
        ("RENT", "410.00"),
        ("SERVICE_CHARGE", "90.00"),
    ]
    assert prices["today"][0]["unit"] == {"lot": "004473"}
    assert [each["amount"]["amount"] for each in prices["before"]] == ["400.00", "90.00"]


async def test_a_list_is_cut_at_first(api: Any) -> None:
    fields = "units(first: 1) { isMain } parties(first: 1) { role } accounts(first: 2) { number }"
    found = await contract(api, fields)
    assert [len(found[name]) for name in ("units", "parties", "accounts")] == [1, 1, 2]


async def test_walking_the_contracts_gives_the_whole_order(api: Any) -> None:
    query = """query ($after: String) { viewer { contracts(first: 1, after: $after) {
      nodes { reference } pageInfo { hasNextPage endCursor } } } }"""
    references: list[str] = []
    after = None
    for _ in range(3):
        page = (await api.ask(query, variables={"after": after}))["viewer"]["contracts"]
        references += [node["reference"] for node in page["nodes"]]
        after = page["pageInfo"]["endCursor"]
    assert references == ["C-1", "C-2", "C-0"]
    assert page["pageInfo"]["hasNextPage"] is False


async def test_contacts_are_those_for_everyone_and_for_the_tenants_sites(api: Any) -> None:
    query = "{ viewer { contactPoints { name role phone hours { weekday opens closes } } } }"
    claire = (await api.ask(query))["viewer"]["contactPoints"]
    bruno = (await api.ask(query, tenant="bruno"))["viewer"]["contactPoints"]
    assert [each["name"] for each in claire] == ["CRC", "Gardien des Lilas"]
    assert [each["name"] for each in bruno] == ["CRC", "Gardien d'ailleurs"]
    assert claire[0]["hours"] == [
        {"weekday": "MONDAY", "opens": "08:30:00", "closes": "12:00:00"},
        {"weekday": "MONDAY", "opens": "13:30:00", "closes": "17:00:00"},
        {"weekday": "FRIDAY", "opens": "08:30:00", "closes": "12:00:00"},
    ]
    assert claire[1]["hours"] == []


async def test_everything_with_an_id_can_be_asked_for_again(api: Any) -> None:
    fields = """units { unit { id } } accounts { id ledger(first: 1) { nodes { id } } }
      rentNotices(first: 1) { nodes { id document { id } } }"""
    found = await contract(api, fields)
    contacts = (await api.ask("{ viewer { contactPoints { id } } }"))["viewer"]["contactPoints"]
    notice, account = found["rentNotices"]["nodes"][0], found["accounts"][0]
    named = {
        "Contract": found["id"],
        "Unit": found["units"][0]["unit"]["id"],
        "Account": account["id"],
        "LedgerEntry": account["ledger"]["nodes"][0]["id"],
        "RentNotice": notice["id"],
        "Document": notice["document"]["id"],
        "ContactPoint": contacts[0]["id"],
    }
    query = "query ($id: ID!) { node(id: $id) { __typename id } }"
    for kind, each in named.items():
        assert (await api.ask(query, variables={"id": each}))["node"] == {"__typename": kind, "id": each}
    assert len(set(named.values())) == len(named)


async def test_a_person_whom_no_contract_names_sees_an_empty_space(api: Any) -> None:
    query = """{ viewer { displayName contracts { nodes { id } } accounts { id } documents { nodes { id } }
      contactPoints { name } } }"""
    viewer = (await api.ask(query, tenant="nobody"))["viewer"]
    assert viewer["displayName"] is None
    assert (viewer["contracts"]["nodes"], viewer["accounts"], viewer["documents"]["nodes"]) == ([], [], [])
    assert [each["name"] for each in viewer["contactPoints"]] == ["CRC"]
