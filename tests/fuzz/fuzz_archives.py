"""Mutations of packed files: damaged, lying, hostile, or only packed in another way."""

from __future__ import annotations

import bz2
import gzip
import io
import struct
import zipfile
import zlib
from collections.abc import Callable
from random import Random

from fuzz_cases import Case, Mutation, case_of, mutation
from fuzz_goldens import Golden, control_bytes, zipped
from fuzz_text import edited, without

_LOCAL, _CENTRAL, _END = b"PK\x03\x04", b"PK\x01\x02", b"PK\x05\x06"


def packed(gold: Golden, data: bytes, *, whole: bool = True) -> Case:
    """A case of bytes that are packed already."""
    control = control_bytes(gold.form, len(gold.contracts), gold.total)
    rows = {} if whole else gold.expected
    return Case(form=gold.form.name, data=data, rows=rows, whole=whole, control=control, sums=True)


# --- gzip -------------------------------------------------------------------------------------------------------------


@mutation("gzip: cut", "gzip")
def _cut(gold: Golden, rng: Random) -> Case:
    data = gzip.compress(gold.content, mtime=0)
    return packed(gold, data[: rng.choice((rng.randrange(1, 10), rng.randrange(10, len(data)), len(data) - 8))])


@mutation("gzip: damaged", "gzip")
def _damaged(gold: Golden, rng: Random) -> Case:
    data = bytearray(gzip.compress(gold.content, mtime=0))
    at = rng.choice((0, 1, 2, *range(12, len(data))))
    data[at] ^= rng.randrange(1, 256)
    return packed(gold, bytes(data))


@mutation("gzip: something behind it", "gzip")
def _behind(gold: Golden, rng: Random) -> Case:
    return packed(gold, gzip.compress(gold.content, mtime=0) + rng.choice((b"FIN", b"PK\x03\x04", b"\x1f\x8b")))


@mutation("gzip: in parts, or padded", "gzip")
def _parts(gold: Golden, rng: Random) -> Case:
    at = rng.randrange(len(gold.content))
    parts = [gold.content[:at], gold.content[at:]] if rng.random() < 0.7 else [gold.content]
    data = b"".join(gzip.compress(part, rng.randint(0, 9), mtime=0) for part in parts)
    return packed(gold, data + rng.choice((b"", b"\0" * 512)), whole=False)


@mutation("gzip: not gzip at all", "gzip")
def _not_gzip(gold: Golden, rng: Random) -> Case:
    other = (
        gold.content,
        bz2.compress(gold.content),
        zlib.compress(gold.content),
        zipped([("F.csv", gold.content)]),
        b"",
    )
    return packed(gold, rng.choice(other))


