"""GraphQL over HTTP, rule by rule.

The ids are those of the public audit suite of the graphql-http project (version 1.23), whose rules are restated here;
the rest are the draft's own SHOULDs and what a front end meets in practice.
"""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import urlencode

import pytest

RESPONSE = "application/graphql-response+json"
JSON = "application/json"
TYPENAME = {"query": "{ __typename }"}
URL = "/rives/graphql"
UNKNOWN_FIELD = "{ field8f31403d }"
TYPE_QUERY = "query Type($name: String!) { __type(name: $name) { name } }"
COERCION = {"query": "query ($name: String!) { __type(name: $name) { name } }", "variables": {"name": None}}


@pytest.fixture
def http(developer_api: Any) -> Any:
    return developer_api.http


async def post(http: Any, body: Any, *, accept: str | None = None, content: str | None = JSON) -> Any:
    headers = {name: value for name, value in (("Accept", accept), ("Content-Type", content)) if value}
    text = body if isinstance(body, str | bytes) else json.dumps(body)
    request = http.build_request("POST", URL, content=text, headers=headers)
    if accept is None:
        del request.headers["accept"]
    return await http.send(request)


async def get(http: Any, fields: dict[str, str], accept: str | None = None) -> Any:
    request = http.build_request("GET", f"{URL}?{urlencode(fields)}", headers={"Accept": accept} if accept else {})
    if accept is None:
        del request.headers["accept"]
    return await http.send(request)


@pytest.mark.parametrize(
    ("accept", "expected"),
    [
        (RESPONSE, RESPONSE),  # 22EB
        (JSON, JSON),  # 4655
        ("*/*", JSON),  # 47DE
        (None, JSON),  # 80D8
        ("", JSON),
        ("application/*", JSON),
        (f"{RESPONSE}, {JSON};q=0.9", RESPONSE),
        (f"{JSON}, {RESPONSE}", JSON),
        (f"{RESPONSE};charset=utf-8", RESPONSE),
        (f"{JSON};q=0.1, {RESPONSE};q=0.2", RESPONSE),
        (f"{JSON};q=0, */*", RESPONSE),
        ("text/html, */*;q=0.1", JSON),
    ],
)
async def test_the_answer_has_the_media_type_asked_for_in_utf_8(http: Any, accept: str | None, expected: str) -> None:
    response = await post(http, TYPENAME, accept=accept)
    assert response.status_code == 200
    assert response.headers["content-type"] == f"{expected}; charset=utf-8"
    assert response.json() == {"data": {"__typename": "Query"}}


@pytest.mark.parametrize("accept", ["text/html", "application/xml", f"{JSON};q=0", f"{RESPONSE};charset=latin-1"])
async def test_a_media_type_we_do_not_speak_is_406(http: Any, accept: str) -> None:
    response = await post(http, TYPENAME, accept=accept)
    assert response.status_code == 406
    assert response.json()["errors"][0]["extensions"]["code"] == "NOT_ACCEPTABLE"


@pytest.mark.parametrize("content", [JSON, f"{JSON}; charset=utf-8", f"{JSON};charset=UTF-8", "Application/JSON"])
async def test_json_is_read_as_utf_8_said_or_not(http: Any, content: str) -> None:  # BF61, 78D5, 82A3
    query = '{ __type(name: "Run🏃Swim🏊") { name } ... @skip(if: true) { landlord { name } } }'
    body = json.dumps({"query": query}, ensure_ascii=False).encode()
    response = await post(http, body, content=content)
    assert (response.status_code, response.json()) == (200, {"data": {"__type": None}})


async def test_the_answer_is_utf_8_and_not_escaped(http: Any) -> None:
    response = await post(http, {"query": "{"}, accept=RESPONSE)
    assert "« " in response.content.decode("utf-8") or "requête" in response.content.decode("utf-8")


async def test_get_answers_queries(http: Any) -> None:  # 5A70
    assert (await get(http, TYPENAME)).json() == {"data": {"__typename": "Query"}}


