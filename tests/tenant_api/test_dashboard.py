"""The query of the design's front-end page, over HTTP, with parties added: what it says and what it costs."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from typing import Any

from sqlalchemy import event

from hub.store.engine import scope

DASHBOARD = """
query Home {
  viewer {
    displayName
    contracts(first: 50) { nodes {
      reference status unit { typology address { line1 postalCode city } }
      parties { displayName role }
      accounts { kind balance { amount currency } dueNow { amount } asOf incomplete
        ledger(first: 20) {
          nodes { postedOn kind label amount { amount } runningBalance { amount } } pageInfo { endCursor hasNextPage }
        }
      }
      rentNotices(first: 3) { nodes { period dueOn total { amount } document { downloadUrl } } } } } } }
"""


@contextmanager
def counted(engine: Any) -> Iterator[dict[str, int]]:
    """Counts what an engine is asked about a landlord. Which landlord a request is for is remembered for some seconds,
    so that on a busy machine any request may be the one that asks it anew."""
    seen = {"select": 0, "begin": 0}

    def count(what: str, conn: Any) -> None:
        seen[what] += conn.get_execution_options().get("landlord") is not None

    def statement(conn: Any, *rest: Any) -> None:
        count("select", conn)

    def begin(conn: Any) -> None:
        count("begin", conn)

    listeners = (("before_cursor_execute", statement), ("begin", begin))
    for name, listener in listeners:
        event.listen(engine.sync_engine, name, listener)
    try:
        yield seen
    finally:
        for name, listener in listeners:
            event.remove(engine.sync_engine, name, listener)


async def test_the_dashboard_of_the_design_is_answered(api: Any) -> None:
    viewer = (await api.ask(DASHBOARD))["viewer"]
    running, upcoming, ended = viewer["contracts"]["nodes"]
    assert viewer["displayName"] == "Mme Claire Petit"
    assert [running["reference"], upcoming["reference"], ended["reference"]] == ["C-1", "C-2", "C-0"]
    assert running["unit"] == {
        "typology": "T3",
        "address": {"line1": "12 rue des Lilas", "postalCode": "60100", "city": "Creil"},
    }
    assert running["parties"] == [
        {"displayName": "Mme Claire Petit", "role": "HOLDER"},
        {"displayName": "M. Paul Petit", "role": "CO_HOLDER"},
    ]
    rent = running["accounts"][0]
    assert rent["balance"] == {"amount": "627.74", "currency": "EUR"}
    assert rent["asOf"] == "2026-11-20T01:30:00+00:00"
    assert len(rent["ledger"]["nodes"]) == 8
    assert running["rentNotices"]["nodes"][0]["period"] == "2026-10-01/2026-10-31"
    assert running["rentNotices"]["nodes"][0]["document"]["downloadUrl"].startswith("https://hub.example.org/rives/")


async def test_the_dashboard_costs_seven_selects_in_one_transaction_for_one_contract(api: Any, world: Any) -> None:
    with counted(world.engine) as seen:
        viewer = (await api.ask(DASHBOARD, tenant="paul"))["viewer"]
    assert len(viewer["contracts"]["nodes"]) == 1
    assert seen["begin"] == 1
    assert seen["select"] <= 7


async def test_the_dashboard_costs_as_many_selects_for_fifty_contracts(api: Any, world: Any, seeds_of: Any) -> None:
    async with scope(world.sync_engine, "rives") as conn:
        seeds = seeds_of(conn, "rives")
        many = world.tenants["many"] = await seeds.person("M.", "Marc", "Bailleux")
        for number in range(50):
            lease = await seeds.contract(many, f"M-{number:02}")
            await seeds.add_unit(lease, world.things["home"])
            account = await seeds.account(many, f"M-{number:02}", lease)
            for day in range(1, 26):
                await seeds.entry(account, date(2026, 10, day), 1, "rent", f"line {day}", 100)
            await seeds.notice(account, lease, 10, 2500)
    with counted(world.engine) as one:
        await api.ask(DASHBOARD, tenant="paul")
    with counted(world.engine) as fifty:
        nodes = (await api.ask(DASHBOARD, tenant="many"))["viewer"]["contracts"]["nodes"]
    assert len(nodes) == 50
    assert all(len(node["accounts"][0]["ledger"]["nodes"]) == 20 for node in nodes)
    assert all(node["accounts"][0]["ledger"]["nodes"][0]["runningBalance"]["amount"] == "25.00" for node in nodes)
    assert fifty == one


async def test_a_query_about_the_landlord_alone_opens_no_connection(api: Any, world: Any) -> None:
    await api.ask("{ landlord { name } }", tenant=None)
    with counted(world.engine) as seen:
        answer = await api.ask("{ landlord { slug name locale timeZone } __typename }", tenant=None)
    assert answer["landlord"] == {
        "slug": "rives",
        "name": "Rives d'Oise Habitat",
        "locale": "fr-FR",
        "timeZone": "Europe/Paris",
    }
    assert seen == {"select": 0, "begin": 0}


async def test_twenty_requests_at_once_do_not_wait_for_each_others_connections(api: Any) -> None:
    answers = await asyncio.gather(*(api.ask(DASHBOARD, tenant=who) for who in ("claire", "paul") * 10))
    assert [len(each["viewer"]["contracts"]["nodes"]) for each in answers] == [3, 1] * 10
