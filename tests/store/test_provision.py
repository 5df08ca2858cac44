"""Provisioning: from an empty server to a ready database, twice, at once, with passwords, and without the rights."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import make_url, text

from hub.embedded.postgres import EmbeddedPostgres
from hub.errors import DeadlineError, HubError, MisconfiguredError, SettingsError, SetupError, UnreachableError
from hub.store import provision as room
from hub.store.engine import make_engine, role_url, scope
from hub.store.handles import StoreError
from hub.store.provision import provision, require_current_schema
from hub.store.roles import SERVING, Role, role_password
from hub.store.troubles import explain

KEY = b"k" * 32


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedPostgres]:
    """A server of its own, since roles are the whole server's, which asks everyone but its superuser for a password."""
    found = EmbeddedPostgres(tmp_path_factory.mktemp("strict"))
    url = found.start()
    _ask(url, "alter system set log_statement = 'all'")
    hba = Path(_ask(url, "show hba_file"))
    hba.write_text("local all postgres trust\nlocal all all scram-sha-256\n")
    _ask(url, "select pg_reload_conf()")
    yield found
    found.stop()


def _ask(url: str, statement: str) -> str:
    with psycopg.connect(url.replace("+psycopg", ""), autocommit=True) as conn:
        cursor = conn.execute(statement.encode())
        row = cursor.fetchone() if cursor.description else None
    return str(row[0]) if row else ""


async def test_three_at_once_make_one_database_and_a_fourth_changes_nothing(server: EmbeddedPostgres) -> None:
    bases = await asyncio.gather(*(provision(server.url(), database="hub", master_key=KEY) for _ in range(3)))
    assert len(set(bases)) == 1
    assert make_url(bases[0]).username is None
    before = _ask(server.url("hub"), "select string_agg(xmin::text, ',' order by oid) from pg_class")
    assert await provision(server.url(), database="hub", master_key=KEY) == bases[0]
    assert _ask(server.url("hub"), "select string_agg(xmin::text, ',' order by oid) from pg_class") == before
    assert _ask(server.url("hub"), "show server_encoding") == "UTF8"
    assert _ask(server.url(), "select pg_get_userbyid(datdba) from pg_database where datname = 'hub'") == Role.OWNER


async def test_each_role_connects_with_what_the_master_key_gives(server: EmbeddedPostgres) -> None:
    base = await provision(server.url(), database="hub", master_key=KEY)
    for role in SERVING:
        engine = make_engine(role_url(base, role, KEY), role)
        await require_current_schema(engine)
        async with scope(engine, None) as conn:
            assert (await conn.execute(text("select current_user"))).scalar_one() == role
        await engine.dispose()
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        _ask(role_url(base, Role.SYNC, b"another key"), "select 1")


async def test_another_master_key_replaces_the_passwords(server: EmbeddedPostgres) -> None:
    base = await provision(server.url(), database="hub", master_key=KEY)
    await provision(server.url(), database="hub", master_key=b"new")
    assert _ask(role_url(base, Role.API, b"new"), "select current_user") == Role.API
    await provision(server.url(), database="hub", master_key=KEY)
    assert _ask(role_url(base, Role.API, KEY), "select current_user") == Role.API


async def test_no_password_reaches_the_servers_log(server: EmbeddedPostgres) -> None:
    _ask(server.url(), "select 'drop role if exists hub_api' where false")
    await provision(server.url(), database="hub", master_key=b"fresh")
    await provision(server.url(), database="hub", master_key=KEY)
    log = server.log.read_text()
    assert "alter role" in log
    for role in Role:
        assert role_password(role, KEY) not in log
        assert role_password(role, b"fresh") not in log


async def test_an_administrator_who_is_no_superuser_suffices(server: EmbeddedPostgres, tmp_path: Path) -> None:
    _ask(server.url(), "create role dba login createrole createdb password 'dba'")
    _drop_the_hub(server)
    admin = make_url(server.url("postgres", "dba")).set(password="dba").render_as_string(hide_password=False)
    base = await provision(admin, database="hub", master_key=KEY)
    assert await provision(admin, database="hub", master_key=KEY) == base
    assert _ask(role_url(base, Role.SYNC, KEY), "select count(*) from ledger_entry") == "0"


async def test_a_user_without_rights_is_told_what_to_run(server: EmbeddedPostgres) -> None:
    _drop_the_hub(server)
    _ask(server.url(), "create role nobody_much login password 'n'")
    plain = make_url(server.url("postgres", "nobody_much")).set(password="n").render_as_string(hide_password=False)
    with pytest.raises(SetupError, match="the database user nobody_much may not set up") as caught:
        await provision(plain, database="hub", master_key=KEY)
    hint = caught.value.hint
    assert role_password(Role.SYNC, KEY) not in hint
    _run_the_script(server, hint)
    base = await provision(plain, database="hub", master_key=KEY)
    assert _ask(role_url(base, Role.SYNC, KEY), "select count(*) from site") == "0"
    with pytest.raises(SetupError) as caught:
        await provision(plain, database="hub", master_key=b"new")
    assert caught.value.hint.count("alter role") == len(Role), "and no more than what is missing"
    assert caught.value.hint.count(";") == len(Role)


