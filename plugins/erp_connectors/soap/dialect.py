"""Replies that are not what they seem: XML escaped inside XML, old images beside current ones, links for tokens."""

from __future__ import annotations

import html
from dataclasses import dataclass
from typing import BinaryIO, cast
from urllib.parse import parse_qs, urlsplit

from erp_connectors.soap.settings import CallFeed, Pages
from hub.errors import MisconfiguredError
from hub.ports import Spooled
from hub.wire import InnerXml


@dataclass(frozen=True, slots=True)
class _Unescaped(Spooled):
    """A reply whose rows stand escaped in the text of one of its elements."""

    inside: str = ""

    def open(self) -> BinaryIO:
        return cast(BinaryIO, _Opened(self.path.open("rb"), self.inside, what=self.name))


class _Opened(InnerXml):
    """As a file: used with `with`, closed with it."""

    def __init__(self, file: BinaryIO, element: str, *, what: str) -> None:
        super().__init__(file, element, what=what)
        self._file = file

    def __enter__(self) -> _Opened:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()


def as_read(reply: Spooled, feed: CallFeed) -> Spooled:
    """The reply as its rows are looked for; what is kept on disk stays as it came."""
    if feed.inside is None:
        return reply
    return _Unescaped(reply.name, reply.path, reply.artifact, inside=feed.inside)


def token_of(text: str | None, pages: Pages) -> str | None:
    """The next page's token: the text at the paging path, or the `parameter` of the link it is.

    The link is only read, never followed. Vendors escape it twice, so it is unescaped until nothing changes. Raises
    MisconfiguredError for a link without that parameter: the rest of the rows would be lost without a word.
    """
    if text is None or pages.parameter is None:
        return text
    while (plain := html.unescape(text)) != text:
        text = plain
    found = parse_qs(urlsplit(text).query, keep_blank_values=True).get(pages.parameter)
    if not found or not found[0]:
        raise MisconfiguredError(
            f"the link to the next page has no {pages.parameter}", hint="correct parameter in the feed's pages"
        )
    return found[0]
