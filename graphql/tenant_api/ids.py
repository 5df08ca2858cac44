"""Opaque ids: what a thing is and which one. Whoever takes one apart gains nothing: rights are checked by the store."""

from __future__ import annotations

import base64
import binascii
from enum import IntEnum
from typing import Final
from uuid import UUID

from hub.errors import NotFoundError

_BYTES: Final = 17


class Kind(IntEnum):
    """What an id can name. Numbers are for ever: ids are kept by front ends."""

    CONTRACT = 1
    UNIT = 2
    ACCOUNT = 3
    LEDGER_ENTRY = 4
    RENT_NOTICE = 5
    DOCUMENT = 6
    CONTACT_POINT = 7
    PAYMENT = 8


def encode(kind: Kind, uuid: UUID) -> str:
    """The id shown for a thing."""
    return base64.urlsafe_b64encode(bytes([kind]) + uuid.bytes).rstrip(b"=").decode()


def decode(text: str) -> tuple[Kind, UUID]:
    """What an id names. NotFoundError for what `encode` did not write: the same as for a thing that is not there."""
    try:
        raw = base64.b64decode(text.encode() + b"=" * (-len(text) % 4), altchars=b"-_", validate=True)
        kind, uuid = Kind(raw[0]), UUID(bytes=raw[1:])
    except (binascii.Error, ValueError, IndexError) as error:
        raise NotFoundError("no such id") from error
    if encode(kind, uuid) != text:
        raise NotFoundError("no such id")
    return kind, uuid
