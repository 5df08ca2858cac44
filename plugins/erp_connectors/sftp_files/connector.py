"""Dropped files, found and read wherever they lie; and the `sftp_files` connector, which asks an SFTP server."""

from __future__ import annotations

import io
from abc import abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from posixpath import basename
from typing import BinaryIO, ClassVar, TypeVar

from pydantic import SecretStr

from erp_connectors.sftp_files import checking
from erp_connectors.sftp_files.bundle import Bundles
from erp_connectors.sftp_files.looks import Folders, Looks, Place
from erp_connectors.sftp_files.patterns import FilePattern, Found
from erp_connectors.sftp_files.posting import Files
from erp_connectors.sftp_files.reading import control_of, read_file
from erp_connectors.sftp_files.settings import DropSettings, FileFeed, SftpSettings
from hub.errors import NotSupportedError, RetryableError
from hub.ports import (
    Artifact,
    Capabilities,
    ConnectorSettings,
    Context,
    Feed,
    FileSource,
    Finding,
    PostingBatch,
    PostingResult,
    Pull,
    Push,
    Spooled,
)
from hub.records import Batch, Stream
from hub.wire import RemoteFile, SftpSession

_MAX_CONTROL_BYTES = 64 * 1024
_NO_TIME = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Seen:
    """A file of a feed as it was listed, with what the pattern read from its name."""

    file: RemoteFile
    found: Found


D = TypeVar("D", bound=DropSettings)


class DroppedFiles(FileSource[D]):
    """Snapshots are the files of the newest date, deltas all files in order; nothing is taken before it is finished."""

    feed_settings_model = FileFeed
    capabilities = Capabilities(pull={stream: Pull(snapshot=True, delta=True, window=True) for stream in Stream})
    needs_mapping = True
    settles_by_its_time: ClassVar[bool] = False

    def __init__(self, settings: D, context: Context) -> None:
        super().__init__(settings, context)
        self._bundles = Bundles()

    @abstractmethod
    def session(self) -> Place:
        """Where the files lie, opened when first needed."""

    def discover(self, feed: Feed) -> Sequence[Artifact]:
        looks = Looks(
            self.context.state,
            feed.name,
            self.context.clock.now(),
            self.settings.settle_seconds,
            by_its_time=self.settles_by_its_time,
        )
        folders = self.folders()
        artifacts = [self._artifact(feed, seen, looks, folders) for seen in self._find(feed, folders)]
        looks.keep()
        return artifacts

    def fetch(self, feed: Feed, artifact: Artifact, into: BinaryIO) -> None:
        self.session().fetch(artifact.name, into)

    def read(self, feed: Feed, spooled: Spooled) -> Iterator[Batch]:
        return read_file(feed, settings_of(feed), spooled)

    def companions(self, feed: Feed, artifact: Artifact) -> Sequence[Artifact]:
        bundle = settings_of(feed).bundle
        found = _pattern(feed).match(basename(artifact.name))
        if bundle is None or found is None:
            return ()
        file = self.session().stat(found.fill(bundle))
        return (Artifact(file.path, file.size, file.modified or _NO_TIME, artifact.group, artifact.sequence, True),)

    def open_document(self, feed: Feed, spooled: Spooled, file_name: str) -> BinaryIO:
        return self._bundles.open(spooled, _pattern(feed), settings_of(feed).bundle, file_name)

    def done(self, feed: Feed, artifact: Artifact) -> None:
        self._move(feed, artifact, self.settings.archive)

    def refused(self, feed: Feed, artifact: Artifact) -> None:
        self._move(feed, artifact, self.settings.refused)

    @classmethod
    def push_of(cls, settings: ConnectorSettings) -> Push | None:
        posting = settings.posting if isinstance(settings, DropSettings) else None
        if posting is None:
            return None
        return Push(batch=True, read_back=True, answers=posting.answers is not None, reversals=posting.reversals)

    def post(self, batch: PostingBatch) -> Sequence[PostingResult]:
        return self.payment_files().post(batch)

    def find_postings(self, batch: PostingBatch) -> Sequence[PostingResult]:
        return self.payment_files().find(batch)

    def answered_postings(self) -> Iterator[PostingResult]:
        return self.payment_files().answers()

    def payment_files(self) -> Files:
        """The files that payments are posted in, as the landlord set them up."""
        if self.settings.posting is None:
            raise NotSupportedError(f"{self.name} posts no payments, because [connectors.….posting] is not set up")
        return Files(self.session, self.settings.posting, self.context.state)

    def close(self) -> None:
        self._bundles.close()

    # -- helpers, also of `checking` ---------------------------------------------------------------------------------

    def _move(self, feed: Feed, artifact: Artifact, to: str | None) -> None:
        found = _pattern(feed).match(basename(artifact.name))
        if to is None or found is None:
            return
        own = settings_of(feed)
        beside = [found.fill(pattern) for pattern in (own.control, own.bundle) if pattern]
        # The data file first: left alone it would wait for its control file for ever.
        for path in (artifact.name, *beside):
            self._rename(path, replace(found, path=path).fill(to))

    def _rename(self, path: str, to: str) -> None:
        """Once, however often it is asked for: a kill may have come between the move and the note of it."""
        try:
            self.session().rename(path, to)
        except RetryableError:
            # Gone: by our own earlier hand if it now lies where it belongs, else somebody else's business.
            self.session().stat(to)

    def _is_moved(self, name: str) -> bool:
        """Whether a name is one that we gave a file whose time is over, though the feed's pattern may fit it too."""
        marks = [basename(to).partition("{name}") for to in (self.settings.archive, self.settings.refused) if to]
        return any(name.startswith(before) and name.endswith(after) for before, _, after in marks if before or after)

    def _find(self, feed: Feed, folders: Folders) -> list[Seen]:
        """The feed's files, oldest first; of a snapshot only those of the newest date."""
        pattern = _pattern(feed)
        files = [file for file in folders.files(pattern.folder).values() if not self._is_moved(file.name)]
        seen = [Seen(file, found) for file in files if (found := pattern.match(file.name))]
        seen.sort(key=lambda one: (one.found.group, one.found.sequence))
        return seen if feed.mode == "delta" else [one for one in seen if one.found.group == seen[-1].found.group]

    def folders(self) -> Folders:
        """A new look at the server's folders."""
        return Folders(self.session(), self.context.log)

    def _artifact(self, feed: Feed, seen: Seen, looks: Looks, folders: Folders) -> Artifact:
        file, found, own = seen.file, seen.found, settings_of(feed)
        artifact = Artifact(found.path, file.size, file.modified or _NO_TIME, found.group, found.sequence)
        if own.control is None:
            return replace(artifact, stable=looks.unchanged(file.path, file.size, file.modified))
        control = folders.find(found.fill(own.control))
        if control is None:
            return artifact
        rows, sums = control_of(self._read_small(control), own, control.path, of=file.path)
        return replace(artifact, stable=True, expected_rows=rows, expected_sums=sums)

    def _read_small(self, control: RemoteFile) -> bytes:
        content = io.BytesIO()
        self.session().fetch(control.path, content, max_bytes=_MAX_CONTROL_BYTES)
        return content.getvalue()


