"""Nobody sees another's data: not by an id, a cursor, a token or a link, and not by a mistake in our own code."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from graphql import GraphQLInputObjectType, GraphQLObjectType, get_named_type
from sqlalchemy import text

from hub.store.engine import scope
from hub.store.ids import new_id
from hub.store.reads import contracts, documents, ledger
from tenant_api import ids
from tenant_api.answer import CORE
from tenant_api.ids import Kind

NODE = "query ($id: ID!) { node(id: $id) { __typename id } }"


def id_places() -> list[tuple[str, ...]]:
    """Every place of the schema that takes an ID: type, field, argument, and the way into an input object."""
    return [
        (name, field_name, argument_name, *way)
        for name, kind in CORE.type_map.items()
        if isinstance(kind, GraphQLObjectType) and not name.startswith("__")
        for field_name, field in kind.fields.items()
        for argument_name, argument in field.args.items()
        for way in _ways_to_an_id(argument.type)
    ]


def _ways_to_an_id(kind: Any) -> list[tuple[str, ...]]:
    named = get_named_type(kind)
    if named.name == "ID":
        return [()]
    if not isinstance(named, GraphQLInputObjectType):
        return []
    return [(name, *way) for name, field in named.fields.items() for way in _ways_to_an_id(field.type)]


@pytest.fixture
def foreign(world: Any) -> dict[Kind, list[UUID]]:
    """Things of each kind that Claire may not see: Bruno's, another landlord's, nobody's."""
    things, bruno, dora = world.things, world.tenants["bruno"], world.tenants["dora"]
    named = {
        Kind.CONTRACT: [*bruno.contracts, *dora.contracts],
        Kind.UNIT: [],
        Kind.ACCOUNT: [*bruno.accounts, *dora.accounts],
        Kind.LEDGER_ENTRY: [things["foreign_entry"], things["tilleuls-entry"]],
        Kind.RENT_NOTICE: [things["foreign_notice"]],
        Kind.DOCUMENT: [things["foreign_document"]],
        Kind.CONTACT_POINT: [],
        Kind.PAYMENT: [things["foreign_payment"], things["tilleuls-payment"]],
    }
    return {kind: [*those, new_id(), uuid4()] for kind, those in named.items()}


Ask = tuple[str, Callable[[str], dict[str, Any]]]
_START = """mutation ($input: StartPaymentInput!) { startPayment(input: $input, idempotencyKey: "probe-key-1") {
  __typename } }"""


def _starting(parts: list[dict[str, str]], *settle: str) -> dict[str, Any]:
    means = {"means": "pretend", "returnUrl": "https://locataires.rives.example/"}
    return {"input": {"parts": parts, **means, **({"settle": list(settle)} if settle else {})}}


def probes(own_account: str) -> dict[tuple[str, ...], Ask]:
    """For each place that takes an ID: a document, and the variables that put an id there."""
    mine = {"accountId": own_account, "amount": "1.00"}
    return {
        ("Query", "node", "id"): (NODE, lambda given: {"id": given}),
        ("Mutation", "cancelPayment", "id"): (
            "mutation ($id: ID!) { cancelPayment(id: $id) { __typename id } }",
            lambda given: {"id": given},
        ),
        ("Mutation", "startPayment", "input", "parts", "accountId"): (
            _START,
            lambda given: _starting([{"accountId": given, "amount": "1.00"}]),
        ),
        ("Mutation", "startPayment", "input", "settle"): (_START, lambda given: _starting([mine], given)),
    }


def test_every_place_that_takes_an_id_has_a_probe() -> None:
    assert sorted(id_places()) == sorted(probes(""))


async def test_another_persons_id_answers_as_one_that_does_not_exist(
    api: Any, world: Any, foreign: dict[Kind, list[UUID]]
) -> None:
    own = ids.encode(Kind.ACCOUNT, world.things["erp_account"])
    for query, variables in probes(own).values():
        answers = []
        for kind in Kind:
            for each in foreign[kind]:
                response = await api.post(query, tenant="claire", variables=variables(ids.encode(kind, each)))
                answer = response.json()
                answer["errors"][0]["extensions"].pop("requestId")
                answers.append((response.status_code, str(answer)))
        assert len(set(answers)) == 1, query
        assert "NOT_FOUND" in answers[0][1]


