"""What apply and dump need to know of a stream, as pieces of SQL derived from its record and its table.

In these pieces `s` is the staged row, `t` the held row, `own` the external key of an anchor, and each reference has an
external key named after its field (`contract_ref` → `k_contract_ref`). Parameters: `:landlord`, `:source`.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

from hub.records import RECORDS, FieldSpec, Stream, field_specs
from hub.records.types import ObjectType
from hub.store.staging import stage_name
from hub.store.tables import table_of
from hub.store.tables.canonical import stored_name

# Which stream brings the objects of a kind, for messages.
BROUGHT_BY: dict[str, Stream] = {record.anchor: stream for stream, record in RECORDS.items() if record.anchor}
_KEY_SEPARATOR = "chr(31)"  # a control character: no text holds one


@dataclass(frozen=True, slots=True)
class Reference:
    """A field that names another object by its external id."""

    field: str
    object_type: ObjectType

    @property
    def alias(self) -> str:
        return f"k_{self.field}"

    def join(self, kind: str = "left join") -> str:
        return _key_join(kind, self.alias, self.object_type, f"s.{self.field}")


@dataclass(frozen=True, slots=True)
class Shape:
    """A stream in SQL. `columns`: what apply keeps of a row, each with the expression that gives it."""

    stream: Stream
    anchor: ObjectType | None
    table: str
    stage: str
    fields: tuple[str, ...]
    key: tuple[str, ...]
    references: tuple[Reference, ...]
    columns: tuple[tuple[str, str], ...]

    @property
    def own_reference(self) -> Reference | None:
        """The field by which a row refers to another of its own stream, if there is one."""
        return next((found for found in self.references if found.object_type == self.anchor), None)

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(name for name, _ in self.columns)

    def joins(self) -> str:
        """The keys of a staged row and of all it refers to."""
        own = [_key_join("join", "own", self.anchor, "s.external_id")] if self.anchor else []
        return "\n".join([*own, *(reference.join() for reference in self.references)])

    def key_joins(self, kind: str) -> str:
        """The external keys that a row's own key goes through."""
        if self.anchor:
            return _key_join(kind, "own", self.anchor, "s.external_id")
        return "\n".join(reference.join(kind) for reference in self.references if reference.field in self.key)

    def identity(self) -> str:
        """A text that is equal for staged rows of one held row, whether that one is there yet or not."""
        if self.anchor:
            return "coalesce(own.object_id::text, s.external_id)"
        through = {
            reference.field: f"coalesce({reference.alias}.object_id::text, s.{reference.field})"
            for reference in self.references
        }
        parts = [through.get(name, f"s.{name}") for name in self.key]
        return parts[0] if len(parts) == 1 else f"concat_ws({_KEY_SEPARATOR}, {', '.join(parts)})"

    def same_row(self) -> str:
        """The condition that `t` is the held row of `s`, given its keys."""
        if self.anchor:
            return "t.landlord_id = :landlord and t.id = own.object_id"
        expressions = dict(self.columns)
        refs = {reference.field: stored_name(_spec(self.stream, reference.field)) for reference in self.references}
        key = [refs.get(name, name) for name in self.key]
        source = ["t.source = :source"] if key == ["external_id"] else []
        return " and ".join(
            ["t.landlord_id = :landlord", *source, *(f"t.{name} = {expressions[name]}" for name in key)]
        )

    def differs(self) -> str:
        """The condition that the staged row says something else than `t`, given its joins."""
        held = ", ".join(["t.source", *(f"t.{name}" for name in self.names)])
        staged = ", ".join([":source", *(expression for _, expression in self.columns)])
        return f"({held}) is distinct from ({staged})"


def _key_join(kind: str, alias: str, object_type: str | None, value: str) -> str:
    return (
        f"{kind} external_key {alias} on {alias}.landlord_id = :landlord and {alias}.source = :source"
        f" and {alias}.object_type = '{object_type}' and {alias}.external_id = {value}"
    )


def _spec(stream: Stream, name: str) -> FieldSpec:
    return next(spec for spec in field_specs(RECORDS[stream]) if spec.name == name)


@cache
def shape_of(stream: Stream) -> Shape:
    """The shape of a stream."""
    record = RECORDS[stream]
    specs = field_specs(record)
    references = tuple(Reference(spec.name, spec.column.refers) for spec in specs if spec.column.refers)
    aliases = {reference.field: f"{reference.alias}.object_id" for reference in references}
    kept = [spec for spec in specs if not (record.anchor and spec.name == "external_id")]
    return Shape(
        stream=stream,
        anchor=record.anchor,
        table=table_of(stream).name,
        stage=stage_name(stream),
        fields=tuple(spec.name for spec in specs),
        key=record.key,
        references=references,
        columns=tuple((stored_name(spec), aliases.get(spec.name, f"s.{spec.name}")) for spec in kept),
    )
