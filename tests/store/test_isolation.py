"""Probes of every table by every role: another landlord's rows, another person's rows, no landlord at all."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import psycopg
import pytest
from sqlalchemy import Table, func, insert, select, text, update
from sqlalchemy.exc import ProgrammingError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from hub.store.engine import make_engine, scope
from hub.store.roles import SERVING, Role
from hub.store.tables import ANYONE, access_token, job, metadata

HERE, THERE = "aubes", "brise"
TABLES = [pytest.param(table, id=table.name) for table in metadata.sorted_tables]
SHOWN = [table for table in metadata.sorted_tables if table.info["person"] is not None]
PERSONAL = [
    pytest.param(table, id=table.name)
    for table in SHOWN
    if table.info["person"] not in (ANYONE, "object_type = 'site'") and table.name != "payment_action"
]
DISPATCHED = {"job", "schedule"}
Enter = Callable[..., Any]
NOW = datetime.now(UTC)


@pytest.fixture(scope="module")
async def enter(probed: Any) -> AsyncIterator[Enter]:
    """A transaction of a role, rolled back."""
    engines: dict[Role, AsyncEngine] = {role: make_engine(probed.url, role) for role in SERVING}

    @asynccontextmanager
    async def entered(role: Role, *about: Any, **how: Any) -> AsyncIterator[AsyncConnection]:
        async with engines[role].connect() as conn:
            landlord, contracts = (*about, None, None)[:2]
            await conn.execution_options(landlord=landlord, contracts=contracts, **how)
            async with conn.begin() as transaction:
                yield conn
                await transaction.rollback()

    yield entered
    for engine in engines.values():
        await engine.dispose()


async def _count(conn: AsyncConnection, table: Table) -> int:
    return int((await conn.execute(select(func.count(table.c.landlord_id)))).scalar_one())


async def _landlords(conn: AsyncConnection, table: Table) -> set[str]:
    return set((await conn.execute(select(table.c.landlord_id))).scalars())


def _refused() -> Any:
    return pytest.raises(ProgrammingError, match="InsufficientPrivilege")


@pytest.mark.parametrize("table", TABLES)
async def test_without_a_landlord_nothing_is_seen(enter: Enter, table: Table) -> None:
    for role in (Role.SYNC, *([Role.API] if table in SHOWN else [])):
        async with enter(role) as conn:
            assert await _count(conn, table) == (0 if table.name != "landlord" else 2)


@pytest.mark.parametrize("table", TABLES)
async def test_workers_see_and_change_one_landlord_only(enter: Enter, table: Table, probed: Any) -> None:
    async with enter(Role.SYNC, HERE) as conn:
        expected = {HERE, THERE} if table.name == "landlord" else {HERE}
        assert await _landlords(conn, table) == expected
    foreign = probed.rows[THERE, 1][table.name]
    async with enter(Role.SYNC, HERE) as conn:
        with pytest.raises(ProgrammingError, match="row-level security"):
            await conn.execute(insert(table).inline(), foreign)
    if table is access_token:
        return  # tokens are made and removed, never changed
    if table.info["append_only"]:
        for statement in (update(table).values(landlord_id=HERE), table.delete()):
            async with enter(Role.SYNC, HERE) as conn:
                with _refused():
                    await conn.execute(statement)
        return
    async with enter(Role.SYNC, HERE) as conn:
        changed = await conn.execute(update(table).where(table.c.landlord_id == THERE).values(landlord_id=THERE))
        removed = await conn.execute(table.delete().where(table.c.landlord_id == THERE))
        assert (changed.rowcount, removed.rowcount) == (0, 0)
    async with enter(Role.SYNC, HERE) as conn:
        with pytest.raises(ProgrammingError, match="row-level security"):
            await conn.execute(update(table).values(landlord_id=THERE))


def test_a_key_taken_at_another_landlord_is_free(probed: Any) -> None:
    """Both landlords hold rows of the same keys in every table: no key tells what exists elsewhere."""
    for table in metadata.sorted_tables:
        here, there = probed.rows[HERE, 1][table.name], probed.rows[THERE, 1][table.name]
        assert {**there, "landlord_id": HERE} == here


@pytest.mark.parametrize("table", TABLES)
async def test_requests_read_and_write_nothing(enter: Enter, table: Table, probed: Any) -> None:
    row = probed.rows[HERE, 1][table.name]
    for statement in (insert(table).inline().values(row), update(table).values(landlord_id=HERE), table.delete()):
        async with enter(Role.API, HERE) as conn:
            with _refused():
                await conn.execute(statement)
    if table not in SHOWN:
        async with enter(Role.API, HERE) as conn:
            with _refused():
                await _count(conn, table)


@pytest.mark.parametrize("table", [param for param in TABLES if param.id not in ("breaker", "job", "schedule")])
async def test_the_dispatcher_sees_no_other_table(enter: Enter, table: Table) -> None:
    async with enter(Role.DISPATCH, HERE) as conn:
        with _refused():
            await _count(conn, table)


async def test_the_dispatcher_sees_all_landlords_jobs_but_no_payload(enter: Enter) -> None:
    async with enter(Role.DISPATCH) as conn:
        for name in DISPATCHED:
            assert await _landlords(conn, metadata.tables[name]) == {HERE, THERE}
    for statement in (
        "select payload from job",
        "select * from job",
        "insert into job (landlord_id, queue, kind, dedup_key, run_at, created_at) "
        "values ('aubes', 'q', 'k', 'd', now(), now()) returning payload",
        "update job set payload = '{}'",
        "update job set landlord_id = 'brise'",
        "update schedule set feeds = '{}'",
        "delete from job",
        "insert into schedule (landlord_id, name, time_zone, feeds) values ('aubes', 'x', 'UTC', '{}')",
    ):
        async with enter(Role.DISPATCH) as conn:
            with _refused():
                await conn.execute(text(statement))


async def test_the_dispatcher_leases_jobs_and_asks_for_new_ones(enter: Enter) -> None:
    async with enter(Role.DISPATCH) as conn:
        leased = await conn.execute(
            update(job).values(state="leased", token=job.c.token + 1, lease_until=func.now()).returning(job.c.id)
        )
        assert len(leased.all()) == 4
        asked = await conn.execute(
            text(
                """insert into job (landlord_id, queue, kind, dedup_key, run_at, created_at, payload)
                   values ('aubes', 'q', 'sync', 'night', now(), now(), '{"slot": 1}') returning id"""
            )
        )
        assert asked.scalar_one() > 0
        await conn.execute(text("update schedule set next_run = now(), last_slot = now()"))


# --- persons ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("table", PERSONAL)
async def test_a_session_sees_its_own_contracts_rows_only(enter: Enter, table: Table, probed: Any) -> None:
    """Without any condition of our own: what a resolver that forgot its filter would give."""
    for person in (1, 2):
        mine = probed.rows[HERE, person]
        async with enter(Role.API, HERE, [mine["contract"]["id"]]) as conn:
            found = (await conn.execute(select(*table.primary_key.columns))).all()
        assert [tuple(row) for row in found] == [tuple(mine[table.name][c.name] for c in table.primary_key)]


@pytest.mark.parametrize("table", PERSONAL)
async def test_a_session_of_no_contract_sees_no_personal_row(enter: Enter, table: Table) -> None:
    for contracts in (None, [], [UUID(int=0)]):
        async with enter(Role.API, HERE, contracts) as conn:
            assert await _count(conn, table) == 0


@pytest.mark.parametrize("table", PERSONAL)
async def test_contracts_of_another_landlord_open_nothing(enter: Enter, table: Table, probed: Any) -> None:
    """The ids are the same at both landlords: only the landlord's policy stands between."""
    async with enter(Role.API, HERE, [probed.rows[THERE, 1]["contract"]["id"]]) as conn:
        assert await _landlords(conn, table) == {HERE}


