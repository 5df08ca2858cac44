"""From a connector's batches to one checked Arrow file on disk: constant memory, and no transaction open meanwhile."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path

import pyarrow as pa

from hub.errors import InputRefusedError
from hub.records import Batch, CanonicalRecord, Reject, arrow_schema
from hub.records.check import CheckedBatch, check_batch

MAX_REJECTS = 20_000
"""Beyond this many bad rows nobody reads the list: the file or its mapping is wrong as a whole."""

_LINE = pa.field("line", pa.int64())


@dataclass(frozen=True, slots=True)
class Block:
    """Checked rows read back (a `hub.store.staging.CheckedRows`)."""

    table: pa.Table
    lines: pa.Array
    file: str | None


@dataclass(slots=True)
class Collected:
    """What was read: the checked rows in `path` (Arrow IPC), the refused ones, and where to go on."""

    record: type[CanonicalRecord]
    path: Path
    rows: int = 0
    rejects: list[Reject] = field(default_factory=list)
    cursor: str | None = None
    _files: list[str | None] = field(default_factory=list)

    @property
    def read(self) -> int:
        """Rows seen, good and bad."""
        return self.rows + len(self.rejects)

    async def blocks(self) -> AsyncIterator[Block]:
        """The rows again, block by block, without blocking the loop on the disk."""
        with pa.OSFile(str(self.path)) as source, pa.ipc.open_file(source) as reader:
            for index, file in enumerate(self._files):
                batch = await asyncio.to_thread(reader.get_batch, index)
                table = pa.Table.from_batches([batch])
                yield Block(table.drop_columns(["line"]), table.column("line").combine_chunks(), file)

    def place_in(self, folder: str) -> None:
        """Name the files the rows come from by a folder above them."""
        self._files = [file and f"{folder}/{file}" for file in self._files]
        self.rejects = [replace(one, file=one.file and f"{folder}/{one.file}") for one in self.rejects]

    def keep(self, checked: CheckedBatch, writer: pa.ipc.RecordBatchFileWriter) -> None:
        count = checked.table.num_rows
        lines = checked.lines if checked.lines is not None else pa.nulls(count, pa.int64())
        placed = checked.table.append_column(_LINE, lines).combine_chunks()
        for batch in placed.to_batches():
            writer.write_batch(batch)
            self._files.append(checked.file)
        self.rows += count
        self.rejects += [replace(reject, file=reject.file or checked.file) for reject in checked.rejects]
        self.cursor = checked.cursor or self.cursor


def collect(record: type[CanonicalRecord], batches: Iterable[Batch], path: Path) -> Collected:
    """Check every batch and keep it. Raises InputRefusedError when too much of it is bad."""
    collected = Collected(record=record, path=path)
    with (
        pa.OSFile(str(path), "wb") as sink,
        pa.ipc.new_file(sink, arrow_schema(record).append(_LINE)) as writer,
    ):
        for batch in batches:
            collected.keep(check_batch(record, batch), writer)
            _refuse_if_hopeless(collected.rejects)
    return collected


def _refuse_if_hopeless(rejects: list[Reject]) -> None:
    if len(rejects) > MAX_REJECTS:
        raise InputRefusedError(
            f"more than {MAX_REJECTS} rows are refused, the first with {rejects[0].code}: {rejects[0].message}",
            hint="the mapping does not fit this input: try it with `housing-hub preview`",
        )