async def test_get_refuses_what_would_change_something(http: Any) -> None:  # 9C48
    for operation in ("mutation { __typename }", "subscription { __typename }"):
        response = await get(http, {"query": operation}, RESPONSE)
        assert response.status_code == 405
        assert response.headers["allow"] == "GET, POST"
        assert "data" not in response.json()


@pytest.mark.parametrize("accept", [RESPONSE, JSON])
async def test_get_reads_variables_as_json(http: Any, accept: str) -> None:  # D6D5, 6A70
    fields = {"query": TYPE_QUERY, "variables": json.dumps({"name": "Money"}), "extensions": "{}"}
    assert (await get(http, fields, accept)).json() == {"data": {"__type": {"name": "Money"}}}
    assert (await get(http, fields | {"variables": "{"}, accept)).status_code == 400
    assert (await get(http, fields | {"variables": "[]"}, accept)).status_code == 400


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH", "OPTIONS", "HEAD", "TRACE"])
async def test_other_methods_are_405(http: Any, method: str) -> None:
    response = await http.request(method, URL)
    assert response.status_code == 405
    assert response.headers["allow"] == "GET, POST"


@pytest.mark.parametrize(
    "content",
    [
        None,
        "text/plain",
        "application/x-www-form-urlencoded",
        "multipart/form-data",
        "application/graphql",
        f"{JSON}; charset=latin-1",
    ],
)
async def test_a_body_that_does_not_say_json_is_415(http: Any, content: str | None) -> None:  # 9ABE
    response = await post(http, TYPENAME, content=content)
    assert response.status_code == 415
    assert response.json()["errors"][0]["extensions"]["code"] == "UNSUPPORTED_MEDIA_TYPE"


@pytest.mark.parametrize(
    "body",
    [
        "",  # A5BF
        '{ "not a JSON',  # B6DC, BCF8, B7N8
        b"\xff\xfe{}",
        "null",
        "1",
        '"{ __typename }"',
        "{}",
        {"notquery": "{ __typename }"},  # 423L
        {"qeury": "{ __typename }"},  # 8764, 3E3A
        *({"query": each} for each in ({"obj": "ect"}, 0, False, ["array"], None)),  # LKJ0-3
        *({**TYPENAME, "operationName": each} for each in ({"obj": "ect"}, 0, False, ["array"])),  # 6C00-3
        *({**TYPENAME, "variables": each} for each in ("string", 0, False, ["array"])),  # 4760-3
        *({**TYPENAME, "extensions": each} for each in ("string", 0, False, ["array"])),  # 58B0-3
    ],
)
@pytest.mark.parametrize("accept", [RESPONSE, JSON, None])
async def test_a_request_that_cannot_be_read_is_400_whatever_is_accepted(http: Any, body: Any, accept: str) -> None:
    response = await post(http, body, accept=accept)
    assert response.status_code == 400
    assert set(response.json()) == {"errors"}
    assert response.json()["errors"][0]["extensions"]["code"] == "INVALID_REQUEST"


