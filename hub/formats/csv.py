"""Delimited files: columnar where a block is well-formed, row by row where it is not, exact line numbers in both."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import polars as pl

from hub.errors import InputRefusedError, SettingsError, Where
from hub.formats.csv_names import HeaderNames
from hub.formats.csv_rows import Layout, WalkedRow, blank_rows, first_row, lay_out, rows_beginning, walk
from hub.formats.rows import ROWS_PER_BLOCK, Rows, check_columns, empty_to_null, rows_of_frame
from hub.formats.text import (
    BLOCK_BYTES,
    MAX_ROW_BYTES,
    Blocks,
    encoding_reject,
    keep_rows,
    known_encoding,
    nul_reject,
    rows_mask,
    rows_with_nul,
    to_utf8,
    undecodable_rows,
)
from hub.records import Reject
from hub.wire.limited import ByteStream

_ASK_AGAIN = "it was cut on its way, ask for it again"


@dataclass(frozen=True, slots=True)
class CsvFormat:
    """How a delimited file is written.

    `header`: True when the first row names the columns, else their names by position; `quote` None when quotes mean
    nothing; `skip_lines`: physical lines before the header; `skip_prefixes`: rows that begin so are no data (comments,
    trailers); `names`: how the header's names are understood. Raises SettingsError for a delimiter or quote of more
    than one ASCII character, or an unknown encoding.
    """

    delimiter: str = ";"
    quote: str | None = '"'
    encoding: str = "utf-8"
    header: bool | Sequence[str] = True
    skip_lines: int = 0
    skip_prefixes: Sequence[str] = ()
    names: HeaderNames = field(default_factory=HeaderNames)

    def __post_init__(self) -> None:
        for name, sign in (("delimiter", self.delimiter), ("quote", self.quote)):
            if sign is not None and (len(sign) != 1 or not sign.isascii() or sign in "\r\n\0"):
                raise SettingsError(f"the {name} {sign!r} is not one plain character", hint=f'e.g. {name} = ";"')
        if self.quote == self.delimiter:
            raise SettingsError("delimiter and quote are the same character")
        if self.header is False:
            raise SettingsError("a file without header needs its columns by position", hint='header = ["A", "B"]')
        known_encoding(self.encoding)

    def read(
        self,
        stream: ByteStream,
        *,
        file: str,
        columns: Sequence[str] | None = None,
        block_bytes: int = BLOCK_BYTES,
    ) -> Iterator[Rows]:
        """The file's rows, block by block; only `columns` when given, in that order.

        Empty lines are skipped, empty cells are null. Rows with the wrong number of cells, undecodable or NUL bytes or
        broken quotes become rejects (BAD_ROW, BAD_ENCODING, NUL_BYTE, BAD_QUOTE; CUT for a last line that breaks off).
        Raises InputRefusedError for an empty file where a header is due, a missing column or one named twice.
        """
        blocks = Blocks(stream, encoding=self.encoding, file=file, skip_lines=self.skip_lines, block_bytes=block_bytes)
        return _Reader(self, blocks, columns).read()


class _Reader:
    """One file being read."""

    def __init__(self, form: CsvFormat, blocks: Blocks, columns: Sequence[str] | None) -> None:
        self._blocks = blocks
        self._wanted = columns
        self._delimiter = ord(form.delimiter)
        self._quote = ord(form.quote) if form.quote is not None else None
        self._prefixes = tuple(prefix.encode(blocks.encoding) for prefix in form.skip_prefixes)
        self._header = form.names
        self._absent: list[str] = []
        self._names: list[str] = []
        if form.header is not True:
            self._set_names([str(name) for name in form.header or ()])

    def read(self) -> Iterator[Rows]:
        for block in self._blocks:
            block = self._take_header(block)
            if block:
                yield from self._read_block(block)
        if not self._names:
            raise InputRefusedError(
                "the file is empty: not even a header", hint="ask for it again", where=Where(file=self._blocks.file)
            )

    def _take_header(self, block: bytes) -> bytes:
        """The block after its header, once the header is known; nothing when the header goes on in the next block."""
        while not self._names and block:
            cells, end = first_row(block, self._delimiter, self._quote)
            if cells is None or (end is None and self._blocks.final):
                where = Where(file=self._blocks.file, line=self._blocks.line)
                raise InputRefusedError("the quotes of the header do not close", hint="check the quote", where=where)
            if end is not None and not self._skipped(block, 0, end):
                self._set_names([self._name(cell, number) for number, cell in enumerate(cells, 1)])
            self._blocks.consume(block, end or 0)
            block = block[end:] if end else b""
        return block

    def _name(self, cell: bytes, number: int) -> str:
        return cell.decode(self._blocks.encoding, "replace").strip() or f"(column {number})"

    def _set_names(self, names: list[str]) -> None:
        line = self._blocks.line
        names = self._header.understood(names)
        twice = next((name for name in names if names.count(name) > 1), None)
        if twice is not None:
            raise InputRefusedError(
                f"two columns are called {twice!r}",
                hint="name the columns by position in the feed's header, and skip the file's own",
                where=Where(file=self._blocks.file, line=line, field=twice),
            )
        self._absent = [name for name in self._header.absent(names) if name in (self._wanted or ())]
        needed = [name for name in self._wanted or () if name not in self._absent]
        check_columns(needed, names, file=self._blocks.file, line=line)
        self._names = names

    def _read_block(self, block: bytes) -> Iterator[Rows]:
        layout = lay_out(block, self._delimiter, self._quote)
        rest = len(block) - layout.used if layout else 0
        if layout is None or rest > MAX_ROW_BYTES or (rest > 0 and self._blocks.final):
            return self._read_slowly(block)
        return self._read_columns(block, layout)

    def _read_columns(self, block: bytes, layout: Layout) -> Iterator[Rows]:
        first = self._blocks.line
        data = ~blank_rows(block, layout)
        for prefix in self._prefixes:
            data &= ~rows_beginning(block, layout, prefix)
        bad = self._faults(block, layout, data)
        good = data & ~rows_mask(list(bad), len(data))
        content = to_utf8(keep_rows(block, layout.starts, layout.ends, good), self._blocks.encoding)
        frame = self._parse(content, layout.quoted)
        if frame.height != good.sum():
            yield from self._read_slowly(block)
            return
        rejects = [bad[row] for row in sorted(bad)]
        self._blocks.consume(block, layout.used)
        yield from rows_of_frame(frame, layout.lines.filter(good) + first, rejects, self._blocks.file)

    def _faults(self, block: bytes, layout: Layout, data: pl.Series) -> dict[int, Reject]:
        """Row number → why it is refused."""
        first, file = self._blocks.line, self._blocks.file
        faults: dict[int, Reject] = {}
        for row in ((layout.fields != len(self._names)) & data).arg_true().to_list():
            last = self._is_last(int(layout.ends[row]), len(block))
            faults[row] = self._wrong_count(first + int(layout.lines[row]), int(layout.fields[row]), last)
        for row in undecodable_rows(block, layout.ends, self._blocks.encoding):
            last = self._is_last(int(layout.ends[row]), len(block))
            line = first + int(layout.lines[row])
            faults.setdefault(row, encoding_reject(line, file, self._blocks.encoding, last=last))
        for row in rows_with_nul(block, layout.ends):
            faults.setdefault(row, nul_reject(first + int(layout.lines[row]), file))
        return {row: fault for row, fault in faults.items() if data[row]}

    def _parse(self, content: bytes, quoted: bool) -> pl.DataFrame:
        schema = {name: pl.String() for name in self._names}
        if not content:
            return self._selected(pl.DataFrame(schema=schema))
        found = pl.read_csv(
            content,
            has_header=False,
            schema=schema,
            separator=chr(self._delimiter),
            quote_char=chr(self._quote) if self._quote is not None and quoted else None,
        )
        frame = self._selected(found)
        return empty_to_null(frame) if quoted else frame

    def _selected(self, frame: pl.DataFrame) -> pl.DataFrame:
        """The wanted columns in their order; those the file may lack, and lacks, hold nothing."""
        nothing = [pl.lit(None, pl.String).alias(name) for name in self._absent]
        return frame.with_columns(nothing).select(self._wanted or self._names)

    def _read_slowly(self, block: bytes) -> Iterator[Rows]:
        """In parts, so that whoever reads can give up a file of nothing but bad rows."""
        at = 0
        while at < len(block):
            rows, end = self._walk(block, at)
            if end == at:
                break
            yield from self._walked(block, rows)
            at = end
        self._blocks.consume(block, at)

    def _walk(self, block: bytes, at: int) -> tuple[list[WalkedRow], int]:
        """Some rows; a row that is longer than any can be is given up, though its quotes might yet close."""
        rows, end = walk(block, self._delimiter, self._quote, force=self._blocks.final, at=at, most=ROWS_PER_BLOCK)
        if end == at and len(block) - at > MAX_ROW_BYTES:
            return walk(block, self._delimiter, self._quote, force=True, at=at, most=1)
        return rows, end

    def _walked(self, block: bytes, rows: list[WalkedRow]) -> Iterator[Rows]:
        first = self._blocks.line
        lines: list[int] = []
        values: list[list[str | None]] = []
        rejects: list[Reject] = []
        for row in rows:
            if self._skipped(block, row.start, row.end):
                continue
            result = self._judge(row, first + row.line, last=self._is_last(row.end, len(block)))
            if isinstance(result, Reject):
                rejects.append(result)
            else:
                lines.append(first + row.line)
                values.append(result)
        schema = {name: pl.String() for name in self._names}
        frame = self._selected(pl.DataFrame(values, schema=schema, orient="row"))
        yield from rows_of_frame(frame, pl.Series(lines, dtype=pl.Int64), rejects, self._blocks.file)

    def _judge(self, row: WalkedRow, line: int, *, last: bool) -> list[str | None] | Reject:
        if row.bad_quotes:
            return self._bad_quotes(line, last)
        if len(row.cells) != len(self._names):
            return self._wrong_count(line, len(row.cells), last)
        try:
            cells = [cell.decode(self._blocks.encoding) or None for cell in row.cells]
        except UnicodeDecodeError:
            return encoding_reject(line, self._blocks.file, self._blocks.encoding, last=last)
        if any(cell is not None and "\0" in cell for cell in cells):
            return nul_reject(line, self._blocks.file)
        return cells

    def _skipped(self, block: bytes, start: int, end: int) -> bool:
        """Whether a row is empty or begins as comments and trailers do."""
        return block[start:end] in (b"\n", b"\r\n") or any(block.startswith(p, start) for p in self._prefixes)

    def _is_last(self, end: int, size: int) -> bool:
        """Whether a row that ends at `end` is the file's last and lacks its newline."""
        return self._blocks.unterminated and end == size

    def _wrong_count(self, line: int, found: int, last: bool) -> Reject:
        expected = len(self._names)
        if last and found < expected:
            return Reject(
                "CUT", f"the file ends in the middle of this line: {_ASK_AGAIN}", line=line, file=self._blocks.file
            )
        message = f"the line has {found} columns instead of {expected}: look for a stray or missing delimiter"
        return Reject("BAD_ROW", message, line=line, file=self._blocks.file)

    def _bad_quotes(self, line: int, last: bool) -> Reject:
        if last:
            return Reject("CUT", f"the file ends inside quotes: {_ASK_AGAIN}", line=line, file=self._blocks.file)
        message = "a quote on this line is not closed, or closed in the middle of a cell"
        return Reject("BAD_QUOTE", message, line=line, file=self._blocks.file)
