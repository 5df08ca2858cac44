"""SOAP replies checked before anyone reads them: status, content type, and a Fault wherever it hides."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import cast

from lxml import etree

from hub.errors import HubError, InputRefusedError, MisconfiguredError, RetryableError, TerminalError
from hub.wire.http import HttpResponse
from hub.wire.limited import CHUNK
from hub.wire.xml import local_name, parse_small

_XML_TYPES = frozenset({"text/xml", "application/xml", "application/soap+xml", ""})
_MAX_FAULT = 1024**2
_MAX_HEAD = 256 * 1024
_CODE = re.compile(r"[A-Za-z0-9_.-]{1,20}")
_LOGIN = re.compile(r"auth|security|credential|password|login|user|token|denied|identif|mot de passe", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Fault:
    """What a SOAP Fault says: `code` without its prefix (1.2: the innermost subcode), `text` in the server's words.

    `sender` is whether the server blames the caller (Client, Sender). Of the detail, which may echo the request, only
    the name of its element is kept, and the short code in it where it has one (`<code>P5</code>`).
    """

    code: str
    text: str
    sender: bool
    detail_name: str = ""
    detail_code: str = ""


def classify_fault(fault: Fault, what: str) -> HubError:
    """The usual reading of a Fault: a login problem is for a person, a server's trouble passes, the rest is final."""
    message = f"{what} answered with a fault: {fault.code}: {fault.text}"
    if _LOGIN.search(fault.code) or (fault.sender and _LOGIN.search(fault.text)):
        return MisconfiguredError(message, hint="check the connector's user, password and rights")
    if fault.sender:
        return TerminalError(message, hint="compare the operation and its arguments with the interface's documentation")
    return RetryableError(message, hint="it is tried again later")


class SoapReply:
    """The raw reply of an operation, already known to be a SOAP envelope without Fault. Close it on every path."""

    def __init__(self, response: HttpResponse, head: bytes) -> None:
        self._response = response
        self._head = head

    def read(self, size: int = -1, /) -> bytes:
        """At most `size` bytes of the envelope, from its first byte; within the byte limit and the deadline."""
        if size is None or size < 0:
            head, self._head = self._head, b""
            return head + self._response.stream().read()
        if self._head:
            data, self._head = self._head[:size], self._head[size:]
            return data
        return self._response.stream().read(size)

    def close(self) -> None:
        self._response.close()

    def __enter__(self) -> SoapReply:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def check_reply(response: HttpResponse, on_fault: Callable[[Fault], HubError]) -> SoapReply:
    """The reply as a stream, once its head shows an envelope. Raises what `on_fault` makes of a Fault,
    InputRefusedError or MisconfiguredError for what is no SOAP reply; the response is then closed."""
    try:
        return _checked(response, on_fault)
    except HubError:
        response.close()
        raise


def _checked(response: HttpResponse, on_fault: Callable[[Fault], HubError]) -> SoapReply:
    if response.content_type not in _XML_TYPES:
        if response.status >= 400:
            raise _no_fault(response)
        raise MisconfiguredError(
            f"{response.what} answered with {response.content_type}, not with SOAP",
            hint="check the service's address: this may be a login page, a portal or a service with attachments",
        )
    head, first = _read_head(response)
    if first == "Fault":
        raise on_fault(_read_fault(response, head))
    if response.status >= 400:
        raise _no_fault(response)
    return SoapReply(response, head)


def _no_fault(response: HttpResponse) -> HubError:
    message = f"{response.what} answered {response.status} without a fault that says why"
    if response.status < 500:
        return TerminalError(message, hint="compare the operation and its arguments with the interface's documentation")
    return RetryableError(message, hint="it is tried again later")


def _read_head(response: HttpResponse) -> tuple[bytes, str]:
    """Reads just far enough to know the first element in the Body; gives what was read, and its local name."""
    parser = etree.XMLPullParser(("start",), resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False)
    head = b""
    names: list[str] = []
    while len(head) < _MAX_HEAD:
        data = response.stream().read(CHUNK)
        head += data
        try:
            parser.feed(data) if data else parser.close()
        except etree.XMLSyntaxError as error:
            raise InputRefusedError(f"the reply of {response.what} is not XML ({str(error.msg)[:120]})") from None
        for _, item in parser.read_events():
            element = cast(etree._Element, item)
            names.append(local_name(element))
            if names[0] != "Envelope":
                raise InputRefusedError(f"the reply of {response.what} is no SOAP envelope but <{names[0][:60]}>")
            if _parent_name(element) == "Body":
                return head, names[-1]
        if not data:
            return head, ""
    raise InputRefusedError(f"the reply of {response.what} holds no body in its first {_MAX_HEAD:,} bytes")


def _parent_name(element: etree._Element) -> str:
    parent = element.getparent()
    return "" if parent is None else local_name(parent)


def _read_fault(response: HttpResponse, head: bytes) -> Fault:
    stream = response.stream()
    while len(head) < _MAX_FAULT and (data := stream.read(CHUNK)):
        head += data
    root = parse_small(head, what=f"the fault of {response.what}")
    fault = next(element for element in root.iter(etree.Element) if local_name(element) == "Fault")
    plain = [code.rpartition(":")[2] for code in _texts(fault, "faultcode", "Value")] or ["Fault"]
    texts = _texts(fault, "faultstring", "Text")
    sender = plain[0].partition(".")[0] in ("Client", "Sender")
    return Fault(plain[-1], (texts or [""])[0], sender, *_detail(fault))


def _detail(fault: etree._Element) -> tuple[str, str]:
    """The name of the element in the detail, and its code."""
    for part in fault:
        if local_name(part).lower() == "detail":
            for element in part.iterchildren(etree.Element):
                codes = (_text(one) for one in element.iter(etree.Element) if local_name(one) == "code")
                return local_name(element)[:80], next((code for code in codes if _CODE.fullmatch(code)), "")
    return "", ""


def _texts(fault: etree._Element, *names: str) -> list[str]:
    """The texts of the fault's own elements of these names, in order; never those of its detail."""
    own = (part for part in fault if local_name(part).lower() != "detail")
    return [_text(element) for part in own for element in part.iter(etree.Element) if local_name(element) in names]


def _text(element: etree._Element) -> str:
    """A server's words in one short printable line."""
    words = " ".join((element.text or "").split())
    return "".join(char for char in words if char.isprintable())[:300]
