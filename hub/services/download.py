"""Download links: signed, for one person's document, for five minutes; then the content, decrypted as it is sent."""

from __future__ import annotations

import asyncio
import base64
import binascii
import hmac
import struct
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import BinaryIO, Final
from uuid import UUID

from hub.errors import NotFoundError
from hub.services.parts import ApiParts
from hub.store.reads import Reading, documents
from hub.store.reads.documents import StoredFile

LIFETIME: Final = timedelta(minutes=5)
_BLOCK: Final = 64 * 1024
_BODY: Final = struct.Struct(">B16s16s16sQ")  # version, document, person, contract, expiry in seconds
_VERSION: Final = 1
_MAC_BYTES: Final = 32
_EXTENSIONS: Final = {"application/pdf": "pdf", "image/jpeg": "jpg", "image/png": "png"}


@dataclass(frozen=True, slots=True)
class Ticket:
    """What a link allows: this document to this person, seen through this contract, until then."""

    landlord: str
    document: UUID
    person: UUID
    contract: UUID
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class Download:
    """An opened document. Close `content` on every path."""

    file_name: str
    media_type: str
    size: int
    content: BinaryIO

    async def blocks(self) -> AsyncIterator[bytes]:
        """The plain content. Reading and decrypting happen in a thread."""
        try:
            while block := await asyncio.to_thread(self.content.read, _BLOCK):
                yield block
        finally:
            await asyncio.to_thread(self.content.close)


def link_key(master_key: bytes) -> bytes:
    """The key links are signed with, derived from the installation's master key."""
    return hmac.digest(master_key, b"housing-hub document links v1", "sha256")


def expiry(now: datetime) -> datetime:
    """When a link made now ends, to the second."""
    return (now + LIFETIME).replace(microsecond=0)


def sign(key: bytes, ticket: Ticket) -> str:
    """The last segment of a download link."""
    moment = int(ticket.expires_at.timestamp())
    body = _BODY.pack(_VERSION, ticket.document.bytes, ticket.person.bytes, ticket.contract.bytes, moment)
    return base64.urlsafe_b64encode(body + _mac(key, ticket.landlord, body)).rstrip(b"=").decode()


def verify(key: bytes, landlord: str, token: str, *, now: datetime) -> Ticket:
    """What a link allows. NotFoundError when it is forged, another landlord's, or past its time."""
    raw = _decode(token)
    body, mac = raw[: _BODY.size], raw[_BODY.size :]
    if len(mac) != _MAC_BYTES or not hmac.compare_digest(mac, _mac(key, landlord, body)):
        raise _no_such_link()
    _, document, person, contract, moment = _BODY.unpack(body)
    expires_at = datetime.fromtimestamp(moment, UTC)
    if now >= expires_at:
        raise _no_such_link()
    return Ticket(landlord, UUID(bytes=document), UUID(bytes=person), UUID(bytes=contract), expires_at)


async def open_download(parts: ApiParts, ticket: Ticket) -> Download:
    """The document a link allows. NotFoundError when it is not (or no longer) to be seen through its contract."""
    async with Reading(parts.engine, ticket.landlord, contracts=[ticket.contract]) as reading:
        file = await documents.stored_file(reading, ticket.document)
        if file is None:
            raise _no_such_link()
        key = await reading.ask(lambda conn: parts.vault.data_key(conn, landlord=ticket.landlord, key_id=file.key_id))
    content = await asyncio.to_thread(parts.blobs.open, key, file.path)
    return Download(_file_name(file), file.media_type, file.size, content)


def _file_name(file: StoredFile) -> str:
    """A name without personal data: `rent-notice-2026-11-01.pdf`."""
    extension = _EXTENSIONS.get(file.media_type, "bin")
    return f"{file.kind.replace('_', '-')}-{file.dated_on.isoformat()}.{extension}"


def _mac(key: bytes, landlord: str, body: bytes) -> bytes:
    return hmac.digest(key, landlord.encode() + b"\0" + body, "sha256")


def _decode(token: str) -> bytes:
    try:
        return base64.b64decode(token.encode() + b"=" * (-len(token) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError) as error:
        raise _no_such_link() from error


def _no_such_link() -> NotFoundError:
    return NotFoundError("no such download", hint="ask for the document again: a link lasts five minutes")
