"""The hub's kinds as GraphQL enums, each value described for those who have never seen a rent notice."""

from __future__ import annotations

from enum import Enum
from typing import TypeVar

import strawberry

from hub.domain.kinds import (
    AccountKind,
    ChargeKind,
    ContractStatus,
    DocumentKind,
    EntryKind,
    PartyRoleKind,
    UnitKind,
)

E = TypeVar("E", bound=Enum)


def _describe(kinds: type[E], name: str, description: str, values: dict[E, str]) -> None:
    """Make an enum of the domain known to GraphQL. KeyError when a value was left undescribed."""
    strawberry.enum(kinds, name=name, description=description)
    by_value = {kind.value: text for kind, text in values.items()}
    for value in kinds.__strawberry_definition__.values:  # type: ignore[attr-defined]  # set by the line above
        value.description = by_value[value.value]


_describe(
    UnitKind,
    "UnitKind",
    "What a rentable unit (lot) is.",
    {
        UnitKind.DWELLING: "A flat or house.",
        UnitKind.PARKING: "A parking space in the open or in a shared car park.",
        UnitKind.GARAGE: "A closed garage.",
        UnitKind.CELLAR: "A cellar.",
        UnitKind.COMMERCIAL: "Commercial premises.",
        UnitKind.OTHER: "Anything else that is let.",
    },
)
_describe(
    ContractStatus,
    "ContractStatus",
    "Where a lease (bail) stands, as the landlord's own system says; read it together with the dates.",
    {
        ContractStatus.UPCOMING: "Signed, not begun.",
        ContractStatus.CURRENT: "Running.",
        ContractStatus.UNDER_NOTICE: "Running, notice (congé) was given.",
        ContractStatus.ENDED: "Over. Its account and documents can still be read.",
    },
)
_describe(
    PartyRoleKind,
    "PartyRole",
    "What a person is in a lease.",
    {
        PartyRoleKind.HOLDER: "Signed the lease (titulaire).",
        PartyRoleKind.CO_HOLDER: "Signed the lease together with the holder (cotitulaire).",
        PartyRoleKind.OCCUPANT: "Lives there without having signed (occupant).",
        PartyRoleKind.GUARANTOR: "Stands surety (garant, caution).",
    },
)
_describe(
    ChargeKind,
    "ChargeKind",
    "What a line of the rent is for.",
    {
        ChargeKind.RENT: "Net rent (loyer principal).",
        ChargeKind.SERVICE_CHARGE: "Advance on service charges (provision pour charges).",
        ChargeKind.WATER: "Water.",
        ChargeKind.HEATING: "Heating.",
        ChargeKind.PARKING_RENT: "Rent of a parking space or garage.",
        ChargeKind.SLS: "Income-based surcharge (supplément de loyer de solidarité).",
        ChargeKind.RLS: "Solidarity rent reduction (réduction de loyer de solidarité); negative.",
        ChargeKind.HOUSING_AID: "Housing aid paid to the landlord (APL, AL); negative.",
        ChargeKind.INSURANCE: "Insurance taken through the landlord.",
        ChargeKind.PREVIOUS_BALANCE: "Balance carried over from before.",
        ChargeKind.OTHER: "Anything else.",
    },
)
_describe(
    AccountKind,
    "AccountKind",
    "What a tenant account is kept for.",
    {
        AccountKind.RENT: "Rent and charges.",
        AccountKind.DEPOSIT: "The security deposit (dépôt de garantie).",
        AccountKind.RECHARGE: "Repairs and damage charged to the tenant.",
        AccountKind.LEGAL: "A debt in the hands of the legal department.",
        AccountKind.GARAGE: "A garage or parking space with an account of its own.",
        AccountKind.OTHER: "Anything else.",
    },
)
_describe(
    EntryKind,
    "LedgerEntryKind",
    "What a ledger entry (écriture) is.",
    {
        EntryKind.RENT: "Rent of a period.",
        EntryKind.SERVICE_CHARGE: "Advance on service charges.",
        EntryKind.CHARGE_SETTLEMENT: "Yearly settlement of charges (régularisation), either way.",
        EntryKind.BACK_CHARGE: "Back-charge of past periods (rappel).",
        EntryKind.HOUSING_AID: "Housing aid received by the landlord (APL, AL).",
        EntryKind.HOUSING_AID_RECALL: "Housing aid of past periods, paid later or taken back.",
        EntryKind.RLS: "Solidarity rent reduction.",
        EntryKind.SLS: "Income-based surcharge.",
        EntryKind.SLS_FEE: "File fee of the income survey.",
        EntryKind.DEPOSIT: "Security deposit.",
        EntryKind.FEE: "A fee.",
        EntryKind.PAYMENT_CHEQUE: "Payment by cheque.",
        EntryKind.PAYMENT_DIRECT_DEBIT: "Payment by direct debit (prélèvement).",
        EntryKind.PAYMENT_CARD: "Payment by card.",
        EntryKind.PAYMENT_TRANSFER: "Payment by bank transfer (virement).",
        EntryKind.PAYMENT_CASH: "Payment in cash.",
        EntryKind.PAYMENT_TIP: "Payment by TIP SEPA slip.",
        EntryKind.PAYMENT_REJECTED: "A payment that the bank sent back.",
        EntryKind.REFUND: "Money paid back to the tenant.",
        EntryKind.OPENING_BALANCE: "The balance carried forward (solde à nouveau): the running balance begins at it.",
        EntryKind.OTHER: "Anything else; its label says what.",
    },
)
_describe(
    DocumentKind,
    "DocumentKind",
    "What a document is.",
    {
        DocumentKind.RENT_NOTICE: "Rent notice (avis d'échéance); never a receipt.",
        DocumentKind.LEASE: "Lease or an amendment of it.",
        DocumentKind.INSPECTION: "Inspection report (état des lieux).",
        DocumentKind.ENERGY_LABEL: "Energy label (DPE).",
        DocumentKind.CHARGE_SETTLEMENT: "Yearly settlement of charges.",
        DocumentKind.OTHER: "Anything else; its title says what.",
    },
)


@strawberry.enum(description="A day of the week.")
class Weekday(Enum):
    MONDAY = strawberry.enum_value(1, description="Monday.")
    TUESDAY = strawberry.enum_value(2, description="Tuesday.")
    WEDNESDAY = strawberry.enum_value(3, description="Wednesday.")
    THURSDAY = strawberry.enum_value(4, description="Thursday.")
    FRIDAY = strawberry.enum_value(5, description="Friday.")
    SATURDAY = strawberry.enum_value(6, description="Saturday.")
    SUNDAY = strawberry.enum_value(7, description="Sunday.")


__all__ = [
    "AccountKind",
    "ChargeKind",
    "ContractStatus",
    "DocumentKind",
    "EntryKind",
    "PartyRoleKind",
    "UnitKind",
    "Weekday",
]
