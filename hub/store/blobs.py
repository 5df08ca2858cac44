"""Files at rest: any fsspec place, each landlord's encrypted with its own key, read and written as streams.

A blob is a header and chunks of AES-256-GCM under a key of its own (HKDF of the landlord's data key and a salt in the
header), so nonces are plain counters. Header, landlord, path, chunk number and "last" are bound into each chunk: one
that was cut, reordered, appended to or put in another's place does not open.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import os
import secrets
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, BinaryIO, Final, Protocol
from uuid import uuid4

import fsspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from fsspec.implementations.local import LocalFileSystem

from hub.errors import NotFoundError, SettingsError, SetupError, StorageError, Where
from hub.store.vault import KEY_BYTES, DataKey

CHUNK_BYTES: Final = 256 * 1024
_MAX_CHUNK: Final = 4 * 1024 * 1024
_TAG_BYTES: Final = 16
_MAGIC: Final = b"HHB1"
_HEADER: Final = struct.Struct(">4sII32s")  # magic, key id, chunk size, salt


class _Readable(Protocol):
    def read(self, size: int, /) -> bytes: ...


@dataclass(frozen=True, slots=True)
class BlobFacts:
    """Where a blob lies, and what its plain content is."""

    path: str
    sha256: str
    size: int
    key_id: int


class BlobStore:
    """Blobs under an fsspec URL (a local folder, `s3://bucket/prefix`, …). Blocking: call it in a thread.

    `put` and `open` raise StorageError when the place cannot be reached or is full.
    """

    def __init__(self, url: str, *, chunk_bytes: int = CHUNK_BYTES) -> None:
        """SettingsError when no file system answers to the URL."""
        try:
            self._fs, root = fsspec.core.url_to_fs(url)
        except (ImportError, ValueError) as error:
            raise SettingsError(f"no file system for the blob URL: {error}", hint="see HOUSING_HUB_BLOB_URL") from error
        self._root = root.rstrip("/")
        self._chunk_bytes = chunk_bytes

    def put(self, key: DataKey, stream: BinaryIO) -> BlobFacts:
        """Encrypt a stream to a fresh, nameless path under the landlord's prefix. An error leaves nothing behind.

        What the stream itself raises is passed on as it is.
        """
        source = _Source(stream)
        try:
            with _place_named("written to"):
                return self._put(key, source)
        except StorageError:
            if source.error is not None:
                raise source.error from None
            raise

    def _put(self, key: DataKey, stream: _Source) -> BlobFacts:
        name = uuid4().hex
        path = f"{key.landlord}/{name[:2]}/{name}"
        seal = _Chunks.fresh(key, path, self._chunk_bytes)
        digest, size = hashlib.sha256(), 0
        with self._write(path) as target:
            target.write(seal.header)
            for number, (plain, last) in enumerate(_blocks(stream, self._chunk_bytes)):
                digest.update(plain)
                size += len(plain)
                target.write(seal.encrypt(plain, number, last=last))
        return BlobFacts(path=path, sha256=digest.hexdigest(), size=size, key_id=key.id)

    def open(self, key: DataKey, path: str) -> BinaryIO:
        """The plain content as a stream, each chunk checked before it is given.

        NotFoundError when there is no such blob. Opening or reading raises SetupError when it was changed or cut, or
        belongs to another key: what was read before is genuine, but read to the end before acting on the whole.
        """
        try:
            with _place_named("read"):
                source = self._fs.open(f"{self._root}/{path}", "rb")
        except FileNotFoundError as error:
            raise NotFoundError("a stored file is missing", hint="restore the blob folder from its backup") from error
        try:
            return io.BufferedReader(_Decrypted(source, key, path), self._chunk_bytes)
        except BaseException:
            source.close()
            raise

    def delete(self, path: str) -> None:
        """Remove a blob; one that is gone already is fine."""
        with contextlib.suppress(FileNotFoundError):
            self._fs.rm_file(f"{self._root}/{path}")

    def old_files(self, landlord: str, *, before: datetime) -> list[str]:
        """The paths of a landlord's files last written before an instant, half-written ones among them."""
        found: dict[str, dict[str, Any]] = self._fs.find(f"{self._root}/{landlord}", detail=True)
        written = {full: about.get("mtime", about.get("LastModified")) for full, about in found.items()}
        cut = len(self._root) + 1
        return [full[cut:] for full, when in written.items() if when is not None and _instant(when) < before]

    @contextlib.contextmanager
    def _write(self, path: str) -> Iterator[BinaryIO]:
        full = f"{self._root}/{path}"
        writing = _write_local(Path(full)) if isinstance(self._fs, LocalFileSystem) else self._write_remote(full)
        with writing as target:
            yield target

    @contextlib.contextmanager
    def _write_remote(self, full: str) -> Iterator[BinaryIO]:
        """An object appears when it is closed; a half-written one is named by no row, and removed if it can be."""
        self._fs.makedirs(full.rpartition("/")[0], exist_ok=True)
        try:
            with self._fs.open(full, "wb") as target:
                yield target
        except BaseException:
            with contextlib.suppress(OSError):
                self._fs.rm_file(full)
            raise


