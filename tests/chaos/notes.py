"""Small jobs whose effect can be there once only: asked for one by one, and looked at afterwards."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import Any

from fleet import SOAP, Fleet, persistently, until

from hub.domain.clock import SystemClock
from hub.jobs import RUN_QUEUE
from hub.store import job_rows
from hub.store.engine import scope

OPEN_NOTES = "select count(*) from job where kind = 'note' and state in ('ready', 'leased')"
NOTED = "select name from connector_state where connector = 'noted' order by name"


@dataclass
class Notes:
    """Asks for notes, each with a ring of the bell. `keys`: those asked for."""

    fleet: Fleet
    landlord: str = SOAP
    keys: list[str] = field(default_factory=list)

    async def ask(self, kind: str = "note", **payload: Any) -> str:
        """Ask for one more; gives its key."""
        key, parts = f"{kind}-{len(self.keys):05}", self.fleet.parts

        async def enqueue() -> None:
            async with scope(parts.sync.engine, self.landlord) as conn:
                await job_rows.enqueue(
                    conn,
                    landlord=self.landlord,
                    queue=RUN_QUEUE,
                    kind=kind,
                    dedup_key=key,
                    payload={"key": key, **payload},
                    now=SystemClock().now(),
                )

        await persistently(enqueue)
        self.keys.append(key)
        parts.bell.ring(RUN_QUEUE)
        return key

    async def ask_for_ever(self, *, every: float) -> None:
        while True:
            await self.ask()
            await asyncio.sleep(every)

    async def all_done(self, *, seconds: float = 120) -> None:
        """Wait until none is open."""

        async def done() -> bool:
            return bool((await self.fleet.sql(OPEN_NOTES))[0][0] == 0)

        await until(done, "all notes are written", seconds=seconds)

    async def differences(self) -> list[str]:
        """Which were lost; a second effect of one is refused by the database, and shows as a failure of its job."""
        found = [row.name for row in await self.fleet.sql(NOTED)]
        lost = sorted(set(self.keys) - set(found))
        failed = (await self.fleet.sql("select count(*) from job where kind = 'note' and last_error is not null"))[0][0]
        wrong = [f"{len(lost)} of {len(self.keys)} jobs are lost, {lost[0]} first"] if lost else []
        return wrong + ([f"{failed} jobs were tried again for an error"] if failed else [])