async def test_a_database_of_somebody_else_is_not_taken_for_ready(server: EmbeddedPostgres) -> None:
    _drop_the_hub(server)
    _ask(server.url(), "create database hub")
    _ask(server.url(), "create role helper login createrole createdb password 'h'")
    helper = make_url(server.url("postgres", "helper")).set(password="h").render_as_string(hide_password=False)
    with pytest.raises(SetupError, match="the database user helper may not set up") as caught:
        await provision(helper, database="hub", master_key=KEY)
    assert 'alter database "hub" owner to "hub_owner";' in caught.value.hint
    _run_the_script(server, caught.value.hint)
    base = await provision(helper, database="hub", master_key=KEY)
    assert _ask(role_url(base, Role.SYNC, KEY), "select count(*) from site") == "0"
    assert _ask(server.url(), "select has_database_privilege('public', 'hub', 'connect')") == "False"


async def test_a_schema_of_somebody_else_is_not_taken_for_ready(server: EmbeddedPostgres) -> None:
    await provision(server.url(), database="hub", master_key=KEY)
    _ask(server.url(), "create role migrator login password 'm' in role hub_owner")
    plain = make_url(server.url("postgres", "migrator")).set(password="m").render_as_string(hide_password=False)
    _ask(server.url(), "drop database hub")
    _ask(server.url(), "create database hub owner hub_owner")
    _ask(server.url("hub"), "alter schema public owner to postgres")
    with pytest.raises(SetupError) as caught:
        await provision(plain, database="hub", master_key=KEY)
    assert caught.value.hint.endswith('try again:\n  alter schema public owner to "hub_owner";')


def _run_the_script(server: EmbeddedPostgres, hint: str) -> None:
    for statement in hint.partition(":\n")[2].split(";")[:-1]:
        _ask(server.url(), statement)


def _drop_the_hub(server: EmbeddedPostgres) -> None:
    _ask(server.url(), "drop database if exists hub with (force)")
    for role in Role:
        _ask(server.url(), f"drop role if exists {role}")


async def test_a_role_that_passes_by_every_policy_is_refused(server: EmbeddedPostgres) -> None:
    await provision(server.url(), database="hub", master_key=KEY)
    _ask(server.url(), "alter role hub_sync bypassrls")
    with pytest.raises(SetupError, match=r"hub_sync .* bypasses row-level security .*→ alter role hub_sync"):
        await provision(server.url(), database="hub", master_key=KEY)
    _ask(server.url(), "alter role hub_sync nobypassrls")


async def test_an_old_server_is_refused(server: EmbeddedPostgres, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(room, "OLDEST_SERVER", 99)
    with pytest.raises(SetupError, match=r"the server is PostgreSQL \d+ → the hub needs PostgreSQL 99 or newer"):
        await provision(server.url(), database="hub", master_key=KEY)


async def test_a_database_of_another_encoding_is_refused(server: EmbeddedPostgres) -> None:
    _ask(server.url(), "create database latin encoding 'LATIN1' locale_provider libc locale 'C' template template0")
    with pytest.raises(SetupError, match="the database latin is encoded in LATIN1"):
        await provision(server.url("latin"), master_key=KEY)


async def test_a_table_in_use_is_waited_for_and_then_told(
    server: EmbeddedPostgres, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(room, "LOCK_TIMEOUT", "100ms")
    await provision(server.url(), database="hub", master_key=KEY)
    with psycopg.connect(server.url("hub").replace("+psycopg", "")) as busy:
        busy.execute("lock table alembic_version in access exclusive mode")
        with pytest.raises(DeadlineError, match="in use for 100ms: nothing was changed → stop the workers"):
            await provision(server.url(), database="hub", master_key=KEY)


async def test_a_refused_password_is_no_reason_to_try_again_later(server: EmbeddedPostgres) -> None:
    await provision(server.url(), database="hub", master_key=KEY)
    url = make_url(server.url("hub", "hub_owner")).set(password="s3cret").render_as_string(hide_password=False)
    with pytest.raises(MisconfiguredError, match="are user, password and database in the URL right") as caught:
        await provision(url, database="hub", master_key=KEY)
    assert "s3cret" not in str(caught.value)


async def test_a_serving_process_is_told_why_its_database_is_out_of_reach(
    server: EmbeddedPostgres, tmp_path: Path
) -> None:
    base = await provision(server.url(), database="hub", master_key=KEY)
    ours = role_url(base, Role.API, KEY)
    assert await _trouble(ours, "select 1 / 0") is None, "an error of the code stays what it is"
    refused = await _trouble(role_url(base, Role.API, b"another key"))
    assert isinstance(refused, MisconfiguredError)
    assert "is the master key the one" in refused.hint
    assert isinstance(await _trouble(f"postgresql://hub_api@/hub?host={tmp_path}"), UnreachableError)
    empty = await _trouble(ours.replace("/hub?", "/postgres?"), "select * from landlord")
    assert isinstance(empty, SetupError)
    assert "housing-hub migrate" in empty.hint


async def _trouble(url: str, statement: str = "select 1") -> HubError | None:
    engine = make_engine(url, Role.API)
    try:
        async with scope(engine, None) as conn:
            await conn.execute(text(statement))
    except StoreError as error:
        return explain(error)
    finally:
        await engine.dispose()
    raise AssertionError("nothing went wrong")


async def test_a_server_that_is_not_there_is_told_without_the_password(tmp_path: Path) -> None:
    with pytest.raises(UnreachableError, match="cannot connect to the database") as caught:
        await provision(f"postgresql://me:s3cret@/hub?host={tmp_path}")
    assert "s3cret" not in str(caught.value)
    for wrong in ("localhost:5432", "mysql://me:s3cret@host/hub", "postgresql://me:s3cret@host:port/hub"):
        with pytest.raises(SettingsError, match="the database URL is not one of PostgreSQL") as refused:
            await provision(wrong)
        assert "s3cret" not in str(refused.value)
