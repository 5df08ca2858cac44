"""Files whose columns stand at fixed places."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

import polars as pl

from hub.errors import SettingsError
from hub.formats.csv_rows import Layout, blank_rows, lay_out, rows_beginning
from hub.formats.rows import Rows, check_columns, empty_to_null, rows_of_frame
from hub.formats.text import (
    BLOCK_BYTES,
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


@dataclass(frozen=True, slots=True)
class FixedColumn:
    """A column `width` characters wide that starts at the character `start`, counted from 1 as in most documents."""

    name: str
    start: int
    width: int

    @property
    def end(self) -> int:
        return self.start + self.width - 1


@dataclass(frozen=True, slots=True)
class FixedWidthFormat:
    """How a fixed-width file is written.

    `short_lines`: whether the writer trims blanks at the end of a line, so that a line may end before its last column;
    otherwise a short line is a reject. Characters beyond the last column are ignored. `skip_lines`, `skip_prefixes`: as
    in `CsvFormat`. Raises SettingsError for columns that overlap, repeat a name or start before 1.
    """

    columns: Sequence[FixedColumn]
    encoding: str = "utf-8"
    skip_lines: int = 0
    skip_prefixes: Sequence[str] = ()
    short_lines: bool = False

    def __post_init__(self) -> None:
        known_encoding(self.encoding)
        ordered = sorted(self.columns, key=lambda column: column.start)
        if not ordered or any(column.start < 1 or column.width < 1 for column in ordered):
            raise SettingsError("fixed-width columns start at 1 or later and are at least 1 wide")
        if len({column.name for column in ordered}) != len(ordered):
            raise SettingsError("two fixed-width columns have the same name")
        for left, right in pairwise(ordered):
            if left.end >= right.start:
                raise SettingsError(f"the columns {left.name} and {right.name} overlap", hint="check start and width")

    @property
    def width(self) -> int:
        return max(column.end for column in self.columns)

    def read(
        self, stream: ByteStream, *, file: str, columns: Sequence[str] | None = None, block_bytes: int = BLOCK_BYTES
    ) -> Iterator[Rows]:
        """The file's rows, block by block: cells without the blanks on their right, null when only blanks are left.

        Rejects: BAD_ROW for a short line (CUT for a last one without newline) and for one that holds a return,
        BAD_ENCODING, NUL_BYTE.
        """
        check_columns(columns or (), [column.name for column in self.columns], file=file)
        blocks = Blocks(stream, encoding=self.encoding, file=file, skip_lines=self.skip_lines, block_bytes=block_bytes)
        for block in blocks:
            yield from self._read_block(block, blocks, columns)

    def _read_block(self, block: bytes, blocks: Blocks, wanted: Sequence[str] | None) -> Iterator[Rows]:
        # No delimiter is looked for: a newline can hardly separate cells.
        layout = lay_out(block, ord("\n"), None, returns="kept")
        if layout is None or not layout.used:
            blocks.consume(block, 0)
            return
        first = blocks.line
        data = ~blank_rows(block, layout)
        for prefix in self.skip_prefixes:
            data &= ~rows_beginning(block, layout, prefix.encode(blocks.encoding))
        rejects = _unreadable(block, layout, data, blocks)
        good = data & ~rows_mask([(reject.line or 0) - first for reject in rejects], len(data))
        content = to_utf8(keep_rows(block, layout.starts, layout.ends, good), blocks.encoding).decode()
        lines = pl.DataFrame(
            {"text": content.split("\n")[:-1], "line": layout.lines.filter(good).cast(pl.Int64) + first},
            schema={"text": pl.String, "line": pl.Int64},
        ).with_columns(pl.col("text").str.strip_suffix("\r"))
        blocks.consume(block, layout.used)
        with_return = pl.col("text").str.contains("\r", literal=True)
        rejects += [_return_inside(line, blocks.file) for line in lines.filter(with_return)["line"]]
        lines = lines.filter(~with_return)
        if not self.short_lines:
            short = pl.col("text").str.len_chars() < self.width
            rejects += self._short(lines.filter(short), blocks)
            lines = lines.filter(~short)
        rejects.sort(key=lambda reject: reject.line or 0)
        yield from rows_of_frame(self._slice(lines, wanted), lines["line"], rejects, blocks.file)

    def _slice(self, lines: pl.DataFrame, wanted: Sequence[str] | None) -> pl.DataFrame:
        cells = {
            column.name: pl.col("text").str.slice(column.start - 1, column.width).str.strip_chars_end(" ")
            for column in self.columns
        }
        return empty_to_null(lines.select(cells[name].alias(name) for name in wanted or cells))

    def _short(self, lines: pl.DataFrame, blocks: Blocks) -> list[Reject]:
        cut = blocks.line - 1 if blocks.unterminated and blocks.final else None
        return [
            Reject("CUT", "the file ends in the middle of this line: ask for it again", line=line, file=blocks.file)
            if line == cut
            else Reject(
                "BAD_ROW",
                f"the line is {len(text)} characters long, its last column ends at {self.width}",
                line=line,
                file=blocks.file,
            )
            for text, line in lines.iter_rows()
        ]


def _return_inside(line: int, file: str) -> Reject:
    message = "the line holds a return without newline: have the lines of the file end with a newline"
    return Reject("BAD_ROW", message, line=line, file=file)


def _unreadable(block: bytes, layout: Layout, data: pl.Series, blocks: Blocks) -> list[Reject]:
    undecodable = undecodable_rows(block, layout.ends, blocks.encoding)
    last = len(layout.ends) - 1 if blocks.unterminated and layout.used == len(block) else None
    with_nul = [row for row in rows_with_nul(block, layout.ends) if row not in set(undecodable)]
    return [
        *(
            encoding_reject(row + blocks.line, blocks.file, blocks.encoding, last=row == last)
            for row in undecodable
            if data[row]
        ),
        *(nul_reject(row + blocks.line, blocks.file) for row in with_nul if data[row]),
    ]