class SftpFilesConnector(DroppedFiles[SftpSettings]):
    """Files on an SFTP server whose host key is pinned."""

    name: ClassVar[str] = "sftp_files"
    summary: ClassVar[str] = "Files an ERP drops on an SFTP server: CSV, fixed width, XML, JSON lines, PDF bundles"
    settings_model = SftpSettings

    _session: SftpSession | None = None

    def check(self, feeds: Sequence[Feed]) -> Iterator[Finding]:
        return checking.check(self, checking.log_in_steps(self), feeds)

    def close(self) -> None:
        super().close()
        if self._session is not None:
            self._session.close()
            self._session = None

    def session(self) -> SftpSession:
        """The logged-in session, opened when first needed."""
        if self._session is None:
            own = self.settings
            self._session = SftpSession(
                own.host,
                own.port,
                self.context.network,
                user=own.user,
                host_key=own.host_key,
                password=_clear(own.password),
                private_key=_clear(own.private_key),
                passphrase=_clear(own.passphrase),
                prefetch=own.prefetch,
                legacy=own.legacy_host_key,
            ).__enter__()
        return self._session


def settings_of(feed: Feed) -> FileFeed:
    """The feed's settings, of our own kind."""
    if not isinstance(feed.settings, FileFeed):
        raise TypeError(f"feed {feed.name} has the settings of another connector")
    return feed.settings


def _clear(secret: SecretStr | None) -> str | None:
    return secret.get_secret_value() if secret else None


def _pattern(feed: Feed) -> FilePattern:
    return FilePattern(settings_of(feed).files)
