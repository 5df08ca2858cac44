"""From a bearer token to a session: one person at one landlord, and the contracts that person may see."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Final

from hub.errors import UnauthenticatedError
from hub.store.access_tokens import token_hash
from hub.store.reads import Reading, Session

_BEARER: Final = re.compile(r"bearer +([A-Za-z0-9._~+/-]{20,200}=*)", re.IGNORECASE)


async def open_session(reading: Reading, authorization: str | None, *, now: datetime) -> Session:
    """The session of an `Authorization` header, and from here on the reading sees that person's contracts.

    UnauthenticatedError when the header is missing or is no bearer token, and when the token is unknown, expired, or
    another landlord's: which of these is not told.
    """
    given = _BEARER.fullmatch(authorization.strip()) if authorization else None
    session = await reading.open_session(token_hash(given[1]), now=now) if given else None
    if session is None:
        raise UnauthenticatedError(
            "no valid token", hint="send Authorization: Bearer with a token that has not expired"
        )
    return session
