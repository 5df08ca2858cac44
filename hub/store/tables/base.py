"""One way to make a table: the landlord comes first in every key, and says which persons may see a row."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from sqlalchemy import Column, ForeignKeyConstraint, MetaData, PrimaryKeyConstraint, Table, Text, UniqueConstraint
from sqlalchemy.schema import SchemaItem

metadata = MetaData(
    naming_convention={
        "pk": "%(table_name)s_pk",
        "uq": "%(table_name)s_%(column_0_N_name)s_key",
        "fk": "%(table_name)s_%(column_0_N_name)s_fk",
        "ix": "%(table_name)s_%(column_0_N_name)s_idx",
        "ck": "%(table_name)s_%(constraint_name)s_check",
    }
)

ANYONE: Final = "anyone"
"""A table without personal data: every tenant of the landlord may read it."""


def landlord_table(
    name: str,
    *items: SchemaItem,
    key: Sequence[str],
    person: str | None = None,
    insert: str | None = None,
    append_only: bool = False,
    comment: str = "",
) -> Table:
    """A table with landlord data.

    `key`: the rest of the primary key. `person`: None = `hub_api` is not granted the table at all; `ANYONE` = the
    landlord policy alone; else an SQL condition on the row, which the policy of `hub_api` adds to the landlord's.
    `insert`: None = `hub_api` writes no row; else the condition on those it may write. `append_only`: nobody changes or
    removes a row.
    """
    return Table(
        name,
        metadata,
        Column("landlord_id", Text, nullable=False),
        *items,
        PrimaryKeyConstraint("landlord_id", *key),
        comment=comment or None,
        info={"person": person, "insert": insert, "append_only": append_only},
    )


def unique(*columns: str) -> UniqueConstraint:
    """A unique key within one landlord (a key without it would tell what exists elsewhere)."""
    return UniqueConstraint("landlord_id", *columns)


def refers(columns: Sequence[str], table: str, to: Sequence[str] = ("id",)) -> ForeignKeyConstraint:
    """A foreign key within one landlord."""
    return ForeignKeyConstraint(["landlord_id", *columns], [f"{table}.{name}" for name in ("landlord_id", *to)])