class _Source:
    """What is stored, and whether it was the one that failed."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self.error: OSError | None = None

    def read(self, size: int) -> bytes:
        try:
            return self._stream.read(size)
        except OSError as error:
            self.error = error
            raise


class _Chunks:
    """The cipher of one blob."""

    def __init__(self, key: DataKey, path: str, header: bytes, salt: bytes) -> None:
        derived = HKDF(algorithm=SHA256(), length=KEY_BYTES, salt=salt, info=b"housing-hub blob").derive(key.secret)
        self.header = header
        self._cipher = AESGCM(derived)
        self._bound = header + f"{key.landlord}\0{path}\0".encode()

    @classmethod
    def fresh(cls, key: DataKey, path: str, chunk_bytes: int) -> _Chunks:
        salt = secrets.token_bytes(32)
        return cls(key, path, _HEADER.pack(_MAGIC, key.id, chunk_bytes, salt), salt)

    def encrypt(self, plain: bytes, number: int, *, last: bool) -> bytes:
        return self._cipher.encrypt(number.to_bytes(12, "big"), plain, self._about(number, last))

    def decrypt(self, chunk: bytes, number: int, *, last: bool) -> bytes:
        return self._cipher.decrypt(number.to_bytes(12, "big"), chunk, self._about(number, last))

    def _about(self, number: int, last: bool) -> bytes:
        return self._bound + struct.pack(">Q?", number, last)


class _Decrypted(io.RawIOBase):
    """A blob read back chunk by chunk; it looks one chunk ahead to know which is the last."""

    def __init__(self, source: BinaryIO, key: DataKey, path: str) -> None:
        self._source, self._landlord = source, key.landlord
        self._chunks, size = self._begin(key, path)
        self._sealed_bytes = size + _TAG_BYTES
        self._ahead = _read_fully(source, self._sealed_bytes)
        self._number = 0
        self._plain = memoryview(b"")
        self._ended = False

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        while not self._plain and not self._ended:
            self._plain = memoryview(self._next_chunk())
        given = min(len(buffer), len(self._plain))
        buffer[:given] = self._plain[:given]
        self._plain = self._plain[given:]
        return given

    def close(self) -> None:
        if not self.closed:
            self._source.close()
        super().close()

    def _begin(self, key: DataKey, path: str) -> tuple[_Chunks, int]:
        header = _read_fully(self._source, _HEADER.size)
        if len(header) == _HEADER.size:
            magic, key_id, size, salt = _HEADER.unpack(header)
            if magic == _MAGIC and key_id == key.id and 0 < size <= _MAX_CHUNK:
                return _Chunks(key, path, header, salt), size
        raise self._damaged()

    def _next_chunk(self) -> bytes:
        chunk, self._ahead = self._ahead, _read_fully(self._source, self._sealed_bytes)
        self._ended = not self._ahead
        try:
            plain = self._chunks.decrypt(chunk, self._number, last=self._ended)
        except InvalidTag:
            raise self._damaged() from None
        self._number += 1
        return plain

    def _damaged(self) -> SetupError:
        return SetupError(
            "a stored file was changed or cut, or belongs to another key",
            hint="restore the blob folder and the database from backups of one moment",
            where=Where(landlord=self._landlord),
        )


@contextlib.contextmanager
def _place_named(what: str) -> Iterator[None]:
    """What the file system says, in our words and without its URL, which may hold a secret."""
    try:
        yield
    except FileNotFoundError:
        if what == "read":
            raise
        raise _no_place(what, "it is not there") from None
    except OSError as error:
        raise _no_place(what, os.strerror(error.errno) if error.errno else type(error).__name__) from None


def _no_place(what: str, why: str) -> StorageError:
    return StorageError(
        f"the blob store cannot be {what}: {why}", hint="make room or bring it back; it is tried again by itself"
    )


def _instant(when: float | datetime) -> datetime:
    return when if isinstance(when, datetime) else datetime.fromtimestamp(when, UTC)


@contextlib.contextmanager
def _write_local(path: Path) -> Iterator[BinaryIO]:
    """Written beside its place, flushed to the disk, then renamed: a blob is there whole, or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    part = path.with_name(f".{path.name}.part")
    try:
        with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as target:
            yield target
            target.flush()
            os.fsync(target.fileno())
        part.replace(path)
    except BaseException:
        part.unlink(missing_ok=True)
        raise
    _sync_folder(path.parent)


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _blocks(stream: _Readable, size: int) -> Iterator[tuple[bytes, bool]]:
    """The stream in blocks of `size`, each with whether it is the last; an empty stream is one empty last block."""
    block = _read_fully(stream, size)
    while following := _read_fully(stream, size):
        yield block, False
        block = following
    yield block, True


def _read_fully(stream: _Readable, size: int) -> bytes:
    """`size` bytes, fewer only at the end: a stream may give less than it was asked for."""
    parts: list[bytes] = []
    while size > 0 and (part := stream.read(size)):
        parts.append(part)
        size -= len(part)
    return b"".join(parts)
