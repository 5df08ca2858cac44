"""Connections: each engine is one role, each transaction one landlord (and one session's contracts)."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Final
from uuid import UUID

from sqlalchemy import URL, Connection, event, make_url
from sqlalchemy.exc import ArgumentError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from hub.errors import SettingsError
from hub.store.roles import Role, role_password

DRIVER: Final = "postgresql+psycopg"

# Milliseconds: a statement, waiting for a lock, holding a transaction open without asking anything. An apply of a
# million rows is one statement. The last is how long a worker that stands still keeps others from its landlord's rows.
_LIMITS: Final[dict[Role, tuple[int, int, int]]] = {
    Role.OWNER: (0, 30_000, 0),
    Role.DISPATCH: (15_000, 5_000, 60_000),
    Role.SYNC: (900_000, 60_000, 120_000),
    Role.API: (10_000, 2_000, 60_000),
}
_LIMIT_NAMES = ("statement_timeout", "lock_timeout", "idle_in_transaction_session_timeout")


def base_url(url: str | URL) -> URL:
    """A PostgreSQL URL in any spelling, for our driver. SettingsError when it is none; its text may hold a password."""
    try:
        found = make_url(url)
    except (ArgumentError, ValueError):
        found = None
    if found is None or found.drivername.partition("+")[0] not in ("postgres", "postgresql"):
        raise SettingsError("the database URL is not one of PostgreSQL", hint="write postgresql://host:5432/database")
    return found.set(drivername=DRIVER)


def database_name(url: str) -> str | None:
    """The database a URL names. Raises SettingsError."""
    return base_url(url).database


def role_url(url: str, role: Role, master_key: bytes | None) -> str:
    """The URL by which a process connects as `role`; the user and password in `url` play no part.

    Without a master key there is no password (the embedded server trusts whoever may open its socket).
    """
    password = None if master_key is None else role_password(role, master_key)
    named = base_url(url)._replace(username=role.value, password=password)
    return named.render_as_string(hide_password=False)


def make_engine(url: str, role: Role, *, password: str | None = None, pool_size: int = 5) -> AsyncEngine:
    """An engine that connects as `role` only, for one event loop.

    `url` comes from `role_url`, or is a base URL with `password` beside it. Dispose of it in the loop that used it.
    """
    named = base_url(url)
    known = named.password if named.username == role else None
    engine = create_async_engine(
        named._replace(username=role.value, password=password or known),
        pool_size=pool_size,
        max_overflow=0,
        pool_pre_ping=True,
        hide_parameters=True,  # parameters are personal data: never in an error's text
        connect_args={"application_name": role.value, "options": _startup_options(role), "connect_timeout": 10},
    )
    event.listen(engine.sync_engine, "begin", _enter)
    return engine


def _startup_options(role: Role) -> str:
    limits = zip(_LIMIT_NAMES, _LIMITS[role], strict=True)
    return " ".join(f"-c {name}={value}" for name, value in (*limits, ("timezone", "UTC")))


def _enter(conn: Connection) -> None:
    """Say who the transaction is for: in one statement, which ends with it. Without a landlord nothing is visible.

    On the driver's cursor, so that counting an engine's statements counts what was asked, not this.
    """
    options = conn.get_execution_options()
    names = {
        "app.landlord": options.get("landlord"),
        "app.contracts": _uuid_array(options.get("contracts")),
        "app.person": options.get("person"),
        "transaction_read_only": "on" if options.get("readonly") else None,
    }
    said = [(name, value) for name, value in names.items() if value is not None]
    if not said:
        return
    cursor = conn.connection.cursor()
    try:
        calls = ", ".join(["set_config(%s, %s, true)"] * len(said))
        cursor.execute(f"select {calls}", [part for pair in said for part in pair])
    finally:
        cursor.close()


def _uuid_array(contracts: Sequence[UUID] | None) -> str | None:
    return None if contracts is None else "{" + ",".join(map(str, contracts)) + "}"


@asynccontextmanager
async def scope(
    engine: AsyncEngine,
    landlord: str | None,
    contracts: Sequence[UUID] | None = None,
    *,
    readonly: bool = False,
    person: UUID | None = None,
) -> AsyncIterator[AsyncConnection]:
    """One transaction of one landlord: committed at the end, rolled back on an error.

    `contracts`, `person`: what `hub_api` may see and write of the landlord's tenants, and for whom (`tenant_session`
    says which); other roles ignore them.
    `landlord` None is for what belongs to no one (the directory) and for `hub_dispatch`.
    """
    async with engine.connect() as conn:
        options = {"landlord": landlord, "contracts": contracts, "readonly": readonly}
        await conn.execution_options(**options, person=None if person is None else str(person))
        async with conn.begin():
            yield conn
