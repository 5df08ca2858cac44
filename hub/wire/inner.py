"""XML that travels as the text of an element of other XML: read as if it stood there unescaped."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any
from xml.sax.saxutils import escape, quoteattr

from lxml import etree

from hub.errors import HubError, InputRefusedError
from hub.wire.limited import CHUNK, ByteStream
from hub.wire.xml import SAFE, broken, refuse_hiding

# The declaration of the inner document speaks of characters it no longer has: .NET writes "utf-16" into strings.
_START = re.compile(r"\s*\ufeff?\s*(<\?xml[^>]{0,200}\?>)?")
_LONGEST_START = 400


class InnerXml:
    """A stream of the outer document with the text of each `element` (a local name) taken for the XML it is.

    Memory stays flat whatever the text's length. Around the inner documents the outer one keeps its elements and
    attributes, without their namespaces. `read` raises InputRefusedError for a document type or broken XML outside;
    what is wrong inside is found by whoever reads on.
    """

    def __init__(self, stream: ByteStream, element: str, *, what: str) -> None:
        self._stream, self._what = stream, what
        self._target = _Rewriter(element, what)
        target: Any = self._target  # the stubs know another kind of target
        self._parser = etree.XMLParser(target=target, **SAFE)
        self._begun, self._ended = False, False

    def read(self, size: int = -1, /) -> bytes:
        """At most `size` bytes; all that is left with a negative size."""
        out = self._target.out
        while not self._ended and (size < 0 or len(out) < size):
            self._feed(self._stream.read(CHUNK))
        taken = bytes(out) if size < 0 else bytes(out[:size])
        del out[: len(taken)]
        return taken

    def _feed(self, data: bytes) -> None:
        if not self._begun:
            refuse_hiding(data, self._what)
            self._begun = True
        try:
            if data:
                self._parser.feed(data)
            else:
                self._ended = True
                self._parser.close()
        except HubError:
            raise
        except etree.XMLSyntaxError as error:
            raise broken(self._what, error) from None


class _Rewriter:
    """Hears the outer document's events and writes it anew, in UTF-8."""

    def __init__(self, element: str, what: str) -> None:
        self.out = bytearray()
        self._element, self._what = element, what
        self._inside = 0
        self._start: str | None = None

    def doctype(self, name: str, *_: str | None) -> None:
        raise InputRefusedError(
            f"{self._what} has a document type (DOCTYPE {name[:60]}), which is never accepted",
            hint="tell the sender: no reply or file needs one",
        )

    def start(self, tag: str, attributes: Mapping[str, str]) -> None:
        self._flush()
        name = _local(tag)
        if self._inside or name == self._element:
            self._inside += 1
        if self._inside == 1:
            self._start = ""
        self._write(f"<{name}{''.join(f' {_local(key)}={quoteattr(value)}' for key, value in attributes.items())}>")

    def data(self, text: str) -> None:
        if not self._inside:
            self._write(escape(text))
        elif self._start is None:
            self._write(text)
        else:
            self._start += text
            if len(self._start) > _LONGEST_START:
                self._flush()

    def end(self, tag: str) -> None:
        self._flush()
        self._inside -= bool(self._inside)
        self._write(f"</{_local(tag)}>")

    def close(self) -> None:
        """The document ended."""

    def _flush(self) -> None:
        if self._start is not None:
            text, self._start = self._start, None
            self._write(_START.sub("", text, count=1))

    def _write(self, text: str) -> None:
        self.out += text.encode()


def _local(name: str) -> str:
    return name.rpartition("}")[2]
