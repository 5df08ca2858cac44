"""Text files as blocks of bytes: byte-order marks, encodings, physical lines; shared by the line-based readers."""

from __future__ import annotations

import codecs
from collections.abc import Iterator

import polars as pl
import pyarrow as pa

from hub.errors import InputRefusedError, SettingsError, Where
from hub.records import Reject
from hub.wire.limited import ByteStream

BLOCK_BYTES = 1024**2
MAX_ROW_BYTES = 1024**2
# ASCII means the same in all of them, so lines, delimiters and quotes can be found before anything is decoded.
_ENCODINGS = {"utf-8": "utf-8", "utf-8-sig": "utf-8", "iso8859-1": "latin-1", "cp1252": "cp1252", "ascii": "ascii"}
_WIDE_MARKS = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


def known_encoding(name: str) -> str:
    """The name Python's codec goes by. Raises SettingsError for one that is unknown or not a superset of ASCII."""
    try:
        return _ENCODINGS[codecs.lookup(name).name]
    except (LookupError, KeyError):
        raise SettingsError(
            f"the encoding {name!r} is not supported", hint="use utf-8, latin-1 or cp1252 (Windows)"
        ) from None


class Blocks:
    """Walks a stream in blocks of about 1 MB; whoever reads says how much of each was whole rows.

    `line` is the physical line the current block starts on; `final` whether the stream has ended; `unterminated`
    whether its last line lacked a newline (one is added, so that every row ends with one).
    """

    def __init__(
        self, stream: ByteStream, *, encoding: str, file: str, skip_lines: int = 0, block_bytes: int = BLOCK_BYTES
    ) -> None:
        self._stream = stream
        self._block_bytes = block_bytes
        self._carry = b""
        self.encoding = known_encoding(encoding)
        self.file = file
        self.line = 1
        self.final = False
        self.unterminated = False
        self._begin(skip_lines)

    def __iter__(self) -> Iterator[bytes]:
        while block := self._fill():
            yield block
            if self.final and not self._carry:
                return

    def consume(self, block: bytes, used: int) -> None:
        """The first `used` bytes were whole rows; the rest comes again at the start of the next block."""
        self.line += block.count(b"\n", 0, used)
        self._carry = block[used:]
        if len(self._carry) > MAX_ROW_BYTES and b"\n" not in self._carry:
            raise InputRefusedError(
                f"the line is longer than {MAX_ROW_BYTES:,} bytes",
                hint="is this a text file, with the encoding and compression that are set?",
                where=Where(file=self.file, line=self.line),
            )

    def _fill(self) -> bytes:
        parts, missing = [self._carry], self._block_bytes
        while missing > 0 and not self.final:
            data = self._stream.read(missing)
            self.final = not data
            parts.append(data)
            missing -= len(data)
        block = b"".join(parts)
        if self.final and block and not block.endswith(b"\n"):
            self.unterminated = True
            block += b"\n"
        return block

    def _begin(self, skip_lines: int) -> None:
        block = self._fill()
        if block.startswith(codecs.BOM_UTF8):
            if self.encoding != "utf-8":
                raise self._wrong_encoding("UTF-8", 'set encoding = "utf-8"')
            block = block[len(codecs.BOM_UTF8) :]
        elif block.startswith(_WIDE_MARKS):
            raise self._wrong_encoding("UTF-16", "ask for the file in UTF-8 or Windows-1252")
        self._carry = block
        for _ in range(skip_lines):
            end = self._carry.find(b"\n") + 1 or len(self._carry)
            self.consume(self._carry, end)

    def _wrong_encoding(self, found: str, hint: str) -> InputRefusedError:
        return InputRefusedError(
            f"the file is in {found}, not in {self.encoding}", hint=hint, where=Where(file=self.file)
        )


def as_bytes(block: bytes) -> pl.Series:
    """The bytes as a column of numbers, without copying."""
    array = pa.Array.from_buffers(pa.uint8(), len(block), [None, pa.py_buffer(block)])
    return pl.Series("bytes", array)


def undecodable_rows(block: bytes, ends: pl.Series, encoding: str) -> list[int]:
    """The rows (by number) that hold bytes the encoding does not have; `ends` are the offsets just past each row."""
    if encoding == "latin-1" or block.isascii() or not len(ends):
        return []
    decode = codecs.getdecoder(encoding)
    view, at, stop = memoryview(block), 0, int(ends[-1])
    bad: list[int] = []
    while at < stop:
        try:
            decode(view[at:stop], "strict")
        except UnicodeDecodeError as error:
            bad.append(int(ends.search_sorted(at + error.start, side="right")))
            at = int(ends[bad[-1]])
        else:
            break
    return bad


def rows_with_nul(block: bytes, ends: pl.Series) -> list[int]:
    """The rows that hold a NUL byte: no database would take them."""
    if b"\0" not in block:
        return []
    places = (as_bytes(block) == 0).arg_true()
    found = ends.search_sorted(places, side="right")
    return [row for row in found.unique().sort().to_list() if row < len(ends)]


def keep_rows(block: bytes, starts: pl.Series, ends: pl.Series, good: pl.Series) -> bytes:
    """The bytes of the good rows alone."""
    if good.all():
        return block[: int(ends[-1])] if len(ends) else b""
    kept = pl.DataFrame({"start": starts, "end": ends}).filter(good)
    gap = (kept["start"] != kept["end"].shift(1)).fill_null(value=True)
    runs = kept.group_by(gap.cum_sum().alias("run"), maintain_order=True).agg(
        pl.col("start").first(), pl.col("end").last()
    )
    return b"".join(block[start:end] for start, end in zip(runs["start"], runs["end"], strict=True))


def to_utf8(data: bytes, encoding: str) -> bytes:
    """Bytes known to be valid in `encoding`, as UTF-8."""
    return data if encoding == "utf-8" or data.isascii() else data.decode(encoding).encode()


def rows_mask(rows: list[int], size: int) -> pl.Series:
    """`size` booleans, true at these row numbers."""
    mask = pl.repeat(value=False, n=size, dtype=pl.Boolean, eager=True)
    return mask.scatter(rows, values=True) if rows else mask


def nul_reject(line: int, file: str) -> Reject:
    return Reject("NUL_BYTE", "the line holds a NUL byte: ask for the file again", line=line, file=file)


def encoding_reject(line: int, file: str, encoding: str, *, last: bool = False) -> Reject:
    """`last`: the line ends the file without a newline, so that it was cut, perhaps within a character."""
    if last:
        return Reject("CUT", "the file ends in the middle of this line: ask for it again", line=line, file=file)
    return Reject(
        "BAD_ENCODING", f"the line holds bytes that are not {encoding}: check the feed's encoding", line=line, file=file
    )
