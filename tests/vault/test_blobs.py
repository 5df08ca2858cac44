"""Blobs: streamed, encrypted, and whole or not at all."""

from __future__ import annotations

import hashlib
import io
import os
import stat
import tracemalloc
from pathlib import Path
from typing import BinaryIO

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hub.errors import NotFoundError, SettingsError, SetupError
from hub.store.blobs import BlobStore
from hub.store.vault import DataKey

KEY = DataKey("rives-doise", 1, bytes(range(32)))
CHUNK = 64
HEADER = 44


@pytest.fixture
def store(tmp_path: Path) -> BlobStore:
    return BlobStore(f"file://{tmp_path}/blobs", chunk_bytes=CHUNK)


class Dripping(io.RawIOBase):
    """A stream that gives three bytes at a time."""

    def __init__(self, content: bytes) -> None:
        self._rest = io.BytesIO(content)

    def read(self, size: int = -1) -> bytes:
        return self._rest.read(min(size, 3))


@pytest.mark.parametrize("size", [0, 1, CHUNK - 1, CHUNK, CHUNK + 1, 5 * CHUNK, 1000])
def test_what_was_put_is_what_is_read(store: BlobStore, size: int) -> None:
    content = os.urandom(size)
    facts = store.put(KEY, io.BytesIO(content))
    assert (facts.size, facts.sha256, facts.key_id) == (size, hashlib.sha256(content).hexdigest(), 1)
    with store.open(KEY, facts.path) as stream:
        assert stream.read() == content


def test_a_stream_that_gives_little_at_a_time_is_stored_whole(store: BlobStore) -> None:
    facts = store.put(KEY, Dripping(b"x" * 500))  # type: ignore[arg-type]
    assert store.open(KEY, facts.path).read() == b"x" * 500


@given(content=st.binary(max_size=400), sizes=st.lists(st.integers(1, 90), min_size=1, max_size=5))
@settings(max_examples=60, deadline=None)
def test_reading_in_pieces_of_any_size_gives_the_same(content: bytes, sizes: list[int]) -> None:
    store = BlobStore("memory://pieces", chunk_bytes=CHUNK)
    facts = store.put(KEY, io.BytesIO(content))
    with store.open(KEY, facts.path) as stream:
        parts, turn = [], 0
        while part := stream.read(sizes[turn % len(sizes)]):
            parts.append(part)
            turn += 1
    assert b"".join(parts) == content
    store.delete(facts.path)


def test_nothing_of_the_content_or_its_name_is_on_the_disk(store: BlobStore, tmp_path: Path) -> None:
    facts = store.put(KEY, io.BytesIO(b"Quittance de Mme Lefevre " * 50))
    (path,) = (file for file in (tmp_path / "blobs").rglob("*") if file.is_file())
    assert b"Lefevre" not in path.read_bytes()
    assert facts.path.startswith("rives-doise/")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


def test_the_same_content_is_never_the_same_on_the_disk(store: BlobStore, tmp_path: Path) -> None:
    paths = [store.put(KEY, io.BytesIO(b"same")).path for _ in range(2)]
    first, second = ((tmp_path / "blobs" / path).read_bytes() for path in paths)
    assert first[HEADER:] != second[HEADER:]


def _changes() -> dict[str, object]:
    sealed = CHUNK + 16
    return {
        "cut after the header": lambda raw: raw[:HEADER],
        "cut at a chunk": lambda raw: raw[: HEADER + 2 * sealed],
        "cut in a chunk": lambda raw: raw[:-5],
        "a byte changed": lambda raw: raw[: HEADER + 3] + bytes([raw[HEADER + 3] ^ 1]) + raw[HEADER + 4 :],
        "two chunks swapped": lambda raw: (
            raw[:HEADER]
            + raw[HEADER + sealed : HEADER + 2 * sealed]
            + raw[HEADER : HEADER + sealed]
            + raw[HEADER + 2 * sealed :]
        ),
        "a chunk repeated": lambda raw: raw[: HEADER + sealed] + raw[HEADER:],
        "something appended": lambda raw: raw + b"more",
        "another salt": lambda raw: raw[:12] + bytes(32) + raw[HEADER:],
        "another chunk size": lambda raw: raw[:8] + (CHUNK * 2).to_bytes(4, "big") + raw[12:],
        "no header": lambda raw: b"PDF" + raw,
        "nothing": lambda raw: b"",
    }


