"""Holds: data the guard did not let through, until a person or a newer good snapshot decides.

A feed has at most one hold that waits (open) or is about to be applied (approved).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from sqlalchemy import Select, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from hub.store.tables import hold

HoldState = Literal["open", "approved", "applied", "rejected", "superseded"]
_WAITING = ("open", "approved")


@dataclass(frozen=True, slots=True)
class Hold:
    """One hold. `artifacts`: sha256 of each raw input, in order. `reasons`: each a rule, a figure, a limit and a
    sentence. `diff`: counts, and a few references of what would disappear. No personal data in either."""

    id: int
    run_id: int
    feed: str
    mapping_version: str
    artifacts: tuple[str, ...]
    files: tuple[str, ...]
    as_of: datetime
    reasons: list[dict[str, Any]]
    diff: dict[str, Any]
    state: HoldState
    created_at: datetime
    decided_at: datetime | None
    decided_by: str | None
    decision_reason: str | None
    superseded_by_run: int | None

    @property
    def sentences(self) -> list[str]:
        """Why it is held, for a person."""
        return [reason["sentence"] for reason in self.reasons]


async def add_hold(
    conn: AsyncConnection,
    *,
    landlord: str,
    run_id: int,
    feed: str,
    mapping_version: str,
    artifacts: Sequence[str],
    files: Sequence[str],
    as_of: datetime,
    reasons: Sequence[Mapping[str, Any]],
    diff: Mapping[str, Any],
    now: datetime,
) -> Hold:
    """Hold a feed's data; a hold of other data of the feed that still waits is superseded by it."""
    await supersede_holds(conn, landlord=landlord, feed=feed, run_id=run_id, now=now)
    row: dict[str, Any] = {"landlord_id": landlord, "run_id": run_id, "feed": feed, "mapping_version": mapping_version}
    row |= {"artifacts": list(artifacts), "files": list(files), "as_of": as_of, "created_at": now}
    row |= {"reasons": [dict(reason) for reason in reasons], "diff": dict(diff)}
    return _hold((await conn.execute(insert(hold).values(row).returning(*_columns()))).one())


async def get_hold(conn: AsyncConnection, hold_id: int, *, lock: bool = False) -> Hold | None:
    """One hold. `lock`: nobody else decides about it until this transaction ends."""
    statement = _holds().where(hold.c.id == hold_id)
    row = (await conn.execute(statement.with_for_update() if lock else statement)).one_or_none()
    return None if row is None else _hold(row)


async def list_holds(
    conn: AsyncConnection, *, states: Sequence[HoldState] | None = None, before: int | None = None, limit: int = 50
) -> list[Hold]:
    """The landlord's holds, newest first; `before` goes on after the last id seen."""
    statement = _holds().order_by(hold.c.id.desc()).limit(limit)
    if states is not None:
        statement = statement.where(hold.c.state.in_(states))
    if before is not None:
        statement = statement.where(hold.c.id < before)
    return [_hold(row) for row in await conn.execute(statement)]


async def waiting_holds(conn: AsyncConnection) -> dict[str, Hold]:
    """What is open or approved and not yet applied, by feed."""
    return {row.feed: _hold(row) for row in await conn.execute(_holds().where(hold.c.state.in_(_WAITING)))}


async def hold_of_content(
    conn: AsyncConnection, *, landlord: str, feed: str, mapping_version: str, artifacts: Sequence[str]
) -> Hold | None:
    """The newest hold of exactly this content under this mapping."""
    same = {"landlord_id": landlord, "feed": feed, "mapping_version": mapping_version, "artifacts": list(artifacts)}
    statement = _holds().where(*(hold.c[name] == value for name, value in same.items()))
    row = (await conn.execute(statement.order_by(hold.c.id.desc()).limit(1))).one_or_none()
    return None if row is None else _hold(row)


async def last_approved(conn: AsyncConnection, *, landlord: str, feed: str) -> datetime | None:
    """When a person last said that a feed's losses are right."""
    statement = select(hold.c.decided_at).where(
        hold.c.landlord_id == landlord, hold.c.feed == feed, hold.c.state == "applied"
    )
    found: datetime | None = (
        await conn.execute(statement.order_by(hold.c.decided_at.desc()).limit(1))
    ).scalar_one_or_none()
    return found


async def holds_superseded_by(conn: AsyncConnection, run_id: int) -> list[Hold]:
    """The holds a run's newer data took the place of."""
    return [_hold(row) for row in await conn.execute(_holds().where(hold.c.superseded_by_run == run_id))]


async def decide_hold(
    conn: AsyncConnection, *, landlord: str, hold_id: int, state: HoldState, by: str, reason: str | None, now: datetime
) -> None:
    """Note a person's decision, on a row locked by `get_hold`."""
    values = {"state": state, "decided_at": now, "decided_by": by, "decision_reason": reason}
    await conn.execute(update(hold).where(hold.c.landlord_id == landlord, hold.c.id == hold_id).values(values))


async def close_hold(conn: AsyncConnection, *, landlord: str, hold_id: int) -> None:
    """The approved data is applied, in this transaction."""
    mine = (hold.c.landlord_id == landlord, hold.c.id == hold_id)
    await conn.execute(update(hold).where(*mine).values(state="applied"))


async def supersede_holds(
    conn: AsyncConnection,
    *,
    landlord: str,
    feed: str,
    run_id: int,
    now: datetime,
    reason: str = "newer data of the feed arrived",
) -> list[int]:
    """What waits of a feed is of no interest any more: newer data came. Gives the ids."""
    waiting = (hold.c.landlord_id == landlord, hold.c.feed == feed, hold.c.state.in_(_WAITING))
    values = {"state": "superseded", "superseded_by_run": run_id, "decided_at": now, "decision_reason": reason}
    return list((await conn.execute(update(hold).where(*waiting).values(values).returning(hold.c.id))).scalars())


def _columns() -> list[Any]:
    return [hold.c[name] for name in Hold.__dataclass_fields__]


def _holds() -> Select[Any]:
    return select(*_columns())


def _hold(row: Any) -> Hold:
    values = dict(row._mapping)
    return Hold(**values | {"artifacts": tuple(values["artifacts"]), "files": tuple(values["files"])})
