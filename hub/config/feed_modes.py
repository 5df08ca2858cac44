"""`covers` and `sequence` of a feed: which days a window is complete for, how a delta's inputs are numbered."""

from __future__ import annotations

import re
from typing import Annotated, Self

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from hub.domain.modes import Covers
from hub.domain.sequence import Numbering, Restarts


def _one_group(pattern: str) -> str:
    try:
        groups = re.compile(pattern).groups
    except re.error as error:
        raise ValueError(f"not a regular expression: {error}") from None
    if groups != 1:
        raise ValueError(rf'the number stands in one pair of parentheses, as in "ECR_(\d+)"; here are {groups}')
    return pattern


def _as_table(value: object) -> object:
    return {"name": value} if isinstance(value, str) else value


class CoversTable(BaseModel):
    """The days a window is complete for: so many up to the day it was true at, or those of its own rows."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    days: Annotated[int, Field(ge=1, le=3660)] | None = Field(
        default=None, description="how many days, up to and with the day the input is of", examples=[90]
    )
    ahead: Annotated[int, Field(ge=0, le=366)] = Field(default=0, description="days after that day, e.g. called rent")
    rows: bool = Field(default=False, description="true: from the first to the last day in the input itself")

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        if (self.days is None) != self.rows or (self.rows and self.ahead):
            raise ValueError("give either days (and ahead), or rows = true")
        return self

    def covers(self) -> Covers:
        return Covers(self.days, self.ahead)


class SequenceTable(BaseModel):
    """How a delta's files are numbered. `snapshot`: the feed that brings all there is, and with it a new beginning."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    name: Annotated[str, AfterValidator(_one_group)] = Field(
        description="regular expression, found in the file's path; its group is the number", examples=[r"ECR_(\d+)"]
    )
    restarts: Restarts = Field(default="never", description="when numbers begin at 1 again")
    resume_at: Annotated[int, Field(ge=0)] | None = Field(
        default=None, description="a number to go on at although those before it never came"
    )
    snapshot: str | None = Field(default=None, description="the feed of the same stream that brings all there is")

    def numbering(self) -> Numbering:
        return Numbering(self.name, self.restarts, self.resume_at)


Sequence = Annotated[SequenceTable, BeforeValidator(_as_table)]
