"""A map of keys as a file: two columns, old and new, and a third that says of what where that is not clear."""

from __future__ import annotations

from pathlib import Path

from hub.errors import InputRefusedError, InvalidAskError, Where
from hub.formats import CsvFormat, HeaderNames
from hub.formats.csv_names import folded
from hub.store.rekey_rows import KeyPair
from hub.store.shape import BROUGHT_BY

_NAMES = HeaderNames(
    {"old": ("ancien", "from", "old_key"), "new": ("nouveau", "to", "new_key"), "kind": ("type", "object", "objet")},
    ("kind",),
)
_COLUMNS = ("old", "new", "kind")
_SHOWN = 20


def read_key_map(file: Path) -> list[KeyPair]:
    """The map's lines. With a header `old;new` (and `kind`), or without one; `;`, `,` or tab between the columns.

    Raises InvalidAskError with everything that cannot be read.
    """
    pairs: list[KeyPair] = []
    wrong: list[str] = []
    with file.open("rb") as stream:
        form = _form(file)
        try:
            for block in form.read(stream, file=file.name, columns=_COLUMNS if form.header is True else None):
                wrong += [f"line {one.line}: {one.message}" for one in block.rejects]
                for line, row in zip(block.lines.to_pylist(), block.table.to_pylist(), strict=True):
                    _take(line, row, pairs, wrong)
        except InputRefusedError as error:
            wrong.append(str(error))
    if wrong or not pairs:
        told = "\n".join(wrong[:_SHOWN]) or "it has no line"
        more = f"\n… and {len(wrong) - _SHOWN} more" if len(wrong) > _SHOWN else ""
        hint = "two columns, old and new; a third, kind, where a key means several things"
        raise InvalidAskError(f"the map cannot be used\n{told}{more}", hint=hint, where=Where(file=file.name))
    return pairs


def _take(line: int, row: dict[str, str | None], pairs: list[KeyPair], wrong: list[str]) -> None:
    old, new, kind = ((row.get(name) or "").strip() for name in _COLUMNS)
    kind = folded(kind)
    if not old or not new:
        wrong.append(f"line {line}: the {'old' if not old else 'new'} key is blank")
    elif kind and kind not in BROUGHT_BY:
        wrong.append(f'line {line}: "{kind}" is no kind of object: one of {", ".join(BROUGHT_BY)}')
    else:
        pairs.append(KeyPair(line, old, new, kind or None))


def _form(file: Path) -> CsvFormat:
    with file.open("rb") as stream:
        first = stream.readline(4096).decode("utf-8-sig", "replace")
    delimiter = next((sign for sign in (";", "\t", ",") if sign in first), ";")
    cells = [folded(cell.strip('" \r\n')) for cell in first.split(delimiter)]
    if {"old", "new"} <= set(_NAMES.understood(cells)):
        return CsvFormat(delimiter, names=_NAMES)
    return CsvFormat(delimiter, header=_COLUMNS[: max(2, min(3, len(cells)))])
