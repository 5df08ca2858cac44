"""One JSON object per line; numbers are kept as they are written, so that no amount passes through a float."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from typing import Any

from hub.errors import InputRefusedError, MappingError
from hub.formats.rows import Rows, rows_of_lists
from hub.formats.text import BLOCK_BYTES, Blocks, encoding_reject, nul_reject
from hub.formats.xml import EVERY
from hub.records import Reject
from hub.wire.limited import ByteStream

_HALF = re.compile("[\ud800-\udfff]")


def read_json_lines(
    stream: ByteStream,
    columns: Sequence[str],
    *,
    file: str,
    encoding: str = "utf-8",
    block_bytes: int = BLOCK_BYTES,
) -> Iterator[Rows]:
    """The values at dotted paths (`tenant.name`, `lines.0.code`), one column each, block by block.

    Missing, null and "" are null; true and false are "true" and "false"; an object or list is its JSON text. Rejects:
    BAD_ROW for a line that is no object (CUT for a last one without newline), BAD_ENCODING, NUL_BYTE. Raises
    MappingError for a column of all matches, which only XML has; InputRefusedError for a file that is one list.
    """
    if every := next((column for column in columns if column.endswith(EVERY)), None):
        raise MappingError(f"the path {every!r} wants all matches", hint="sum works on XML; name each value here")
    paths = {column: tuple(column.split(".")) for column in columns}
    blocks = Blocks(stream, encoding=encoding, file=file, block_bytes=block_bytes)
    for block in blocks:
        used = block.rfind(b"\n") + 1
        first = blocks.line
        if first == 1:
            _refuse_document(block, file)
        blocks.consume(block, used)
        rows = _read_block(block[:used], first, blocks, paths)
        if rows.table.num_rows or rows.rejects:
            yield rows


def _refuse_document(block: bytes, file: str) -> None:
    """A list of rows is not a line for each: none of its lines would be a row."""
    if block.lstrip().startswith(b"["):
        raise InputRefusedError(
            f"{file} is one JSON document, not a line for each row",
            hint="have it written as JSON lines: one object a line, no list around them",
        )


def _read_block(block: bytes, first: int, blocks: Blocks, paths: dict[str, tuple[str, ...]]) -> Rows:
    values: dict[str, list[str | None]] = {column: [] for column in paths}
    lines: list[int] = []
    rejects: list[Reject] = []
    for number, raw in enumerate(block.split(b"\n")[:-1], first):
        if not raw.strip():
            continue
        cells = _cells(raw, number, blocks, paths)
        if isinstance(cells, Reject):
            rejects.append(cells)
            continue
        lines.append(number)
        for column, cell in cells.items():
            values[column].append(cell)
    return rows_of_lists(values, lines, rejects, blocks.file)


def _cells(raw: bytes, line: int, blocks: Blocks, paths: dict[str, tuple[str, ...]]) -> dict[str, str | None] | Reject:
    row = _parse(raw, line, blocks, last=blocks.unterminated and line == blocks.line - 1)
    if isinstance(row, Reject):
        return row
    cells = {column: _text(_follow(row, path)) for column, path in paths.items()}
    if any(cell and "\0" in cell for cell in cells.values()):
        return nul_reject(line, blocks.file)
    half = next((column for column, cell in cells.items() if b"\\u" in raw and cell and _HALF.search(cell)), None)
    return cells if half is None else _half_reject(line, half, blocks.file)


def _half_reject(line: int, column: str, file: str) -> Reject:
    message = f"{column} holds half of an escaped character (\\ud800 and the like), which no text can hold"
    return Reject("BAD_ENCODING", message, line=line, file=file)


def _parse(raw: bytes, line: int, blocks: Blocks, *, last: bool) -> dict[str, Any] | Reject:
    try:
        row = json.loads(raw.decode(blocks.encoding), parse_float=str, parse_int=str, parse_constant=str)
    except UnicodeDecodeError:
        return encoding_reject(line, blocks.file, blocks.encoding, last=last)
    except (ValueError, RecursionError):
        if last:
            return Reject(
                "CUT", "the file ends in the middle of this line: ask for it again", line=line, file=blocks.file
            )
        return Reject("BAD_ROW", "the line is not JSON", line=line, file=blocks.file)
    if not isinstance(row, dict):
        return Reject("BAD_ROW", "the line is JSON, but no object", line=line, file=blocks.file)
    return row


def _follow(value: Any, path: tuple[str, ...]) -> Any:
    for step in path:
        if isinstance(value, dict):
            value = value.get(step)
        elif isinstance(value, list) and step.isdecimal() and int(step) < len(value):
            value = value[int(step)]
        else:
            return None
    return value


def _text(value: Any) -> str | None:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, dict | list):
        return json.dumps(value, ensure_ascii=False)
    return value or None
