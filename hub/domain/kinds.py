"""The hub's own words for what an ERP calls by codes. The ERP's code and label are kept beside them.

French terms once, here: bail (lease), lot (unit), titulaire / cotitulaire / occupant / garant (roles), loyer (rent),
provisions pour charges (service charge), régularisation (charge settlement), rappel (back-charge), SLS surloyer,
RLS réduction de loyer de solidarité, APL/AL housing aid, prélèvement (direct debit), dépôt de garantie (deposit).
"""

from __future__ import annotations

from enum import StrEnum


class SiteKind(StrEnum):
    SITE = "site"
    BUILDING = "building"


class UnitKind(StrEnum):
    DWELLING = "dwelling"
    PARKING = "parking"
    GARAGE = "garage"
    CELLAR = "cellar"
    COMMERCIAL = "commercial"
    OTHER = "other"


class ContractStatus(StrEnum):
    """What the ERP says; the hub shows it together with the dates."""

    UPCOMING = "upcoming"
    CURRENT = "current"
    UNDER_NOTICE = "under_notice"
    ENDED = "ended"


class PartyRoleKind(StrEnum):
    HOLDER = "holder"
    CO_HOLDER = "co_holder"
    OCCUPANT = "occupant"
    GUARANTOR = "guarantor"


class ChargeKind(StrEnum):
    """Kinds of price components and rent-notice lines."""

    RENT = "rent"
    SERVICE_CHARGE = "service_charge"
    WATER = "water"
    HEATING = "heating"
    PARKING_RENT = "parking_rent"
    SLS = "sls"
    RLS = "rls"
    HOUSING_AID = "housing_aid"
    INSURANCE = "insurance"
    PREVIOUS_BALANCE = "previous_balance"
    OTHER = "other"


class AccountKind(StrEnum):
    RENT = "rent"
    DEPOSIT = "deposit"
    RECHARGE = "recharge"
    LEGAL = "legal"
    GARAGE = "garage"
    OTHER = "other"


class EntryKind(StrEnum):
    """Kinds of ledger entries (*écritures*).

    `opening_balance` (*solde à nouveau, report*) is no movement: the balance is its amount, whatever came before.
    """

    RENT = "rent"
    SERVICE_CHARGE = "service_charge"
    CHARGE_SETTLEMENT = "charge_settlement"
    BACK_CHARGE = "back_charge"
    HOUSING_AID = "housing_aid"
    HOUSING_AID_RECALL = "housing_aid_recall"
    RLS = "rls"
    SLS = "sls"
    SLS_FEE = "sls_fee"
    DEPOSIT = "deposit"
    FEE = "fee"
    PAYMENT_CHEQUE = "payment_cheque"
    PAYMENT_DIRECT_DEBIT = "payment_direct_debit"
    PAYMENT_CARD = "payment_card"
    PAYMENT_TRANSFER = "payment_transfer"
    PAYMENT_CASH = "payment_cash"
    PAYMENT_TIP = "payment_tip"
    PAYMENT_REJECTED = "payment_rejected"
    REFUND = "refund"
    OPENING_BALANCE = "opening_balance"
    OTHER = "other"


class DocumentKind(StrEnum):
    RENT_NOTICE = "rent_notice"
    LEASE = "lease"
    INSPECTION = "inspection"
    ENERGY_LABEL = "energy_label"
    CHARGE_SETTLEMENT = "charge_settlement"
    OTHER = "other"