@pytest.mark.parametrize("change", _changes())
def test_a_blob_that_was_tampered_with_does_not_open(store: BlobStore, tmp_path: Path, change: str) -> None:
    facts = store.put(KEY, io.BytesIO(os.urandom(3 * CHUNK + 10)))
    path = tmp_path / "blobs" / facts.path
    path.write_bytes(_changes()[change](path.read_bytes()))  # type: ignore[operator]
    with pytest.raises(SetupError, match="changed or cut"), store.open(KEY, facts.path) as stream:
        stream.read()


def test_a_blob_put_in_anothers_place_or_under_another_landlord_does_not_open(store: BlobStore, tmp_path: Path) -> None:
    root = tmp_path / "blobs"
    mine, other = store.put(KEY, io.BytesIO(b"mine")), store.put(KEY, io.BytesIO(b"other"))
    (root / other.path).write_bytes((root / mine.path).read_bytes())
    with pytest.raises(SetupError), store.open(KEY, other.path) as stream:
        stream.read()
    thief = DataKey("cite-des-tilleuls", 1, KEY.secret)
    with pytest.raises(SetupError), store.open(thief, mine.path) as stream:
        stream.read()


def test_an_error_while_storing_leaves_nothing_behind(store: BlobStore, tmp_path: Path) -> None:
    class Breaking(io.BytesIO):
        def read(self, size: int | None = -1) -> bytes:
            if self.tell() > 200:
                raise ConnectionResetError("the source went away")
            return super().read(size)

    with pytest.raises(ConnectionResetError):
        store.put(KEY, Breaking(os.urandom(1000)))
    assert [file for file in (tmp_path / "blobs").rglob("*") if file.is_file()] == []


def test_a_large_file_is_stored_and_read_in_constant_memory(tmp_path: Path) -> None:
    class Long(io.RawIOBase):
        left = 64 * 1024 * 1024

        def read(self, size: int = -1) -> bytes:
            given = min(size, self.left)
            self.left -= given
            return bytes(given)

    store = BlobStore(f"file://{tmp_path}")
    tracemalloc.start()
    facts = store.put(KEY, Long())  # type: ignore[arg-type]
    assert facts.size == 64 * 1024 * 1024
    with store.open(KEY, facts.path) as stream:
        assert _length(stream) == facts.size
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 6 * 1024 * 1024


def test_a_missing_blob_is_said_to_be_missing(store: BlobStore) -> None:
    with pytest.raises(NotFoundError, match="a stored file is missing"):
        store.open(KEY, "rives-doise/00/nothing")


def test_deleting_twice_is_harmless(store: BlobStore) -> None:
    facts = store.put(KEY, io.BytesIO(b"x"))
    store.delete(facts.path)
    store.delete(facts.path)
    with pytest.raises(NotFoundError):
        store.open(KEY, facts.path)


def test_any_fsspec_place_will_do(tmp_path: Path) -> None:
    store = BlobStore("memory://bucket/prefix", chunk_bytes=CHUNK)
    facts = store.put(KEY, io.BytesIO(b"y" * 300))
    assert store.open(KEY, facts.path).read() == b"y" * 300
    store.delete(facts.path)


def test_a_url_no_file_system_answers_to_is_named() -> None:
    with pytest.raises(SettingsError, match="no file system for the blob URL"):
        BlobStore("nosuchplace://bucket")


def _length(stream: BinaryIO) -> int:
    return sum(iter(lambda: len(stream.read(1 << 20)), 0))
