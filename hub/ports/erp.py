"""The trade of an ERP connector, told as its journey: check, then pull from calls or from files.

A connector is plain blocking Python, made anew for each run: `__init__(settings, context)`, used by one thread, closed.
It never writes to the database and never decides what is served: it yields batches, the hub judges them.
Raise the errors of `hub.errors`: their class tells the hub what to do next. Capabilities default to "no".
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any, BinaryIO, ClassVar, Generic, Protocol, TypeVar

import pyarrow as pa
from pydantic import BaseModel, ConfigDict, Field

from hub.domain.modes import Days, Mode
from hub.errors import NotSupportedError, SettingsError
from hub.ports.context import Context
from hub.ports.postings import PostingBatch, PostingResult, Push
from hub.records import Batch, Stream


class PluginSettings(BaseModel):
    """What the hub stores of a plugin's settings outlives the plugin's version: `schema_version` says what they mean.

    Raise it when a setting is renamed, moved or read otherwise, and write `migrate`; a new setting with a default
    needs neither.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)
    schema_version: ClassVar[int] = 1

    @classmethod
    def migrate(cls, settings: dict[str, Any], from_version: int) -> dict[str, Any]:
        """Settings stored under an older `schema_version`, as this one means them.

        Called in memory whenever a connector or feed is made of them, until the landlord's file is applied again; what
        it returns is checked like a file's. Secrets are there as `SecretStr`: move them, do not open them. Raise
        SettingsError where a person must decide. Default: refuses.
        """
        raise SettingsError(
            f"{cls.__name__} of version {cls.schema_version} does not take over settings of version {from_version}",
            hint="apply the landlord's file again: it says what to change in it",
        )


class ConnectorSettings(PluginSettings):
    """Base of a connector's settings. Secrets are `SecretStr`: stored encrypted, never returned, never logged."""


class FeedSettings(PluginSettings):
    """Base of what a connector needs to know about one feed (file names, operation, paging…)."""


def setting(help: str, *, default: Any = ..., example: object = None, **constraints: Any) -> Any:
    """A pydantic field that explains itself: `help` is shown to the person who fills it in."""
    return Field(default, description=help, examples=None if example is None else [example], **constraints)


class RowMapper(Protocol):
    """A landlord's mapping, compiled: source columns → canonical fields (see `hub.mapping`).

    `columns`: the source columns (or XML paths) it reads. `map`: takes a table of nullable text columns holding at
    least these, and yields the canonical rows with the rejects of the rows it refused.
    """

    @property
    def columns(self) -> tuple[str, ...]: ...

    def map(self, source: pa.Table, *, lines: pa.Array, file: str | None = None) -> Batch: ...


@dataclass(frozen=True, slots=True)
class Feed:
    """One feed as configured by the landlord. `mapper` is None where the connector maps by itself.

    `window`: in window mode, the days today's input is to be complete for, where the landlord's file says so; a call
    source asks for just these.
    """

    name: str
    stream: Stream
    mode: Mode
    settings: FeedSettings
    mapper: RowMapper | None = None
    window: Days | None = None