@mutation("gzip: a bomb", "gzip")
def _bomb(gold: Golden, rng: Random) -> Case:
    """300 MB of noughts or blanks, 20 MB of rows; packed twice."""
    filling, size = rng.choice(((b"\0" * 65536, 300), (b" " * 65536, 300), (b"x;" * 32768, 75), (gold.content, 20)))
    press = zlib.compressobj(9, wbits=31)
    data = press.compress(gold.content)
    for _ in range(size * 1_000_000 // len(filling)):
        data += press.compress(filling)
    data += press.flush()
    return packed(gold, gzip.compress(data, mtime=0) if rng.random() < 0.2 else data)


# --- zip --------------------------------------------------------------------------------------------------------------


def _zip(kind: str) -> Callable[[Mutation], Mutation]:
    return mutation(f"zip: {kind}", "zip")


@_zip("cut")
def _zip_cut(gold: Golden, rng: Random) -> Case:
    data = zipped([("F.csv", gold.content)])
    return packed(gold, data[: rng.choice((0, 3, rng.randrange(len(data)), len(data) - 1, len(data) - 22))])


@_zip("damaged content")
def _zip_damaged(gold: Golden, rng: Random) -> Case:
    data = bytearray(zipped([("F.csv", gold.content)]))
    data[rng.randrange(40, data.index(_CENTRAL))] ^= rng.randrange(1, 256)
    return packed(gold, bytes(data))


def _patched(data: bytes, mark: bytes, offset: int, form: str, value: int) -> bytes:
    """A number in a record of the archive replaced: in the last record with this mark."""
    changed = bytearray(data)
    struct.pack_into(form, changed, changed.rindex(mark) + offset, value)
    return bytes(changed)


@_zip("sizes and sums that lie")
def _zip_lies(gold: Golden, rng: Random) -> Case:
    """The directory's size, check sum, packed size, offset, count; too small a size would cut the file unseen."""
    data, real = zipped([("F.csv", gold.content)]), len(gold.content)
    lies = (
        (_CENTRAL, 16, "<I", rng.randrange(2**32)),
        (_CENTRAL, 24, "<I", rng.randrange(1, real)),
        (_CENTRAL, 24, "<I", real + rng.randrange(1, 5_000)),
        (_CENTRAL, 24, "<I", 2**32 - 2),
        (_CENTRAL, 20, "<I", rng.randrange(1, 100)),
        (_CENTRAL, 42, "<I", rng.randrange(1, len(data))),
        (_CENTRAL, 10, "<H", rng.choice((1, 6, 9, 97, 99))),
        (_CENTRAL, 8, "<H", 1),
        (_END, 10, "<H", 30_000),
        (_END, 16, "<I", len(data) + 10_000),
        (_END, 12, "<I", 1),
    )
    return packed(gold, _patched(data, *rng.choice(lies)))


@_zip("names that leave the folder")
def _zip_names(gold: Golden, rng: Random) -> Case:
    names = (
        "../F.csv",
        "/etc/F.csv",
        "a/../../F.csv",
        "C:\\F.csv",
        "..\\F.csv",
        "a\\..\\F.csv",
        "F@.csv",
        "F\n.csv",
        "..",
    )
    name = rng.choice(names)
    alone = rng.random() < 0.5
    data = zipped([(name, gold.content)] if alone else [("F.csv", gold.content), (name, b"x")])
    return packed(gold, data.replace(b"F@.csv", b"F\0.csv"))


@_zip("links and devices")
def _zip_links(gold: Golden, rng: Random) -> Case:
    mode = rng.choice((0o120777, 0o020666, 0o010666, 0o060666, 0o140777))

    def as_link(info: zipfile.ZipInfo) -> None:
        info.create_system, info.external_attr = 3, mode << 16

    return packed(gold, zipped([("F.csv", rng.choice((b"/etc/passwd", gold.content)))], as_link))


@_zip("two files, or none, or one name twice")
def _zip_count(gold: Golden, rng: Random) -> Case:
    way = rng.randrange(4)
    if way == 0:
        return packed(gold, zipped([("F.csv", gold.content), ("G.csv", gold.content)]))
    if way == 1:
        return packed(gold, zipped([]))
    if way == 2:
        return packed(gold, zipped([("dossier/", b"")]))
    into = io.BytesIO()
    with zipfile.ZipFile(into, "w") as archive:
        for name in ("F.csv", "G.csv"):
            archive.writestr(name, gold.content)
    return packed(gold, into.getvalue().replace(b"G.csv", b"F.csv"))


@_zip("encrypted")
def _zip_encrypted(gold: Golden, rng: Random) -> Case:
    data = zipped([("F.csv", gold.content)])
    changed = bytearray(_patched(data, _CENTRAL, 8, "<H", rng.choice((1, 0x41, 9))))
    struct.pack_into("<H", changed, 6, 1)
    return packed(gold, bytes(changed))


@_zip("a zip in a zip")
def _zip_nested(gold: Golden, rng: Random) -> Case:
    inner = zipped([("F.csv", gold.content)])
    return packed(gold, zipped([(rng.choice(("F.csv", "F.zip")), inner)]))


@_zip("a bomb")
def _zip_bomb(gold: Golden, rng: Random) -> Case:
    way = rng.randrange(4)
    if way == 0:
        return packed(gold, zipped([("F.csv", gold.content + b"\0" * 80_000_000)]))
    if way == 1:  # the directory says it is small
        data = zipped([("F.csv", gold.content + b" " * 80_000_000)])
        return packed(gold, _patched(data, _CENTRAL, 24, "<I", len(gold.content) + 1000))
    if way == 2:  # many directory entries, one content
        return packed(gold, _overlapping(gold, 200))
    return packed(gold, zipped([(f"{at}.csv", b"") for at in range(rng.choice((300, 21_000)))]))


def _overlapping(gold: Golden, count: int) -> bytes:
    """Directory entries that all point to the same bytes."""
    data = zipped([("F.csv", gold.content)])
    start = data.index(_CENTRAL)
    end = data.index(_END)
    entry = data[start:end]
    entries = b"".join(entry.replace(b"F.csv", f"{at:04d}x"[:5].encode()) for at in range(count))
    tail = bytearray(data[end:])
    struct.pack_into("<HHII", tail, 8, count, count, len(entries), start)
    return data[:start] + entries + bytes(tail)


@_zip("not a zip at all")
def _not_zip(gold: Golden, rng: Random) -> Case:
    return packed(
        gold, rng.choice((gold.content, gzip.compress(gold.content), b"PK", _END, _END + b"\0" * 18, b"\0" * 100))
    )


@_zip("packed in another way")
def _zip_otherwise(gold: Golden, rng: Random) -> Case:
    """Stored, bzip2, xz; a comment, a folder beside it, something before it: the same file."""
    into = io.BytesIO()
    into.write(rng.choice((b"", b"#!/bin/sh\n")))
    method = rng.choice((zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA))
    with zipfile.ZipFile(into, "a", method) as archive:
        if rng.random() < 0.3:
            archive.mkdir("export")
        archive.writestr(rng.choice(("F.csv", "export/F.csv", "Fichier é.csv")), gold.content)
        archive.comment = rng.choice((b"", b"export du 20/11/2026", b"x" * 60_000))
    return packed(gold, into.getvalue(), whole=False)


# --- within -----------------------------------------------------------------------------------------------------------


@mutation("packed: the file inside is cut", "gzip", "zip")
def _inner_cut(gold: Golden, rng: Random) -> Case:
    return case_of(gold, gold.content[: rng.randrange(1, len(gold.content) - 10)], whole=True)


@mutation("packed: a row inside is spoilt", "gzip", "zip")
def _inner_spoilt(gold: Golden, rng: Random) -> Case:
    place = rng.randrange(len(gold.contracts) - 1)
    line = gold.line_of(place)
    data = edited(gold, place, gold.lines[place + 1].replace(";", "", 1))
    return case_of(gold, data, rows=without(gold, line), bad=[line], control="count")
