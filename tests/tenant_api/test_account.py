"""Balances, ledgers and statements as a front end reads them."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import text

from hub.store.engine import scope

ACCOUNTS = "{ viewer { accounts { id number kind balance { amount } balanceOn dueNow { amount } asOf } } }"
LEDGER = """
query Ledger($id: ID!, $first: Int!, $after: String, $from: Date, $to: Date, $kinds: [LedgerEntryKind!]) {
  node(id: $id) { ... on Account {
    ledger(first: $first, after: $after, postedFrom: $from, postedTo: $to, kinds: $kinds) {
      nodes { id label postedOn kind amount { amount } runningBalance { amount } }
      edges { cursor node { id } }
      pageInfo { hasNextPage hasPreviousPage startCursor endCursor } } } } }
"""
STATEMENT = """
query Statement($id: ID!, $from: Date!, $to: Date!, $first: Int!, $after: String) {
  node(id: $id) { ... on Account {
    statement(from: $from, to: $to) {
      from to opening { amount } debits { amount } credits { amount } closing { amount }
      entries(first: $first, after: $after) {
        nodes { label runningBalance { amount } } pageInfo { hasNextPage endCursor } } } } } }
"""

# The guide prints its lines newest first; + means the tenant owes.
GUIDE = [
    ("2018-07-10", "Chèque bancaire", "-43.86"),
    ("2018-06-26", "APL 06/18", "-191.95"),
    ("2018-06-26", "LOG 004473 06/18", "238.57"),
    ("2018-06-26", "LOG 004473 05/18", "-27.74"),
    ("2018-06-26", "LOG 004473 04/18", "-27.74"),
    ("2018-06-26", "LOG 004473 03/18", "-27.74"),
    ("2018-06-26", "APL 02/18 05/18", "108.20"),
]


@pytest.fixture
async def account_id(api: Any) -> str:
    return next(each["id"] for each in (await api.ask(ACCOUNTS))["viewer"]["accounts"] if each["number"] == "411-1")


async def ledger(api: Any, account_id: str, **variables: Any) -> dict[str, Any]:
    answer = await api.ask(LEDGER, variables={"id": account_id, "first": 20, **variables})
    return answer["node"]["ledger"]


async def test_the_guides_seven_lines_come_in_their_order_with_their_signs(api: Any, account_id: str) -> None:
    nodes = (await ledger(api, account_id, to="2018-12-31"))["nodes"]
    assert [(node["postedOn"], node["label"], node["amount"]["amount"]) for node in nodes] == GUIDE


async def test_the_balance_is_opening_and_entries_unless_the_erp_gives_its_own(api: Any) -> None:
    by_number = {each["number"]: each for each in (await api.ask(ACCOUNTS))["viewer"]["accounts"]}
    assert by_number["411-1"]["balance"] == {"amount": "627.74"}
    assert by_number["411-1"]["balanceOn"] == "2026-11-18"
    assert by_number["411-2"]["balance"] == {"amount": "-15.00"}
    assert by_number["411-2"]["balanceOn"] == "2026-11-19"
    assert by_number["411-3"]["balance"] == {"amount": "0.00"}


async def test_what_falls_due_later_is_not_due_now(api: Any, world: Any) -> None:
    due = [each["dueNow"]["amount"] for each in (await api.ask(ACCOUNTS))["viewer"]["accounts"]]
    assert due == ["127.74", "0.00", "0.00"]
    world.clock.instant += timedelta(days=16)  # 6 December: the rent due on the 5th has fallen due
    try:
        due = [each["dueNow"]["amount"] for each in (await api.ask(ACCOUNTS))["viewer"]["accounts"]]
    finally:
        world.clock.instant -= timedelta(days=16)
    assert due == ["627.74", "0.00", "0.00"]


async def test_as_of_is_the_older_of_the_two_feeds(api: Any) -> None:
    assert {each["asOf"] for each in (await api.ask(ACCOUNTS))["viewer"]["accounts"]} == {"2026-11-20T01:30:00+00:00"}


async def test_an_account_of_two_contracts_is_listed_once_and_names_both(api: Any, world: Any, seeds_of: Any) -> None:
    async with scope(world.sync_engine, "rives") as conn:
        seeds = seeds_of(conn, "rives")
        world.tenants["twice"] = twice = await seeds.person("Mme", "Deux", "Baux")
        await seeds.account(twice, "411-22", await seeds.contract(twice, "T-1"), await seeds.contract(twice, "T-2"))
    query = "{ viewer { accounts { number contracts { reference } } } }"
    (account,) = (await api.ask(query, tenant="twice"))["viewer"]["accounts"]
    assert sorted(each["reference"] for each in account["contracts"]) == ["T-1", "T-2"]


async def test_filters_do_not_change_running_balances(api: Any, account_id: str) -> None:
    whole = {node["id"]: node["runningBalance"] for node in (await ledger(api, account_id))["nodes"]}
    for filters in ({"kinds": ["RENT"]}, {"from": "2018-07-01"}, {"to": "2018-06-30"}, {"kinds": []}):
        for node in (await ledger(api, account_id, **filters))["nodes"]:
            assert node["runningBalance"] == whole[node["id"]]


async def test_filters_choose_by_kind_and_by_day_both_included(api: Any, account_id: str) -> None:
    rents = await ledger(api, account_id, kinds=["RENT", "RENT"])
    assert [node["label"] for node in rents["nodes"]] == ["LOG 004473 12/26", "LOG 004473 06/18"]
    day = await ledger(api, account_id, **{"from": "2018-07-10", "to": "2018-07-10"})
    assert [node["label"] for node in day["nodes"]] == ["Chèque bancaire"]
    assert (await ledger(api, account_id, kinds=[]))["nodes"] == []


@pytest.mark.parametrize("size", [1, 2, 3, 7])
async def test_walking_the_pages_gives_the_whole_order(api: Any, account_id: str, size: int) -> None:
    whole = [node["id"] for node in (await ledger(api, account_id))["nodes"]]
    walked: list[str] = []
    after = None
    while True:
        page = await ledger(api, account_id, first=size, after=after)
        walked += [edge["node"]["id"] for edge in page["edges"]]
        info = page["pageInfo"]
        assert info["hasPreviousPage"] is (after is not None)
        assert (info["startCursor"], info["endCursor"]) == (page["edges"][0]["cursor"], page["edges"][-1]["cursor"])
        if not info["hasNextPage"]:
            break
        after = info["endCursor"]
    assert walked == whole


async def test_an_entry_that_left_the_erp_is_neither_shown_nor_counted(api: Any, account_id: str) -> None:
    nodes = (await ledger(api, account_id))["nodes"]
    assert "Withdrawn" not in [node["label"] for node in nodes]
    assert nodes[0]["runningBalance"]["amount"] == "627.74"


async def test_an_entry_can_be_asked_for_again_with_the_same_running_balance(api: Any, account_id: str) -> None:
    query = "query ($id: ID!) { node(id: $id) { id ... on LedgerEntry { runningBalance { amount } unit { lot } } } }"
    for node in (await ledger(api, account_id))["nodes"][1:4]:
        again = (await api.ask(query, variables={"id": node["id"]}))["node"]
        assert again == {"id": node["id"], "runningBalance": node["runningBalance"], "unit": {"lot": "004473"}}


async def test_a_statement_opens_where_the_days_before_it_end(api: Any, account_id: str) -> None:
    period = {"from": "2018-06-26", "to": "2018-06-30", "first": 100}
    statement = (await api.ask(STATEMENT, variables={"id": account_id, **period}))["node"]["statement"]
    entries = statement.pop("entries")["nodes"]
    assert statement == {
        "from": "2018-06-26",
        "to": "2018-06-30",
        "opening": {"amount": "100.00"},
        "debits": {"amount": "346.77"},
        "credits": {"amount": "-275.17"},
        "closing": {"amount": "171.60"},
    }
    assert [each["label"] for each in entries] == [label for _, label, _ in reversed(GUIDE[1:])]
    assert entries[-1]["runningBalance"] == statement["closing"]


async def test_a_statements_entries_page_forward_from_the_oldest(api: Any, account_id: str) -> None:
    variables = {"id": account_id, "from": "2018-01-01", "to": "2018-12-31", "first": 4}
    first = (await api.ask(STATEMENT, variables=variables))["node"]["statement"]["entries"]
    rest = await api.ask(STATEMENT, variables=variables | {"after": first["pageInfo"]["endCursor"]})
    labels = [each["label"] for each in first["nodes"] + rest["node"]["statement"]["entries"]["nodes"]]
    assert labels == [label for _, label, _ in reversed(GUIDE)]


async def test_a_statement_of_days_without_entries_closes_as_it_opens(api: Any, account_id: str) -> None:
    variables = {"id": account_id, "from": "2019-01-01", "to": "2019-12-31", "first": 1}
    statement = (await api.ask(STATEMENT, variables=variables))["node"]["statement"]
    assert statement["opening"] == statement["closing"] == {"amount": "127.74"}
    assert statement["entries"]["nodes"] == []


async def test_a_period_that_ends_before_it_begins_is_refused(api: Any, account_id: str) -> None:
    variables = {"id": account_id, "from": "2019-01-02", "to": "2019-01-01", "first": 1}
    assert await api.codes(STATEMENT, variables=variables) == ["INVALID_PERIOD"]
    assert await api.codes(LEDGER, variables=variables) == ["INVALID_PERIOD"]


@pytest.mark.parametrize("cursor", ["", "x", "WyJlIl0", "WyJuIiwiMjAyNi0wMS0wMSIsIngiXQ", "é", "A" * 500, "bnVsbA"])
async def test_a_cursor_of_another_list_is_refused(api: Any, account_id: str, cursor: str) -> None:
    variables = {"id": account_id, "first": 2, "after": cursor}
    assert await api.codes(LEDGER, variables=variables) == ["INVALID_CURSOR"]


async def test_a_landlord_may_have_tenants_see_what_the_entries_add_up_to(api: Any, world: Any) -> None:
    async def seen() -> tuple[Any, Any]:
        accounts = (await api.ask(ACCOUNTS))["viewer"]["accounts"]
        (one,) = [each for each in accounts if each["number"] == "411-2"]
        return one["balance"]["amount"], one["balanceOn"]

    async def show(which: str) -> None:
        async with scope(world.sync_engine, "rives") as conn:
            await conn.execute(text("update landlord set balance = :which"), {"which": which})

    assert ("-15.00", "2026-11-19") == await seen()
    await show("summed")
    try:
        assert ("0.00", None) == await seen()
    finally:
        await show("of_record")