@pytest.mark.parametrize("accept", [RESPONSE, JSON])
@pytest.mark.parametrize(
    "body",
    [
        TYPENAME,  # 34A2, 13EE
        {"query": "query Query { __typename }", "operationName": "Query"},  # 8161, B8B3
        {**TYPENAME, "variables": None},  # 94B0, 0220
        {**TYPENAME, "operationName": None},  # 94B1, 0221
        {**TYPENAME, "extensions": None},  # 94B2, 0222
        {"query": TYPE_QUERY, "variables": {"name": "sometype"}},  # 2EA1, 28B9
        {**TYPENAME, "extensions": {"some": "value"}},  # 428F, 1B7A
        {**TYPENAME, "operationName": ""},
        {**TYPENAME, "unknown": "parameter"},
    ],
)
async def test_what_the_draft_allows_is_answered(http: Any, body: dict[str, Any], accept: str) -> None:
    response = await post(http, body, accept=accept)
    assert response.status_code == 200
    assert "errors" not in response.json()


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"query": "{"}, "SYNTAX_ERROR"),  # 572B, 865D, 556A, D586
        ({"query": ""}, "SYNTAX_ERROR"),
        ({"query": UNKNOWN_FIELD}, "INVALID_QUERY"),  # FDE2, 51FE, 74FF, 5E5B
        ({"query": "fragment A on Query { __typename }"}, "INVALID_QUERY"),
        (COERCION, "INVALID_VARIABLES"),  # 7B9B, 86EE
        (
            {
                "query": "query ($d: Date) { viewer { accounts { ledger(postedTo: $d) { nodes { id } } } } }",
                "variables": {"d": "2026-13-40"},
            },
            "INVALID_VARIABLES",
        ),
        ({**TYPENAME, "operationName": "Other"}, "UNKNOWN_OPERATION"),
        ({"query": "query A { __typename } query B { __typename }"}, "UNKNOWN_OPERATION"),
        ({"query": "subscription { __typename }"}, "INVALID_QUERY"),
    ],
)
async def test_a_query_that_is_not_executed_has_no_data(developer_api: Any, body: dict[str, Any], code: str) -> None:
    headers = developer_api.world.tenants["claire"].headers
    for accept, status in ((RESPONSE, 400), (JSON, 200)):
        response = await developer_api.http.post(URL, json=body, headers={**headers, "Accept": accept})
        assert response.status_code == status
        assert set(response.json()) == {"errors"}
        assert {error["extensions"]["code"] for error in response.json()["errors"]} == {code}


async def test_a_field_that_fails_is_200_with_data(developer_api: Any) -> None:  # EE52
    for accept in (RESPONSE, JSON):
        response = await developer_api.post(
            '{ landlord { slug } node(id: "x") { id } }', tenant="claire", headers={"Accept": accept}
        )
        assert response.status_code == 200
        assert response.json()["data"] == {"landlord": {"slug": "rives"}, "node": None}
        assert list(response.json()) == ["errors", "data"]


async def test_a_request_that_is_not_permitted_is_401(http: Any) -> None:  # BC58
    for accept in (RESPONSE, JSON):
        response = await post(http, {"query": "{ viewer { displayName } }"}, accept=accept)
        assert response.status_code == 401
        assert response.headers["www-authenticate"] == "Bearer"


@pytest.mark.parametrize("body", [[], [TYPENAME], [TYPENAME, TYPENAME]])
async def test_batches_are_refused(http: Any, body: list[Any]) -> None:
    response = await post(http, body)
    assert response.status_code == 400
    assert response.json()["errors"][0]["extensions"]["code"] == "BATCHING_OFF"


async def test_a_body_beyond_the_limit_is_413(http: Any) -> None:
    response = await post(http, {"query": "#" + "x" * 100_000})
    assert response.status_code == 413
    assert response.json()["errors"][0]["extensions"]["most"] == 100_000


async def test_answers_are_never_cached_and_vary_by_what_decides_them(http: Any) -> None:
    response = await post(http, TYPENAME)
    assert response.headers["cache-control"] == "no-store"
    assert response.headers["vary"] == "Accept, Accept-Language, Authorization"
    assert response.headers["x-content-type-options"] == "nosniff"
    assert len(response.headers["x-request-id"]) == 32


async def test_production_hides_the_schema_and_developers_see_it(api: Any, developer_api: Any) -> None:
    for query in ("{ __schema { types { name } } }", '{ __type(name: "Money") { name } }'):
        assert set(await api.codes(query, tenant=None)) == {"INVALID_QUERY"}
        assert await developer_api.codes(query, tenant=None) == []


async def test_the_usual_introspection_query_passes_the_limits(developer_api: Any) -> None:
    from graphql import build_client_schema, get_introspection_query

    schema = await developer_api.ask(get_introspection_query(), tenant=None)
    assert "Viewer" in build_client_schema(schema).type_map  # type: ignore[arg-type]
