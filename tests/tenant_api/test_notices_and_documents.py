"""Rent notices, documents and their links."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from hub.services.download import Ticket, expiry, sign

NOTICES = """query ($first: Int!, $after: String) { viewer { contracts(first: 1) { nodes {
  rentNotices(first: $first, after: $after) { pageInfo { hasNextPage endCursor } nodes {
    number period periodFrom periodTo issuedOn dueOn previousBalance { amount } total { amount }
    lines { kind label amount { amount } } account { number } contract { reference }
    document { id kind title mediaType size downloadUrl expiresAt rentNotice { number } contract { reference } }
  } } } } } }"""
DOCUMENTS = """query ($first: Int!, $after: String, $kinds: [DocumentKind!]) { viewer {
  documents(first: $first, after: $after, kinds: $kinds) {
    pageInfo { hasNextPage endCursor } nodes { title kind downloadUrl } } } }"""


async def notices(api: Any, first: int = 12, after: str | None = None) -> dict[str, Any]:
    answer = await api.ask(NOTICES, variables={"first": first, "after": after})
    return answer["viewer"]["contracts"]["nodes"][0]["rentNotices"]


async def link(api: Any) -> str:
    url = (await notices(api, first=1))["nodes"][0]["document"]["downloadUrl"]
    return url.removeprefix("https://hub.example.org")


async def test_notices_come_latest_first_also_those_only_their_account_connects(api: Any) -> None:
    numbers = [node["number"] for node in (await notices(api))["nodes"]]
    assert numbers == ["AE-10", "AE-09", "AE-08", "AE-07", "AE-06", "AE-05"]


async def test_a_notice_shows_what_is_printed_on_it(api: Any) -> None:
    notice = (await notices(api, first=1))["nodes"][0]
    document = notice.pop("document")
    assert notice == {
        "number": "AE-10",
        "period": "2026-10-01/2026-10-31",
        "periodFrom": "2026-10-01",
        "periodTo": "2026-10-31",
        "issuedOn": "2026-09-26",
        "dueOn": "2026-10-05",
        "previousBalance": {"amount": "12.34"},
        "total": {"amount": "500.10"},
        "lines": [
            {"kind": "RENT", "label": "rent", "amount": {"amount": "410.00"}},
            {"kind": "SERVICE_CHARGE", "label": "service_charge", "amount": {"amount": "90.00"}},
            {"kind": "RLS", "label": "rls", "amount": {"amount": "-9.90"}},
        ],
        "account": {"number": "411-1"},
        "contract": {"reference": "C-1"},
    }
    assert (document["mediaType"], document["size"]) == ("application/pdf", 153609)
    assert document["rentNotice"] == {"number": "AE-10"}
    assert document["expiresAt"] == "2026-11-20T03:35:00+00:00"


async def test_walking_the_notices_gives_the_whole_order(api: Any) -> None:
    whole = [node["number"] for node in (await notices(api))["nodes"]]
    walked, after, more = [], None, True
    while more:
        page = await notices(api, first=4, after=after)
        walked += [node["number"] for node in page["nodes"]]
        after, more = page["pageInfo"]["endCursor"], page["pageInfo"]["hasNextPage"]
    assert walked == whole


async def test_an_account_has_its_notices_too(api: Any) -> None:
    query = "{ viewer { accounts(first: 1) { rentNotices(first: 2) { nodes { number } } } } }"
    (account,) = (await api.ask(query))["viewer"]["accounts"]
    assert [node["number"] for node in account["rentNotices"]["nodes"]] == ["AE-10", "AE-09"]


async def test_documents_are_all_contracts_and_their_notices_latest_first(api: Any) -> None:
    page = (await api.ask(DOCUMENTS, variables={"first": 20}))["viewer"]["documents"]
    assert [node["title"] for node in page["nodes"]] == ["Avis 10/26", "Avis 9/26", "Bail", "État des lieux"]
    assert page["nodes"][2]["downloadUrl"] is None  # its file has not come yet


async def test_documents_can_be_chosen_by_kind_and_walked(api: Any) -> None:
    chosen = (await api.ask(DOCUMENTS, variables={"first": 20, "kinds": ["LEASE"]}))["viewer"]["documents"]
    assert [node["title"] for node in chosen["nodes"]] == ["Bail"]
    first = (await api.ask(DOCUMENTS, variables={"first": 3}))["viewer"]["documents"]
    after = first["pageInfo"]["endCursor"]
    rest = (await api.ask(DOCUMENTS, variables={"first": 3, "after": after}))["viewer"]["documents"]
    assert [node["title"] for node in rest["nodes"]] == ["État des lieux"]
    assert (first["pageInfo"]["hasNextPage"], rest["pageInfo"]["hasNextPage"]) == (True, False)


async def test_a_contracts_documents_are_its_own(api: Any) -> None:
    query = """{ viewer { contracts { nodes { reference documents(first: 9, kinds: [LEASE, INSPECTION, RENT_NOTICE]) {
      nodes { title } } } } } }"""
    nodes = (await api.ask(query))["viewer"]["contracts"]["nodes"]
    titles = {node["reference"]: [each["title"] for each in node["documents"]["nodes"]] for node in nodes}
    assert titles == {"C-1": ["Avis 10/26", "Avis 9/26", "Bail"], "C-2": [], "C-0": ["État des lieux"]}


async def test_a_link_gives_the_whole_file_without_a_token(api: Any, pdf: bytes) -> None:
    response = await api.http.get(await link(api))
    assert response.status_code == 200
    assert response.content == pdf
    assert response.headers["content-type"] == "application/pdf"
    assert response.headers["content-disposition"] == 'attachment; filename="rent-notice-2026-10-01.pdf"'
    assert response.headers["x-content-type-options"] == "nosniff"
    assert response.headers["cache-control"] == "no-store"
    assert int(response.headers["content-length"]) == len(pdf)


async def test_a_notice_only_its_account_connects_has_a_working_link(api: Any, pdf: bytes) -> None:
    url = (await notices(api, first=2))["nodes"][1]["document"]["downloadUrl"]
    assert (await api.http.get(url.removeprefix("https://hub.example.org"))).content == pdf


async def test_a_link_ends_after_five_minutes(api: Any, world: Any) -> None:
    path = await link(api)
    world.clock.instant += timedelta(minutes=5)
    try:
        response = await api.http.get(path, headers={"Accept-Language": "en"})
    finally:
        world.clock.instant -= timedelta(minutes=5)
    assert response.status_code == 404
    assert response.json()["errors"][0]["extensions"]["code"] == "LINK_EXPIRED"
    assert "open the document again" in response.json()["errors"][0]["message"]


async def test_a_link_changed_in_any_character_opens_nothing(api: Any) -> None:
    path = await link(api)
    token = path.rpartition("/")[2]
    for place in range(len(token)):
        other = "A" if token[place] != "A" else "B"
        changed = token[:place] + other + token[place + 1 :]
        response = await api.http.get(f"/rives/documents/{changed}")
        # The last character carries two unused bits: changing only these changes nothing.
        assert response.status_code == 404 or place == len(token) - 1


@pytest.mark.parametrize("token", ["x", "é", "A" * 119, "A" * 5000, "%00"])
async def test_a_link_nobody_signed_opens_nothing(api: Any, token: str) -> None:
    assert (await api.http.get(f"/rives/documents/{token}")).status_code == 404


async def test_a_link_opens_nothing_at_another_landlord(api: Any) -> None:
    token = (await link(api)).rpartition("/")[2]
    assert (await api.http.get(f"/tilleuls/documents/{token}")).status_code == 404


async def test_a_link_signed_for_another_persons_document_opens_nothing(api: Any, world: Any) -> None:
    """Even our own signature opens only what its contract may see: the store checks again."""
    claire, now = world.tenants["claire"], world.clock.now()
    ticket = Ticket("rives", world.things["paper-10"], claire.person, world.tenants["bruno"].contracts[0], expiry(now))
    token = sign(world.parts.link_key, ticket)
    assert (await api.http.get(f"/rives/documents/{token}")).status_code == 404
