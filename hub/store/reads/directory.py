"""The directory of landlords, read before anyone is known; and who the database takes this process for."""

from __future__ import annotations

from sqlalchemy import text

from hub.store.engine import scope
from hub.store.handles import Engine
from hub.store.landlord_rows import LandlordRow

_FIND = text("""
    select l.landlord_id, l.name, l.locale, l.time_zone, l.hosts from landlord l
    where l.landlord_id = cast(:slug as text) or cast(:host as text) = any(l.hosts)
    order by l.landlord_id limit 1""")


async def find(engine: Engine, *, slug: str | None = None, host: str | None = None) -> LandlordRow | None:
    """The landlord of a slug, or the one a host name leads to."""
    async with scope(engine, None, readonly=True) as conn:
        found = (await conn.execute(_FIND, {"slug": slug, "host": host})).one_or_none()
    if found is None:
        return None
    return LandlordRow(found[0], found[1], found[2], found[3], hosts=tuple(found[4]))


async def connected_as(engine: Engine) -> str:
    """The role the database knows this process by. Raises when the database does not answer."""
    async with scope(engine, None, readonly=True) as conn:
        return str((await conn.execute(text("select current_user"))).scalar_one())
