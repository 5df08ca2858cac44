from __future__ import annotations

import gzip
import io
import stat
import struct
import zipfile
from collections.abc import Callable

import pytest

from hub.errors import InputRefusedError
from hub.wire import ArchiveLimits, ZipArchive, open_gzip

SMALL = ArchiveLimits(max_entries=3, max_ratio=50, max_bytes=5_000_000)


def zipped(*files: tuple[str | zipfile.ZipInfo, bytes], method: int = zipfile.ZIP_DEFLATED) -> io.BytesIO:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", method) as archive:
        for name, content in files:
            archive.writestr(name, content)
    buffer.seek(0)
    return buffer


def test_a_gzip_file_unpacks() -> None:
    assert open_gzip(io.BytesIO(gzip.compress(b"abc" * 1000)), file="a.gz").read() == b"abc" * 1000


@pytest.mark.parametrize(
    "content",
    [b"plain text", gzip.compress(b"abc" * 1000)[:-12], gzip.compress(bytes(range(256)) * 9)[:40] + b"\xff" * 60],
    ids=["not gzip", "cut", "damaged"],
)
def test_a_bad_gzip_file_is_refused_by_name(content: bytes) -> None:
    with pytest.raises(InputRefusedError, match=r"ledger\.gz cannot be unpacked"):
        open_gzip(io.BytesIO(content), file="ledger.gz").read()


def test_a_gzip_bomb_stops_early() -> None:
    bomb = open_gzip(io.BytesIO(gzip.compress(bytes(100_000_000))), file="bomb.gz", limits=SMALL)
    with pytest.raises(InputRefusedError, match="more than 50 times its size"):
        bomb.read()
    assert bomb.count < 3_000_000


def test_a_zip_gives_its_files_and_skips_its_folders() -> None:
    with ZipArchive(zipped(("a/", b""), ("a/é.pdf", b"one"), ("b.pdf", b"two")), file="n.zip") as archive:
        assert [(entry.name, entry.size) for entry in archive.entries] == [("a/é.pdf", 3), ("b.pdf", 3)]
        assert archive.open("a/é.pdf").read() == b"one"
        with pytest.raises(InputRefusedError, match="holds no file"):
            archive.open("c.pdf")


@pytest.mark.parametrize(
    "name", ["../up.pdf", "a/../../up.pdf", "/etc/passwd", "a\\b.pdf", "C:/x.pdf", "a\x01b", "a\x00b"]
)
def test_a_name_that_leaves_its_folder_is_refused(name: str) -> None:
    info = zipfile.ZipInfo("x" * len(name))
    content = zipped((info, b"x")).getvalue().replace(b"x" * len(name), name.encode())
    with pytest.raises(InputRefusedError, match=r"leaves its folder|not a readable zip"):
        ZipArchive(io.BytesIO(content), file="n.zip")


def test_a_symlink_is_refused() -> None:
    info = zipfile.ZipInfo("link")
    info.external_attr = (stat.S_IFLNK | 0o777) << 16
    with pytest.raises(InputRefusedError, match="link or device"):
        ZipArchive(zipped((info, b"/etc/passwd")), file="n.zip")


def test_an_encrypted_zip_is_refused() -> None:
    content = bytearray(zipped(("a.pdf", b"one")).getvalue())
    at = content.rindex(b"PK\x01\x02")
    content[at + 8] |= 1
    with pytest.raises(InputRefusedError, match="encrypted"):
        ZipArchive(io.BytesIO(bytes(content)), file="n.zip")


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: zipped(("a", bytes(4_000_000))), "times its size"),
        (
            lambda: zipped(("a", bytes(3_000_000)), ("b", bytes(3_000_000)), method=zipfile.ZIP_STORED),
            "5,000,000 bytes",
        ),
        (lambda: zipped(*((str(number), b"") for number in range(4))), "more than 3 files"),
    ],
    ids=["ratio", "total", "entries"],
)
def test_a_zip_bomb_is_refused_before_it_is_read(make: Callable[[], io.BytesIO], message: str) -> None:
    with pytest.raises(InputRefusedError, match=message):
        ZipArchive(make(), file="n.zip", limits=SMALL)


def test_an_entry_that_lies_about_its_size_is_refused_while_it_is_read() -> None:
    content = bytearray(zipped(("a.bin", bytes(range(256)) * 100)).getvalue())
    at = content.rindex(b"PK\x01\x02")
    content[at + 24 : at + 28] = struct.pack("<I", 100)
    archive = ZipArchive(io.BytesIO(bytes(content)), file="n.zip")
    with archive, pytest.raises(InputRefusedError, match=r"n\.zip/a\.bin cannot be unpacked"):
        archive.open("a.bin").read()


def test_an_entry_shorter_than_it_says_is_refused_at_its_end() -> None:
    content = bytearray(zipped(("a.csv", b"abc")).getvalue())
    struct.pack_into("<I", content, content.index(b"PK\x01\x02") + 24, 4)
    archive = ZipArchive(io.BytesIO(bytes(content)), file="a.zip")
    with archive.open("a.csv") as entry, pytest.raises(InputRefusedError, match="its directory says 4"):
        entry.read()


def test_a_damaged_entry_fails_its_checksum() -> None:
    content = zipped(("a.pdf", b"first content"), method=zipfile.ZIP_STORED).getvalue().replace(b"first", b"worst")
    with ZipArchive(io.BytesIO(content), file="n.zip") as archive, pytest.raises(InputRefusedError, match="CRC"):
        archive.open("a.pdf").read()


@pytest.mark.parametrize(
    "content", [b"", b"plain", zipped(("a.pdf", b"x" * 500)).getvalue()[:-30]], ids=["empty", "plain", "cut"]
)
def test_what_is_no_zip_is_refused(content: bytes) -> None:
    with pytest.raises(InputRefusedError, match="not a zip, or was cut"):
        ZipArchive(io.BytesIO(content), file="n.zip")


def test_the_same_name_twice_is_refused() -> None:
    with pytest.warns(UserWarning, match="Duplicate"):
        twice = zipped(("a", b"1"), ("a", b"2"))
    with pytest.raises(InputRefusedError, match="same name twice"):
        ZipArchive(twice, file="n.zip")
