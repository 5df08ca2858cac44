"""A connector on the bench: made, fed and emptied the way a night does it, without a database."""

from __future__ import annotations

import socket
import traceback
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pyarrow as pa
from pydantic import BaseModel, SecretStr

from hub.config.feed_modes import CoversTable
from hub.errors import Where
from hub.mapping import compile_mapping
from hub.ports import Artifact, CallSource, ConnectorSettings, ErpConnector, Feed, FileSource, Spooled
from hub.records import RECORDS, Batch, Reject, Stream
from hub.records.check import check_batch
from hub.testing.fakes import LOCAL_NETWORK, FakeClock, FolderSpool, MemoryState, make_context
from hub.wire.policy import NetworkPolicy

_OF_THE_HUB = ("connector", "stream", "mode", "schedule", "fields", "keep", "covers", "sequence")


def make_feed(
    connector: type[ErpConnector[Any]], name: str, table: Mapping[str, Any], *, today: date | None = None
) -> Feed:
    """A feed as `[feeds.NAME]` of a landlord's file describes it: `stream`, `mode`, `fields`, the connector's own."""
    stream = Stream(table["stream"])
    mapper = None
    if connector.needs_mapping:
        where = Where(feed=name)
        mapper = compile_mapping(RECORDS[stream], table.get("fields", {}), keep=table.get("keep", ()), where=where)
    covers = CoversTable.model_validate(table["covers"]).covers() if "covers" in table else None
    own = {key: value for key, value in table.items() if key not in _OF_THE_HUB}
    settings = connector.feed_settings_model.model_validate(own)
    window = covers.of(today) if covers and today else None
    return Feed(name, stream, table.get("mode", "snapshot"), settings, mapper, window)


@dataclass(slots=True)
class Harvest:
    """All one feed gave: its batches as yielded, the checked rows as one table, what was refused, the last cursor."""

    feed: Feed
    batches: list[Batch] = field(default_factory=list)
    tables: list[pa.Table] = field(default_factory=list)
    rejects: list[Reject] = field(default_factory=list)
    cursor: str | None = None

    def add(self, batch: Batch) -> None:
        checked = check_batch(RECORDS[self.feed.stream], batch)
        self.batches.append(batch)
        self.tables.append(checked.table)
        self.rejects.extend(checked.rejects)
        self.cursor = batch.cursor if batch.cursor is not None else self.cursor

    @property
    def rows(self) -> list[dict[str, Any]]:
        return [row for table in self.tables for row in table.to_pylist()]

    @property
    def keys(self) -> list[tuple[Any, ...]]:
        names = RECORDS[self.feed.stream].key
        return [tuple(row[name] for name in names) for row in self.rows]


@dataclass(slots=True)
class Bench:
    """Makes connectors of one class with one set of settings, and empties their feeds into `folder`."""

    connector: type[ErpConnector[Any]]
    settings: Mapping[str, Any]
    feeds: Sequence[Feed]
    folder: Path
    network: NetworkPolicy = LOCAL_NETWORK
    clock: FakeClock = field(default_factory=FakeClock)
    state: MemoryState = field(default_factory=MemoryState)

    @contextmanager
    def open(
        self, settings: Mapping[str, Any] | None = None, *, network: NetworkPolicy | None = None, folder: str = "own"
    ) -> Iterator[ErpConnector[Any]]:
        """A fresh connector, closed at the end of the block."""
        checked = self.check_settings({**self.settings, **(settings or {})})
        context = make_context(
            self.folder / folder, clock=self.clock, state=self.state, network=network or self.network
        )
        connector = self.connector(checked, context)
        try:
            yield connector
        finally:
            connector.close()

    def check_settings(self, settings: Mapping[str, Any]) -> ConnectorSettings:
        return self.connector.settings_model.model_validate(dict(settings))

    def harvest(self, feed: Feed, *, cursor: str | None = None) -> Harvest:
        """The whole feed, read by a connector of its own."""
        with self.open() as connector:
            return gather(connector, feed, FolderSpool(self.folder / "spool" / feed.name), cursor=cursor)

    def wrong_secrets(self) -> dict[str, str]:
        """Another value for each secret that is set."""
        checked = self.check_settings(self.settings)
        names = [name for name in type(checked).model_fields if isinstance(getattr(checked, name), SecretStr)]
        return {name: f"not-the-right-{name}" for name in names}

    def secrets(self) -> list[str]:
        """Every secret among the settings, in clear: to prove that it shows nowhere."""
        return list(secrets_of(self.check_settings(self.settings)))


def gather(connector: ErpConnector[Any], feed: Feed, spool: FolderSpool, *, cursor: str | None = None) -> Harvest:
    """Empty a feed the way a night does: pull, or discover, fetch and read."""
    harvest = Harvest(feed)
    if isinstance(connector, CallSource):
        for batch in connector.pull(feed, cursor, spool):
            harvest.add(batch)
    elif isinstance(connector, FileSource):
        for artifact in connector.discover(feed):
            for batch in connector.read(feed, fetch(connector, feed, artifact, spool)):
                harvest.add(batch)
    return harvest


def fetch(connector: FileSource[Any], feed: Feed, artifact: Artifact, spool: FolderSpool) -> Spooled:
    """A file and its companions on local disk, side by side as the hub keeps them."""
    for companion in connector.companions(feed, artifact):
        _copy(connector, feed, companion, spool)
    return _copy(connector, feed, artifact, spool)


def _copy(connector: FileSource[Any], feed: Feed, artifact: Artifact, spool: FolderSpool) -> Spooled:
    with spool.create(artifact.name) as sink:
        connector.fetch(feed, artifact, sink)
    return Spooled(name=artifact.name, path=spool.get(artifact.name).path, artifact=artifact)


@contextmanager
def no_network() -> Iterator[None]:
    """Within the block, any attempt to connect fails the test."""

    def refuse(self: socket.socket, address: object) -> None:
        raise AssertionError("the connector opened a connection where it must not")

    with patch.object(socket.socket, "connect", refuse), patch.object(socket.socket, "connect_ex", refuse):
        yield


def told(error: BaseException) -> str:
    """All an error lets a reader see: its text, its chain, its traceback."""
    return "".join(traceback.format_exception(error)) + repr(error)


def secrets_of(value: object) -> Iterator[str]:
    """The secrets in settings, in clear: to prove that none shows anywhere."""
    if isinstance(value, SecretStr):
        clear = value.get_secret_value()
        # A key is seen line by line: a part of it is as bad as the whole.
        yield from [line for line in clear.splitlines() if len(line) > 8 and not line.startswith("-----")] or [clear]
    elif isinstance(value, BaseModel):
        for name in type(value).model_fields:
            yield from secrets_of(getattr(value, name))
    elif isinstance(value, Mapping):
        for item in value.values():
            yield from secrets_of(item)
