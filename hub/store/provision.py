"""Making a database ready: roles, database, rights, schema. Done by an administrator's URL, never while serving."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import psycopg
from psycopg import sql
from sqlalchemy import URL, NullPool, create_engine
from sqlalchemy.exc import ArgumentError
from sqlalchemy.ext.asyncio import AsyncEngine

from hub.errors import SetupError, UnreachableError
from hub.store import migrations
from hub.store.engine import base_url, role_url
from hub.store.roles import SERVING, Role, role_password

OLDEST_SERVER: Final = 15
_ONE_AT_A_TIME: Final = 4_875_620_117  # the advisory lock's number: any, but always the same
_CONNECT_SECONDS: Final = 10


async def provision(admin_url: str, *, database: str | None = None, master_key: bytes | None = None) -> str:
    """Create what is missing and bring the schema to this version; return the base URL for `role_url`.

    `admin_url`: a user with CREATEROLE, or `hub_owner` itself once the roles are there. `database`: made when missing
    (UTF-8, owned by `hub_owner`); None takes the one in the URL. `master_key`: what the roles' passwords derive from.
    Idempotent, and safe to run from several processes at once. Raises SetupError, with the SQL for a database
    administrator where rights are missing; UnreachableError when nobody answers.
    """
    url = _parse(admin_url)
    target = url if database is None else url.set(database=database)
    await asyncio.to_thread(_provision, url, target, master_key)
    return target._replace(username=None, password=None).render_as_string(hide_password=False)


async def require_current_schema(engine: AsyncEngine) -> None:
    """For a serving process at its start. SetupError when the database is older or newer than this code."""
    async with engine.connect() as conn:
        found = await conn.run_sync(migrations.current)
    if found == migrations.head():
        return
    if found is None or migrations.is_known(found):
        raise SetupError(
            f"the database is at revision {found or 'none'}, this version of the hub needs {migrations.head()}",
            hint="run `housing-hub migrate` with an administrator's URL",
        )
    raise migrations.newer(found)


def _provision(url: URL, target: URL, master_key: bytes | None) -> None:
    with _connect(url) as admin:
        _require_version(admin)
        _alone(admin)
        try:
            _make_roles(admin, url, master_key)
            if target.database != url.database:
                _make_database(admin, target.database or "")
            with _connect(target) as conn:
                _open_doors(conn)
            _migrate(target)
        except psycopg.errors.InsufficientPrivilege as error:
            raise _not_allowed(admin, target, master_key) from error


def _parse(admin_url: str) -> URL:
    try:
        return base_url(admin_url)
    except ArgumentError as error:
        raise SetupError(
            "the database URL is not one", hint="write postgresql://user:password@host:5432/database"
        ) from error


@contextmanager
def _connect(url: URL) -> Iterator[psycopg.Connection]:
    """An autocommitting connection. UnreachableError when it cannot be had (libpq's text holds no password)."""
    parts = {**url.translate_connect_args(username="user", database="dbname"), **_plain_query(url)}
    try:
        conn = psycopg.connect(**{"connect_timeout": _CONNECT_SECONDS, **parts}, autocommit=True)
    except psycopg.OperationalError as error:
        raise UnreachableError(
            f"cannot connect to the database: {str(error).strip()}",
            hint="is PostgreSQL running there, and are user, password and database in the URL right?",
        ) from error
    with conn:
        yield conn


def _plain_query(url: URL) -> dict[str, str]:
    return {name: value if isinstance(value, str) else ",".join(value) for name, value in url.query.items()}


def _require_version(conn: psycopg.Connection) -> None:
    major = conn.info.server_version // 10_000
    if major < OLDEST_SERVER:
        raise SetupError(
            f"the server is PostgreSQL {major}", hint=f"the hub needs PostgreSQL {OLDEST_SERVER} or newer: upgrade it"
        )


def _alone(conn: psycopg.Connection) -> None:
    """Wait for another provisioning on this server; the lock ends with the connection."""
    try:
        conn.execute("set lock_timeout = '120s'")
        conn.execute("select pg_advisory_lock(%s)", [_ONE_AT_A_TIME])
    except psycopg.errors.LockNotAvailable as error:
        raise SetupError("another process has been setting up this database for two minutes", hint="end it") from error


def _make_roles(admin: psycopg.Connection, url: URL, master_key: bytes | None) -> None:
    for role in Role:
        found = admin.execute(
            "select rolsuper or rolbypassrls or rolcreaterole from pg_roles where rolname = %s", [role]
        ).fetchone()
        if found is None:
            _create_role(admin, role, master_key)
        elif found[0]:
            raise SetupError(
                f"the role {role} is a superuser, bypasses row-level security or may create roles",
                hint=f"alter role {role} nosuperuser nobypassrls nocreaterole",
            )
        elif master_key is not None and not _can_log_in(url, role, master_key):
            admin.execute(sql.SQL("alter role {} {}").format(sql.Identifier(role), _password(admin, role, master_key)))
    if not _superuser(admin) and not _member_of_owner(admin):
        admin.execute(sql.SQL("grant {} to current_user").format(sql.Identifier(Role.OWNER)))


def _create_role(admin: psycopg.Connection, role: Role, master_key: bytes | None) -> None:
    try:
        admin.execute(_role_statement(admin, role, master_key))
    except (psycopg.errors.DuplicateObject, psycopg.errors.UniqueViolation):
        return  # made meanwhile, from another database of this server (advisory locks are a database's own)


def _role_statement(admin: psycopg.Connection, role: Role, master_key: bytes | None) -> sql.Composed:
    return sql.SQL("create role {} nosuperuser nobypassrls nocreatedb nocreaterole noreplication login {}").format(
        sql.Identifier(role), _password(admin, role, master_key)
    )


def _password(admin: psycopg.Connection, role: Role, master_key: bytes | None) -> sql.Composable:
    """The password as its SCRAM verifier: the server's log never sees the password itself."""
    if master_key is None:
        return sql.SQL("")
    plain = role_password(role, master_key).encode()
    verifier = admin.pgconn.encrypt_password(plain, role.encode(), b"scram-sha-256")
    return sql.SQL("password {}").format(sql.Literal(verifier.decode()))


def _can_log_in(url: URL, role: Role, master_key: bytes) -> bool:
    try:
        with _connect(base_url(role_url(url.render_as_string(hide_password=False), role, master_key))):
            return True
    except UnreachableError:
        return False


def _superuser(conn: psycopg.Connection) -> bool:
    return conn.info.parameter_status("is_superuser") == "on"


def _member_of_owner(conn: psycopg.Connection) -> bool:
    """Whether the user may SET ROLE to the owner; since 16 a role's creator is a member that may not."""
    privilege = "set" if conn.info.server_version >= 160_000 else "member"
    found = conn.execute("select pg_has_role(current_user, %s, %s)", [Role.OWNER, privilege]).fetchone()
    return bool(found and found[0])


def _make_database(admin: psycopg.Connection, name: str) -> None:
    if admin.execute("select from pg_database where datname = %s", [name]).fetchone() is None:
        admin.execute(_database_statement(name))


def _database_statement(name: str) -> sql.Composed:
    made = sql.SQL("create database {} owner {} encoding 'UTF8' template template0")
    return made.format(sql.Identifier(name), sql.Identifier(Role.OWNER))


def _open_doors(conn: psycopg.Connection) -> None:
    """Who may connect and what for: nobody by being PUBLIC. Given by the database's owner."""
    database = sql.Identifier(conn.info.dbname)
    owner = conn.execute(
        "select pg_get_userbyid(datdba) from pg_database where datname = %s", [conn.info.dbname]
    ).fetchone()
    if owner == (Role.OWNER,) and not _superuser(conn):
        conn.execute(sql.SQL("set role {}").format(sql.Identifier(Role.OWNER)))
    for statement in (
        "revoke all on database {database} from public",
        "revoke create on schema public from public",
        "grant connect on database {database} to {owner}, {serving}",
        "grant temporary on database {database} to {sync}",
        "grant create, usage on schema public to {owner}",
        "grant usage on schema public to {serving}",
    ):
        conn.execute(
            sql.SQL(statement).format(
                database=database,
                owner=sql.Identifier(Role.OWNER),
                sync=sql.Identifier(Role.SYNC),
                serving=sql.SQL(", ").join(map(sql.Identifier, SERVING)),
            )
        )


def _migrate(url: URL) -> None:
    engine = create_engine(url, poolclass=NullPool)
    try:
        with engine.begin() as conn:
            conn.exec_driver_sql(f"set local role {Role.OWNER}")
            conn.exec_driver_sql("set local lock_timeout = '30s'")
            migrations.upgrade(conn)
    finally:
        engine.dispose()


def _not_allowed(admin: psycopg.Connection, target: URL, master_key: bytes | None) -> SetupError:
    """What an administrator has to run. The passwords in it are SCRAM verifiers, which open nothing."""
    statements = [
        *(_role_statement(admin, role, master_key) for role in Role),
        sql.SQL("grant {} to {}").format(sql.Identifier(Role.OWNER), sql.Identifier(admin.info.user)),
        _database_statement(target.database or admin.info.dbname),
    ]
    script = "\n".join(f"  {statement.as_string(admin)};" for statement in statements)
    return SetupError(
        f"the database user {admin.info.user} may not set up the hub's roles and database",
        hint=f"give it CREATEROLE and CREATEDB, or have an administrator run what is missing of:\n{script}",
    )
