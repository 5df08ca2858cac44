"""Breakers as rows, one a connector: what a landlord's work writes of them, and the claim of all landlords reads."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import any_, delete, func, select, update
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.ext.asyncio import AsyncConnection

from hub.domain.breaker import Breaker
from hub.store.tables import breaker, job

_STATE: Final = ("state", "failures", "trips", "open_until", "opened_at", "last_error_code")


@dataclass(frozen=True, slots=True)
class ConnectorRow:
    """One connector as an operator sees it. `running`: jobs that use it now; `waiting`: jobs that wait for it."""

    connector: str
    breaker: Breaker
    max_at_once: int
    running: int
    waiting: int
    changed_at: datetime


async def put_breakers(conn: AsyncConnection, *, landlord: str, caps: Mapping[str, int], now: datetime) -> None:
    """Keep the rows in step with the landlord's file: connector → jobs at once. A known one's state stays."""
    await conn.execute(delete(breaker).where(breaker.c.landlord_id == landlord, breaker.c.connector.not_in(caps)))
    for name, cap in sorted(caps.items()):
        row = {"landlord_id": landlord, "connector": name, "max_at_once": cap, "changed_at": now}
        statement = upsert(breaker).values(row)
        await conn.execute(
            statement.on_conflict_do_update(
                index_elements=["landlord_id", "connector"],
                set_={"max_at_once": cap},
                where=breaker.c.max_at_once != cap,
            )
        )


async def get_breaker(conn: AsyncConnection, *, landlord: str, connector: str) -> Breaker | None:
    """A connector's breaker; None when the landlord has no such connector."""
    row = (await conn.execute(_one(landlord, connector))).one_or_none()
    return None if row is None else Breaker(**row._mapping)


async def change_breaker(
    conn: AsyncConnection, *, landlord: str, connector: str, change: Callable[[Breaker], Breaker], now: datetime
) -> Breaker:
    """Apply a change under the row's lock, and give what came of it. A row nobody made yet counts as closed."""
    row = (await conn.execute(_one(landlord, connector).with_for_update())).one_or_none()
    before = Breaker() if row is None else Breaker(**row._mapping)
    after = change(before)
    if after != before:
        key = {"landlord_id": landlord, "connector": connector}
        values: dict[str, Any] = asdict(after) | {"changed_at": now}
        statement = upsert(breaker).values(key | values)
        await conn.execute(statement.on_conflict_do_update(index_elements=["landlord_id", "connector"], set_=values))
    return after


async def list_connectors(conn: AsyncConnection, *, landlord: str) -> list[ConnectorRow]:
    """The landlord's connectors by name."""
    using = (job.c.landlord_id == landlord, breaker.c.connector == any_(job.c.needs))
    counts = [
        select(func.count()).select_from(job).where(*using, job.c.state == state).scalar_subquery().label(label)
        for state, label in (("leased", "running"), ("ready", "waiting"))
    ]
    columns = [breaker.c[name] for name in ("connector", *_STATE, "max_at_once", "changed_at")]
    statement = select(*columns, *counts).where(breaker.c.landlord_id == landlord).order_by(breaker.c.connector)
    return [
        ConnectorRow(
            row.connector,
            Breaker(**{name: getattr(row, name) for name in _STATE}),
            row.max_at_once,
            row.running,
            row.waiting,
            row.changed_at,
        )
        for row in await conn.execute(statement)
    ]


async def breakers_waited_for(conn: AsyncConnection, *, landlord: str, run_id: int) -> dict[str, Breaker]:
    """The connectors a run was put off for: it goes on by itself once one of them answers. None when it is over."""
    needs = select(func.unnest(job.c.needs)).where(
        job.c.landlord_id == landlord,
        job.c.state == "ready",
        job.c.payload["run_id"].as_integer() == run_id,
        job.c.last_error.is_not(None),  # it has been tried
    )
    columns = [breaker.c[name] for name in ("connector", *_STATE)]
    mine = (breaker.c.landlord_id == landlord, breaker.c.connector.in_(needs))
    rows = await conn.execute(select(*columns).where(*mine).order_by(breaker.c.connector))
    return {row.connector: Breaker(**{name: getattr(row, name) for name in _STATE}) for row in rows}


async def wake_waiting(conn: AsyncConnection, *, landlord: str, connector: str, now: datetime) -> int:
    """Jobs that wait for the connector are due at once. Gives how many."""
    waiting = (job.c.landlord_id == landlord, job.c.state == "ready", job.c.needs.contains([connector]))
    statement = update(job).where(*waiting).values(run_at=func.least(job.c.run_at, now))
    return (await conn.execute(statement)).rowcount


async def breaker_states(conn: AsyncConnection) -> dict[tuple[str, str], str]:
    """The state of every (landlord, connector), on a connection of `hub_dispatch`."""
    rows = await conn.execute(select(breaker.c.landlord_id, breaker.c.connector, breaker.c.state))
    return {(row.landlord_id, row.connector): row.state for row in rows}


def _one(landlord: str, connector: str) -> Any:
    mine = (breaker.c.landlord_id == landlord, breaker.c.connector == connector)
    return select(*(breaker.c[name] for name in _STATE)).where(*mine)
