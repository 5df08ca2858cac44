"""XML replies and files: rows are elements, columns are paths from there; names count without their namespace."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

from lxml import etree

from hub.errors import MappingError
from hub.formats.rows import ROWS_PER_BLOCK, Rows, rows_of_lists
from hub.wire.limited import ByteStream
from hub.wire.xml import MAX_ELEMENT_BYTES, iter_elements

EVERY = "[*]"
"""Ends the path of a column that takes all matches instead of the first."""
BETWEEN = "\x1f"
"""Stands between them: no XML text can hold it."""
_NAME = "name()"


@dataclass(frozen=True, slots=True)
class _Path:
    """`up` levels, then down through `names`, then the text, an `attribute` or the element's own name; of `every`
    element there, or of the first."""

    up: int
    names: tuple[str, ...]
    attribute: str | None
    is_name: bool = False
    every: bool = False


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

    A step of `row_path` may name several elements: `Operations/Charge|Payment/Detail`. A column is a path from the
    row: `Reference`, `Locataire/Nom`, `@id`, `.`, and upwards `../Numero`, `../../@code`, as far up as the first name
    of `row_path`; above it only attributes are left. `name()` at its end (`../name()`) gives the element's name instead
    of its text. The first match counts, or with `[*]` at the end all of them, with U+001F between. Texts are stripped,
    nothing and "" are null. `lines` are the rows' numbers from 1. Rows below an element whose name is in `without` are
    left out. Memory holds one element of the first name at a time, besides the block. Raises MappingError for a path
    that cannot be read, InputRefusedError for broken, cut or hostile XML.
    """
    steps = row_steps(row_path)
    paths = {column: _parse(column, len(steps) - 1) for column in columns}
    outer = iter_elements(stream, *steps[0], what=file, max_element_bytes=max_element_bytes, without=without)
    return _read(outer, steps, paths, file)


def row_steps(row_path: str) -> list[tuple[str, ...]]:
    """A row path's steps, each with the names it may have. Raises MappingError."""
    steps = [tuple(step.split("|")) for step in row_path.strip("/").split("/") if step]
    names = [name for step in steps for name in step]
    if not names or any(name in ("", ".", "..") or name.startswith("@") for name in names):
        raise MappingError(f"the row path {row_path!r} is no list of element names", hint="e.g. Contrat/Parties/Partie")
    return steps


def elements_at(elements: Iterable[etree._Element], steps: Sequence[tuple[str, ...]]) -> Iterator[etree._Element]:
    """What stands below some elements, by the names of each step."""
    if not steps:
        yield from elements
        return
    for element in elements:
        yield from elements_at([child for child in element if _local(str(child.tag)) in steps[0]], steps[1:])


def _read(
    found: Iterator[etree._Element], steps: list[tuple[str, ...]], paths: dict[str, _Path], file: str
) -> Iterator[Rows]:
    values: dict[str, list[str | None]] = {column: [] for column in paths}
    flat = all(path == _Path(0, (column,), None) for column, path in paths.items())
    number, held = 0, 0
    for outer in found:
        for row in elements_at([outer], steps[1:]):
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
    every = text.strip().endswith(EVERY)
    steps = text.strip().removesuffix(EVERY).split("/")
    up = 0
    while steps and steps[0] in ("..", "."):
        up += steps.pop(0) == ".."
    attribute = steps.pop()[1:] if steps and steps[-1].startswith("@") else None
    is_name = bool(steps) and steps[-1] == _NAME
    steps = steps[:-1] if is_name else steps
    if any(step in ("", ".", "..", _NAME) or step.startswith("@") for step in steps) or attribute == "":
        raise MappingError(f"the path {text!r} cannot be read", hint="e.g. Locataire/Nom, @id, ../Numero")
    if up > depth and (steps or (attribute is None and not is_name)):
        raise MappingError(
            f"the path {text!r} leaves the first element of the row path, of which nothing but attributes is kept",
            hint="begin the row path with the element that holds it, e.g. Contrat/Partie for ../Numero",
        )
    return _Path(up, tuple(steps), attribute, is_name, every)


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
        if path.every:
            return self._texts(path)
        element = self._element(path.up, path.names)
        return None if element is None else _said(element, path)

    def _texts(self, path: _Path) -> str | None:
        base = self._element(path.up, ())
        found = elements_at([] if base is None else [base], [(name,) for name in path.names])
        return BETWEEN.join(text for element in found if (text := _said(element, path))) or None

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


def _said(element: etree._Element, path: _Path) -> str | None:
    if path.is_name:
        return _local(str(element.tag))
    return _stripped(_text(element) if path.attribute is None else _attribute(element, path.attribute))


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
