"""A rehearsal: all of a landlord's files in a folder read as a night would, and everything wrong with them at once.

Needs no database and no server: what cannot be judged without held data (guards, versions) is left to the night.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pyarrow as pa

from hub.config import FeedConfig, LandlordConfig
from hub.domain.clock import SystemClock
from hub.errors import HubError, InputRefusedError
from hub.ports import Artifact, Context, Feed, FileSource, Spooled
from hub.records import RECORDS, Reject, Stream, arrow_schema
from hub.records.check import CheckedBatch, check_batch
from hub.records.whole import contradictions, oddities
from hub.sync.documents import MEDIA_TYPES
from hub.sync.spool import FolderSpool
from hub.sync.state import BufferedState
from hub.wire.policy import NetworkPolicy

PLUGIN = "folder_files"


@dataclass(slots=True)
class Trouble:
    """One thing wrong, and what to do. `column` as the landlord's file names it; `lines` are those it is wrong on."""

    file: str
    column: str | None
    code: str
    message: str
    lines: list[int] = field(default_factory=list)
    value: str | None = None
    hint: str = ""


@dataclass(slots=True)
class Rehearsal:
    """What a folder holds: rows by file and feed, what would be refused, and what looks odd but would be taken."""

    files: dict[str, dict[str, int]] = field(default_factory=dict)
    troubles: list[Trouble] = field(default_factory=list)
    oddities: list[Trouble] = field(default_factory=list)


def rehearse(config: LandlordConfig, folder: Path) -> Rehearsal:
    """Read every feed's files from `folder`, wherever the landlord's file says they come from. Writes nothing.

    Raises HubError only where nothing can be read at all: the folder itself, the configuration.
    """
    with TemporaryDirectory(prefix="rehearsal-") as work, _source(config, folder, Path(work)) as source:
        stage = _Stage(config, source, Path(work))
        for one in config.feeds:
            stage.read(one)
        return stage.judged()


@contextmanager
def _source(config: LandlordConfig, folder: Path, work: Path) -> Iterator[FileSource[Any]]:
    plugin = config.registry.connector(PLUGIN)
    settings = plugin.settings_model.model_validate({"folder": str(folder.absolute()), "settle_seconds": 0})
    context = Context(
        landlord=config.slug,
        connector=PLUGIN,
        time_zone=config.identity.time_zone,
        clock=SystemClock(),
        network=NetworkPolicy(),
        state=BufferedState({}),
        folder=work,
        log=logging.getLogger(f"hub.plugin.{config.slug}.{PLUGIN}"),
    )
    source = plugin(settings, context)
    if not isinstance(source, FileSource):
        raise TypeError(f"{PLUGIN} is no file source")
    try:
        yield source
    finally:
        source.close()


