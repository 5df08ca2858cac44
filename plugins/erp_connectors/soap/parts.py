"""What the settings of feeds and of postings are made of alike."""

from __future__ import annotations

import re
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from hub.ports import setting


def _regex(text: str) -> str:
    try:
        re.compile(text)
    except re.error as error:
        raise ValueError(f"not a regular expression: {error}") from None
    return text


RowPath = Annotated[str, Field(pattern=r"^[^/@.*]+(/[^/@.*]+)*$")]
Regex = Annotated[str, AfterValidator(_regex)]


class Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Call(Part):
    """One operation and what it is called with."""

    operation: str = setting("The operation to call", example="EnregistrerReglement")
    arguments: dict[str, Any] = setting(
        'Its arguments; { xml = "<Payment>…</Payment>" } for one that takes XML', default={}
    )
