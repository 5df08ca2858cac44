"""Opaque cursors: a place in an order, not a count, so that pages neither skip nor repeat when rows are added."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from dataclasses import fields
from datetime import date, datetime
from typing import Any, Final, TypeVar
from uuid import UUID

from hub.errors import InvalidAskError
from hub.store.reads.contracts import ContractPosition
from hub.store.reads.documents import DocumentPosition
from hub.store.reads.ledger import EntryPosition
from hub.store.reads.notices import NoticePosition
from hub.store.reads.payments import PaymentPosition

Position = ContractPosition | EntryPosition | NoticePosition | DocumentPosition | PaymentPosition
P = TypeVar("P", ContractPosition, EntryPosition, NoticePosition, DocumentPosition, PaymentPosition)

_LONGEST: Final = 200
_TAGS: Final[dict[type[Position], str]] = {
    ContractPosition: "c",
    EntryPosition: "e",
    NoticePosition: "n",
    DocumentPosition: "d",
    PaymentPosition: "p",
}


class CursorError(InvalidAskError):
    """A cursor that was not given by the list it is used on."""

    code = "INVALID_CURSOR"


def _whole(value: object) -> int:
    if type(value) is not int or abs(value) >= 2**63:
        raise ValueError("not a whole number")
    return value


# By the annotation a position is written with.
_READ: Final[dict[str, Callable[[Any], Any]]] = {
    "int": _whole,
    "date": date.fromisoformat,
    "datetime": datetime.fromisoformat,
    "UUID": UUID,
}


def encode(position: Position) -> str:
    """The cursor of a place."""
    values = [getattr(position, field.name) for field in fields(position)]
    plain = [value if isinstance(value, int) else str(value) for value in values]
    text = json.dumps([_TAGS[type(position)], *plain], separators=(",", ":"))
    return base64.urlsafe_b64encode(text.encode()).rstrip(b"=").decode()


def decode(kind: type[P], cursor: str | None) -> P | None:
    """The place of a cursor, None for none. CursorError when it is damaged or another list's."""
    if cursor is None:
        return None
    try:
        return _decode(kind, cursor)
    except (ValueError, TypeError, AttributeError, RecursionError) as error:
        raise CursorError("the cursor was not given by this list") from error


def _decode(kind: type[P], cursor: str) -> P:
    if len(cursor) > _LONGEST:
        raise ValueError("too long")
    padded = cursor.encode() + b"=" * (-len(cursor) % 4)
    tag, *values = json.loads(base64.b64decode(padded, altchars=b"-_", validate=True))
    if tag != _TAGS[kind]:
        raise ValueError("another list's")
    expected = fields(kind)
    return kind(*(_READ[str(field.type)](value) for field, value in zip(expected, values, strict=True)))
