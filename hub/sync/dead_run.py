"""A run whose job was given up: it has ended, and says so."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from hub.domain.clock import Clock
from hub.store.handles import Connection
from hub.store.run_rows import end_dead_run


async def end_run_of_dead_job(conn: Connection, landlord: str, payload: Mapping[str, Any], *, clock: Clock) -> None:
    """Nobody goes on with the run of this job of kind `sync`: it failed, and does not stay "running" until the
    landlord's next one begins."""
    slot = payload.get("slot")
    await end_dead_run(
        conn,
        landlord=landlord,
        run_id=payload.get("run_id"),
        slot=None if slot is None else datetime.fromisoformat(slot),
        now=clock.now(),
    )
