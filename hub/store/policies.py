"""Who may see and change what, as SQL derived from the tables' declarations.

The migrations hold frozen copies of what this says (`python -m hub.store.migrations` writes them into a new revision);
a test compares a migrated database with it.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from sqlalchemy import Table

from hub.store.roles import Role
from hub.store.tables import ANYONE, access_token, breaker, job, landlord, schedule

# In a sub-select, so that it is evaluated once per statement; after a transaction the setting is '', not null.
LANDLORD: Final = "landlord_id = (select nullif(current_setting('app.landlord', true), ''))"

_LEASE_COLUMNS: Final = (
    "state",
    "run_at",
    "lease_until",
    "token",
    "attempts",
    "last_error",
    "woken_by",
    "finished_at",
)


def protect(table: Table) -> list[str]:
    """The statements that give a table with landlord data its policies and grants."""
    landlord_only = f"using ({LANDLORD}) with check ({LANDLORD})"
    return [
        f"alter table {table.name} enable row level security",
        f"alter table {table.name} force row level security",
        f"create policy landlord on {table.name} to {Role.OWNER}, {Role.SYNC} {landlord_only}",
        *_sync_grants(table),
        *_for_api(table),
        *_for_dispatch(table),
    ]


def _sync_grants(table: Table) -> list[str]:
    """Workers do all of one landlord's work, but a token's hash is only ever written by them."""
    if table is access_token:
        shown = _listed(column.name for column in table.columns if column.name != "token_hash")
        return [f"grant select ({shown}), insert, delete on {table.name} to {Role.SYNC}"]
    if table.info["append_only"]:
        return [f"grant select, insert on {table.name} to {Role.SYNC}"]
    return [f"grant select, insert, update, delete on {table.name} to {Role.SYNC}"]


def _for_api(table: Table) -> list[str]:
    if table is landlord:
        return _directory(table)
    return [*_shown_to_api(table), *_written_by_api(table)]


def _written_by_api(table: Table) -> list[str]:
    """Requests ask for work: what they may write is named row by row."""
    condition = table.info["insert"]
    if condition is None:
        return []
    return [
        f"create policy ask on {table.name} for insert to {Role.API} with check ({LANDLORD} and ({condition}))",
        f"grant insert on {table.name} to {Role.API}",
    ]


def _shown_to_api(table: Table) -> list[str]:
    person = table.info["person"]
    if person is None:
        return []
    seen = LANDLORD if person == ANYONE else f"{LANDLORD} and ({person})"
    return [
        f"create policy session on {table.name} for select to {Role.API} using ({seen})",
        f"grant select on {table.name} to {Role.API}",
    ]


def _directory(table: Table) -> list[str]:
    """Read before the landlord is known: by host name or path."""
    return [
        f"create policy directory on {table.name} for select to {Role.API}, {Role.SYNC} using (true)",
        f"grant select on {table.name} to {Role.API}",
    ]


def _for_dispatch(table: Table) -> list[str]:
    if table is job:
        shown = _listed(column.name for column in table.columns if column.name != "payload")
        return [
            f"create policy dispatch on {table.name} to {Role.DISPATCH} using (true) with check (true)",
            f"grant select ({shown}), insert, update ({_listed(_LEASE_COLUMNS)}) on {table.name} to {Role.DISPATCH}",
        ]
    if table is schedule:
        return [
            f"create policy dispatch on {table.name} to {Role.DISPATCH} using (true) with check (true)",
            f"grant select, update (next_run, last_slot) on {table.name} to {Role.DISPATCH}",
        ]
    if table is breaker:
        return [
            f"create policy dispatch on {table.name} for select to {Role.DISPATCH} using (true)",
            f"grant select on {table.name} to {Role.DISPATCH}",
        ]
    return []


def _listed(columns: Iterable[str]) -> str:
    return ", ".join(columns)
