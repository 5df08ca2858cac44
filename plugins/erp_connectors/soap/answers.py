"""What a call that writes was answered: texts, the ERP's id, and what they mean for a posting."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from erp_connectors.soap.posting_settings import Answer
from erp_connectors.soap.reply import meaning
from erp_connectors.soap.settings import Message
from hub.errors import InputRefusedError, MisconfiguredError, RetryableError
from hub.ports import PostingResult
from hub.records.excerpt import outlined
from hub.wire import SoapReply, local_name, parse_small

_MAX_BYTES = 1024**2
_SHOWN = 160
_GRAVEST_FIRST = ("misconfigured", "terminal", "retryable", "posted", None, "done")


@dataclass(frozen=True, slots=True)
class Told:
    """An answer looked through: its business texts, and the first value at each path that was asked for."""

    operation: str
    texts: tuple[str, ...] = ()
    values: Mapping[str, str] = field(default_factory=dict)
    code: str = ""


def read_told(reply: SoapReply, operation: str, *, messages: str, paths: Iterable[str], code: str | None) -> Told:
    """Reads the whole answer. Raises RetryableError where it is none: what was written is then not known."""
    try:
        root = parse_small(_content(reply, operation), what=f"the answer of {operation}")
    except InputRefusedError as error:
        raise unknown(operation, error.message) from None
    texts: list[str] = []
    values: dict[str, str] = {}
    wanted = [*paths, *([code] if code else [])]
    for element in root.iter("{*}*"):
        steps = [local_name(one) for one in (*reversed(list(element.iterancestors())), element)]
        path = "/" + "/".join(steps)
        text = " ".join("".join(map(str, element.itertext())).split())
        if path.endswith(f"/{messages}"):
            texts.append(text)
        for name in wanted:
            if path.endswith(f"/{name}") and text:
                values.setdefault(name, text)
    return Told(operation, tuple(texts), values, values.get(code or "", ""))


@dataclass(frozen=True, slots=True)
class Judge:
    """Knows the landlord's patterns: those for postings first, then the connector's own."""

    answers: Sequence[Answer]
    messages: Sequence[Message]
    secrets: Sequence[str]

    def means(self, text: str) -> str | None:
        found = next((one.means for one in self.answers if re.search(one.match, text, re.IGNORECASE)), None)
        return found or meaning(text, self.messages)

    def result(self, told: Told, reference: str, *, erp_ref: str | None) -> PostingResult:
        """What became of one posting. `erp_ref`: where the ERP's id must stand if all is well; None: nowhere.

        Raises MisconfiguredError for what a person has to put right, RetryableError where nothing at all is said.
        """
        number = told.values.get(erp_ref, "") if erp_ref else ""
        means, text = self.gravest(told)
        shown = self.shown(text)
        if means == "misconfigured":
            raise MisconfiguredError(
                f"{told.operation} answered: {shown}", hint="check the login and the rights of its user"
            )
        if means in ("terminal", "retryable"):
            return PostingResult(reference, "refused", "", told.code, shown, terminal=means == "terminal")
        if means == "posted" or number or (means == "done" and erp_ref is None):
            return PostingResult(reference, "posted", number)
        if text:
            return PostingResult(reference, "refused", "", told.code or "UNKNOWN", shown, terminal=True)
        if erp_ref is not None:
            raise unknown(told.operation, f"the answer has nothing at {erp_ref}")
        return PostingResult(reference, "posted")

    def shown(self, text: str) -> str:
        """An ERP's words, short, without a login, an IBAN or an address they may quote."""
        for secret in self.secrets:
            text = text.replace(secret, "***")
        return outlined(text)[:_SHOWN]

    def gravest(self, told: Told) -> tuple[str | None, str]:
        """The text that decides, and what it means (None: nobody knows, or there is none)."""
        found = [(self.means(text), text) for text in told.texts]
        # "empty" is no answer to a call that writes.
        found = [(None if means == "empty" else means, text) for means, text in found]
        return min(found, key=lambda one: _GRAVEST_FIRST.index(one[0]), default=(None, ""))


def unknown(operation: str, why: str) -> RetryableError:
    return RetryableError(
        f"whether {operation} was done is not known: {why}", hint="the ERP is asked before anything is sent again"
    )


def _content(reply: SoapReply, operation: str) -> bytes:
    content = b""
    while data := reply.read(64 * 1024):
        content += data
        if len(content) > _MAX_BYTES:
            raise unknown(operation, "its answer is longer than any")
    return content
