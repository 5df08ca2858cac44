"""What a reply says beside its rows: business messages at HTTP 200, the next token, the number of pages."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from lxml import etree

from erp_connectors.soap.settings import Message
from hub.errors import HubError, InputRefusedError, MisconfiguredError, RetryableError, TerminalError
from hub.formats import elements_at, row_steps
from hub.ports import Spooled
from hub.wire import Fault, classify_fault, iter_elements, local_name

_SHOWN = 160
_CLASSES: dict[str, type[HubError]] = {
    "misconfigured": MisconfiguredError,
    "retryable": RetryableError,
    "terminal": TerminalError,
}
_HINTS = {
    "misconfigured": "check the login and the rights of its user, and the arguments of the feed",
    "retryable": "it is tried again later",
    "terminal": "it is not tried again by itself: ask the ERP's operator",
}


@dataclass(slots=True)
class Marks:
    """What was seen in a reply: number of rows, business messages, the value at the paging path."""

    rows: int = 0
    messages: list[str] = field(default_factory=list)
    paging: str | None = None


def read_marks(
    spooled: Spooled,
    *,
    rows: str,
    messages: str,
    paging: str | None = None,
    namespace: str | None = None,
    without: Sequence[str] = (),
) -> Marks:
    """Looks through a spooled reply once, in constant memory. `messages` and `paging` are ends of paths.

    Raises InputRefusedError for rows of another `namespace` than the one asked for.
    """
    marks, (outer, *inner) = Marks(), row_steps(rows)
    names = {*outer, *(path.rpartition("/")[2] for path in (messages, paging) if path)}
    with spooled.open() as stream:
        for element in iter_elements(stream, *sorted(names), what=spooled.name, without=without):
            if local_name(element) in outer:
                found = list(elements_at([element], inner))
                marks.rows += len(found)
                _check_namespace(found, namespace, spooled.name)
                continue
            path = _path(element)
            if path.endswith(f"/{messages}"):
                marks.messages.append(" ".join("".join(map(str, element.itertext())).split()))
            elif paging and path.endswith(f"/{paging}") and marks.paging is None:
                marks.paging = (element.text or "").strip() or None
    return marks


def judge(marks: Marks, known: Sequence[Message], *, operation: str, silence: str, secrets: Sequence[str]) -> bool:
    """Whether the reply has rows to read. Raises what its messages mean; one nobody knows is no empty answer."""
    told = [(meaning(text, known), _masked(text, secrets)) for text in marks.messages]
    for means, text in told:
        if means in _CLASSES:
            raise _CLASSES[means](f"{operation} answered: {text}", hint=_HINTS[means])
    unknown = [text for means, text in told if means is None]
    if marks.rows == 0 and unknown:
        raise TerminalError(
            f"{operation} gave no rows but a message nobody knows: {unknown[0]}",
            hint='say what it means: messages = [{ match = "…", means = "empty" }] in the connector\'s settings',
        )
    if marks.rows == 0 and not told and silence == "misconfigured":
        raise MisconfiguredError(
            f"{operation} answered with neither rows nor a message",
            hint="some services answer so to a wrong login, a wrong database or an unknown site",
        )
    return marks.rows > 0


def fault_error(fault: Fault, operation: str, known: Sequence[Message], secrets: Sequence[str]) -> HubError:
    """A Fault as the landlord's patterns class it, else as usual: login for a person, server later, client never."""
    means = meaning(f"{fault.code} {fault.text}", known)
    if means in _CLASSES:
        text = _masked(f"{fault.code}: {fault.text}", secrets)
        return _CLASSES[means](f"{operation} answered with a fault: {text}", hint=_HINTS[means])
    return classify_fault(Fault(fault.code, _masked(fault.text, secrets), fault.sender), operation)


def meaning(text: str, known: Sequence[Message]) -> str | None:
    """The class of the first pattern found in a text (blanks squeezed, upper and lower case alike), or None."""
    return next((message.means for message in known if re.search(message.match, text, re.IGNORECASE)), None)


def _path(element: etree._Element) -> str:
    return "".join(f"/{local_name(step)}" for step in (*reversed(list(element.iterancestors())), element))


def _check_namespace(rows: Sequence[etree._Element], wanted: str | None, file: str) -> None:
    found = {etree.QName(row).namespace for row in rows} if wanted is not None else set()
    if found - {wanted}:
        raise InputRefusedError(
            f"{file}: the rows have the namespace {', '.join(map(str, found))}, not {wanted}",
            hint="leave out namespace in the feed if the service's names are meant all the same",
        )


def _masked(text: str, secrets: Sequence[str]) -> str:
    """A server's words, short, without a login it may quote."""
    for secret in secrets:
        text = text.replace(secret, "***")
    return text[:_SHOWN]
