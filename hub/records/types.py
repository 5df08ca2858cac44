"""The vocabulary a canonical record is written in: each annotation says both the pydantic rule and the column type.

Shapes: texts are trimmed, never empty (use None), free of control characters; `CentsField` is integer cents, + owes;
dates are calendar dates of the landlord's zone between 1900 and 2199.
"""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from hub.domain.money import MAX_CENTS

ObjectType = Literal["site", "unit", "person", "contract", "account", "rent_notice", "document"]
ColumnType = Literal["text", "cents", "date", "int", "bool", "enum"]
FIRST_DATE, LAST_DATE = date(1900, 1, 1), date(2199, 12, 31)


@dataclass(frozen=True, slots=True)
class Column:
    """What a field becomes in Arrow and in the store. `refers` names the kind of object an external id points to."""

    type: ColumnType
    max_length: int | None = None
    refers: ObjectType | None = None
    personal: bool = False


def _clean(text: str) -> str:
    if not text or text != text.strip():
        raise ValueError("a text is trimmed and not empty: use None for nothing")
    if any(unicodedata.category(char) in ("Cc", "Cs") for char in text):
        raise ValueError("a text holds no control character")
    return text


def _in_calendar(day: date) -> date:
    if not FIRST_DATE <= day <= LAST_DATE:
        raise ValueError("a date lies between 1900 and 2199: map sentinels to null")
    return day


_cleaned = AfterValidator(_clean)

ExternalId = Annotated[str, Field(strict=True, max_length=120), _cleaned, Column("text", 120)]
Code = Annotated[str, Field(strict=True, max_length=60), _cleaned, Column("text", 60)]
Label = Annotated[str, Field(strict=True, max_length=300), _cleaned, Column("text", 300)]
PersonalText = Annotated[str, Field(strict=True, max_length=300), _cleaned, Column("text", 300, personal=True)]
CentsField = Annotated[int, Field(strict=True, gt=-MAX_CENTS, lt=MAX_CENTS), Column("cents")]
Day = Annotated[date, Field(strict=True), AfterValidator(_in_calendar), Column("date")]
PersonalDay = Annotated[date, Field(strict=True), AfterValidator(_in_calendar), Column("date", personal=True)]
Whole = Annotated[int, Field(strict=True, gt=-(2**53), lt=2**53), Column("int")]
Flag = Annotated[bool, Field(strict=True), Column("bool")]

SiteRef = Annotated[str, Field(strict=True, max_length=120), _cleaned, Column("text", 120, "site")]
UnitRef = Annotated[str, Field(strict=True, max_length=120), _cleaned, Column("text", 120, "unit")]
PersonRef = Annotated[str, Field(strict=True, max_length=120), _cleaned, Column("text", 120, "person")]
ContractRef = Annotated[str, Field(strict=True, max_length=120), _cleaned, Column("text", 120, "contract")]
AccountRef = Annotated[str, Field(strict=True, max_length=120), _cleaned, Column("text", 120, "account")]
NoticeRef = Annotated[str, Field(strict=True, max_length=120), _cleaned, Column("text", 120, "rent_notice")]


def is_kind(annotation: object) -> bool:
    """Whether an annotation is one of our kinds (a StrEnum): stored as its text value."""
    return isinstance(annotation, type) and issubclass(annotation, StrEnum)