async def test_nobody_may_cancel_what_a_co_tenant_pays(api: Any, world: Any) -> None:
    """Paul sees Claire's payment, for it is of their account, and nothing there is to do."""
    shown = ids.encode(Kind.PAYMENT, world.things["payment"])
    query = "mutation ($id: ID!) { cancelPayment(id: $id) { id } }"
    assert await api.codes(query, tenant="paul", variables={"id": shown}) == ["NOT_CANCELABLE"]
    seen = (
        "query ($id: ID!) { node(id: $id) { ... on Payment { mine action { __typename } parts { account { id } } } } }"
    )
    found = (await api.ask(seen, tenant="paul", variables={"id": shown}))["node"]
    assert (found["mine"], found["action"], len(found["parts"])) == (False, None, 1)


async def test_an_id_read_as_another_kind_is_not_found(api: Any, world: Any) -> None:
    named = {
        "lease": Kind.CONTRACT,
        "home": Kind.UNIT,
        "account": Kind.ACCOUNT,
        "notice-10": Kind.RENT_NOTICE,
        "payment": Kind.PAYMENT,
    }
    for name, own in named.items():
        for kind in set(Kind) - {own}:
            variables = {"id": ids.encode(kind, world.things[name])}
            assert await api.codes(NODE, variables=variables) == ["NOT_FOUND"]


@pytest.mark.parametrize("given", ["", "1", "x" * 23, "é", "AA==", "\x00", "A" * 10_000, "-1", "' or 1=1 --"])
async def test_an_id_nobody_gave_out_is_not_found(api: Any, given: str) -> None:
    assert await api.codes(NODE, variables={"id": given}) == ["NOT_FOUND"]


async def test_a_tampered_id_is_not_found(api: Any, world: Any) -> None:
    good = ids.encode(Kind.CONTRACT, world.things["lease"])
    for place in range(len(good)):
        changed = good[:place] + ("A" if good[place] != "A" else "B") + good[place + 1 :]
        assert await api.codes(NODE, variables={"id": changed}) == ["NOT_FOUND"]


async def test_a_token_works_at_its_own_landlord_only(api: Any) -> None:
    query = "{ viewer { contracts { nodes { reference } } } }"
    assert (await api.ask(query, tenant="dora", landlord="tilleuls"))["viewer"]["contracts"]["nodes"]
    assert await api.codes(query, tenant="dora", landlord="rives") == ["UNAUTHENTICATED"]
    assert await api.codes(query, tenant="claire", landlord="tilleuls") == ["UNAUTHENTICATED"]


async def test_an_expired_token_is_as_good_as_none(api: Any, world: Any) -> None:
    world.clock.instant += timedelta(days=30)
    try:
        expired = await api.post("{ viewer { displayName } }", tenant="claire")
        none = await api.post("{ viewer { displayName } }")
    finally:
        world.clock.instant -= timedelta(days=30)
    assert (expired.status_code, none.status_code) == (401, 401)
    assert expired.headers["www-authenticate"] == "Bearer"
    shown = [each.json()["errors"][0] for each in (expired, none)]
    for error in shown:
        error["extensions"].pop("requestId")
    assert shown[0] == shown[1]
    assert "data" not in expired.json()


@pytest.mark.parametrize(
    "header",
    ["", "Bearer", "Bearer ", "Basic YTpi", "Bearer x", "Bearer " + "x" * 43, "Bearer é", "Bearer " + "a" * 9_000],
)
async def test_a_header_that_is_no_token_is_refused(api: Any, header: str) -> None:
    headers = {"Authorization": header.encode()}
    assert await api.codes("{ viewer { displayName } }", tenant=None, headers=headers) == ["UNAUTHENTICATED"]


@pytest.mark.parametrize(
    "query",
    [
        "{ viewer { displayName } }",
        "{ landlord { name } viewer { displayName } }",
        "{ ...on Query { viewer { displayName } } }",
        "query { ...A } fragment A on Query { ...B } fragment B on Query { viewer { displayName } }",
        '{ node(id: "x") { id } }',
        "query ($no: Boolean = true) { viewer @skip(if: $no) { displayName } }",
        'mutation { cancelPayment(id: "x") { id } }',
        """mutation { startPayment(input: {parts: [{accountId: "x", amount: "1.00"}], means: "pretend", returnUrl: "x"},
          idempotencyKey: "probe-key-1") { __typename } }""",
    ],
)
async def test_whatever_is_personal_needs_a_token(api: Any, query: str) -> None:
    assert await api.codes(query, tenant=None) == ["UNAUTHENTICATED"]


