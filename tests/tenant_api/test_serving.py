"""The application on a real port: health, metrics, and a developer's page that needs no other server."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import re
import socket
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import uvicorn
from starlette.applications import Starlette

import tenant_api
from hub.store.engine import make_engine
from hub.store.roles import Role

STATIC = Path(tenant_api.__file__).parent / "static" / "graphiql"


@contextlib.asynccontextmanager
async def served(app: Starlette) -> AsyncIterator[str]:
    """The application behind uvicorn on a free port, as the hub runs it."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        server = uvicorn.Server(uvicorn.Config(app, log_config=None, access_log=False, lifespan="off"))
        running = asyncio.create_task(server.serve(sockets=[listener]))
        async with asyncio.timeout(10):
            while not server.started:
                await asyncio.sleep(0.01)
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            server.should_exit = True
            await running


async def test_a_query_is_answered_over_a_real_socket(world: Any) -> None:
    async with served(world.app()) as url, httpx.AsyncClient(base_url=url) as http:
        body = {"query": "{ viewer { displayName } }"}
        response = await http.post("/rives/graphql", json=body, headers=world.tenants["claire"].headers)
        assert response.json() == {"data": {"viewer": {"displayName": "Mme Claire Petit"}}}
        assert (await http.get("/healthz")).text == "ok\n"
        ready = await http.get("/readyz")
        assert (ready.status_code, ready.json()) == (200, {"ready": True, "problem": None})
        metrics = (await http.get("/metrics")).text
        assert 'hub_api_requests_total{code="",landlord="rives"} 1.0' in metrics
        assert "hub_api_statements_bucket" in metrics


async def test_links_lead_to_the_address_asked_when_no_other_is_configured(world: Any, pdf: bytes) -> None:
    query = "{ viewer { documents(first: 1) { nodes { downloadUrl } } } }"
    public, world.parts = world.parts, _with(world.parts, public_url="")
    try:
        async with served(world.app()) as url, httpx.AsyncClient(base_url=url) as http:
            headers = world.tenants["claire"].headers
            answer = (await http.post("/rives/graphql", json={"query": query}, headers=headers)).json()
            link = answer["data"]["viewer"]["documents"]["nodes"][0]["downloadUrl"]
            assert link.startswith(f"{url}/rives/documents/")
            assert (await http.get(link)).content == pdf
    finally:
        world.parts = public


def _with(parts: Any, **changed: Any) -> Any:
    from dataclasses import replace

    return replace(parts, **changed)


async def test_a_process_of_another_role_is_not_ready(world: Any, module_database: Any, client: Any) -> None:
    engine = make_engine(module_database.url_for(Role.SYNC), Role.SYNC)
    own, world.parts = world.parts, _with(world.parts, engine=engine)
    try:
        async with client(world.app()) as http:
            response = await http.get("/readyz")
    finally:
        world.parts = own
        await engine.dispose()
    assert (response.status_code, response.json()["problem"]) == (503, "connected as hub_sync, not as hub_api")


async def test_a_process_without_database_lives_but_is_not_ready(world: Any, tmp_path: Path, client: Any) -> None:
    engine = make_engine(f"postgresql://hub_api@/none?host={tmp_path}", Role.API)
    own, world.parts = world.parts, _with(world.parts, engine=engine)
    try:
        async with client(world.app()) as http:
            ready, alive = await http.get("/readyz"), await http.get("/healthz")
            asked = await http.post("/rives/graphql", json={"query": "{ __typename }"})
    finally:
        world.parts = own
        await engine.dispose()
    assert (ready.status_code, alive.status_code, asked.status_code) == (503, 200, 500)
    assert ready.json()["problem"] == "cannot connect to the database"
    assert str(tmp_path) not in ready.text + asked.text
    assert asked.json()["errors"][0]["extensions"]["code"] == "INTERNAL"


async def test_developers_get_a_page_that_needs_no_other_server(developer_api: Any) -> None:
    page = await developer_api.http.get(
        "/rives/graphql?query={landlord{name}}", headers={"Accept": "text/html,*/*;q=0.8"}
    )
    assert page.status_code == 200
    assert page.headers["content-type"].startswith("text/html")
    assert "unsafe-eval" not in page.headers["content-security-policy"]
    assert "script-src 'self';" in page.headers["content-security-policy"]
    assert page.headers["referrer-policy"] == "no-referrer"
    addresses = re.findall(r'(?:src|href)="([^"]+)"', page.text)
    assert len(addresses) == 6
    assert not re.search(r"<script>|\son\w+=|https?:", page.text)
    for address in addresses:
        file = await developer_api.http.get(address)
        assert file.status_code == 200
        assert file.headers["content-type"].split(";")[0] in ("text/javascript", "text/css")


async def test_the_page_holds_nothing_of_the_request(developer_api: Any) -> None:
    page = await developer_api.http.get(
        "/rives/graphql?query=<script>alert(1)</script>", headers={"Accept": "text/html"}
    )
    assert "alert" not in page.text


async def test_production_has_no_page_and_none_of_its_files(api: Any) -> None:
    page = await api.http.get("/rives/graphql", headers={"Accept": "text/html"})
    assert page.status_code == 406
    assert (await api.http.get("/graphiql/graphiql.min.js")).status_code == 404


async def test_an_unknown_landlord_has_no_page(developer_api: Any) -> None:
    assert (await developer_api.http.get("/nobody/graphql", headers={"Accept": "text/html"})).status_code == 404


async def test_the_page_leaves_the_folder_closed(developer_api: Any) -> None:
    for path in ("/graphiql/", "/graphiql/../asgi.py", "/graphiql/%2e%2e/asgi.py", "/graphiql//etc/passwd"):
        assert (await developer_api.http.get(path)).status_code == 404


def test_the_vendored_files_are_the_released_ones() -> None:
    told = dict(re.findall(r"`([\w.-]+)` *\| *`?([0-9a-f]{64})`?", (STATIC / "README.md").read_text(encoding="utf-8")))
    held = {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in STATIC.glob("*.min.*")}
    assert told == held
    assert {path.name for path in STATIC.glob("LICENSE-*")} == {
        "LICENSE-graphiql",
        "LICENSE-react",
        "LICENSE-react-dom",
    }


@pytest.mark.parametrize(
    "path", ["/", "/rives", "/rives/graphql/", "/docs", "/rives/documents", "/rives/documents/a/b"]
)
async def test_nothing_else_is_served(api: Any, path: str) -> None:
    assert (await api.http.get(path, follow_redirects=False)).status_code in (404, 307)
