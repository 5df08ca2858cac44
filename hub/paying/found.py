"""The payment, posting or entry somebody names, or what is wrong with the name."""

from __future__ import annotations

from typing import Final
from uuid import UUID

from hub.errors import InvalidAskError, NotFoundError
from hub.store.handles import Connection
from hub.store.payment_rows import PaymentRow, find_by_reference, get_payment
from hub.store.payment_search import references_like
from hub.store.posting_rows import PostingRow, find_posting

SHORTEST: Final = 6
_REFERENCE: Final = 16
_POSTING: Final = 18


async def named_payment(conn: Connection, landlord: str, name: str, *, lock: bool = False) -> PaymentRow:
    """A payment by its reference, by at least six letters it alone begins with, by a posting of it, or by its id.

    Raises NotFoundError, InvalidAskError where several begin so.
    """
    found = await _find(conn, landlord, name.strip())
    if found is None:
        raise NotFoundError(f"{landlord} has no payment {name}", hint=f"`housing-hub payments list {landlord}`")
    locked = await get_payment(conn, found.id, lock=True) if lock else None
    return locked or found


async def named_posting(conn: Connection, landlord: str, name: str, *, lock: bool = False) -> PostingRow:
    """A posting by its reference (the payment's and two digits). Raises NotFoundError."""
    found = await find_posting(conn, name.strip().upper(), lock=lock)
    if found is None:
        raise NotFoundError(
            f"{landlord} has no posting {name}",
            hint=f"`housing-hub payments show {landlord} …` names those of a payment",
        )
    return found


async def _find(conn: Connection, landlord: str, name: str) -> PaymentRow | None:
    try:
        return await get_payment(conn, UUID(name))
    except ValueError:
        pass
    reference = name.upper()[:_REFERENCE] if len(name) == _POSTING else name.upper()
    if len(reference) < SHORTEST:
        raise InvalidAskError(
            f"{name} is too short for a payment's reference", hint=f"at least {SHORTEST} letters of it"
        )
    if len(reference) < _REFERENCE:
        like = await references_like(conn, reference)
        if len(like) > 1:
            raise InvalidAskError(f"several payments of {landlord} begin with {name}", hint=f"more of it: {like[0]} …")
        reference = like[0] if like else reference
    return await find_by_reference(conn, reference)
