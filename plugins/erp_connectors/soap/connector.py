"""The `soap` connector: calls an ERP's operations, keeps each raw reply, reads it as a stream."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Any, ClassVar

from erp_connectors.soap import checking
from erp_connectors.soap.batches import BatchPoster
from erp_connectors.soap.dialect import as_read, token_of
from erp_connectors.soap.paging import Pace, Pager, Progress, ranges
from erp_connectors.soap.posting import Poster
from erp_connectors.soap.reply import Marks, fault_error, judge, read_marks
from erp_connectors.soap.service import Service, services_of
from erp_connectors.soap.settings import CallFeed, SoapSettings
from erp_connectors.template import fill
from hub.domain.clock import today
from hub.errors import HubError, NotSupportedError, SettingsError
from hub.formats import Rows, read_xml
from hub.ports import (
    CallSource,
    Capabilities,
    ConnectorSettings,
    Feed,
    Finding,
    PostingBatch,
    PostingResult,
    Pull,
    Push,
    RowMapper,
    Spool,
    Spooled,
)
from hub.records import RECORDS, Batch, Stream, arrow_schema
from hub.wire import (
    ClientIdentity,
    Deadline,
    Fault,
    HttpSession,
    SoapClient,
    SoapReply,
    VendoredWsdl,
)

_WITHOUT_FILES = [stream for stream in Stream if stream is not Stream.DOCUMENTS]
_CHUNK = 256 * 1024


@dataclass(slots=True)
class Asking:
    """One feed being read: what its argument template may be filled with, and how its replies are numbered."""

    feed: Feed
    settings: CallFeed
    spool: Spool
    today: date
    progress: Progress
    replies: int = 0

    def next_name(self) -> str:
        self.replies += 1
        return f"{self.feed.name}-{self.replies:05d}.xml"


class SoapConnector(CallSource[SoapSettings]):
    """Every stream but documents: a SOAP reply carries rows, not files."""

    name: ClassVar[str] = "soap"
    summary: ClassVar[str] = "ERPs that answer SOAP calls, described by a WSDL"
    settings_model = SoapSettings
    feed_settings_model = CallFeed
    capabilities = Capabilities(
        pull={stream: Pull(snapshot=True, delta=True, window=True) for stream in _WITHOUT_FILES}
    )
    needs_mapping = True

    _http: HttpSession | None = None
    _services: list[Service] | None = None
    _pace: Pace | None = None
    heard: Fault | None = None

    def check(self, feeds: Sequence[Feed]) -> Iterator[Finding]:
        return checking.check(self, feeds)

    def pull(self, feed: Feed, cursor: str | None, spool: Spool) -> Iterator[Batch]:
        asking = self.ask(feed, cursor, spool)
        for values in self._loops(asking):
            yield from self._pages(asking, values)
        if feed.mode == "delta":
            empty = arrow_schema(RECORDS[feed.stream]).empty_table()
            yield Batch(empty, lines=[], cursor=asking.progress.reached)

    def read(self, feed: Feed, replies: Sequence[Spooled]) -> Iterator[Batch]:
        settings = _settings_of(feed)
        asked_first = settings.for_each is not None and settings.for_each.operation is not None
        for kept in replies[1:] if asked_first else replies:
            reply = as_read(kept, settings)
            marks = self._marks(reply, rows=settings.rows, namespace=settings.namespace, without=settings.without)
            if judge(marks, self.settings.messages, operation=settings.operation, silence=settings.silence, secrets=()):
                yield from _read(feed, settings, reply)

    @classmethod
    def push_of(cls, settings: ConnectorSettings) -> Push | None:
        posting = settings.posting if isinstance(settings, SoapSettings) else None
        if posting is None:
            return None
        return Push(
            batch=posting.batch is not None,
            read_back=posting.find is not None,
            reversals=posting.reversal is not None,
        )

    def post(self, batch: PostingBatch) -> Sequence[PostingResult]:
        return self.poster().post(batch)

    def find_postings(self, batch: PostingBatch) -> Sequence[PostingResult]:
        return self.poster().find(batch)

    def poster(self) -> Poster:
        """What posts, as the landlord set it up."""
        if (posting := self.settings.posting) is None:
            raise NotSupportedError("soap posts no payments, because [connectors.….posting] is not set up")
        return Poster(self, posting) if posting.batch is None else BatchPoster(self, posting)

    def close(self) -> None:
        if self._http is not None:
            self._http.close()
        self._http = self._services = None

    # -- the service ---------------------------------------------------------------------------------------------------

    @property
    def services(self) -> list[Service]:
        """The connector's own, and that of its postings if another WSDL describes it; made when first needed."""
        if self._services is None:
            self._services = services_of(self)
        return self._services

    def http(self) -> HttpSession:
        """The guarded session, opened when first needed."""
        if self._http is None:
            self._http = HttpSession(self.context.network, identity=self._identity(), authority=self.settings.authority)
        return self._http

    def wsdl(self) -> VendoredWsdl:
        """The connector's own, pinned."""
        return self.services[0].wsdl()

    def client(self) -> SoapClient:
        """The client of the connector's own WSDL, made when first needed."""
        return self.services[0].client()

    def client_of(self, operation: str) -> SoapClient:
        """The client that knows an operation; the connector's own where none does."""
        clients = (service.client() for service in self.services)
        return next((one for one in clients if operation in one.operations()), self.client())

    def secrets(self) -> tuple[str, ...]:
        """What a server might quote and nobody should read."""
        own = self.settings
        given = (own.password, own.licence, own.client_key_passphrase)
        return tuple(value.get_secret_value() for value in given if value)

    def call(self, operation: str, arguments: Mapping[str, Any]) -> SoapReply:
        """One call, within its total deadline and at the agreed pace."""
        self._pace = self._pace or Pace(self.settings.calls_per_minute, self.context.state, self.context.clock)
        whole = self.whole(operation, arguments)
        self._pace.wait(operation)
        return self.client_of(operation).call(operation, whole, deadline=Deadline(self.context.network.total_seconds))

    def whole(self, operation: str, arguments: Mapping[str, Any]) -> dict[str, Any]:
        """The arguments of a call, with those that every call is sent with."""
        taken = self.client_of(operation).takes(operation)
        return {**{name: value for name, value in self._common().items() if name in taken}, **arguments}

    def look_up(self, name: str, spec: str | None) -> Any:
        """What any argument template may hold: {today}, {user}, {secret:…}."""
        if name == "today":
            return self.today()
        if name != "secret":
            return self.settings.user if name == "user" else None
        secret = getattr(self.settings, spec or "", None)
        if secret is None:
            raise SettingsError(f"the arguments hold {{secret:{spec}}}, which is not set", hint=f"set {spec}")
        return secret.get_secret_value()

    def save(self, spool: Spool, name: str, operation: str, arguments: Mapping[str, Any]) -> Spooled:
        """One call, its reply kept."""
        return self._save(spool, name, operation, arguments)[0]

    def today(self) -> date:
        return today(self.context.clock, self.context.time_zone)

    def on_fault(self, fault: Fault, operation: str) -> HubError:
        self.heard = fault
        return fault_error(fault, operation, self.settings.messages, self.secrets())

    def _identity(self) -> ClientIdentity | None:
        own = self.settings
        if own.client_certificate is None or own.client_key is None:
            return None
        passphrase = own.client_key_passphrase.get_secret_value() if own.client_key_passphrase else None
        certificate, key = own.client_certificate.get_secret_value(), own.client_key.get_secret_value()
        return ClientIdentity(certificate, key, passphrase)

    # -- the calls of a feed -------------------------------------------------------------------------------------------

    def ask(self, feed: Feed, cursor: str | None, spool: Spool) -> Asking:
        """What one reading of a feed starts from. Raises SettingsError for a delta that has no cursor."""
        settings = _settings_of(feed)
        if feed.mode == "delta" and settings.cursor is None:
            raise SettingsError("a delta feed needs a cursor", hint='set cursor = {} (by day), or { path = "…" }')
        day = self.today()
        start = cursor if feed.mode == "delta" else None
        return Asking(feed, settings, spool, day, Progress(settings.cursor, start, day))

    def first_rows(self, asking: Asking) -> int:
        """Rows of the first call's reply, for `check`."""
        values = next(self._loops(asking), {})
        values = {**values, **Pager(asking.settings.pages, asking.settings.operation).values}
        _, marks, _ = self._reply(asking, values)
        self._judge(marks, asking.settings.operation, silence=asking.settings.silence)
        return marks.rows

    def probe(self, spool: Spool) -> None:
        """Log in with the probe. Raises what its answer means."""
        own = self.settings
        reply, _ = self._save(spool, "probe.xml", own.probe or "", {})
        if own.probe_rows:
            self._judge(self._marks(reply, rows=own.probe_rows), own.probe or "", silence="misconfigured")

    def _loops(self, asking: Asking) -> Iterator[dict[str, Any]]:
        """What is the same for all pages of one answer: the value of the loop, the date range."""
        for value in self._loop_values(asking):
            for dates in ranges(asking.settings, asking.progress, asking.today, asking.feed.window):
                yield {**value, **dates}

    def _loop_values(self, asking: Asking) -> Iterator[dict[str, Any]]:
        loop = asking.settings.for_each
        if loop is None or loop.operation is None:
            yield from [{loop.name: value} for value in loop.values] if loop else [{}]
            return
        arguments = self._filled(asking, loop.arguments, {})
        reply, _ = self._save(asking.spool, asking.next_name(), loop.operation, arguments)
        rows = loop.rows or ""
        marks = self._marks(reply, rows=rows)
        if not self._judge(marks, loop.operation, silence=asking.settings.silence):
            return
        columns = tuple(dict.fromkeys((loop.path, *loop.only)))
        with reply.open() as stream:
            found = [
                row for block in read_xml(stream, rows, columns, file=reply.name) for row in block.table.to_pylist()
            ]
        for row in found:
            if row[loop.path] and all((row[path] or "") == value for path, value in loop.only.items()):
                yield {loop.name: row[loop.path]}

    def _pages(self, asking: Asking, values: Mapping[str, Any]) -> Iterator[Batch]:
        pager, before, more = Pager(asking.settings.pages, asking.settings.operation), "", True
        while more:
            reply, marks, digest = self._reply(asking, {**values, **pager.values})
            if self._judge(marks, asking.settings.operation, silence=asking.settings.silence):
                yield from self._rows(asking, reply)
            more = pager.turn(marks, digest=digest, before=before)
            before = digest

    def _reply(self, asking: Asking, values: Mapping[str, Any]) -> tuple[Spooled, Marks, str]:
        """One page: asked for, kept in the spool, looked through."""
        own = asking.settings
        arguments = self._filled(asking, own.arguments, values)
        kept, digest = self._save(asking.spool, asking.next_name(), own.operation, arguments)
        reply, paging = as_read(kept, own), own.pages.path if own.pages else None
        marks = self._marks(reply, rows=own.rows, paging=paging, namespace=own.namespace, without=own.without)
        if own.pages is not None:
            marks.paging = token_of(marks.paging, own.pages)
        return reply, marks, digest

    def _marks(self, reply: Spooled, *, rows: str, **options: Any) -> Marks:
        return read_marks(reply, rows=rows, messages=self.settings.message_path, **options)

    def _judge(self, marks: Marks, operation: str, *, silence: str) -> bool:
        return judge(marks, self.settings.messages, operation=operation, silence=silence, secrets=self.secrets())

    def _save(self, spool: Spool, name: str, operation: str, arguments: Mapping[str, Any]) -> tuple[Spooled, str]:
        digest = hashlib.sha256()
        with self.call(operation, arguments) as reply, spool.create(name) as sink:
            while data := reply.read(_CHUNK):
                sink.write(data)
                digest.update(data)
        return spool.get(name), digest.hexdigest()

    def _rows(self, asking: Asking, reply: Spooled) -> Iterator[Batch]:
        return _read(asking.feed, asking.settings, reply, asking.progress)

    def _common(self) -> dict[str, Any]:
        """What every call is sent with."""
        return self._fill(self.settings.arguments, {})

    def _filled(self, asking: Asking, template: Mapping[str, Any], values: Mapping[str, Any]) -> dict[str, Any]:
        return self._fill(template, {"cursor": asking.progress.since, "today": asking.today, **values})

    def _fill(self, template: Mapping[str, Any], values: Mapping[str, Any]) -> dict[str, Any]:
        filled: dict[str, Any] = fill(
            template, lambda name, spec: values[name] if name in values else self.look_up(name, spec)
        )
        return filled


