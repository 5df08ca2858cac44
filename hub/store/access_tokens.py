"""Bearer tokens of one person each: only a digest is kept, and only `tenant_session` reads it."""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

from sqlalchemy import delete, insert, text
from sqlalchemy.ext.asyncio import AsyncConnection

from hub.store.tables import access_token

# A person by the ERP's id, or the holders of a contract by its reference or the ERP's id.
_FIND: Final = text("""
    select distinct object_id as person_id from external_key
    where object_type = 'person' and external_id = :reference
    union
    select p.person_id from party p join contract c on c.landlord_id = p.landlord_id and c.id = p.contract_id
    where p.role = 'holder' and p.missing_since is null and (c.reference = :reference or c.id in (
        select object_id from external_key where object_type = 'contract' and external_id = :reference))
    order by person_id limit :limit""")


@dataclass(frozen=True, slots=True)
class IssuedToken:
    """A token as it is shown once."""

    token: str
    expires_at: datetime

    def __repr__(self) -> str:
        return f"IssuedToken(expires_at={self.expires_at!r})"


def token_hash(token: str) -> bytes:
    """What is kept of a token. It is 256 random bits, so a plain digest suffices."""
    return hashlib.sha256(token.encode()).digest()


async def issue_token(
    conn: AsyncConnection, *, landlord: str, person_id: UUID, now: datetime, expires_at: datetime
) -> IssuedToken:
    """A fresh token for a person; expired ones of the landlord are removed meanwhile."""
    await conn.execute(
        delete(access_token).where(access_token.c.landlord_id == landlord, access_token.c.expires_at <= now)
    )
    token = secrets.token_urlsafe(32)
    row = {"landlord_id": landlord, "token_hash": token_hash(token), "person_id": person_id}
    await conn.execute(insert(access_token).values(row | {"created_at": now, "expires_at": expires_at}))
    return IssuedToken(token, expires_at)


async def find_persons(conn: AsyncConnection, *, reference: str, limit: int = 10) -> list[UUID]:
    """The landlord's persons an operator may mean: the ERP's person id, or a contract's reference (its holders)."""
    return list((await conn.execute(_FIND, {"reference": reference, "limit": limit})).scalars())