@dataclass(frozen=True, slots=True)
class Pull:
    """What can be pulled of a stream: all there is, what is new, all there is between two dates."""

    snapshot: bool = True
    delta: bool = False
    window: bool = False


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What a connector can do. What is not listed is "not supported"."""

    pull: Mapping[Stream, Pull] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Finding:
    """One step of `check`: what was tried, whether it worked, what was seen, and what to do if it did not."""

    step: str
    ok: bool
    detail: str = ""
    hint: str = ""


@dataclass(frozen=True, slots=True)
class Artifact:
    """A file seen at the source. Artifacts of one `group` (a date) make up one snapshot; `sequence` orders them.

    `expected_rows` and `expected_sums` come from a control file where there is one (sums by source column).
    `stable`: the source says the file is finished (control file present); False asks the hub to look again.
    """

    name: str
    size: int
    modified: datetime
    group: str = ""
    sequence: str = ""
    stable: bool = False
    expected_rows: int | None = None
    expected_sums: Mapping[str, Decimal] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Spooled:
    """A raw input on local disk, as it came. The hub keeps it encrypted, so that it can be read again."""

    name: str
    path: Path
    artifact: Artifact | None = None

    def open(self) -> BinaryIO:
        return self.path.open("rb")


class Spool(Protocol):
    """Where a call source keeps its raw replies while it reads them."""

    def create(self, name: str) -> AbstractContextManager[BinaryIO]: ...

    def get(self, name: str) -> Spooled: ...


S = TypeVar("S", bound=ConnectorSettings)


class ErpConnector(ABC, Generic[S]):
    """Base of every ERP connector: subclass `CallSource` or `FileSource`, not this.

    `name` is what a landlord writes as `plugin = "…"`. `settings_model` and `feed_settings_model` describe and check
    the landlord's values before the connector is made.
    """

    name: ClassVar[str]
    summary: ClassVar[str] = ""
    settings_model: ClassVar[type[ConnectorSettings]]
    feed_settings_model: ClassVar[type[FeedSettings]] = FeedSettings
    capabilities: ClassVar[Capabilities] = Capabilities()
    needs_mapping: ClassVar[bool] = False

    def __init__(self, settings: S, context: Context) -> None:
        self.settings = settings
        self.context = context

    @classmethod
    def refusal(cls, stream: Stream, mode: Mode) -> NotSupportedError | None:
        """None if the stream can be pulled in this mode, else the error that says why not."""
        pull = cls.capabilities.pull.get(stream)
        if pull is None:
            return NotSupportedError(f"{cls.name} does not pull {stream}, because its interface does not give it")
        if not getattr(pull, mode):
            return NotSupportedError(f"{cls.name} does not pull {stream} as {mode}, because its interface cannot")
        return None

    @abstractmethod
    def check(self, feeds: Sequence[Feed]) -> Iterator[Finding]:
        """Set-up time: try step by step (resolve, connect, host key, log in, list …) and yield each as it ends.

        Stops after the first step that makes the next pointless. Changes nothing at the far side. Raises nothing for
        what a step can find: a failed step is a `Finding` with `ok=False` and a hint.
        """

    @classmethod
    def push_of(cls, settings: ConnectorSettings) -> Push | None:
        """How this connector posts payments, as the landlord set it up; None: it cannot. Default: it cannot."""
        return None

    def post(self, batch: PostingBatch) -> Sequence[PostingResult]:
        """Enter money in the ERP; one result for each posting of the batch, in order. This moves the ERP's ledger.

        Called again with the same batch only after `find_postings` said what is absent. A refusal is a result, not an
        error. Raise where nobody can know whether the ERP took it (a time-out after sending): the hub then asks
        `find_postings`, and posts nothing again before it was answered. Sent with no automatic retry of any kind.
        """
        raise NotSupportedError(f"{self.name} posts no payments, because it is not set up to")

    def find_postings(self, batch: PostingBatch) -> Sequence[PostingResult]:
        """Which postings of a batch the ERP has, by our references: posted, sent (delivered, not yet entered), refused
        or absent. Changes nothing. Raise RetryableError where it cannot be told now."""
        raise NotSupportedError(f"{self.name} cannot say what was posted, because its interface has no such question")

    def answered_postings(self) -> Iterator[PostingResult]:
        """Outcomes of batches sent earlier (acknowledgement files), each as often as it is still found there."""
        raise NotSupportedError(f"{self.name} gives no answers to batches, because its interface has none")

    def close(self) -> None:
        """Release sockets. Called once, also after an error."""


class CallSource(ErpConnector[S]):
    """A source that answers calls (SOAP, REST): pages are pulled until there are no more."""

    @abstractmethod
    def pull(self, feed: Feed, cursor: str | None, spool: Spool) -> Iterator[Batch]:
        """Night time: yield the feed's rows, a bounded batch at a time, never the whole in memory.

        `cursor` is the last one yielded and applied (None at first, and for a snapshot). Write raw replies to `spool`
        before reading them. Raise RetryableError to be called again later, SetupError to stop and tell.
        """

    def read(self, feed: Feed, replies: Sequence[Spooled]) -> Iterator[Batch]:
        """The rows of replies kept from an earlier `pull`, in the order they were written to its spool, possibly under
        another mapping. Called with no network; gives no cursor, and each batch names its reply as `pull` does.

        Default: not supported; rows of such a feed leave the quarantine only when they are pulled again.
        """
        raise NotSupportedError(
            f"{self.name} cannot read kept replies again, because it does not say how its calls made them",
            hint=f"pull them again: `housing-hub sync {self.context.landlord} {feed.name}`",
        )


class FileSource(ErpConnector[S]):
    """A source that drops files (SFTP): discovered, fetched to disk, then read locally."""

    @abstractmethod
    def discover(self, feed: Feed) -> Sequence[Artifact]:
        """List the feed's files, oldest first; unfinished ones (`.tmp`, `.part`, dot files) never."""

    @abstractmethod
    def fetch(self, feed: Feed, artifact: Artifact, into: BinaryIO) -> None:
        """Copy one file, byte for byte. Raise RetryableError if it changed meanwhile."""

    @abstractmethod
    def read(self, feed: Feed, spooled: Spooled) -> Iterator[Batch]:
        """Read a spooled file. Called with no network, possibly long after `fetch`. Bad rows become rejects.

        Raise InputRefusedError for a file that must not be used at all: cut, not what its control file says.
        """

    def open_document(self, feed: Feed, spooled: Spooled, file_name: str) -> BinaryIO:
        """The content of a file named by a `DocumentRecord`. Default: this connector gives none."""
        raise NotSupportedError(f"{self.name} gives no document files, because its interface has none")

    def companions(self, feed: Feed, artifact: Artifact) -> Sequence[Artifact]:
        """Files to fetch along with this one (a PDF bundle beside its index). Default: none."""
        return ()

    def done(self, feed: Feed, artifact: Artifact) -> None:
        """The file was applied: move it to an archive if the landlord asked for that. Default: leave it."""

    def refused(self, feed: Feed, artifact: Artifact) -> None:
        """The file was refused as a whole, nothing of it was applied: put it aside if the landlord asked for that.
        Called again as long as the file is found and refused. Default: leave it."""
