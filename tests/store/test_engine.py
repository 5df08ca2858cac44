"""Transactions: who they are for is said once, in one statement, and forgotten at their end."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import event, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncEngine

from hub.store.engine import _LIMITS, base_url, make_engine, role_url, scope
from hub.store.roles import Role, role_password

WHO = text("select current_setting('app.landlord', true), current_setting('app.contracts', true)")


@pytest.fixture
async def engine(world_url: str) -> AsyncIterator[AsyncEngine]:
    made = make_engine(world_url, Role.API, pool_size=1)
    yield made
    await made.dispose()


async def test_a_transaction_says_who_it_is_for_and_the_next_one_does_not(engine: AsyncEngine) -> None:
    contracts = [UUID(int=1), UUID(int=2)]
    async with scope(engine, "rives-doise", contracts) as conn:
        assert (await conn.execute(WHO)).one() == ("rives-doise", f"{{{contracts[0]},{contracts[1]}}}")
    async with scope(engine, None) as conn:
        assert (await conn.execute(WHO)).one() == ("", "")
    async with engine.connect() as conn:
        assert (await conn.execute(WHO)).one() == ("", "")


async def test_after_a_commit_the_same_connection_still_knows(engine: AsyncEngine) -> None:
    async with engine.connect() as conn:
        await conn.execution_options(landlord="rives-doise")
        for _ in range(2):
            assert (await conn.execute(WHO)).one()[0] == "rives-doise"
            await conn.commit()


async def test_a_landlord_is_a_value_never_sql(engine: AsyncEngine) -> None:
    name = "'); drop table landlord; --"
    async with scope(engine, name) as conn:
        assert (await conn.execute(WHO)).one()[0] == name


async def test_saying_it_counts_as_no_statement(engine: AsyncEngine) -> None:
    seen: list[str] = []
    event.listen(
        engine.sync_engine, "before_cursor_execute", lambda c, cursor, statement, *rest: seen.append(statement)
    )
    async with scope(engine, "rives-doise", [UUID(int=1)], readonly=True) as conn:
        await conn.execute(text("select 1"))
    assert seen == ["select 1"]


async def test_a_reading_transaction_cannot_write(world_url: str) -> None:
    engine = make_engine(world_url, Role.SYNC)
    async with scope(engine, "a") as conn:
        await conn.execute(text("delete from job"))
    with pytest.raises(DBAPIError, match="read-only transaction"):
        async with scope(engine, "a", readonly=True) as conn:
            await conn.execute(text("delete from job"))
    async with scope(engine, "a") as conn:
        await conn.execute(text("delete from job"))
    await engine.dispose()


async def test_every_role_has_limits_and_a_name(world_url: str) -> None:
    question = """select current_user, current_setting('application_name'), current_setting('statement_timeout'),
                         current_setting('lock_timeout'), current_setting('idle_in_transaction_session_timeout'),
                         current_setting('timezone')"""
    limits: dict[Any, Any] = {}
    for role in Role:
        engine = make_engine(world_url, role)
        async with engine.connect() as conn:
            limits[role] = tuple((await conn.execute(text(question))).one())
        await engine.dispose()
    assert limits == {
        Role.OWNER: ("hub_owner", "hub_owner", "0", "30s", "0", "UTC"),
        Role.DISPATCH: ("hub_dispatch", "hub_dispatch", "15s", "5s", "1min", "UTC"),
        Role.SYNC: ("hub_sync", "hub_sync", "15min", "1min", "2min", "UTC"),
        Role.API: ("hub_api", "hub_api", "10s", "2s", "1min", "UTC"),
    }


async def test_who_stands_still_in_a_transaction_lets_go_of_its_rows(
    world_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(_LIMITS, Role.SYNC, (5_000, 4_000, 200))
    frozen, awake = make_engine(world_url, Role.SYNC), make_engine(world_url, Role.SYNC)
    lock, locked = text("lock table job in share row exclusive mode"), []
    with pytest.raises(DBAPIError):
        async with scope(frozen, "a") as conn:
            await conn.execute(lock)
            async with scope(awake, "a") as other:
                locked.append(await other.execute(lock))
            await conn.execute(text("select 1"))
    assert locked
    await frozen.dispose()
    await awake.dispose()


@pytest.mark.parametrize("scheme", ["postgresql", "postgresql+psycopg"])
def test_a_role_url_keeps_the_place_and_forgets_the_user(scheme: str) -> None:
    url = base_url(role_url(f"{scheme}://admin:secret@db.example.org:6432/hub?sslmode=require", Role.API, b"key"))
    assert (url.drivername, url.host, url.port, url.database) == ("postgresql+psycopg", "db.example.org", 6432, "hub")
    assert (url.username, url.password) == ("hub_api", role_password(Role.API, b"key"))
    assert dict(url.query) == {"sslmode": "require"}
    assert base_url(role_url("postgresql://admin:secret@h/hub", Role.API, None)).password is None


def test_an_administrators_password_never_becomes_a_roles() -> None:
    engine = make_engine("postgresql://admin:secret@h/hub", Role.API)
    assert (engine.url.username, engine.url.password) == ("hub_api", None)


def test_each_role_and_each_key_has_a_password_of_its_own() -> None:
    passwords = {role_password(role, key) for role in Role for key in (b"one", b"two")}
    assert len(passwords) == 8
    assert {len(password) for password in passwords} == {64}
