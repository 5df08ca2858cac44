"""What tells the two French landlords apart: their numbers, their codes and the day they call the rent."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from hub.sandbox.model import Landlord

CHARGE_LABELS = {
    "rent": "Loyer principal",
    "service_charge": "Provisions pour charges",
    "water": "Eau froide",
    "heating": "Chauffage collectif",
    "parking_rent": "Loyer stationnement",
    "sls": "Supplément de loyer de solidarité",
    "rls": "Réduction de loyer de solidarité",
    "housing_aid": "Aide personnalisée au logement",
}


@dataclass(frozen=True, slots=True)
class Profile:
    """A landlord's habits. Templates take `n`, the number of a contract, person or site; codes are kind → ERP code."""

    landlord: Landlord
    name: str
    contracts: int
    call_day: int
    aid_day: int
    due_days: tuple[int, ...]
    settlement_month: int
    history_months: int
    site: str
    building: str
    unit: str
    person: str
    contract: str
    reference: str
    account: str
    number: str
    component: str
    entry: str
    notice: str
    units: Mapping[str, str]
    statuses: Mapping[str, str]
    roles: Mapping[str, str]
    accounts: Mapping[str, str]
    charges: Mapping[str, str]
    entries: Mapping[str, str]
    methods: Mapping[str, str]


RIVES_DOISE = Profile(
    landlord="rives-doise",
    name="Rives d'Oise Habitat",
    contracts=312,
    call_day=26,
    aid_day=26,
    due_days=(5, 8, 10),
    settlement_month=6,
    history_months=20,
    site="R{n:04d}",
    building="{site}-{letter}",
    unit="L{lot}",
    person="T{n:06d}",
    contract="C{n:06d}",
    reference="L/888{n:06d}",
    account="K{n:06d}{suffix}",
    number="41{n:07d}{digit}",
    component="{contract}-{i:02d}",
    entry="E{n:06d}{digit}{i:05d}",
    notice="RDO-{period:%Y%m}-{n:06d}",
    units={"dwelling": "LOGT", "garage": "GARA", "parking": "PARK", "cellar": "CAVE"},
    statuses={"upcoming": "FU", "current": "EC", "under_notice": "PR", "ended": "SO"},
    roles={"holder": "TIT", "co_holder": "COT", "occupant": "OCC", "guarantor": "GAR"},
    accounts={"rent": "LOY", "deposit": "DG", "recharge": "REF", "garage": "GAR"},
    charges={
        "rent": "LOYP",
        "service_charge": "PCHG",
        "water": "EAUF",
        "heating": "CHAU",
        "parking_rent": "STAT",
        "sls": "SLS",
        "rls": "RLS",
        "housing_aid": "APL",
    },
    entries={
        "rent": "LOG",
        "garage_rent": "GAR",
        "housing_aid": "APL",
        "housing_aid_recall": "RAPL",
        "rls": "RLS",
        "sls": "SLS",
        "sls_fee": "FSLS",
        "charge_settlement": "RCH",
        "deposit": "DG",
        "fee": "REFA",
        "payment_cheque": "CHQ",
        "payment_direct_debit": "PRLV",
        "payment_card": "CB",
        "payment_transfer": "VIR",
        "payment_cash": "ESP",
        "payment_tip": "TIP",
        "payment_rejected": "REJ",
        "refund": "RBT",
    },
    methods={"direct_debit": "PRLV", "cheque": "CHQ", "card": "CB", "transfer": "VIR", "tip": "TIP", "cash": "ESP"},
)

CITE_DES_TILLEULS = Profile(
    landlord="cite-des-tilleuls",
    name="Cité des Tilleuls",
    contracts=287,
    call_day=1,
    aid_day=5,
    due_days=(8, 10),
    settlement_month=9,
    history_months=18,
    site="{n:04d}",
    building="{site}{letter}",
    unit="{lot}",
    person="{n:010d}",
    contract="2{n:06d}",
    reference="CT-2{n:06d}",
    account="C411{n:06d}{suffix}",
    number="411{n:06d}{digit}",
    component="{contract}{i:02d}",
    entry="{n:06d}{digit}{i:05d}",
    notice="A{period:%y%m}-2{n:06d}",
    units={"dwelling": "AP", "house": "MA", "garage": "GA", "parking": "PK", "cellar": "CV"},
    statuses={"upcoming": "A", "current": "V", "under_notice": "C", "ended": "R"},
    roles={"holder": "T", "co_holder": "C", "occupant": "O", "guarantor": "G"},
    accounts={"rent": "L", "deposit": "D", "recharge": "R", "garage": "G"},
    charges={
        "rent": "100",
        "service_charge": "200",
        "water": "210",
        "heating": "220",
        "parking_rent": "130",
        "sls": "190",
        "rls": "180",
        "housing_aid": "900",
    },
    entries={
        "rent": "LOC",
        "garage_rent": "GAR",
        "housing_aid": "APL",
        "housing_aid_recall": "APR",
        "rls": "RLS",
        "sls": "SLS",
        "sls_fee": "FSL",
        "charge_settlement": "REG",
        "deposit": "DEP",
        "fee": "REF",
        "payment_cheque": "CHQ",
        "payment_direct_debit": "PRL",
        "payment_card": "CBL",
        "payment_transfer": "VIR",
        "payment_cash": "EFF",
        "payment_tip": "TIP",
        "payment_rejected": "IMP",
        "refund": "RBT",
    },
    methods={"direct_debit": "PA", "cheque": "CH", "card": "CB", "transfer": "VI", "tip": "TI", "cash": "EF"},
)

PROFILES: dict[Landlord, Profile] = {profile.landlord: profile for profile in (RIVES_DOISE, CITE_DES_TILLEULS)}

GUIDE_LOT = "004473"
GUIDE_CONTRACT: dict[Landlord, str] = {"rives-doise": "C000000", "cite-des-tilleuls": "2000000"}
GUIDE_ACCOUNT: dict[Landlord, str] = {"rives-doise": "K000000", "cite-des-tilleuls": "C411000000"}
DEMO_CONTRACT: dict[Landlord, str] = {
    "rives-doise": "C000001",
    "cite-des-tilleuls": "2000001",
    "lakeside-homes": "t0000001",
}
DEMO_PERSON: dict[Landlord, str] = {
    "rives-doise": "T000001",
    "cite-des-tilleuls": "0000000001",
    "lakeside-homes": "t0000001",
}
