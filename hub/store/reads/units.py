"""Units and their addresses."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import text

from hub.store.reads.columns import listed
from hub.store.reads.reading import Reading


@dataclass(frozen=True, slots=True)
class UnitRow:
    """A unit. Its address is taken whole, or its building's whole: never a mixture of the two."""

    id: UUID
    kind: str
    lot_number: str
    typology: str | None
    floor: str | None
    door: str | None
    area_dm2: int | None
    energy_label: str | None
    site_name: str
    line1: str | None
    line2: str | None
    postal_code: str | None
    city: str | None
    country: str | None


def _address(part: str) -> str:
    return f"case when u.line1 is null then s.{part} else u.{part} end"


UNIT_COLUMNS = listed(
    UnitRow,
    "u",
    site_name="s.name",
    country="s.country",
    **{part: _address(part) for part in ("line1", "line2", "postal_code", "city")},
)
"""What a `UnitRow` is made of, from `unit u` and `site s`."""

UNIT_SITE = "unit u join site s on s.landlord_id = u.landlord_id and s.id = u.site_id"

_BY_IDS = text(f"select {UNIT_COLUMNS} from {UNIT_SITE} where u.id = any(cast(:ids as uuid[]))")


async def by_ids(reading: Reading, ids: Sequence[UUID]) -> list[UnitRow]:
    """The units among `ids` this session may see, in no order."""
    return [UnitRow(*row) for row in await reading.rows(_BY_IDS, ids=list(ids))]
