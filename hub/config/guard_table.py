"""`[feeds.NAME.guard]`: what of a feed's changes is still taken unseen, where it differs from the usual."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from hub.domain.guard import GuardLimits

_Rows = Annotated[int, Field(ge=0)]
_Share = Annotated[float, Field(ge=0, le=1)]
_Days = Annotated[int, Field(ge=1, le=366)]


class GuardTable(BaseModel):
    """Only what is written differs from `GuardLimits`. Shares are of what is held: 0.01 is one in a hundred."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    disappearing_rows: _Rows | None = None
    disappearing_share: _Share | None = None
    drip_days: _Days | None = None
    fewer_rows: _Rows | None = None
    fewer_share: _Share | None = None
    known_share: _Share | None = None
    debit_factor: Annotated[float, Field(ge=1)] | None = None
    debit_floor_cents: _Rows | None = None
    old_days: _Days | None = None
    old_rows: _Rows | None = None
    old_share: _Share | None = None

    @property
    def written(self) -> dict[str, float]:
        """What the landlord set, as JSON."""
        return self.model_dump(exclude_none=True)

    def limits(self) -> GuardLimits:
        return GuardLimits(**self.model_dump(exclude_none=True))


NO_GUARD_OF_ITS_OWN = GuardTable()
"""A feed with the usual limits."""