@dataclass(slots=True)
class _Stage:
    config: LandlordConfig
    source: FileSource[Any]
    work: Path
    result: Rehearsal = field(default_factory=Rehearsal)
    tables: dict[Stream, list[pa.Table]] = field(default_factory=dict)
    known: dict[tuple[str | None, ...], Trouble] = field(default_factory=dict)

    def read(self, one: FeedConfig) -> None:
        """All a feed would read. What is wrong with one file hides nothing of the others."""
        feed, pattern = self.config.build_feed(one.name), str(one.settings.get("files", ""))
        artifacts = self.source.discover(feed)
        if not artifacts:
            self._add(
                Trouble(pattern, None, "NO_FILE", "there is no such file", hint=f"give it, or {_delete(one.name)}")
            )
        for artifact in artifacts:
            try:
                self._read_file(one, feed, artifact)
            except HubError as error:
                self._refuse(one, artifact, error)

    def judged(self) -> Rehearsal:
        tables = {stream: pa.concat_tables(found) for stream, found in self.tables.items()}
        for found in contradictions(tables):
            self._add(self._trouble(*found))
        self.result.oddities = [self._trouble(*found) for found in oddities(tables)]
        return self.result

    def _read_file(self, one: FeedConfig, feed: Feed, artifact: Artifact) -> None:
        spool = FolderSpool(self.work / one.name)
        counts = self.result.files.setdefault(artifact.name, {})
        counts[one.name] = 0
        spooled = self._fetch(feed, artifact, spool)
        for batch in self.source.read(feed, spooled):
            checked = check_batch(RECORDS[feed.stream], batch)
            counts[one.name] += checked.table.num_rows
            self._keep(feed.stream, checked, artifact.name)
            for reject in checked.rejects:
                self._add(self._trouble(feed.stream, reject, one, artifact.name))
        if feed.stream is Stream.DOCUMENTS:
            self._fetch_beside(one, feed, artifact, spool)
            self._try_documents(one, feed, spooled)

    def _fetch(self, feed: Feed, artifact: Artifact, spool: FolderSpool) -> Spooled:
        with spool.create(artifact.name) as sink:
            self.source.fetch(feed, artifact, sink)
        return spool.get(artifact.name, artifact)

    def _fetch_beside(self, one: FeedConfig, feed: Feed, artifact: Artifact, spool: FolderSpool) -> None:
        try:
            for beside in self.source.companions(feed, artifact):
                self._fetch(feed, beside, spool)
        except HubError as error:
            hint = f"put it beside {artifact.name}, or {_delete(one.name)}"
            raise InputRefusedError(f"the files it names are not there: {error.message}", hint=hint) from error

    def _try_documents(self, one: FeedConfig, feed: Feed, spooled: Spooled) -> None:
        for row in self.tables[feed.stream][-1].to_pylist() if feed.stream in self.tables else ():
            try:
                with self.source.open_document(feed, spooled, row["file_name"]) as content:
                    start = content.read(8)
                wrong = "" if start.startswith(tuple(MEDIA_TYPES)) else "it is no PDF, PNG or JPEG"
            except HubError as error:
                wrong = error.message
            if wrong:
                reject = Reject("NO_FILE", wrong, row["line"], "file_name", row["file"], row["file_name"])
                self._add(self._trouble(feed.stream, reject, one))

    def _keep(self, stream: Stream, checked: CheckedBatch, file: str) -> None:
        rows = checked.table.num_rows
        lines = checked.lines if checked.lines is not None else pa.nulls(rows, pa.int64())
        placed = checked.table.append_column("line", lines).append_column("file", pa.repeat(pa.scalar(file), rows))
        self.tables.setdefault(stream, [_empty(stream)]).append(placed)

    def _refuse(self, one: FeedConfig, artifact: Artifact, error: HubError) -> None:
        lines = [error.where.line] if error.where.line else []
        self._add(Trouble(artifact.name, error.where.field, error.code, error.message, lines, hint=error.hint))
        self.tables.pop(one.stream, None)  # references to what could not be read are no fault of those who make them

    def _trouble(
        self, stream: Stream, reject: Reject, one: FeedConfig | None = None, file: str | None = None
    ) -> Trouble:
        feed = one or next(feed for feed in self.config.feeds if feed.stream is stream)
        column = _column(feed.fields or {}, reject.field) if reject.field else None
        lines = [reject.line] if reject.line else []
        return Trouble(reject.file or file or "", column, reject.code, reject.message, lines, reject.excerpt)

    def _add(self, trouble: Trouble) -> None:
        """Each fault once, with its lines; a file that two feeds read is wrong for both."""
        key = (trouble.file, trouble.column, trouble.code, trouble.value)
        known = self.known.get(key)
        if known is None:
            self.known[key] = trouble
            self.result.troubles.append(trouble)
        else:
            known.lines += [line for line in trouble.lines if line not in known.lines[-2:]]


def _delete(feed: str) -> str:
    return f"delete [feeds.{feed}] from the landlord's file if there is none"


def _empty(stream: Stream) -> pa.Table:
    schema = arrow_schema(RECORDS[stream])
    return schema.append(pa.field("line", pa.int64())).append(pa.field("file", pa.string())).empty_table()


def _column(fields: Mapping[str, Any], name: str) -> str:
    """The column a field is read from, as the landlord wrote it; the field's own name where that is not one column."""
    rule = fields.get(name.removesuffix("_cents"), name)
    if isinstance(rule, str):
        return rule
    for source in ("column", "path"):
        if source in rule:
            return str(rule[source])
    parts = [part if isinstance(part, str) else part.get("column", "") for part in _parts(rule)]
    return " / ".join(part for part in parts if part) or name


def _parts(rule: Mapping[str, Any]) -> list[Any]:
    return [*rule.get("first", ()), *(rule[side] for side in ("debit", "credit") if side in rule)]
