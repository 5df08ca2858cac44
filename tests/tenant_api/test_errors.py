"""Errors: a stable code, a sentence in the reader's language, and nothing of our inside."""

from __future__ import annotations

import re
import string
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text
from structlog.testing import capture_logs

import tenant_api
from hub.errors import AskError
from hub.services import read_contracts
from hub.store.reads import contracts
from tenant_api import endpoint
from tenant_api.errors import _TOLD, CATALOGUE, language_of

SOURCE = Path(tenant_api.__file__).parent


def subclasses(kind: type[AskError]) -> set[type[AskError]]:
    return {kind}.union(*(subclasses(each) for each in kind.__subclasses__()))


def test_every_code_the_api_raises_is_in_the_catalogue() -> None:
    raised = {
        code
        for path in SOURCE.rglob("*.py")
        for code in re.findall(r'(?:RefusedError|invalid|say)\(\s*"([A-Z_]+)"', path.read_text(encoding="utf-8"))
    }
    asked = {_TOLD.get(kind.code, kind.code) for kind in subclasses(AskError) if kind is not AskError}
    limits = {"QUERY_TOO_DEEP", "TOO_MANY_ALIASES", "QUERY_TOO_COMPLEX"}
    assert raised | asked | limits == set(CATALOGUE)


def test_every_sentence_exists_in_both_languages_with_the_same_facts() -> None:
    for code, sentences in CATALOGUE.items():
        assert set(sentences) == {"en", "fr"}, code
        facts = [{name for _, name, _, _ in string.Formatter().parse(each) if name} for each in sentences.values()]
        assert facts[0] == facts[1], code
        assert all(each[0].isupper() for each in sentences.values()), code


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        (None, "fr"),
        ("", "fr"),
        ("en", "en"),
        ("en-GB,en;q=0.9", "en"),
        ("fr-FR, en;q=0.8", "fr"),
        ("de, en;q=0.5, fr;q=0.4", "en"),
        ("en;q=0, fr;q=0.1", "fr"),
        ("fr;q=0.5, en;q=0.6", "en"),
        ("en;q=x", "fr"),
        ("*", "fr"),
    ],
)
def test_the_language_is_the_heaviest_we_speak(header: str | None, expected: str) -> None:
    assert language_of(header, "fr") == expected


async def test_errors_are_worded_in_the_readers_language_else_the_landlords(api: Any) -> None:
    query = '{ node(id: "x") { id } }'
    said = {}
    for landlord, tenant in (("rives", "claire"), ("tilleuls", "dora")):
        for accept in ("fr", "en", "de"):
            response = await api.post(query, tenant=tenant, landlord=landlord, headers={"Accept-Language": accept})
            said[landlord, accept] = (response.headers["content-language"], response.json()["errors"][0]["message"])
    french, english = CATALOGUE["NOT_FOUND"]["fr"], CATALOGUE["NOT_FOUND"]["en"]
    assert said["rives", "fr"] == said["tilleuls", "fr"] == said["rives", "de"] == ("fr", french)
    assert said["rives", "en"] == said["tilleuls", "en"] == said["tilleuls", "de"] == ("en", english)


async def test_an_error_carries_its_place_and_the_requests_number(api: Any) -> None:
    response = await api.post('{ node(id: "x") { id } landlord { name } }', tenant="claire")
    (error,) = response.json()["errors"]
    assert error["path"] == ["node"]
    assert error["locations"] == [{"line": 1, "column": 3}]
    assert error["extensions"] == {"code": "NOT_FOUND", "requestId": response.headers["x-request-id"]}
    assert response.json()["data"] == {"node": None, "landlord": {"name": "Rives d'Oise Habitat"}}


async def test_a_failing_statement_ends_the_request_as_one_masked_error(
    api: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = "select secret_column, :ids as x from party where contract_id = any(cast(:ids as uuid[]))"
    monkeypatch.setattr(contracts, "_PARTIES", text(broken))
    query = (
        "{ viewer { contracts { nodes { parties { role } accounts { number } rentNotices { nodes { number } } } } } }"
    )
    with capture_logs() as logs:
        response = await api.post(query, tenant="claire", headers={"Accept-Language": "en"})
    assert response.status_code == 200
    answer = response.json()
    assert answer["data"] is None
    (error,) = answer["errors"]
    assert error["extensions"]["code"] == "INTERNAL"
    assert error["extensions"]["requestId"] in error["message"]
    assert "secret_column" not in response.text
    (logged,) = [each for each in logs if each["event"] == "unforeseen"]
    assert logged["request_id"] == error["extensions"]["requestId"]
    assert logged["sqlstate"] == "42703"
    assert "secret_column" not in str(logs)
    assert await api.codes("{ viewer { displayName } }") == []  # the connection went back clean


async def test_an_exception_in_our_own_code_is_masked(api: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    async def burst(*args: Any) -> str:
        raise RuntimeError("Claire Petit owes 627.74")

    monkeypatch.setattr(read_contracts, "viewer_name", burst)
    with capture_logs() as logs:
        response = await api.post("{ viewer { displayName contracts { nodes { reference } } } }", tenant="claire")
    (error,) = response.json()["errors"]
    assert error["extensions"]["code"] == "INTERNAL"
    assert error["path"] == ["viewer", "displayName"]
    assert len(response.json()["data"]["viewer"]["contracts"]["nodes"]) == 3
    assert "Petit" not in response.text + str(logs)


async def test_a_database_that_is_gone_is_one_masked_error(api: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    class Gone:
        def __init__(self, *args: Any) -> None:
            raise OSError("connection to /secret/socket refused")

    monkeypatch.setattr(endpoint, "Reading", Gone)
    response = await api.post("{ viewer { displayName } }", tenant="claire")
    assert response.status_code == 500
    assert "data" not in response.json()
    assert response.json()["errors"][0]["extensions"]["code"] == "INTERNAL"
    assert "socket" not in response.text


async def test_no_field_is_suggested(api: Any) -> None:
    for query in (
        "{ viewr { displayName } }",
        "{ viewer { displaName } }",
        "{ viewer { contracts(firs: 1) { nodes { id } } } }",
    ):
        response = await api.post(query, tenant="claire", headers={"Accept-Language": "en"})
        assert response.json()["errors"][0]["extensions"]["code"] == "INVALID_QUERY"
        assert "Did you mean" not in response.text
