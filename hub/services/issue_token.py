"""A bearer token for one person, until sign-up exists: for development only."""

from __future__ import annotations

from datetime import timedelta

from hub.domain.clock import Clock
from hub.errors import InvalidAskError, NotFoundError, SetupError
from hub.store.access_tokens import IssuedToken, find_persons
from hub.store.access_tokens import issue_token as issue
from hub.store.engine import scope
from hub.store.handles import Engine


async def issue_token(
    engine: Engine, clock: Clock, *, profile: str, landlord: str, person: str, valid: timedelta
) -> IssuedToken:
    """A token for the person the reference means: the ERP's person id, or a contract's reference (its holder).

    Raises SetupError in the production profile, NotFoundError or InvalidAskError when no one or several are meant.
    """
    if profile == "production":
        raise SetupError(
            "tokens are not handed out in the production profile",
            hint="tenants sign up there; set HOUSING_HUB_PROFILE=developer on a development hub",
        )
    now = clock.now()
    async with scope(engine, landlord) as conn:
        found = await find_persons(conn, reference=person)
        if not found:
            raise NotFoundError(
                f"{landlord} knows no person or contract {person}",
                hint="use the ERP's person id or a contract reference, after a sync",
            )
        if len(found) > 1:
            raise InvalidAskError(f"{person} means {len(found)} persons", hint="use the ERP's person id")
        return await issue(conn, landlord=landlord, person_id=found[0], now=now, expires_at=now + valid)
