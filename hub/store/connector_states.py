"""A connector's own small memory, read before a plugin runs and written when its work is kept."""

from __future__ import annotations

from collections.abc import Mapping

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.ext.asyncio import AsyncConnection

from hub.store.tables import connector_state


async def get_connector_state(conn: AsyncConnection, *, landlord: str, connector: str) -> dict[str, str]:
    """Everything the connector remembers, by name."""
    mine = (connector_state.c.landlord_id == landlord, connector_state.c.connector == connector)
    rows = await conn.execute(select(connector_state.c.name, connector_state.c.value).where(*mine))
    return {row.name: row.value for row in rows}


async def get_connector_value(conn: AsyncConnection, *, landlord: str, connector: str, name: str) -> str | None:
    """One thing the connector remembers."""
    state = connector_state.c
    mine = (state.landlord_id == landlord, state.connector == connector, state.name == name)
    found: str | None = (await conn.execute(select(state.value).where(*mine))).scalar_one_or_none()
    return found


async def put_connector_state(
    conn: AsyncConnection, *, landlord: str, connector: str, values: Mapping[str, str]
) -> None:
    """Remember these values; other names stay as they are."""
    rows = [
        {"landlord_id": landlord, "connector": connector, "name": name, "value": value}
        for name, value in sorted(values.items())
    ]
    if not rows:
        return
    statement = upsert(connector_state)
    statement = statement.on_conflict_do_update(
        index_elements=["landlord_id", "connector", "name"],
        set_={"value": statement.excluded.value},
        where=connector_state.c.value.is_distinct_from(statement.excluded.value),
    )
    await conn.execute(statement, rows)
