"""The migrated schema is the declared one: tables, policies and grants."""

from __future__ import annotations

import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Any
from uuid import RFC_4122

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Connection, NullPool, create_engine, text

from hub.embedded.postgres import EmbeddedPostgres
from hub.errors import SetupError
from hub.store import migrations
from hub.store.engine import make_engine
from hub.store.policies import protect
from hub.store.provision import provision, require_current_schema
from hub.store.roles import Role
from hub.store.tables import metadata

POLICIES = """
select tablename, policyname, permissive, array_to_string(roles, ',') as roles, cmd, qual, with_check
from pg_policies where schemaname = 'public' order by 1, 2
"""
GRANTS = """
select table_name, column_name, grantee, privilege_type
from information_schema.column_privileges
where table_schema = 'public' and grantee <> 'hub_owner' and table_name <> 'alembic_version' order by 1, 2, 3, 4
"""


def _as_owner(server: EmbeddedPostgres, database: str) -> Any:
    return create_engine(server.url(database, Role.OWNER), poolclass=NullPool)


def test_the_migrations_make_the_declared_tables(pg_server: EmbeddedPostgres, world_url: str) -> None:
    engine = _as_owner(pg_server, "store_tests")
    with engine.connect() as conn:
        context = MigrationContext.configure(conn, opts={"compare_type": True, "compare_server_default": True})
        assert compare_metadata(context, metadata) == []
    engine.dispose()


def test_the_migrations_give_the_declared_policies_and_grants(pg_server: EmbeddedPostgres, world_url: str) -> None:
    admin = create_engine(pg_server.url(), poolclass=NullPool, isolation_level="AUTOCOMMIT")
    with admin.connect() as conn:
        conn.execute(text("create database declared owner hub_owner template template0"))
    migrated, declared = _as_owner(pg_server, "store_tests"), _as_owner(pg_server, "declared")
    with declared.begin() as conn:
        metadata.create_all(conn)
        for table in metadata.sorted_tables:
            for statement in protect(table):
                conn.execute(text(statement))
    with migrated.connect() as found, declared.connect() as wanted:
        for question in (POLICIES, GRANTS):
            assert _rows(found, question) == _rows(wanted, question)
    for engine in (admin, migrated, declared):
        engine.dispose()


def _rows(conn: Connection, question: str) -> list[Any]:
    rows = [tuple(row) for row in conn.execute(text(question))]
    assert len(rows) > 50
    return rows


async def test_a_database_of_a_newer_hub_is_refused(pg_server: EmbeddedPostgres) -> None:
    base = await provision(pg_server.url(), database="of_a_newer_hub")
    engine = make_engine(base, Role.SYNC)
    await require_current_schema(engine)
    _mark(pg_server, "9999")
    with pytest.raises(SetupError, match="revision 9999, which this version of the hub does not know"):
        await provision(pg_server.url(), database="of_a_newer_hub")
    with pytest.raises(SetupError, match="a newer one wrote it"):
        await require_current_schema(engine)
    _mark(pg_server, "0001")
    with pytest.raises(SetupError, match=f"at revision 0001, .* needs {migrations.head()} → run `housing-hub migrate`"):
        await require_current_schema(engine)
    await engine.dispose()


def _mark(server: EmbeddedPostgres, revision: str) -> None:
    engine = _as_owner(server, "of_a_newer_hub")
    with engine.begin() as conn:
        conn.execute(text("update alembic_version set version_num = :it"), {"it": revision})
    engine.dispose()


def test_our_ids_are_uuid7_in_the_order_of_their_counter(pg_server: EmbeddedPostgres, world_url: str) -> None:
    engine = _as_owner(pg_server, "store_tests")
    with engine.connect() as conn:
        before = time.time_ns() // 1_000_000
        counted = conn.execute(text("select hub_uuid7(n) from generate_series(1, 40000) n order by n")).scalars().all()
        single = {conn.execute(text("select hub_uuid7()")).scalar_one() for _ in range(100)}
    engine.dispose()
    assert sorted(counted) == counted
    assert len(single) == 100
    for one in (*counted[:3], *counted[-3:], *single):
        assert (one.version, one.variant) == (7, RFC_4122)
        assert before - 1000 <= one.int >> 80 <= time.time_ns() // 1_000_000 + 1000


NEW_TABLE = """
from sqlalchemy import Column, Uuid
from hub.store.tables.base import landlord_table, refers
mandate = landlord_table("mandate", Column("id", Uuid, nullable=False), Column("contract_id", Uuid),
    refers(["contract_id"], "contract"), key=("id",), person="contract_id in (select c.id from contract c)")
"""


def test_the_next_revision_is_written_with_its_policies(tmp_path: Path) -> None:
    """In a copy of the hub that declares one more table."""
    shutil.copytree(
        Path(migrations.__file__).parents[2], tmp_path / "hub", ignore=shutil.ignore_patterns("__pycache__")
    )
    with (tmp_path / "hub/store/tables/__init__.py").open("a") as tables:
        tables.write(NEW_TABLE)
    command = [sys.executable, "-m", "hub.store.migrations", "add mandates"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stderr
    (written,) = (tmp_path / "hub/store/migrations/versions").glob("r*_add_mandates.py")
    module = written.read_text()
    for part in (
        "op.create_table('mandate'",
        "alter table mandate force row level",
        "create policy session on mandate",
    ):
        assert part in module