async def test_a_filter_dropped_from_our_own_queries_leaks_nothing(api: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """The control: what the code asks for is widened to all rows; row-level security still shows Claire's only."""
    everyone = "= any(cast(:ids as uuid[]))"
    widened = {
        (contracts, "_PAGE"): str(contracts._PAGE).replace(f"id {everyone}", f"(true or id {everyone})"),
        (contracts, "_PARTIES"): str(contracts._PARTIES).replace(
            f"p.contract_id {everyone}", f"(true or p.contract_id {everyone})"
        ),
        (documents, "_OF_SESSION"): str(documents._OF_SESSION).replace(
            f"where contract_id {everyone}", f"where (true or contract_id {everyone})"
        ),
        (ledger, "_NEWEST_FIRST"): str(ledger._NEWEST_FIRST).replace("e.account_id = asked.account_id", "true"),
    }
    for (module, name), statement in widened.items():
        assert statement != str(getattr(module, name))
        monkeypatch.setattr(module, name, text(statement))
    query = """{ viewer { contracts { nodes { reference parties { displayName } accounts { number
      ledger { nodes { label } } } } } documents { nodes { title } } } }"""
    response = await api.post(query, tenant="claire")
    viewer = response.json()["data"]["viewer"]
    assert {node["reference"] for node in viewer["contracts"]["nodes"]} == {"C-0", "C-1", "C-2"}
    assert "Noir" not in response.text
    assert "LOG 009000" not in response.text
    assert "Loyer" not in response.text.replace("Loyer principal", "")


async def test_without_a_landlord_the_api_role_sees_nothing(world: Any) -> None:
    mine = world.tenants["claire"].contracts
    tables = ["contract", "party", "person", "account", "ledger_entry", "rent_notice", "document", "contact_point"]
    tables += ["payment", "payment_part", "payment_action", "erp_posting"]
    async with scope(world.engine, None, mine, readonly=True) as conn:
        counts = [(await conn.execute(text(f"select count(*) from {table}"))).scalar_one() for table in tables]
    assert counts == [0] * len(tables)


async def test_without_a_session_the_api_role_sees_no_person(world: Any) -> None:
    async with scope(world.engine, "rives", readonly=True) as conn:
        for table in (
            "contract",
            "party",
            "person",
            "account",
            "ledger_entry",
            "rent_notice",
            "document",
            "blob",
            "payment",
        ):
            assert (await conn.execute(text(f"select count(*) from {table}"))).scalar_one() == 0


async def test_a_landlord_is_found_by_its_host_name(api: Any) -> None:
    headers = {"Host": "locataires.rives.example:8443"}
    response = await api.http.post("/graphql", json={"query": "{ landlord { slug } }"}, headers=headers)
    assert response.json()["data"] == {"landlord": {"slug": "rives"}}
    response = await api.http.post(
        "/graphql", json={"query": "{ landlord { slug } }"}, headers={"Host": "else.example"}
    )
    assert response.status_code == 404
    assert response.json()["errors"][0]["extensions"]["code"] == "UNKNOWN_LANDLORD"


@pytest.mark.parametrize("slug", ["nobody", "RIVES", "rives%00", "..", "r" * 300])
async def test_a_landlord_nobody_applied_is_unknown(api: Any, slug: str) -> None:
    assert (await api.post("{ __typename }", landlord=slug)).status_code == 404


async def test_neither_log_nor_metrics_hold_what_a_tenant_asked_or_is(
    api: Any, world: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    claire = world.tenants["claire"]
    query = 'query Secret { viewer { displayName documents(after: "canary-cursor") { nodes { title } } } }'
    await api.post(query, tenant="claire")
    await api.ask("{ viewer { displayName } }")
    shown = capsys.readouterr().out + (await api.http.get("/metrics")).text
    assert "request_id=" in shown
    assert "unforeseen" not in shown  # the neighbour that was given up ended its statement
    assert 'hub_api_requests_total{code="INVALID_CURSOR",landlord="rives"} 1.0' in shown
    for canary in ("Claire", "Petit", "canary-cursor", claire.token, str(claire.person), "Secret"):
        assert canary not in shown
