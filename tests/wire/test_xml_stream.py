from __future__ import annotations

import io
from collections.abc import Iterator
from itertools import chain, repeat

import pytest

from hub.errors import InputRefusedError
from hub.wire import iter_elements, local_name, parse_small


class Stream:
    """A document made as it is read."""

    def __init__(self, parts: Iterator[bytes]) -> None:
        self._parts = parts

    def read(self, size: int = -1, /) -> bytes:
        return next(self._parts, b"")


def texts(document: bytes, *names: str) -> list[str]:
    found = iter_elements(io.BytesIO(document), *names, what="the reply")
    return ["".join(element.itertext()) for element in found]


def test_elements_are_found_by_local_name_in_any_namespace() -> None:
    document = b'<r xmlns:m="http://my-company.com/namespace" xmlns="urn:x"><m:a>1</m:a><b/><a>2</a></r>'
    assert texts(document, "a") == ["1", "2"]


def test_only_the_outermost_of_nested_namesakes_is_given_whole() -> None:
    assert texts(b"<r><a>1<a>2</a>3</a><a>4</a></r>", "a") == ["123", "4"]


def test_several_names_come_in_document_order_with_their_ancestors_attributes() -> None:
    document = io.BytesIO(b'<r><p id="7"><row/><next/></p></r>')
    found = [
        (local_name(element), element.getparent().get("id"))  # type: ignore[union-attr]
        for element in iter_elements(document, "row", "next", what="x")
    ]
    assert found == [("row", "7"), ("next", "7")]


def test_a_long_reply_is_read_in_flat_memory() -> None:
    page = b"<page>" + b"<row><x>1</x><y>text</y></row><other/>\n" * 100 + b"</page>"
    stream = Stream(chain([b"<reply>"], repeat(page, 2_000), [b"</reply>"]))
    held, count = 0, 0
    for count, element in enumerate(iter_elements(stream, "row", what="the reply"), 1):
        if count % 10_000 == 0:
            held = max(held, sum(1 for _ in element.getroottree().iter()))
    assert count == 200_000
    assert held < 10_000


@pytest.mark.parametrize(
    "prolog",
    [
        b'<!DOCTYPE r [<!ENTITY a "lol">]>',
        b'<!DOCTYPE r SYSTEM "http://127.0.0.1:1/evil.dtd">',
        b'<!DOCTYPE r [<!ENTITY x SYSTEM "file:///etc/passwd">]>',
        b'<!DOCTYPE r PUBLIC "-//X" "x.dtd">',
    ],
)
@pytest.mark.parametrize("body", [b"<r><a>x</a></r>", b"<r/>"])
def test_a_document_type_is_refused_and_named(prolog: bytes, body: bytes) -> None:
    with pytest.raises(InputRefusedError, match=r"the reply has a document type \(DOCTYPE r"):
        texts(prolog + body, "a")
    with pytest.raises(InputRefusedError, match="document type"):
        parse_small(prolog + body, what="the schema")


def test_an_entity_bomb_is_refused() -> None:
    entities = "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' for n in range(1, 10))
    bomb = f'<!DOCTYPE r [<!ENTITY l0 "lol">{entities}]><r x="&l9;"><a>&l9;</a></r>'.encode()
    with pytest.raises(InputRefusedError):
        texts(bomb, "a")


def test_an_external_entity_is_never_read() -> None:
    document = b'<!DOCTYPE r [<!ENTITY x SYSTEM "file:///etc/passwd">]><r><a>&x;</a></r>'
    with pytest.raises(InputRefusedError) as caught:
        texts(document, "a")
    assert "root:" not in str(caught.value)


@pytest.mark.parametrize("document", [b"", b"plain", b"<r><a>1</a><a>", b"<r><a>1</b></r>", b"<a>" * 5_000])
def test_broken_cut_or_bottomless_xml_is_refused(document: bytes) -> None:
    with pytest.raises(InputRefusedError, match="not well-formed"):
        texts(document, "a")


def test_200_000_attributes_are_refused_on_a_row_and_bounded_elsewhere() -> None:
    attributes = b" ".join(b'x%d="1"' % number for number in range(200_000))
    with pytest.raises(InputRefusedError, match="200,000 attributes"):
        texts(b"<r><a " + attributes + b"/></r>", "a")
    stream = io.BytesIO(b"<r><b " + attributes + b"/></r>")
    with pytest.raises(InputRefusedError, match="without the end of one element"):
        list(iter_elements(stream, "a", what="the reply", max_element_bytes=1_000_000))


def test_an_element_that_never_ends_is_refused() -> None:
    stream = Stream(chain([b"<r><a>"], repeat(b"<b>x</b>" * 8_000)))
    with pytest.raises(InputRefusedError, match="without the end of one element a"):
        list(iter_elements(stream, "a", what="the reply"))
