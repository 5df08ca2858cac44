"""Where a browser goes on after the payment page: asked without a token, by the payment's reference alone."""

from __future__ import annotations

from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

_RETURN = text("select r.payment_id, r.return_url from payment_return(:reference) as r")


async def find_return(conn: AsyncConnection, reference: str) -> tuple[UUID, str] | None:
    """The payment and the address its front end gave, at the transaction's landlord."""
    row = (await conn.execute(_RETURN, {"reference": reference})).first()
    return None if row is None else (row.payment_id, row.return_url)
