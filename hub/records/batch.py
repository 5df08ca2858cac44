"""What a connector yields: canonical rows, fast (Arrow) or simple (records), and the rows it had to refuse."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import pyarrow as pa

from hub.records.streams import CanonicalRecord


@dataclass(frozen=True, slots=True)
class Reject:
    """A row that could not be read, kept for a person to judge.

    `line` counts from 1 in the file (for XML, the row's number in the reply); `code` is stable, e.g. `UNKNOWN_CODE`,
    `BAD_DATE`, `BAD_AMOUNT`, `MISSING`, `TOO_LONG`, `BAD_ROW`, `DUPLICATE_KEY`; `message` says what to do;
    `excerpt` is the offending value, masked when the field is personal. `about`: the row's value of its record's
    `concerns`, where it can be read.
    """

    code: str
    message: str
    line: int | None = None
    field: str | None = None
    file: str | None = None
    excerpt: str | None = None
    about: str | None = None


@dataclass(frozen=True, slots=True)
class Batch:
    """Some rows of one stream.

    `rows`: an Arrow table with the stream's columns (missing optional columns mean null), or records.
    `lines`: the line each row came from, same length as `rows`, or None. `cursor`: where to go on after this batch,
    for a delta feed; the last one seen is kept with the rows, in one transaction. `skipped`: source rows the landlord
    asked not to keep (neither delivered nor refused).
    """

    rows: pa.Table | Sequence[CanonicalRecord]
    lines: Sequence[int] | pa.Array | None = None
    rejects: Sequence[Reject] = field(default=())
    cursor: str | None = None
    file: str | None = None
    skipped: int = 0
