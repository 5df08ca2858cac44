"""What the steps of a night share, and what one feed's way through the house is about."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import Any, BinaryIO
from zoneinfo import ZoneInfo

from hub.config import FeedConfig
from hub.domain.clock import Clock
from hub.domain.modes import Days
from hub.ports import ErpConnector, Feed
from hub.records import RECORDS, CanonicalRecord
from hub.registry import Registry
from hub.store.artifact_rows import Seen
from hub.store.blobs import BlobStore
from hub.store.connector_states import put_connector_state
from hub.store.engine import scope
from hub.store.handles import Connection, Engine
from hub.store.hold_rows import Hold
from hub.store.run_rows import FeedRun, put_feed_run
from hub.store.vault import Vault
from hub.sync.collect import Collected
from hub.sync.sequence import Order
from hub.sync.state import BufferedState
from hub.telling.metrics import FeedMetrics

log = logging.getLogger("hub.sync")

Fence = Callable[[Connection], Awaitable[None]]
"""Raises in a transaction whose worker has lost its lease: what a late worker wrote must not be kept."""


@dataclass(frozen=True, slots=True)
class SyncParts:
    """Made once by bootstrap. `engine` is of `hub_sync`; `work_dir` is the hub's own folder on this machine."""

    engine: Engine
    vault: Vault
    blobs: BlobStore
    registry: Registry
    clock: Clock
    work_dir: Path
    raw_days: int = 30
    metrics: FeedMetrics = field(default_factory=FeedMetrics)


@dataclass(slots=True)
class Progress:
    """What a feed has done in its run, earlier attempts included. Only what is committed is in it."""

    report: FeedRun


@dataclass(frozen=True, slots=True)
class FeedTask:
    """One feed of one run. `known`: it has been applied before, in whatever run. `approved`: the hold whose data a
    person let through, to be applied now instead of what the source has. `order`: where numbered inputs stand.
    `on_top`: the feeds whose files go on from this one's snapshots. `source_before`: the connector whose data the feed
    held when the run came to it. `match_days`: how far from a posting's day an entry without reference may lie."""

    parts: SyncParts
    landlord: str
    run_id: int
    config: FeedConfig
    feed: Feed
    connector: ErpConnector[Any]
    fence: Fence
    cursor: str | None
    known: bool
    folder: Path
    progress: Progress
    approved: Hold | None = None
    order: Order | None = None
    on_top: tuple[str, ...] = ()
    source_before: str | None = None
    match_days: int = 5

    @property
    def record(self) -> type[CanonicalRecord]:
        return RECORDS[self.feed.stream]

    @property
    def time_zone(self) -> ZoneInfo:
        return ZoneInfo(self.connector.context.time_zone)

    def now(self) -> datetime:
        return self.parts.clock.now()

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Connection]:
        """A transaction of the landlord that is kept only while this worker holds its lease."""
        async with scope(self.parts.engine, self.landlord) as conn:
            yield conn
            await self.fence(conn)

    async def tell(self, **facts: Any) -> FeedRun:
        """Report what the feed did so far; gives the report."""
        report = replace(self.progress.report, **facts)
        async with self.transaction() as conn:
            await put_feed_run(conn, landlord=self.landlord, run_id=self.run_id, report=report)
        self.progress.report = report
        return report

    async def remember(self, conn: Connection) -> None:
        """Keep what the connector noted (a look at a file that is still growing)."""
        state = self.connector.context.state
        if isinstance(state, BufferedState):
            values = state.changed
            await put_connector_state(conn, landlord=self.landlord, connector=self.config.connector, values=values)


@dataclass(frozen=True, slots=True)
class Reading:
    """One input, read and checked: what a single transaction applies.

    `seen`: the claims it settles. `as_of`: when this data was true at the source. `is_last`: nothing comes after it in
    this run. `days`: those a window is complete for, where its own rows are not to tell. `open_document` gives a named
    file; `after` is told once the rows are applied, `put_aside` once the input is refused as a whole.
    """

    seen: tuple[Seen, ...]
    collected: Collected
    as_of: datetime
    is_last: bool = True
    days: Days | None = None
    open_document: Callable[[str], BinaryIO] | None = None
    after: Callable[[], None] | None = None
    put_aside: Callable[[], None] | None = None