def _settings_of(feed: Feed) -> CallFeed:
    if not isinstance(feed.settings, CallFeed):
        raise TypeError(f"feed {feed.name} has the settings of another connector")
    return feed.settings


def _mapper_of(feed: Feed) -> RowMapper:
    if feed.mapper is None:
        raise SettingsError(f"feed {feed.name} has no mapping", hint=f"write [feeds.{feed.name}.fields]")
    return feed.mapper


def _read(feed: Feed, settings: CallFeed, reply: Spooled, progress: Progress | None = None) -> Iterator[Batch]:
    """The rows of one reply; `progress` takes note of their cursor."""
    mapper, path = _mapper_of(feed), progress and settings.cursor and settings.cursor.path
    columns = tuple(dict.fromkeys((*mapper.columns, path))) if path else mapper.columns
    with reply.open() as stream:
        for rows in read_xml(stream, settings.rows, columns, file=reply.name, without=settings.without):
            if path and progress:
                progress.see(rows.table.column(path).to_pylist())
            yield _mapped(mapper, rows, reply.name)


def _mapped(mapper: RowMapper, rows: Rows, file: str) -> Batch:
    batch = mapper.map(rows.table, lines=rows.lines, file=file)
    return replace(batch, rejects=[*rows.rejects, *batch.rejects]) if rows.rejects else batch
