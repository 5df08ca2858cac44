"""The canonical dump: all a landlord's canonical rows as text, the same for the same content whatever its hub ids.

One line a row: the table, a tab, a JSON object whose references are external ids. Sorted, so that two dumps can be
compared by `diff`. Left out or reduced, because two good runs may differ in them: `VOLATILE`.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Final

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from hub.records import Stream
from hub.store.shape import Shape, shape_of

VOLATILE: Final = {
    "id": "made by the hub: the external id stands for it",
    "changed_run": "which run wrote a row depends on when it was interrupted",
    "missing_since": "an instant: whether it is set is kept, as `missing`",
    "closed_at": "an instant: a closed contract is a missing one, seen so twice",
}


async def canonical_dump(conn: AsyncConnection) -> str:
    """The whole dump of the landlord of this transaction (role `hub_sync`), in one text."""
    return "".join([line async for line in dump_lines(conn)])


async def dump_lines(conn: AsyncConnection) -> AsyncIterator[str]:
    """The dump a line at a time, each with its newline: streamed, whatever the size."""
    for name, query in {"external_key": _keys_query(), **{s.value: _stream_query(shape_of(s)) for s in Stream}}.items():
        async with conn.stream(text(f'select line from ({query}) as rows(line) order by line collate "C"')) as found:
            async for line in found.scalars():
                yield f"{name}\t{line}\n"


def _keys_query() -> str:
    """Each external id beside the one its object is named by here: equal unless several ids mean one object."""
    return f"""
        select json_build_object(
            'source', e.source, 'object_type', e.object_type, 'external_id', e.external_id,
            'object', {_named("e.object_type", "e.object_id")}
        )::text
        from external_key e"""


def _stream_query(shape: Shape) -> str:
    refers = {reference.field: reference.object_type for reference in shape.references}
    pairs = ["'source', t.source", "'missing', t.missing_since is not null"]
    if shape.anchor:
        pairs.append("'external_id', " + _named(f"'{shape.anchor}'", "t.id"))
    for field, column in zip(_kept_fields(shape), shape.names, strict=True):
        value = _named(f"'{refers[field]}'", f"t.{column}") if field in refers else f"t.{column}"
        pairs.append(f"'{field}', {value}")
    return f"select json_build_object({', '.join(pairs)})::text from {shape.table} t"


def _kept_fields(shape: Shape) -> list[str]:
    return [name for name in shape.fields if not (shape.anchor and name == "external_id")]


def _named(object_type: str, hub_id: str) -> str:
    """The id an object is named by: of its external ids, the first one in order."""
    return f"""(
        select k.source || ':' || k.external_id from external_key k
        where k.object_type = {object_type} and k.object_id = {hub_id}
        order by k.source collate "C", k.external_id collate "C" limit 1
    )"""
