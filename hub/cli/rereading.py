"""`sync --reread`: kept raw input once more, under the mapping in force."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta


def reread_kept(landlord: str, feeds: Sequence[str], *, run: int | None, days: int | None, wait: bool) -> None:
    """Queue the run, and with `wait` show it to its end."""
    from hub.bootstrap import OperatorParts
    from hub.cli.quarantine import follow
    from hub.services.quarantine import Queued, reread

    async def ask(parts: OperatorParts) -> Queued:
        own = parts.sync
        since = own.clock.now() - timedelta(days=days) if days is not None else None
        return await reread(own.engine, own.clock, parts.bell, landlord, feeds=feeds, run=run, since=since)

    follow(landlord, ask, wait=wait)
