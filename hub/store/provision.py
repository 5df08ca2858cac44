"""Making a database ready: roles, database, rights, schema. Done by an administrator's URL, never while serving."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import psycopg
from psycopg import sql
from sqlalchemy import URL, NullPool, create_engine
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncEngine

from hub.errors import DeadlineError, MisconfiguredError, SetupError, UnreachableError
from hub.store import migrations
from hub.store.engine import base_url, role_url
from hub.store.roles import SERVING, Role, role_password
from hub.store.troubles import no_connection

OLDEST_SERVER: Final = 15
LOCK_TIMEOUT: Final = "30s"
_ONE_AT_A_TIME: Final = 4_875_620_117  # the advisory lock's number: any, but always the same
_CONNECT_SECONDS: Final = 10
_CHECK_URL: Final = (
    "are user, password and database in the URL right? A database to be made is named by HOUSING_HUB_DATABASE_URL, "
    "while the administrator's URL names one that is there, such as postgres."
)
# PostgreSQL answers a GRANT or REVOKE one has no right to with a warning: so what counts is what came of it.
_DOORS: Final = """
select bool_and(has_database_privilege(role, current_database(), 'connect')
                and has_schema_privilege(role, 'public', 'usage'))
       and has_database_privilege(%(sync)s, current_database(), 'temporary')
       and has_schema_privilege(%(owner)s, 'public', 'create')
       and not has_schema_privilege('public', 'public', 'create')
       and not has_database_privilege('public', current_database(), 'connect')
  from unnest(%(serving)s::text[]) as role
"""


async def provision(admin_url: str, *, database: str | None = None, master_key: bytes | None = None) -> str:
    """Create what is missing and bring the schema to this version; return the base URL for `role_url`.

    `admin_url`: a user with CREATEROLE, or `hub_owner` itself once the roles are there. `database`: made when missing
    (UTF-8, owned by `hub_owner`); None takes the one in the URL. `master_key`: what the roles' passwords derive from.
    Idempotent, and safe to run from several processes at once. Raises SetupError, with the SQL for a database
    administrator where rights are missing; UnreachableError when nobody answers; DeadlineError when a table is in use.
    """
    url = base_url(admin_url)
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
                _require_utf8(conn)
                _open_doors(conn)
            _migrate(target)
        except psycopg.errors.InsufficientPrivilege as error:
            raise _not_allowed(admin, url, target, master_key) from error


@contextmanager
def _connect(url: URL) -> Iterator[psycopg.Connection]:
    """An autocommitting connection. UnreachableError or MisconfiguredError when it cannot be had."""
    parts = {**url.translate_connect_args(username="user", database="dbname"), **_plain_query(url)}
    try:
        conn = psycopg.connect(**{"connect_timeout": _CONNECT_SECONDS, **parts}, autocommit=True)
    except psycopg.OperationalError as error:
        raise no_connection(error, check=_CHECK_URL) from error
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


def _require_utf8(conn: psycopg.Connection) -> None:
    if (encoding := conn.info.parameter_status("server_encoding")) != "UTF8":
        raise SetupError(
            f"the database {conn.info.dbname} is encoded in {encoding}",
            hint="name one that is not there yet, to be made with encoding UTF8",
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
    except (UnreachableError, MisconfiguredError):
        return False


def _superuser(conn: psycopg.Connection) -> bool:
    return conn.info.parameter_status("is_superuser") == "on"


def _member_of_owner(conn: psycopg.Connection) -> bool:
    """Whether the user may SET ROLE to the owner; since 16 a role's creator is a member that may not."""
    privilege = "set" if conn.info.server_version >= 160_000 else "member"
    asked = "select pg_has_role(current_user, oid, %s) from pg_roles where rolname = %s"
    found = conn.execute(asked, [privilege, Role.OWNER]).fetchone()
    return bool(found and found[0])


def _make_database(admin: psycopg.Connection, name: str) -> None:
    if _owner(admin, name) is None:
        admin.execute(_database_statement(name))


def _database_statement(name: str) -> sql.Composed:
    made = sql.SQL("create database {} owner {} encoding 'UTF8' template template0")
    return made.format(sql.Identifier(name), sql.Identifier(Role.OWNER))


def _open_doors(conn: psycopg.Connection) -> None:
    """Who may connect and what for: nobody by being PUBLIC. Given by the database's owner.

    psycopg's InsufficientPrivilege when it did not come about: PostgreSQL itself only warns.
    """
    database = sql.Identifier(conn.info.dbname)
    if _owner(conn, conn.info.dbname) == Role.OWNER and not _superuser(conn):
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
    if conn.execute(_DOORS, {"owner": Role.OWNER, "sync": Role.SYNC, "serving": list(SERVING)}).fetchone() != (True,):
        raise psycopg.errors.InsufficientPrivilege("the database's rights are as they were")


def _owner(conn: psycopg.Connection, database: str) -> str | None:
    """Whose the database is; None when there is none of that name."""
    asked = "select pg_get_userbyid(datdba) from pg_database where datname = %s"
    found = conn.execute(asked, [database]).fetchone()
    return found[0] if found else None


def _migrate(url: URL) -> None:
    engine = create_engine(url, poolclass=NullPool)
    try:
        with engine.begin() as conn:
            conn.exec_driver_sql(f"set local role {Role.OWNER}")
            conn.exec_driver_sql(f"set local lock_timeout = '{LOCK_TIMEOUT}'")
            migrations.upgrade(conn)
    except DBAPIError as error:
        if isinstance(error.orig, psycopg.errors.InsufficientPrivilege):
            raise error.orig from error
        if isinstance(error.orig, psycopg.errors.LockNotAvailable):
            raise DeadlineError(
                f"a table was in use for {LOCK_TIMEOUT}: nothing was changed", hint="stop the workers, then try again"
            ) from error
        raise
    finally:
        engine.dispose()


def _not_allowed(admin: psycopg.Connection, url: URL, target: URL, master_key: bytes | None) -> SetupError:
    """What an administrator has to run. The passwords in it are SCRAM verifiers, which open nothing."""
    name = target.database or admin.info.dbname
    statements = [*_missing_roles(admin, url, master_key), *_missing_database(admin, name)]
    statements = statements or [sql.SQL("alter schema public owner to {}").format(sql.Identifier(Role.OWNER))]
    script = "\n".join(f"  {statement.as_string(admin)};" for statement in statements)
    return SetupError(
        f"the database user {admin.info.user} may not set up the hub's roles and database",
        hint=f"have an administrator run the following, connected to {name} where it exists, then try again:\n{script}",
    )


def _missing_roles(admin: psycopg.Connection, url: URL, master_key: bytes | None) -> Iterator[sql.Composed]:
    there = {name for (name,) in admin.execute("select rolname from pg_roles").fetchall()}
    for role in Role:
        if role not in there:
            yield _role_statement(admin, role, master_key)
        elif master_key is not None and not _can_log_in(url, role, master_key):
            yield sql.SQL("alter role {} {}").format(sql.Identifier(role), _password(admin, role, master_key))
    if not _member_of_owner(admin):
        yield sql.SQL("grant {} to {}").format(sql.Identifier(Role.OWNER), sql.Identifier(admin.info.user))


def _missing_database(admin: psycopg.Connection, name: str) -> Iterator[sql.Composed]:
    found = _owner(admin, name)
    if found is None:
        yield _database_statement(name)
    elif found != Role.OWNER:
        changed = sql.SQL("alter database {} owner to {}")
        yield changed.format(sql.Identifier(name), sql.Identifier(Role.OWNER))
