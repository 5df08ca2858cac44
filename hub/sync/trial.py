"""Trying without writing: check a connector step by step, preview what a feed would become."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow.compute as pc

from hub.config import LandlordConfig
from hub.domain.clock import today
from hub.errors import HubError, NotFoundError, NotSupportedError
from hub.ports import CallSource, ErpConnector, Feed, FileSource, Finding, Spooled
from hub.records import RECORDS, Batch, Reject
from hub.records.check import CheckedBatch, check_batch
from hub.sync.connectors import open_connector
from hub.sync.parts import SyncParts
from hub.sync.spool import FolderSpool, spool_folder
from hub.sync.threads import in_thread

CHECKED_ROWS = 20


@dataclass(slots=True)
class Preview:
    """The first rows of a feed as they would be applied, and those that would be refused."""

    feed: str
    rows: list[dict[str, Any]] = field(default_factory=list)
    rejects: list[Reject] = field(default_factory=list)

    @property
    def read(self) -> int:
        return len(self.rows) + len(self.rejects)

    def take(self, checked: CheckedBatch, limit: int) -> None:
        """Add rows until there are `limit`: the source's first ones, where its lines are known."""
        room, lines = limit - self.read, checked.lines
        rows, rejects = checked.table, sorted(checked.rejects, key=lambda one: one.line or 0)
        if lines is not None:
            places = sorted([*lines.to_pylist(), *(one.line for one in rejects if one.line)])[:room]
            last = places[-1] if places else 0
            rows = rows.filter(pc.less_equal(lines, last))
            rejects = [one for one in rejects if (one.line or 0) <= last]
        self.rejects += rejects[:room]
        self.rows += rows.slice(0, max(room - len(rejects), 0)).to_pylist()


async def check_landlord(parts: SyncParts, config: LandlordConfig) -> AsyncGenerator[tuple[str, Finding], None]:
    """(connector or feed, finding) one by one: the connector's own steps, then a few rows of every feed mapped."""
    for name in config.connectors:
        day = today(parts.clock, config.identity.time_zone)
        feeds = [config.build_feed(feed.name, today=day) for feed in config.feeds if feed.connector == name]
        async with open_connector(parts, config.slug, config, name) as connector:
            good = True
            async for finding in _steps(connector, feeds):
                good &= finding.ok
                yield name, finding
            if good:
                for feed in feeds:
                    yield f"feed {feed.name}", await _map_some(parts, connector, feed)


async def _steps(connector: ErpConnector[Any], feeds: Sequence[Feed]) -> AsyncIterator[Finding]:
    """The connector's findings, each taken in a thread as it comes."""
    findings = connector.check(feeds)
    while (finding := await in_thread(next, findings, None)) is not None:
        yield finding


async def _map_some(parts: SyncParts, connector: ErpConnector[Any], feed: Feed) -> Finding:
    try:
        preview = await _preview(parts, connector, feed, CHECKED_ROWS, None)
    except HubError as error:
        return Finding(f"map {CHECKED_ROWS} rows", ok=False, detail=error.message, hint=error.hint)
    good = len(preview.rows)
    if not preview.rejects:
        return Finding(f"map {good} rows", ok=True)
    first = preview.rejects[0]
    place = f"line {first.line}: " if first.line else ""
    return Finding(
        f"map {preview.read} rows", ok=False, detail=f"{len(preview.rejects)} refused, {place}{first.message}"
    )


async def preview_feed(
    parts: SyncParts, config: LandlordConfig, name: str, *, limit: int = 20, sample: Path | None = None
) -> Preview:
    """What today's input (or a sample file) would become under this configuration. Writes nothing."""
    feed = config.build_feed(name, today=today(parts.clock, config.identity.time_zone))
    async with open_connector(parts, config.slug, config, config.feed(name).connector) as connector:
        return await _preview(parts, connector, feed, limit, sample)


async def _preview(
    parts: SyncParts, connector: ErpConnector[Any], feed: Feed, limit: int, sample: Path | None
) -> Preview:
    with spool_folder(parts.work_dir / "spool") as folder:
        return await in_thread(_take, connector, feed, limit, sample, FolderSpool(folder))


def _take(connector: ErpConnector[Any], feed: Feed, limit: int, sample: Path | None, spool: FolderSpool) -> Preview:
    preview = Preview(feed.name)
    for batch in _batches(connector, feed, sample, spool):
        preview.take(check_batch(RECORDS[feed.stream], batch), limit)
        if preview.read >= limit:
            break
    return preview


def _batches(connector: ErpConnector[Any], feed: Feed, sample: Path | None, spool: FolderSpool) -> Iterator[Batch]:
    if isinstance(connector, FileSource):
        spooled = Spooled(sample.name, sample) if sample else _newest(connector, feed, spool)
        return connector.read(feed, spooled)
    if isinstance(connector, CallSource) and sample is None:
        return connector.pull(feed, None, spool)
    raise NotSupportedError(
        f"{connector.name} previews no sample file, because it answers calls", hint="leave --file out"
    )


def _newest(connector: FileSource[Any], feed: Feed, spool: FolderSpool) -> Spooled:
    artifacts = connector.discover(feed)
    if not artifacts:
        raise NotFoundError("the source has no file for this feed", hint="check `files` and whether the export ran")
    newest = artifacts[-1]
    with spool.create(newest.name) as sink:
        connector.fetch(feed, newest, sink)
    return spool.get(newest.name, newest)
