"""What every reader yields: columns of text with the line each row came from, and the rows it had to refuse."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import polars as pl
import pyarrow as pa

from hub.errors import InputRefusedError, Where
from hub.records import Reject

ROWS_PER_BLOCK = 20_000
_CLOSE = 0.75
"""How alike two names are of which one is taken for a slip of the other: more than ETAT and LIB_ETAT."""


@dataclass(frozen=True, slots=True)
class Rows:
    """A block of rows of one file.

    `table`: one nullable string column per field, empty cells null; `lines`: int64, same length, the physical line each
    row starts on (for XML, the row's number); `rejects`: rows that could not be split, with their lines.
    """

    table: pa.Table
    lines: pa.Array
    rejects: list[Reject] = field(default_factory=list)
    file: str = ""


def text_schema(names: Sequence[str]) -> pa.Schema:
    """The Arrow schema of text columns with these names."""
    return pa.schema([pa.field(name, pa.string()) for name in names])


def rows_of_frame(frame: pl.DataFrame, lines: pl.Series, rejects: list[Reject], file: str) -> Iterator[Rows]:
    """A frame of text columns as blocks of at most 20,000 rows; the rejects come with the first."""
    if frame.height == 0 and not rejects:
        return
    table = frame.to_arrow(compat_level=pl.CompatLevel.oldest()).cast(text_schema(frame.columns))
    numbers = lines.cast(pl.Int64).to_arrow()
    for start in range(0, max(1, table.num_rows), ROWS_PER_BLOCK):
        yield Rows(
            table.slice(start, ROWS_PER_BLOCK),
            numbers.slice(start, ROWS_PER_BLOCK),
            rejects if start == 0 else [],
            file,
        )


def empty_to_null(frame: pl.DataFrame) -> pl.DataFrame:
    """The same text columns with "" as null."""
    return frame.with_columns(pl.when(pl.col(name) != "").then(pl.col(name)).alias(name) for name in frame.columns)


def rows_of_lists(columns: Mapping[str, list[str | None]], lines: list[int], rejects: list[Reject], file: str) -> Rows:
    """Columns gathered row by row as one block."""
    arrays = [pa.array(values, pa.string()) for values in columns.values()]
    table = pa.Table.from_arrays(arrays, schema=text_schema(list(columns)))
    return Rows(table, pa.array(lines, pa.int64()), rejects, file)


def check_columns(wanted: Sequence[str], found: Sequence[str], *, file: str, line: int | None = None) -> None:
    """Raises InputRefusedError when a wanted column is missing, naming those found and the closest match."""
    for name in wanted:
        if name not in found:
            lower = {column.casefold().strip(): column for column in found}
            close = difflib.get_close_matches(name.casefold(), lower, 1, _CLOSE)
            hint = f"did you mean {lower[close[0]]!r}?" if close else "correct the mapping, or ask for the column"
            raise InputRefusedError(
                f"the column {name!r} is missing; the file has {', '.join(repr(column) for column in found)}",
                hint=_other_delimiter(found) or hint,
                where=Where(file=file, line=line, field=name),
            )


def _other_delimiter(found: Sequence[str]) -> str:
    """What to do about a header that was not split."""
    inside = next((sign for sign in (";", ",", "\t", "|") if len(found) == 1 and sign in found[0]), None)
    return "" if inside is None else f"the header was not split: is the delimiter {inside!r}?"
