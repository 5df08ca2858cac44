"""From a record class to its columns: the one place annotations are read."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from typing import get_args

import pyarrow as pa
from pydantic.fields import FieldInfo

from hub.records.streams import CanonicalRecord
from hub.records.types import Column, is_kind

_ARROW = {
    "text": pa.string(),
    "enum": pa.string(),
    "cents": pa.int64(),
    "int": pa.int64(),
    "date": pa.date32(),
    "bool": pa.bool_(),
}


@dataclass(frozen=True, slots=True)
class FieldSpec:
    """One field of a stream: its column, whether a value is needed, what stands for nothing, and the kinds allowed."""

    name: str
    column: Column
    required: bool
    default: object
    kinds: tuple[str, ...] = ()

    @property
    def mapping_name(self) -> str:
        """The name in a landlord's mapping: `amount` for `amount_cents`, since a file never gives cents."""
        return self.name.removesuffix("_cents") if self.column.type == "cents" else self.name


def _annotations(info: FieldInfo) -> tuple[object, ...]:
    """The annotation and its metadata, through `X | None`."""
    inner = [arg for arg in get_args(info.annotation) if arg is not type(None)] or [info.annotation]
    metadata = [extra for arg in inner for extra in getattr(arg, "__metadata__", ())]
    return (*inner, *metadata, *info.metadata)


def _spec(name: str, info: FieldInfo) -> FieldSpec:
    found = _annotations(info)
    column = next((item for item in found if isinstance(item, Column)), None)
    kinds: tuple[str, ...] = ()
    for item in found:
        if is_kind(item):
            column, kinds = Column("enum"), tuple(kind.value for kind in item)  # type: ignore[attr-defined]
    if column is None:
        raise TypeError(f"{name} is not written in the vocabulary of hub.records.types")
    default = info.default if not info.is_required() else None
    return FieldSpec(
        name=name,
        column=column,
        required=info.is_required(),
        default=default.value if isinstance(default, StrEnum) else default,
        kinds=kinds,
    )


@cache
def field_specs(record: type[CanonicalRecord]) -> tuple[FieldSpec, ...]:
    """The fields of a record in their order."""
    return tuple(_spec(name, info) for name, info in record.model_fields.items())


@cache
def arrow_schema(record: type[CanonicalRecord]) -> pa.Schema:
    """The stream's Arrow schema; every column nullable on the wire, the checks say what must be there."""
    return pa.schema([pa.field(spec.name, _ARROW[spec.column.type]) for spec in field_specs(record)])
