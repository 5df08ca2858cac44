"""Where the rows of a block of CSV begin and end: at once for well-formed blocks, one by one for the others."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import polars as pl

from hub.formats.text import as_bytes

NEWLINE, RETURN = 10, 13


@dataclass(frozen=True, slots=True)
class Layout:
    """The rows of a block, in byte offsets: `starts`, `ends` (just past the newline), `lines` (from 0 in the block),
    `fields` per row; `quoted` says whether a quote occurs at all."""

    starts: pl.Series
    ends: pl.Series
    lines: pl.Series
    fields: pl.Series
    quoted: bool

    @property
    def used(self) -> int:
        return int(self.ends[-1]) if len(self.ends) else 0


def lay_out(
    block: bytes, delimiter: int, quote: int | None, *, returns: Literal["walked", "kept"] = "walked"
) -> Layout | None:
    """The layout of a block, or None when a quote stands where no quote belongs and rows must be walked one by one.

    The same for a return without newline: whether it belongs to a cell depends on where it stands. With `returns`
    "kept" it is a character like any other.
    """
    if returns == "walked" and block.count(b"\r") != block.count(b"\r\n"):
        return None
    codes = as_bytes(block)
    newlines, delimiters = (codes == NEWLINE).arg_true(), (codes == delimiter).arg_true()
    quoted = quote is not None and bytes([quote]) in block
    if quoted:
        quotes = (codes == quote).arg_true()
        if not _well_formed(codes, quotes, delimiter, quote or 0):
            return None
        # Doubled quotes keep the count even, so an even count before a byte means: outside quotes.
        outside = quotes.search_sorted(newlines) % 2 == 0
        delimiters = delimiters.filter(quotes.search_sorted(delimiters) % 2 == 0)
        last_lines = outside.arg_true()
        newlines = newlines.filter(outside)
    else:
        last_lines = pl.int_range(len(newlines), dtype=pl.UInt32, eager=True)
    ends = newlines + 1
    return Layout(
        starts=ends.shift(1, fill_value=0),
        ends=ends,
        lines=(last_lines + 1).shift(1, fill_value=0),
        fields=_count_between(delimiters, newlines) + 1,
        quoted=quoted,
    )


def blank_rows(block: bytes, layout: Layout) -> pl.Series:
    """Which rows are empty lines."""
    lengths = layout.ends - layout.starts
    if len(lengths) == 0 or int(lengths.min()) > 2:  # type: ignore[arg-type]  # a column of integers
        return pl.repeat(value=False, n=len(lengths), dtype=pl.Boolean, eager=True)
    return (lengths == 1) | ((lengths == 2) & (as_bytes(block).gather(layout.starts) == RETURN))


def rows_beginning(block: bytes, layout: Layout, prefix: bytes) -> pl.Series:
    """Which rows begin with these bytes (comments, trailers)."""
    codes, fits = as_bytes(block), layout.ends - layout.starts > len(prefix)
    for place, code in enumerate(prefix):
        at = (layout.starts + place).clip(0, len(block) - 1)
        fits &= codes.gather(at) == code
    return fits


def first_row(block: bytes, delimiter: int, quote: int | None) -> tuple[list[bytes] | None, int | None]:
    """The cells of the first row and where it ends; no cells: its quotes are broken; no end: the block ends first."""
    return _walk_row(block, 0, bytes([delimiter]), bytes([quote]) if quote is not None else b"")


@dataclass(frozen=True, slots=True)
class WalkedRow:
    """One row walked: its line (from 0 in the block), its bytes' place, its cells, whether its quotes are broken."""

    line: int
    start: int
    end: int
    cells: list[bytes]
    bad_quotes: bool = False


def walk(
    block: bytes, delimiter: int, quote: int | None, *, force: bool, at: int = 0, most: int | None = None
) -> tuple[list[WalkedRow], int]:
    """The rows of a block one by one from the offset `at`, `most` of them if given, and the offset where they end.

    A quote counts only at the start of a cell. A row whose quotes do not close, or close before the cell ends, is given
    up with its first physical line, and reading goes on with the next: one stray quote must not swallow the rest of a
    file. With `force`, an open quote at the end of the block is such a row; without, it waits for the next block.
    """
    rows: list[WalkedRow] = []
    line = block.count(b"\n", 0, at)
    while at < len(block) and len(rows) != most:
        cells, end = _walk_row(block, at, bytes([delimiter]), bytes([quote]) if quote is not None else b"")
        if end is None and not force:
            break
        bad = cells is None or end is None
        if bad or end is None:
            end = block.find(b"\n", at) + 1
            if end == 0:
                break
        rows.append(WalkedRow(line, at, end, cells or [], bad))
        line += block.count(b"\n", at, end)
        at = end
    return rows, at


def _walk_row(block: bytes, at: int, delimiter: bytes, quote: bytes) -> tuple[list[bytes] | None, int | None]:
    """The cells of the row at `at` and where it ends; no cells: bad quotes; no end: the block ends first."""
    cells: list[bytes] = []
    while True:
        if quote and block.startswith(quote, at):
            close = _closing(block, at + 1, quote)
            if close is None:
                return cells, None
            cells.append(block[at + 1 : close].replace(quote * 2, quote))
            after = block[close + 1 : close + 3]
            if after.startswith(delimiter):
                at = close + 2
                continue
            if after.startswith(b"\n") or after == b"\r\n":
                return cells, close + after.index(b"\n") + 2
            return (cells, None) if close + len(after) + 1 == len(block) and after in (b"", b"\r") else (None, 0)
        newline = block.find(b"\n", at)
        if newline < 0:
            return cells, None
        end = block.find(delimiter, at, newline)
        if end < 0:
            cells.append(block[at:newline].removesuffix(b"\r"))
            return cells, newline + 1
        cells.append(block[at:end])
        at = end + 1


def _closing(block: bytes, at: int, quote: bytes) -> int | None:
    while (close := block.find(quote, at)) >= 0:
        if not block.startswith(quote, close + 1):
            return close
        at = close + 2
    return None


def _well_formed(codes: pl.Series, quotes: pl.Series, delimiter: int, quote: int) -> bool:
    """Whether each quote that opens follows a delimiter, newline or its double, and each that closes precedes one."""
    opening, closing = quotes.gather_every(2), quotes.gather_every(2, 1)
    before = codes.gather(opening.filter(opening > 0) - 1)
    if not before.is_in([NEWLINE, delimiter, quote]).all():
        return False
    closing = closing.filter(closing < len(codes) - 1)
    after = codes.gather(closing + 1)
    returns = closing.filter(after == RETURN)
    behind = codes.gather(returns.filter(returns < len(codes) - 2) + 2)
    return bool(after.is_in([NEWLINE, RETURN, delimiter, quote]).all() and (behind == NEWLINE).all())


def _count_between(places: pl.Series, ends: pl.Series) -> pl.Series:
    """How many of the sorted `places` lie before each of the sorted `ends` and after the one before it."""
    upto = places.search_sorted(ends).cast(pl.Int64)
    return upto - upto.shift(1, fill_value=0)
