"""A walk through PostgreSQL's catalogue: what a new table, view or function might forget."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from sqlalchemy import Connection, NullPool, create_engine, text

from hub.embedded.postgres import EmbeddedPostgres
from hub.store.roles import Role
from hub.store.tables import metadata

# Each with why it may be: nothing else is excepted from anything below.
WITHOUT_LANDLORD = {"alembic_version"}  # the schema's revision
DEFINERS = {
    "payment_return",  # where the browser goes on after the payment page: it comes back without a token
    "tenant_session",  # a token to its person and contracts, before anything may be seen
}


@pytest.fixture
def catalogue(pg_server: EmbeddedPostgres, world_url: str) -> Iterator[Connection]:
    engine = create_engine(pg_server.url("store_tests", Role.OWNER), poolclass=NullPool)
    with engine.connect() as conn:
        yield conn
    engine.dispose()


def _names(conn: Connection, question: str) -> set[str]:
    return set(conn.execute(text(question)).scalars())


def test_every_table_belongs_to_landlords(catalogue: Connection) -> None:
    tables = _names(
        catalogue, "select relname from pg_class where relkind in ('r', 'p') and relnamespace = 'public'::regnamespace"
    )
    with_landlord = _names(
        catalogue,
        """select table_name from information_schema.columns
           where table_schema = 'public' and column_name = 'landlord_id'""",
    )
    assert tables - with_landlord == WITHOUT_LANDLORD
    assert with_landlord == set(metadata.tables)


def test_the_landlord_comes_first_in_every_key(catalogue: Connection) -> None:
    keys = catalogue.execute(
        text(
            """select i.indrelid::regclass::text || '.' || i.indexrelid::regclass::text as name, a.attname as first
               from pg_index i join pg_class c on c.oid = i.indrelid and c.relnamespace = 'public'::regnamespace
               join pg_attribute a on a.attrelid = i.indrelid and a.attnum = i.indkey[0]
               where i.indisunique
               union all
               select conrelid::regclass::text || '.' || conname, a.attname || ' → ' || b.attname
               from pg_constraint k
               join pg_attribute a on a.attrelid = k.conrelid and a.attnum = k.conkey[1]
               join pg_attribute b on b.attrelid = k.confrelid and b.attnum = k.confkey[1]
               where contype = 'f'"""
        )
    ).all()
    wrong = [row.name for row in keys if row.first not in ("landlord_id", "landlord_id → landlord_id")]
    assert wrong == ["alembic_version.alembic_version_pkc"]
    assert len(keys) > 60


def test_row_level_security_is_on_and_binds_the_owner(catalogue: Connection) -> None:
    open_tables = _names(
        catalogue,
        """select relname from pg_class where relkind in ('r', 'p') and relnamespace = 'public'::regnamespace
           and not (relrowsecurity and relforcerowsecurity)""",
    )
    assert open_tables == WITHOUT_LANDLORD


def test_every_table_has_the_landlord_policy_both_ways(catalogue: Connection) -> None:
    guarded = _names(
        catalogue,
        """select tablename from pg_policies
           where policyname = 'landlord' and cmd = 'ALL' and permissive = 'PERMISSIVE'
             and roles::text[] @> array['hub_owner', 'hub_sync'] and cardinality(roles) = 2
             and qual like '%landlord_id = %app.landlord%' and with_check = qual""",
    )
    assert guarded == set(metadata.tables)


def test_what_is_open_to_all_landlords_is_listed(catalogue: Connection) -> None:
    wide = catalogue.execute(
        text("select tablename, policyname, roles::text[], cmd from pg_policies where qual not like '%app.landlord%'")
    )
    assert sorted(map(tuple, wide)) == [
        ("breaker", "dispatch", ["hub_dispatch"], "SELECT"),
        ("job", "dispatch", ["hub_dispatch"], "ALL"),
        ("landlord", "directory", ["hub_api", "hub_sync"], "SELECT"),
        ("schedule", "dispatch", ["hub_dispatch"], "ALL"),
    ]


def test_requests_are_shown_and_write_what_the_tables_declare_and_change_nothing(catalogue: Connection) -> None:
    tables = metadata.sorted_tables
    shown = {table.name for table in tables if table.info["person"] is not None} | WITHOUT_LANDLORD
    written = {table.name for table in tables if table.info["insert"] is not None}
    granted = catalogue.execute(
        text(
            """select table_name, array_agg(distinct privilege_type::text) from information_schema.column_privileges
               where grantee = 'hub_api' and table_schema = 'public' group by 1"""
        )
    )
    assert {name: set(rights) for name, rights in granted} == {
        name: {right for right, names in (("SELECT", shown), ("INSERT", written)) if name in names}
        for name in shown | written
    }


def test_no_role_passes_by_the_policies(catalogue: Connection) -> None:
    roles = catalogue.execute(
        text(
            """select rolname, rolsuper or rolbypassrls or rolcreaterole or rolcreatedb or rolreplication
               from pg_roles where rolname like 'hub\\_%'"""
        )
    )
    assert dict(map(tuple, roles)) == dict.fromkeys([role.value for role in Role], False)
    members = catalogue.execute(
        text("select roleid::regrole from pg_auth_members where roleid::regrole::text like 'hub\\_%'")
    )
    assert members.all() == []


def test_everything_is_owned_by_the_owner(catalogue: Connection) -> None:
    owners = _names(
        catalogue,
        """select distinct relowner::regrole::text from pg_class where relnamespace = 'public'::regnamespace
           union select proowner::regrole::text from pg_proc where pronamespace = 'public'::regnamespace""",
    )
    assert owners == {"hub_owner"}


def test_only_listed_functions_run_as_their_owner(catalogue: Connection) -> None:
    definers = catalogue.execute(
        text(
            """select proname, proconfig, has_function_privilege('public', oid, 'execute') from pg_proc
               where prosecdef and pronamespace = 'public'::regnamespace"""
        )
    ).all()
    assert {row.proname for row in definers} == DEFINERS
    for row in definers:
        assert row.proconfig == ["search_path=pg_catalog, pg_temp"]
        assert not row[2]


def test_no_view_sees_more_than_who_asks(catalogue: Connection) -> None:
    loose = _names(
        catalogue,
        """select relname from pg_class where relnamespace = 'public'::regnamespace and (
             relkind = 'm' or relkind = 'v' and not coalesce(reloptions, '{}') @> '{security_invoker=true}')""",
    )
    assert loose == set()


def test_nobody_is_let_in_by_being_public(catalogue: Connection) -> None:
    rights = catalogue.execute(
        text(
            """select role, array_remove(array[
                   case when has_database_privilege(role, current_database(), 'connect') then 'connect' end,
                   case when has_database_privilege(role, current_database(), 'temporary') then 'temporary' end,
                   case when has_schema_privilege(role, 'public', 'create') then 'create' end], null) as rights
               from unnest(array['public', 'hub_owner', 'hub_dispatch', 'hub_sync', 'hub_api']) as role"""
        )
    )
    assert dict(map(tuple, rights)) == {
        "public": [],
        "hub_owner": ["connect", "temporary", "create"],
        "hub_dispatch": ["connect"],
        "hub_sync": ["connect", "temporary"],
        "hub_api": ["connect"],
    }