async def test_a_session_of_two_contracts_sees_both(enter: Enter, probed: Any) -> None:
    contracts = [probed.rows[HERE, person]["contract"]["id"] for person in (1, 2)]
    async with enter(Role.API, HERE, contracts) as conn:
        for param in PERSONAL:
            assert await _count(conn, param.values[0]) == 2


async def test_site_keys_are_all_that_requests_see_of_external_keys(enter: Enter, probed: Any) -> None:
    key = metadata.tables["external_key"]
    async with enter(Role.API, HERE) as conn:
        assert (await conn.execute(select(key.c.object_type))).scalars().all() == ["site"]


# --- tokens -----------------------------------------------------------------------------------------------------------


SESSION = text("select person_id, contract_ids from tenant_session(:hash, :at)")


async def _session(enter: Enter, landlord: str | None, token: dict[str, Any], *, later: timedelta = timedelta()) -> Any:
    at = token["expires_at"] - timedelta(seconds=1) + later
    async with enter(Role.API, landlord) as conn:
        return (await conn.execute(SESSION, {"hash": token["token_hash"], "at": at})).all()


async def test_a_token_opens_its_persons_contracts(enter: Enter, probed: Any) -> None:
    for person in (1, 2):
        mine = probed.rows[HERE, person]
        found = await _session(enter, HERE, mine["access_token"])
        assert found == [(mine["person"]["id"], [mine["contract"]["id"]])]


