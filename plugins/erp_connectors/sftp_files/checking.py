"""`check` of dropped files: the door (resolve, host key, log in), the folders, and the newest file of each feed."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Sequence
from datetime import date
from functools import partial
from pathlib import Path
from posixpath import basename
from typing import TYPE_CHECKING, Any

from erp_connectors.sftp_files.patterns import FilePattern
from erp_connectors.sftp_files.posting_file import content_of, path_of
from hub.errors import HubError, MisconfiguredError
from hub.ports import Artifact, Feed, Finding, Posting, PostingBatch, Spooled
from hub.wire import fetch_host_key, resolve
from hub.wire.hostkeys import compare, parse_pin

if TYPE_CHECKING:
    from erp_connectors.sftp_files.connector import DroppedFiles, SftpFilesConnector

_SHA1 = "ssh-rsa"
_NO_FILE = "check the folder and the name pattern (`files`), or wait for the first file"


Step = tuple[str, Callable[[], str]]


def check(connector: DroppedFiles[Any], door: Sequence[Step], feeds: Sequence[Feed]) -> Iterator[Finding]:
    """Each step as it ends; the steps of the door stop at the first that fails, feeds are looked at one by one."""
    folders = dict.fromkeys(FilePattern(feed.settings.files).folder for feed in feeds)  # type: ignore[attr-defined]  # FileFeed
    for step, action in door:
        finding = _try(step, action)
        yield finding
        if not finding.ok:
            return
    for folder in folders:
        yield _try(f"list {folder}/", partial(_list, connector, folder))
    if connector.settings.posting is not None:
        yield _try("posting", partial(_posting, connector))
    for feed in feeds:
        yield _try(f"feed {feed.name}", partial(_newest, connector, feed))


def log_in_steps(connector: SftpFilesConnector) -> list[Step]:
    """The way in to an SFTP server."""
    server = f"{connector.settings.host}:{connector.settings.port}"
    return [
        (f"{server} resolve", partial(_resolve, connector)),
        (f"{server} host key", partial(_host_key, connector)),
        (f"{server} log in", partial(_log_in, connector)),
    ]


def _try(step: str, action: Callable[[], str]) -> Finding:
    try:
        return Finding(step, True, action())
    except HubError as error:
        return Finding(step, False, error.message, error.hint or "see the connector's settings in the landlord's file")


def _resolve(connector: SftpFilesConnector) -> str:
    return resolve(connector.settings.host, connector.settings.port, connector.context.network).address


def _host_key(connector: SftpFilesConnector) -> str:
    own = connector.settings
    shown = fetch_host_key(own.host, own.port, connector.context.network, legacy=own.legacy_host_key)
    if own.host_key is None:
        raise MisconfiguredError(
            f"not pinned yet: the server shows {shown.sha256}",
            hint=f'compare this fingerprint with your vendor, then put host_key = "{shown.line}"',
        )
    pin = parse_pin(own.host_key)
    if pin.kind not in (None, shown.kind):
        return (
            f"a {pin.kind} is pinned, compared while logging in"  # asked freely, the server shows another of its keys
        )
    compare(pin, shown, own.host)
    return f"matches {shown.sha256}"


def _log_in(connector: SftpFilesConnector) -> str:
    session = connector.session()
    weak = "; its key is proven with SHA-1 only (legacy_host_key): ask for a newer one" * (session.signed_with == _SHA1)
    return f"as {connector.settings.user}{weak}"


def _list(connector: DroppedFiles[Any], folder: str) -> str:
    listing = connector.session().list(folder)
    left_out = f", {len(listing.skipped)} hostile names left out" if listing.skipped else ""
    return f"{len(listing)} files{left_out}"


def _posting(connector: DroppedFiles[Any]) -> str:
    """The folders are there, and a file can be written of a payment that never was; nothing is put anywhere."""
    inbox, folders = connector.payment_files().folders()
    for folder in folders:
        connector.session().list(folder)
    settings = connector.settings.posting
    method = next(iter(settings.methods), "payment_card")
    posting = Posting("EXAMPLE", "payment", "1", "1", 100, date(2000, 1, 1), method)
    batch = PostingBatch(1, posting.paid_on, [posting])
    size = len(content_of(settings, batch))
    return f"{basename(path_of(settings, batch))} of {size} bytes would go to {inbox}/, if the server lets us write"


def _newest(connector: DroppedFiles[Any], feed: Feed) -> str:
    artifacts = connector.discover(feed)
    if not artifacts:
        raise MisconfiguredError("no file fits the pattern", hint=_NO_FILE)
    newest = artifacts[-1]
    lines = _count(connector, feed, newest)
    agrees = ", control file agrees" if newest.expected_rows is not None else ""
    waits = "" if newest.stable or newest.expected_rows is not None else ", not known to be finished yet"
    connector.companions(feed, newest)
    return f"newest {basename(newest.name)}, {lines:,} lines{agrees}{waits}"


def _count(connector: DroppedFiles[Any], feed: Feed, artifact: Artifact) -> int:
    """The lines of a file, read through: this is what finds that it is not what its control file says."""
    with tempfile.TemporaryDirectory(prefix="check-", dir=connector.context.folder) as folder:
        path = Path(folder) / basename(artifact.name)
        with path.open("wb") as sink:
            connector.fetch(feed, artifact, sink)
        batches = connector.read(feed, Spooled(artifact.name, path, artifact))
        return sum(len(batch.rows) + len(batch.rejects) + batch.skipped for batch in batches)
