"""A feed's whole input of today compared with what is held: what a mapping would change, before it is in force."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from hub.config import FeedConfig, LandlordConfig
from hub.domain.clock import today
from hub.domain.modes import Days
from hub.errors import NotFoundError, NotSupportedError
from hub.ports import Artifact, CallSource, ErpConnector, Feed, FileSource, Spooled
from hub.records import RECORDS, Batch, Reject
from hub.store.compare import Comparison, compare_staged
from hub.store.engine import scope
from hub.store.staging import stage
from hub.sync.collect import Collected, collect
from hub.sync.connectors import open_connector
from hub.sync.days import days_of, told_days
from hub.sync.parts import SyncParts
from hub.sync.spool import FolderSpool, spool_folder
from hub.sync.threads import in_thread


@dataclass(frozen=True, slots=True)
class AgainstHeld:
    """What reading and applying a feed's input would do. `refused`: rows that cannot be read, then applied."""

    feed: str
    files: tuple[str, ...]
    read: int
    refused: tuple[Reject, ...]
    comparison: Comparison


async def compare_feed(
    parts: SyncParts, config: LandlordConfig, name: str, *, sample: Path | None = None
) -> AgainstHeld:
    """Read a feed's input (or a sample file) whole under this configuration and compare it. Writes nothing."""
    own, day = config.feed(name), today(parts.clock, config.identity.time_zone)
    feed = config.build_feed(name, today=day)
    async with open_connector(parts, config.slug, config, own.connector) as connector:
        with spool_folder(parts.work_dir / "spool") as folder:
            spool = FolderSpool(folder / "input")
            found, collected = await in_thread(_read, connector, feed, sample, spool, folder / "rows.arrow")
            async with scope(parts.engine, config.slug) as conn:  # temporary tables only
                await stage(conn, feed.stream, collected.blocks())
                comparison = await compare_staged(
                    conn,
                    landlord=config.slug,
                    stream=feed.stream,
                    source=own.connector,
                    mode=feed.mode,
                    days=await days_of(own, conn, _told_days(own, found, parts, config) or feed.window),
                )
    refused = (*collected.rejects, *comparison.rejects)
    return AgainstHeld(name, tuple(one.name for one in found), collected.read, refused, comparison)


def _read(
    connector: ErpConnector[Any], feed: Feed, sample: Path | None, spool: FolderSpool, into: Path
) -> tuple[list[Spooled], Collected]:
    if isinstance(connector, FileSource):
        spooled = [Spooled(sample.name, sample)] if sample else _fetched(connector, feed, spool)
        batches: Iterator[Batch] = chain.from_iterable(connector.read(feed, one) for one in spooled)
        return spooled, collect(RECORDS[feed.stream], batches, into)
    if isinstance(connector, CallSource) and sample is None:
        return [], collect(RECORDS[feed.stream], connector.pull(feed, None, spool), into)
    raise NotSupportedError(f"{connector.name} reads no sample file, because it answers calls", hint="leave --file out")


def _told_days(own: FeedConfig, found: Sequence[Spooled], parts: SyncParts, config: LandlordConfig) -> Days | None:
    """The days today's newest file is complete for; a sample is taken for one of today."""
    artifact = found[-1].artifact if found else None
    if artifact is None:
        return None
    as_of = min(parts.clock.now(), artifact.modified)
    return told_days(own, artifact.group, as_of, ZoneInfo(config.identity.time_zone))


def _fetched(connector: FileSource[Any], feed: Feed, spool: FolderSpool) -> list[Spooled]:
    found = []
    for artifact in _todays(connector.discover(feed), feed):
        for wanted in (*connector.companions(feed, artifact), artifact):
            with spool.create(wanted.name) as sink:
                connector.fetch(feed, wanted, sink)
        found.append(spool.get(artifact.name, artifact))
    return found


def _todays(artifacts: Sequence[Artifact], feed: Feed) -> list[Artifact]:
    """A snapshot's newest group; all of a delta's files, as a changed mapping reads them all again."""
    if not artifacts:
        raise NotFoundError("the source has no file for this feed", hint="check `files` and whether the export ran")
    newest = artifacts[-1].group
    return [one for one in artifacts if feed.mode == "delta" or one.group == newest]
