"""XML replies and files: rows are elements, columns are paths from there; names count without their namespace."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

from lxml import etree

from hub.errors import MappingError
from hub.formats.rows import ROWS_PER_BLOCK, Rows, rows_of_lists
from hub.wire.limited import ByteStream
from hub.wire.xml import MAX_ELEMENT_BYTES, iter_elements


@dataclass(frozen=True, slots=True)
class _Path:
    """`up` levels, then down through `names`, then the text or an `attribute`."""

    up: int
    names: tuple[str, ...]
    attribute: str | None


def read_xml(
    stream: ByteStream,
    row_path: str,
    columns: Sequence[str],
    *,
    file: str,
    max_element_bytes: int = MAX_ELEMENT_BYTES,
    without: Collection[str] = (),
) -> Iterator[Rows]:
    """The rows at `row_path` (`Ecriture`, or `Contrat/Parties/Partie` for nested lists), in blocks of up to 20,000.

    A column is a path from the row: `Reference`, `Locataire/Nom`, `@id`, `.`, and upwards `../Numero`, `../../@code`,
    as far up as the first name of `row_path`; above it only attributes are left. The first match counts, its text is
    stripped, nothing and "" are null. `lines` are the rows' numbers from 1. Rows below an element whose name is in
    `without` are left out. Memory holds one element of the first name at a time, besides the block. Raises MappingError
    for a path that cannot be read, InputRefusedError for broken, cut or hostile XML.
    """
    steps = [step for step in row_path.strip("/").split("/") if step]
    if not steps or any(step in (".", "..") or step.startswith("@") for step in steps):
        raise MappingError(f"the row path {row_path!r} is no list of element names", hint="e.g. Contrat/Parties/Partie")
    paths = {column: _parse(column, len(steps) - 1) for column in columns}
    outer = iter_elements(stream, steps[0], what=file, max_element_bytes=max_element_bytes, without=without)
    return _read(outer, steps, paths, file)


def _read(found: Iterator[etree._Element], steps: list[str], paths: dict[str, _Path], file: str) -> Iterator[Rows]:
    values: dict[str, list[str | None]] = {column: [] for column in paths}
    flat = all(path == _Path(0, (column,), None) for column, path in paths.items())
    number, held = 0, 0
    for outer in found:
        for row in _descend([outer], steps[1:]):
            cells = _flat(row) if flat else _Finder(row).texts(paths)
            for column, column_values in values.items():
                column_values.append(cells.get(column))
            number, held = number + 1, held + 1
        if held >= ROWS_PER_BLOCK:
            yield rows_of_lists(values, list(range(number - held + 1, number + 1)), [], file)
            values, held = {column: [] for column in paths}, 0
    if held:
        yield rows_of_lists(values, list(range(number - held + 1, number + 1)), [], file)


def _parse(text: str, depth: int) -> _Path:
    steps = text.strip().split("/")
    up = 0
    while steps and steps[0] in ("..", "."):
        up += steps.pop(0) == ".."
    attribute = steps.pop()[1:] if steps and steps[-1].startswith("@") else None
    if any(step in ("", ".", "..") or step.startswith("@") for step in steps) or attribute == "":
        raise MappingError(f"the path {text!r} cannot be read", hint="e.g. Locataire/Nom, @id, ../Numero")
    if up > depth and (steps or attribute is None):
        raise MappingError(
            f"the path {text!r} leaves the first element of the row path, of which nothing but attributes is kept",
            hint="begin the row path with the element that holds it, e.g. Contrat/Partie for ../Numero",
        )
    return _Path(up, tuple(steps), attribute)


def _descend(elements: list[etree._Element], names: list[str]) -> Iterator[etree._Element]:
    for element in elements:
        if not names:
            yield element
        else:
            yield from _descend([child for child in element if _local(child.tag) == names[0]], names[1:])


def _flat(row: etree._Element) -> dict[str, str | None]:
    """The texts of a row's children: the shape of nearly all rows, at twice the speed of paths."""
    return {_local(child.tag): _stripped(_text(child)) for child in reversed(row)}


class _Finder:
    """Looks up the paths of one row, visiting the children of an element once however many paths lead through it."""

    def __init__(self, row: etree._Element) -> None:
        self._row = row
        self._found: dict[tuple[int, tuple[str, ...]], etree._Element | None] = {(0, ()): row}
        self._children: dict[tuple[int, tuple[str, ...]], dict[str, etree._Element]] = {}

    def texts(self, paths: dict[str, _Path]) -> dict[str, str | None]:
        return {column: self._text(path) for column, path in paths.items()}

    def _text(self, path: _Path) -> str | None:
        element = self._element(path.up, path.names)
        if element is None:
            return None
        return _stripped(_text(element) if path.attribute is None else _attribute(element, path.attribute))

    def _element(self, up: int, names: tuple[str, ...]) -> etree._Element | None:
        key = (up, names)
        if key not in self._found:
            if names:
                self._found[key] = self._index(up, names[:-1]).get(names[-1])
            else:
                below = self._element(up - 1, ())
                self._found[key] = None if below is None else below.getparent()
        return self._found[key]

    def _index(self, up: int, names: tuple[str, ...]) -> dict[str, etree._Element]:
        key = (up, names)
        if key not in self._children:
            parent = self._element(up, names)
            children = () if parent is None else reversed(parent)
            self._children[key] = {_local(child.tag): child for child in children}
        return self._children[key]


def _stripped(text: str | None) -> str | None:
    return (text.strip() or None) if text else None


def _text(element: etree._Element) -> str | None:
    return "".join(str(part) for part in element.itertext()) if len(element) else element.text


def _attribute(element: etree._Element, name: str) -> str | None:
    value = element.get(name)
    if value is not None:
        return value
    return next((str(found) for key, found in element.attrib.items() if _local(str(key)) == name), None)


@lru_cache(maxsize=4096)
def _local(tag: str) -> str:
    return tag.rpartition("}")[2]