async def test_a_token_opens_nothing_late_or_elsewhere(enter: Enter, probed: Any) -> None:
    token = probed.rows[HERE, 1]["access_token"]
    assert await _session(enter, HERE, token, later=timedelta(seconds=1)) == []
    assert await _session(enter, None, token) == []
    assert await _session(enter, "nowhere", token) == []
    assert await _session(enter, HERE, {**token, "token_hash": b"guess"}) == []


async def test_only_requests_may_open_sessions(enter: Enter) -> None:
    for role in (Role.SYNC, Role.DISPATCH):
        async with enter(role, HERE) as conn:
            with _refused():
                await conn.execute(SESSION, {"hash": b"", "at": None})


@pytest.mark.parametrize(
    ("change", "opened"),
    [
        ("update party set role = 'co_holder'", ["L/0001"]),
        ("update contract set status = 'ended', ends_on = '2020-01-01', missing_since = now()", ["L/0001"]),
        ("update party set role = 'guarantor'", []),
        ("update party set missing_since = now()", []),
    ],
)
async def test_holders_open_a_contract_even_ended_and_others_do_not(
    committing: Any, fresh_database: Any, change: str, opened: list[str]
) -> None:
    await committing.ask("delete from party where role <> 'holder' returning 1")
    await committing.ask(f"{change} returning 1")
    await committing.ask(
        """insert into access_token select landlord_id, 'hash', id, now(), now() + interval '1 day'
           from person where family_name = 'Lefèvre' returning 1"""
    )
    engine = make_engine(fresh_database.url_for(Role.API), Role.API)
    async with scope(engine, "rives-doise", readonly=True) as conn:
        ((person, contracts),) = (await conn.execute(SESSION, {"hash": b"hash", "at": NOW})).all()
    async with scope(engine, "rives-doise", contracts, readonly=True) as conn:
        assert (await conn.execute(text("select reference from contract"))).scalars().all() == opened
        seen = (await conn.execute(text("select id from person"))).scalars().all()
    assert seen == ([person] if opened else [])
    await engine.dispose()


async def test_an_error_of_the_driver_shows_no_parameter(enter: Enter) -> None:
    async with enter(Role.API, HERE) as conn:
        with pytest.raises(ProgrammingError) as caught:
            await conn.execute(text("select nothing where :name = ''"), {"name": "Lefèvre"})
    assert "Lefèvre" not in str(caught.value)
    assert isinstance(caught.value.orig, psycopg.Error)


async def test_scope_commits_at_its_end_and_not_on_an_error(fresh_database: Any) -> None:
    engine = make_engine(fresh_database.url_for(Role.SYNC), Role.SYNC)
    insertion = text("insert into connector_state values ('a', 'erp', :name, 'v')")
    async with scope(engine, "a") as conn:
        await conn.execute(insertion, {"name": "kept"})
    with pytest.raises(ZeroDivisionError):
        async with scope(engine, "a") as conn:
            await conn.execute(insertion, {"name": "lost"})
            raise ZeroDivisionError
    async with scope(engine, "a") as conn:
        assert (await conn.execute(text("select name from connector_state"))).scalars().all() == ["kept"]
    await engine.dispose()
