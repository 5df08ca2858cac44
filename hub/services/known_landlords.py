"""Which landlords there are: all of them, or the one somebody named."""

from __future__ import annotations

from hub.errors import NotFoundError
from hub.store.engine import scope
from hub.store.handles import Engine
from hub.store.landlord_rows import list_landlords


async def landlord_slugs(engine: Engine, landlord: str | None = None) -> list[str]:
    """The landlord, or all of them in order. Raises NotFoundError for one nobody configured."""
    known: list[str] = []
    async with scope(engine, None, readonly=True) as conn:
        while page := await list_landlords(conn, after=known[-1] if known else ""):
            known += [one.slug for one in page]
    if landlord is None:
        return known
    if landlord not in known:
        hint = f"known are {', '.join(known)}" if known else "`housing-hub apply landlords/….toml`"
        raise NotFoundError(f"no landlord {landlord} is configured", hint=hint)
    return [landlord]
