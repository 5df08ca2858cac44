"""Units and addresses."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import strawberry

from hub.store.reads.contracts import CoveredUnit
from hub.store.reads.units import UnitRow
from tenant_api import ids
from tenant_api.ids import Kind
from tenant_api.types.kinds import UnitKind
from tenant_api.types.node import Node


@strawberry.type(description="A postal address.")
class Address:
    line1: str | None = strawberry.field(description="Number and street.")
    line2: str | None = strawberry.field(description="Building, staircase, floor.")
    postal_code: str | None = strawberry.field(description="Postal code.")
    city: str | None = strawberry.field(description="Town.")
    country: str | None = strawberry.field(description="ISO 3166 code of the country, where the landlord gives it.")

    @classmethod
    def of(cls, row: UnitRow) -> Address:
        return cls(line1=row.line1, line2=row.line2, postal_code=row.postal_code, city=row.city, country=row.country)


@strawberry.type(description="A rentable unit (lot): a dwelling, a garage, a cellar.")
class Unit(Node):
    kind: UnitKind = strawberry.field(description="What it is.")
    lot: str = strawberry.field(description="The landlord's number for it (numéro de lot).")
    typology: str | None = strawberry.field(description="Size by rooms, e.g. T3.")
    floor: str | None = strawberry.field(description="Floor.")
    door: str | None = strawberry.field(description="Door.")
    area: Decimal | None = strawberry.field(description="Living area in square metres, two decimal places.")
    energy_label: str | None = strawberry.field(description="Energy class (DPE), A to G.")
    site: str = strawberry.field(description="Name of the building or site (résidence).")
    address: Address = strawberry.field(description="Where it is.")

    @classmethod
    def of(cls, row: UnitRow) -> Unit:
        return cls(
            id=strawberry.ID(ids.encode(Kind.UNIT, row.id)),
            kind=UnitKind(row.kind),
            lot=row.lot_number,
            typology=row.typology,
            floor=row.floor,
            door=row.door,
            area=None if row.area_dm2 is None else Decimal(row.area_dm2).scaleb(-2),
            energy_label=row.energy_label,
            site=row.site_name,
            address=Address.of(row),
        )


@strawberry.type(description="A unit that a contract covers.")
class ContractUnit:
    unit: Unit = strawberry.field(description="The unit.")
    is_main: bool = strawberry.field(description="Whether it is the main one: the home.")
    from_on: date | None = strawberry.field(name="from", description="First day it is covered.")
    to_on: date | None = strawberry.field(name="to", description="Last day it is covered.")

    @classmethod
    def of(cls, row: CoveredUnit) -> ContractUnit:
        return cls(unit=Unit.of(row.unit), is_main=row.is_main, from_on=row.from_on, to_on=row.to_on)
