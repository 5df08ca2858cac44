"""From a spooled file to canonical rows, held against what its control file says."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from posixpath import basename

from erp_connectors.sftp_files.settings import FileFeed
from hub.errors import InputRefusedError, SettingsError, Where
from hub.formats import (
    Control,
    CsvFormat,
    FixedColumn,
    FixedWidthFormat,
    HeaderNames,
    Rows,
    add_up,
    disagreement,
    open_decoded,
    read_control,
    read_json_lines,
    read_xml,
)
from hub.ports import Artifact, Feed, Spooled
from hub.records import Batch, Reject
from hub.wire import ByteStream, InnerXml

_COUNT = "lines"


def read_file(feed: Feed, settings: FileFeed, spooled: Spooled) -> Iterator[Batch]:
    """The file's rows, block by block. Raises InputRefusedError at its end if it is cut, or not what its control file
    says: by then nothing of it has been applied."""
    if feed.mapper is None:
        raise SettingsError(f"feed {feed.name} has no mapping", hint=f"write [feeds.{feed.name}.fields]")
    seen = _Seen(settings)
    columns = tuple(dict.fromkeys((*feed.mapper.columns, *settings.control_keys.sums)))
    with open_decoded(spooled.path, compression=settings.compression, file=spooled.name) as stream:
        for rows in _rows(settings, stream, columns, spooled.name):
            seen.add(rows)
            batch = feed.mapper.map(rows.table, lines=rows.lines, file=spooled.name)
            yield replace(batch, rejects=[*rows.rejects, *batch.rejects])
    seen.compare(spooled.artifact, spooled.name)


def control_of(content: bytes, settings: FileFeed, file: str, *, of: str = "") -> tuple[int | None, dict[str, Decimal]]:
    """Lines and sums (by column of the data file) that a control file promises; `of` is the data file's path.

    Raises InputRefusedError where it cannot be read, promises nothing, or is another file's.
    """
    keys = settings.control_keys
    control = read_control(content, file=file, decimal=keys.decimal)
    if keys.file is not None and basename(control.text(keys.file)) != basename(of):
        raise InputRefusedError(
            f"the control file is of {control.text(keys.file)!r}, not of {basename(of)!r}",
            hint="ask for the file and its control file again",
            where=Where(file=file, field=keys.file),
        )
    count = control.count(keys.count) if keys.count else None
    return count, {column: control.number(key) for column, key in keys.sums.items()}


@dataclass(slots=True)
class _Seen:
    """What a file turned out to hold: lines, sums, and what could not be split."""

    settings: FileFeed
    lines: int = 0
    sums: dict[str, Decimal] = field(default_factory=dict)
    rejects: list[Reject] = field(default_factory=list)

    def add(self, rows: Rows) -> None:
        keys = self.settings.control_keys
        self.lines += rows.table.num_rows + sum(reject.code != "CUT" for reject in rows.rejects)
        self.rejects += rows.rejects
        for column in keys.sums:
            found = add_up(rows.table.column(column), decimal=keys.decimal)
            self.sums[column] = self.sums.get(column, Decimal(0)) + found

    def compare(self, artifact: Artifact | None, file: str) -> None:
        """Raises InputRefusedError where the file is not what was promised. With unreadable lines sums tell nothing."""
        promised: dict[str, Decimal] = dict(artifact.expected_sums) if artifact and not self.rejects else {}
        sums = {column: self.sums.get(column, Decimal(0)) for column in promised}
        counted = artifact is not None and artifact.expected_rows is not None
        if artifact is not None and artifact.expected_rows is not None:
            promised[_COUNT] = Decimal(artifact.expected_rows)
        wrong = disagreement(
            Control(promised),
            rows=self.lines,
            count_key=_COUNT if counted else None,
            sums=sums,
            rejects=self.rejects,
        )
        if wrong is not None:
            raise InputRefusedError(wrong, hint="ask for the file again", where=Where(file=file))


def _rows(settings: FileFeed, stream: ByteStream, columns: Sequence[str], file: str) -> Iterator[Rows]:
    match settings.format:
        case "csv":
            return CsvFormat(
                settings.delimiter,
                settings.quote,
                settings.encoding,
                settings.header or settings.columns,
                settings.skip_lines,
                settings.skip_prefixes,
                HeaderNames(settings.aliases, settings.optional),
            ).read(stream, file=file, columns=columns)
        case "fixed_width":
            return FixedWidthFormat(
                [FixedColumn(name, first, last - first + 1) for name, (first, last) in settings.positions.items()],
                settings.encoding,
                settings.skip_lines,
                settings.skip_prefixes,
                settings.short_lines,
            ).read(stream, file=file, columns=columns)
        case "xml":
            outer = stream if settings.inside is None else InnerXml(stream, settings.inside, what=file)
            return read_xml(outer, settings.rows or "", columns, file=file, without=settings.without)
        case "json_lines":
            return read_json_lines(stream, columns, file=file, encoding=settings.encoding)
