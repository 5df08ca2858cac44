"""The directory of landlords, and the numbered versions of their files as applied."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any, Literal

from sqlalchemy import Select, or_, select
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.ext.asyncio import AsyncConnection

from hub.errors import SettingsError, Where
from hub.store.tables import landlord as table
from hub.store.tables import landlord_config


@dataclass(frozen=True, slots=True)
class LandlordRow:
    """Who a landlord is. `hosts`: the host names that lead to it; `balance`: of_record or summed, which of the two its
    tenants see; `keep_jobs_days`: how long its done jobs are kept."""

    slug: str
    name: str
    locale: str
    time_zone: str
    hosts: tuple[str, ...] = ()
    balance: str = "of_record"
    keep_jobs_days: int = 30


Origin = Literal["file", "export", "rollback"]
"""What was put in force: a landlord's own file, one that was exported (it names its base), an earlier version."""


@dataclass(frozen=True, slots=True)
class Applying:
    """How a version comes about. `text`: the landlord's file as written; `by`: the operator; `note`: why."""

    text: str = ""
    origin: Origin = "file"
    by: str = ""
    note: str | None = None


@dataclass(frozen=True, slots=True)
class ConfigVersion:
    """One version of a landlord's file: who put it in force, when and why."""

    version: int
    applied_at: datetime
    applied_by: str
    origin: Origin
    note: str | None


@dataclass(frozen=True, slots=True)
class StoredConfig(ConfigVersion):
    """A landlord's file as applied, without its secrets; `text` is the file as written."""

    config: dict[str, Any]
    sha256: str
    text: str


async def list_landlords(conn: AsyncConnection, *, after: str = "", limit: int = 100) -> list[LandlordRow]:
    """The directory by slug, from the one after `after`."""
    statement = select(table).where(table.c.landlord_id > after).order_by(table.c.landlord_id).limit(limit)
    return [_landlord(row) for row in await conn.execute(statement)]


async def find_landlord(conn: AsyncConnection, slug: str) -> LandlordRow | None:
    """One landlord by slug."""
    row = (await conn.execute(select(table).where(table.c.landlord_id == slug))).one_or_none()
    return None if row is None else _landlord(row)


async def put_landlord(conn: AsyncConnection, landlord: LandlordRow, *, now: datetime) -> bool:
    """Enter a landlord, or what changed of it; True when something did. SettingsError when a host is another's."""
    await _refuse_taken_hosts(conn, landlord)
    values = {
        "name": landlord.name,
        "locale": landlord.locale,
        "time_zone": landlord.time_zone,
        "hosts": list(landlord.hosts),
        "balance": landlord.balance,
        "keep_jobs_days": landlord.keep_jobs_days,
    }
    statement = upsert(table).values(landlord_id=landlord.slug, created_at=now, **values)
    differs = or_(*(table.c[name].is_distinct_from(statement.excluded[name]) for name in values))
    statement = statement.on_conflict_do_update(index_elements=["landlord_id"], set_=values, where=differs)
    return (await conn.execute(statement.returning(table.c.landlord_id))).first() is not None


async def lock_config(conn: AsyncConnection, *, landlord: str) -> StoredConfig | None:
    """The version in force, which nobody else replaces until this transaction ends: operators take turns."""
    await conn.execute(select(table.c.landlord_id).where(table.c.landlord_id == landlord).with_for_update())
    return await live_config(conn, landlord=landlord)


async def save_config(
    conn: AsyncConnection,
    *,
    landlord: str,
    config: Mapping[str, Any],
    sha256: str,
    now: datetime,
    applying: Applying | None = None,
) -> int:
    """Keep a new version unless the live one means the same. Gives the live version's number."""
    how = applying or Applying()
    live = await lock_config(conn, landlord=landlord)
    if live is not None and live.sha256 == sha256:
        if how.text and (how.text, how.origin) != (live.text, live.origin):
            await _keep_wording(conn, landlord, live.version, how)
        return live.version
    version = live.version + 1 if live else 1
    row = {"landlord_id": landlord, "version": version, "config": dict(config), "sha256": sha256, "applied_at": now}
    row |= {"text": how.text, "origin": how.origin, "applied_by": how.by, "note": how.note}
    await conn.execute(landlord_config.insert().values(row))
    return version


async def _keep_wording(conn: AsyncConnection, landlord: str, version: int, how: Applying) -> None:
    """A file's comments and order changed, not its meaning: that is no new version, yet it is what is exported."""
    at = (landlord_config.c.landlord_id == landlord, landlord_config.c.version == version)
    await conn.execute(landlord_config.update().where(*at).values(text=how.text, origin=how.origin))


async def live_config(conn: AsyncConnection, *, landlord: str) -> StoredConfig | None:
    """The version in force."""
    statement = _configs(landlord).order_by(landlord_config.c.version.desc()).limit(1)
    row = (await conn.execute(statement)).one_or_none()
    return None if row is None else StoredConfig(**row._mapping)


async def get_config(conn: AsyncConnection, *, landlord: str, version: int) -> StoredConfig | None:
    """One version, by its number."""
    row = (await conn.execute(_configs(landlord).where(landlord_config.c.version == version))).one_or_none()
    return None if row is None else StoredConfig(**row._mapping)


async def list_configs(conn: AsyncConnection, *, landlord: str, limit: int = 100) -> list[ConfigVersion]:
    """The versions, the one in force first."""
    names = [field.name for field in fields(ConfigVersion)]
    statement = select(*(landlord_config.c[name] for name in names)).where(landlord_config.c.landlord_id == landlord)
    statement = statement.order_by(landlord_config.c.version.desc()).limit(limit)
    return [ConfigVersion(**row._mapping) for row in await conn.execute(statement)]


def _configs(landlord: str) -> Select[Any]:
    names = [field.name for field in fields(StoredConfig)]
    return select(*(landlord_config.c[name] for name in names)).where(landlord_config.c.landlord_id == landlord)


async def _refuse_taken_hosts(conn: AsyncConnection, landlord: LandlordRow) -> None:
    taken = select(table.c.hosts).where(
        table.c.landlord_id != landlord.slug, table.c.hosts.overlap(list(landlord.hosts))
    )
    for hosts in (await conn.execute(taken)).scalars():
        shared = ", ".join(sorted(set(hosts) & set(landlord.hosts)))
        raise SettingsError(
            f"{shared} leads to another landlord already",
            hint="a host name belongs to one landlord: remove it from one of the two files",
            where=Where(landlord=landlord.slug, field="landlord.hosts"),
        )


def _landlord(row: Any) -> LandlordRow:
    return LandlordRow(
        row.landlord_id, row.name, row.locale, row.time_zone, tuple(row.hosts), row.balance, row.keep_jobs_days
    )
