"""Safe streaming XML: no DTD, no entities, no network, memory bounded whatever the document's length."""

from __future__ import annotations

import codecs
import re
from collections.abc import Collection, Iterator
from typing import Any, cast

from lxml import etree

from hub.errors import InputRefusedError
from hub.wire.limited import CHUNK, ByteStream

MAX_ELEMENT_BYTES = 16 * 1024**2
MAX_ATTRIBUTES = 1_000
MAX_MARKS = 600_000
"""Signs of markup (`<` and `=`) in one element: a tree takes some 125 bytes for each, the document but four."""
_ENCODING = re.compile(rb"""^(?:\xef\xbb\xbf)?<\?xml[^>]{0,80}?encoding\s*=\s*["']([^"']{1,60})["']""")
_EBCDIC = b"\x4c\x6f\xa7\x94"
_SHIFTING = ("utf-7", "utf_7", "hz", "iso2022", "iso-2022", "unicode_escape", "raw_unicode", "punycode", "idna")
SAFE: dict[str, Any] = {
    "resolve_entities": False,
    "no_network": True,
    "load_dtd": False,
    "dtd_validation": False,
    "huge_tree": False,
    "remove_comments": True,
    "remove_pis": True,
}


def local_name(element: etree._Element) -> str:
    """An element's name without its namespace: ERPs ship placeholder namespaces that change with the installer."""
    return str(element.tag).rpartition("}")[2]


def parse_small(content: bytes, *, what: str) -> etree._Element:
    """A whole small document (WSDL, schema, Fault) as a tree. Raises InputRefusedError for a DTD, broken XML, more than
    600,000 signs of markup, or an encoding that hides them."""
    refuse_hiding(content, what)
    if _marks(content) > MAX_MARKS:
        raise _too_dense(what)
    try:
        root = etree.fromstring(content, etree.XMLParser(**SAFE))
    except etree.XMLSyntaxError as error:
        raise broken(what, error) from None
    refuse_doctype(root, what)
    return root


def iter_elements(
    stream: ByteStream,
    *names: str,
    what: str,
    max_element_bytes: int = MAX_ELEMENT_BYTES,
    without: Collection[str] = (),
) -> Iterator[etree._Element]:
    """Every outermost element with one of the local `names`, complete and in order; cleared when the next is asked for.

    Those below an element whose local name is in `without` are left out. Whatever stands before an element is dropped
    with it, so memory stays flat; its ancestors keep their attributes.
    Raises InputRefusedError for a DOCTYPE, broken or cut XML, an element above `max_element_bytes`, 600,000 signs of
    markup or 1,000 attributes, and for an encoding in which markup cannot be seen.
    """
    parser = etree.XMLPullParser(("start", "end"), tag=[f"{{*}}{name}" for name in names], **SAFE)
    depth, since_last, marks, checked, begun = 0, 0, 0, False, False
    for data in iter(lambda: stream.read(CHUNK), b""):
        if not begun:
            refuse_hiding(data, what)
            begun = True
        _feed(parser, data, what)
        since_last, marks = since_last + len(data), marks + _marks(data)
        for event, item in parser.read_events():
            element = cast(etree._Element, item)
            if not checked:
                refuse_doctype(element, what)
                checked = True
            depth += 1 if event == "start" else -1
            if event == "start" and len(element.attrib) > MAX_ATTRIBUTES:
                raise InputRefusedError(
                    f"{what}: an element {local_name(element)} has {len(element.attrib):,} attributes"
                )
            if event == "end" and depth == 0:
                since_last = marks = 0
                if not _is_below(element, without):
                    yield element
                element.clear()
                _drop_before(element)
        if since_last > max_element_bytes:
            raise InputRefusedError(f"{what}: {since_last:,} bytes without the end of one element {' or '.join(names)}")
        if marks > MAX_MARKS:
            raise _too_dense(what, *names)
    refuse_doctype(_close(parser, what), what)


def refuse_doctype(element: etree._Element, what: str) -> None:
    """Raises InputRefusedError when the element's document has a document type: the door of entity bombs and leaks."""
    document: Any = element.getroottree().docinfo
    if document.doctype or document.internalDTD is not None:
        name = document.doctype.removeprefix("<!DOCTYPE").strip("<> ")[:60]
        raise InputRefusedError(
            f"{what} has a document type (DOCTYPE {name}), which is never accepted",
            hint="tell the sender: no reply or file needs one",
        )


def broken(what: str, error: etree.XMLSyntaxError) -> InputRefusedError:
    """Broken XML as our error, with the parser's reason, line and column."""
    return InputRefusedError(f"{what} is not well-formed XML: {str(error.msg)[:200]}", hint="it may have been cut")


def _marks(data: bytes) -> int:
    return data.count(b"<") + data.count(b"=")


def _too_dense(what: str, *names: str) -> InputRefusedError:
    ends = f" without the end of one element {' or '.join(names)}" if names else ""
    return InputRefusedError(
        f"{what}: more than {MAX_MARKS:,} signs of markup{ends}",
        hint="ask for less at a time, or begin the path of the rows further in",
    )


def refuse_hiding(start: bytes, what: str) -> None:
    """Raises InputRefusedError for an encoding in which `<` is not written as such: no sender needs EBCDIC or UTF-7."""
    declared = _ENCODING.match(start)
    name = declared[1].decode("ascii", "replace") if declared else ""
    if start.startswith(_EBCDIC) or (name and not _shows_markup(name)):
        raise InputRefusedError(
            f"{what} is in the encoding {name or 'EBCDIC'}, which is not accepted", hint="use UTF-8"
        )


def _shows_markup(encoding: str) -> bool:
    try:
        name = codecs.lookup(encoding).name
        return not name.startswith(_SHIFTING) and b"<" in "<".encode(name)
    except (LookupError, UnicodeError, ValueError):
        return False


def _feed(parser: etree.XMLPullParser, data: bytes, what: str) -> None:
    try:
        parser.feed(data)
    except etree.XMLSyntaxError as error:
        raise broken(what, error) from None


def _close(parser: etree.XMLPullParser, what: str) -> etree._Element:
    try:
        root: etree._Element = parser.close()
    except etree.XMLSyntaxError as error:
        raise broken(what, error) from None
    return root


def _is_below(element: etree._Element, names: Collection[str]) -> bool:
    return bool(names) and any(local_name(above) in names for above in element.iterancestors())


def _drop_before(element: etree._Element) -> None:
    """Removes what lies before the element, on its level and on those above: clearing alone leaves empty shells."""
    for level in (element, *element.iterancestors()):
        parent = level.getparent()
        while parent is not None and (before := level.getprevious()) is not None:
            parent.remove(before)
