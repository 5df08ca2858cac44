"""What an error of the database means to the person who runs the hub."""

from __future__ import annotations

import psycopg
from sqlalchemy.exc import DBAPIError

from hub.errors import HubError, MisconfiguredError, SetupError, UnreachableError


def explain(error: BaseException) -> HubError | None:
    """An error of a serving process's database as one of ours, where its cause lies outside the code; else None.

    The message names no host; the hint quotes the server, which knows neither passwords nor parameters here.
    """
    if not isinstance(error, DBAPIError):
        return None
    if isinstance(error.orig, psycopg.errors.UndefinedTable | psycopg.errors.UndefinedColumn):
        return SetupError(
            "the database is not one of this version of the hub",
            hint="run `housing-hub migrate` with an administrator's URL, or name the right database",
        )
    never_connected = error.statement is None and not error.connection_invalidated
    if never_connected and isinstance(error.orig, psycopg.OperationalError):
        return no_connection(
            error.orig,
            check="is the master key the one `housing-hub migrate` was run with (it makes the roles' passwords), "
            "and is the database's name right?",
        )
    return None


def no_connection(error: psycopg.OperationalError, *, check: str) -> HubError:
    """Why a connection could not be had. MisconfiguredError when the server asked for a password and then refused.

    `check`: what to look at in that case. Told by what the client saw, since servers refuse in their own language.
    """
    said = " ".join(str(error).split())
    if getattr(error.pgconn, "used_password", False):
        return MisconfiguredError("the database refuses the connection", hint=f"{check} It said: {said}")
    return UnreachableError(
        "cannot connect to the database", hint=f"is PostgreSQL running there, and is the URL right? {said}"
    )
