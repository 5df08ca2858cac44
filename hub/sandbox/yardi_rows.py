"""Lakeside Homes' rows as XML texts, in the shape of Yardi Voyager's billing interface: MITS inside `xsd:any`.

Names, nesting, the placeholder namespace, padding and sentinel dates are those of public replies.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from xml.sax.saxutils import quoteattr

from hub.sandbox.lakeside import without_lease
from hub.sandbox.lakeside_ledger import CHARGE, CHARGE_CODES
from hub.sandbox.model import Component, Contract, Entry, Person, Site, Unit, World
from hub.sandbox.soap_rows import NO_DATE, PADDING, amount, leaf, optional

RESIDENTS = "http://yardi.com/ResidentTransactions20"
MITS = "http://my-company.com/namespace"
OPENED = f'<ResidentTransactions xmlns="{RESIDENTS}" xmlns:MITS="{MITS}">\n'
CLOSED = "</ResidentTransactions>"
PARKING_TAX = "tax=true;rate=0.130000"
_TYPES = {"upcoming": "future resident", "current": "current resident", "ended": "former resident"}
_GENERAL_LEDGER = {"rent": "41100000", "srvchg": "41200000", "water": "41300000", "park": "41400000"}


def property_row(site: Site) -> str:
    """As the interface's list of what it may be asked about."""
    address = site.address
    said = leaf("Code", site.code) + leaf("MarketingName", site.name) + leaf("AddressLine1", address.line1)
    place = leaf("City", address.city) + "<State/>" + leaf("PostalCode", address.postal_code)
    return f"<Property>{said}<AddressLine2/><AddressLine3/>{place}<AccountsReceivable/><AccountsPayable/></Property>\n"


def property_id(site: Site) -> str:
    """What stands before a property's rows."""
    told = leaf("MITS:PrimaryID", site.code) + leaf("MITS:MarketingName", site.name)
    return f"<PropertyID><MITS:Identification>{told}</MITS:Identification></PropertyID>\n"


def unit_row(unit: Unit, resident: str) -> str:
    """A unit stands under the resident who lives there, who may be nobody."""
    address = unit.address
    told = leaf("MITS:UnitType", unit.typology) + leaf("MITS:UnitRent", "0.00")
    place = leaf("MITS:Address1", address.line1) + leaf("MITS:City", address.city)
    place += leaf("MITS:PostalCode", address.postal_code)
    information = f"<MITS:Information>{told}<MITS:Address>{place}</MITS:Address></MITS:Information>"
    return (
        f"<RT_Customer>{leaf('CustomerID', resident)}<RT_Unit>{leaf('UnitID', unit.lot)}"
        f"<Unit>{information}</Unit></RT_Unit></RT_Customer>\n"
    )


def type_of(contract: Contract) -> str:
    """Under notice of the tenant's, or of the landlord's."""
    if contract.status == "under_notice":
        return "eviction" if contract.habit == "eviction" else "notice"
    return _TYPES[contract.status]


def resident_row(contract: Contract, persons: Mapping[str, Person], *transactions: str) -> str:
    """A lease with everybody on it; its main resident comes first."""
    main, *others = contract.parties
    customers = _customer(persons[main.person], type_of(contract), _lease(contract))
    for party in others:
        kind = "guarantor" if party.role == "guarantor" else "customer"
        customers += _customer(persons[party.person], kind, _lease_of_other(responsible=party.solidary))
    return _rt_customer(contract.id, customers, contract.units[0].lot, "".join(transactions))


def prospect_row(person: Person, kind: str) -> str:
    """Somebody who never had a lease."""
    return _rt_customer(person.id, _customer(person, kind, ""), "", "")


def prospects(world: World, site: Site) -> Iterator[str]:
    """Those of a property: their number says which it is, as their unit's does."""
    lots = {unit.id for unit in world.units if unit.building == site.code}
    ordered = {f"t{n:07d}": unit.id for n, unit in enumerate(world.units, start=1)}
    return (prospect_row(person, kind) for person, kind in without_lease(world) if ordered.get(person.id) in lots)


def _rt_customer(number: str, customers: str, lot: str, transactions: str) -> str:
    ledger = f"<RTServiceTransactions>{transactions}</RTServiceTransactions>" if transactions else ""
    unit = f"<RT_Unit>{leaf('UnitID', lot)}</RT_Unit>" if lot else "<RT_Unit/>"
    return (
        f"<RT_Customer>{leaf('CustomerID', number + PADDING)}<Customers>{customers}</Customers>"
        f"{unit}<PaymentAccepted>0</PaymentAccepted>{ledger}</RT_Customer>\n"
    )


def _customer(person: Person, kind: str, lease: str) -> str:
    name = leaf("MITS:FirstName", person.given) + "<MITS:MiddleName/>" + leaf("MITS:LastName", person.family)
    phone = f'<MITS:Phone Type="home">{leaf("MITS:PhoneNumber", person.phone)}</MITS:Phone>' if person.phone else ""
    address = f'<MITS:Address Type="current">{optional("MITS:Email", person.email)}</MITS:Address>'
    told = f"{leaf('MITS:CustomerID', person.id)}<MITS:Name>{name}</MITS:Name>{phone}{address}{lease}"
    return f"<MITS:Customer Type={quoteattr(kind)}>{told}</MITS:Customer>"


def _lease(contract: Contract) -> str:
    moved_in = contract.starts_on if contract.status != "upcoming" else None
    moved_out = contract.move_out_on if contract.status == "ended" else None
    rent = next((item.cents for item in contract.components if item.kind == "rent"), 0)
    return (
        f"<MITS:Lease>{leaf('MITS:CurrentRent', amount(rent))}{_day('ExpectedMoveInDate', contract.starts_on)}"
        f"{_day('ExpectedMoveOutDate', contract.move_out_on)}{_day('LeaseFromDate', contract.starts_on, PADDING)}"
        f"{_day('LeaseToDate', contract.ends_on, PADDING)}{_day('ActualMoveIn', moved_in)}"
        f"{_day('ActualMoveOut', moved_out)}<MITS:ResponsibleForLease>true</MITS:ResponsibleForLease></MITS:Lease>"
    )


def _lease_of_other(*, responsible: bool) -> str:
    """A co-tenant's lease is all sentinels."""
    days = "".join(_day(name, None) for name in ("LeaseFromDate", "LeaseToDate", "ActualMoveIn"))
    return f"<MITS:Lease>{days}{leaf('MITS:ResponsibleForLease', 'true' if responsible else 'false')}</MITS:Lease>"


def _day(name: str, day: date | None, padding: str = "") -> str:
    return leaf(f"MITS:{name}", (day.isoformat() if day else NO_DATE) + padding)


def transaction(entry: Entry, *, site: str, lot: str, due: int | None) -> str:
    """One wrapper for each charge or payment; what is still `due` of a charge, None for a payment."""
    if due is None:
        return f"<Transactions>{_payment(entry, site=site)}</Transactions>"
    said = leaf("ChargeCode", entry.code) + leaf("GLAccountNumber", _GENERAL_LEDGER.get(entry.code, "49990000"))
    who = leaf("CustomerID", entry.account) + leaf("UnitID", lot)
    paid = leaf("AmountPaid", amount(entry.cents - due)) + leaf("BalanceDue", amount(due))
    detail = (
        f"{leaf('Description', entry.label)}{leaf('TransactionDate', entry.posted_on.isoformat() + PADDING)}"
        f"{leaf('TransactionID', str(entry.sequence))}{said}{who}{paid}"
        f"{leaf('Amount', amount(entry.cents) + PADDING)}<Comment/>{leaf('PropertyPrimaryID', site)}"
    )
    return f"<Transactions><Charge><Detail>{detail}</Detail></Charge></Transactions>"


def _payment(entry: Entry, *, site: str) -> str:
    """A returned payment is a payment of less than nothing, which names the receipt it undoes."""
    comment = f"Reversal of {entry.reversal_of.rpartition('-')[2]}" if entry.reversal_of else ""
    detail = (
        f"{leaf('Description', entry.label)}{optional('DocumentNumber', entry.payment_ref or entry.document)}"
        f"{leaf('TransactionDate', entry.posted_on.isoformat())}{leaf('TransactionID', str(entry.sequence))}"
        f"{leaf('CustomerID', entry.account)}{leaf('Amount', amount(-entry.cents))}{leaf('Comment', comment)}"
        f"{leaf('PropertyPrimaryID', site)}"
    )
    return f"<Payment Type={quoteattr(entry.code)}><Detail>{detail}</Detail></Payment>"


def lease_charges(contract: Contract, *, site: str) -> str:
    """What is charged each month, as charges without a number."""
    lot = contract.units[0].lot
    return "".join(_lease_charge(item, contract.id, lot, site) for item in contract.components)


def _lease_charge(item: Component, resident: str, lot: str, site: str) -> str:
    code = CHARGE_CODES[item.kind]
    comment = PARKING_TAX if item.kind == "parking_rent" else "tax=false"
    detail = (
        f"{leaf('Description', item.label)}{leaf('ChargeCode', code)}{leaf('GLAccountNumber', _GENERAL_LEDGER[code])}"
        f"{leaf('CustomerID', resident)}{leaf('UnitID', lot)}{leaf('Amount', amount(item.cents))}"
        f"{leaf('Comment', comment)}{leaf('PropertyPrimaryID', site)}"
    )
    return f"<Transactions><Charge><Detail>{detail}</Detail></Charge></Transactions>"


def transactions(entries: Sequence[Entry], due: Mapping[str, int], *, site: str, lot: str) -> str:
    """Charges and payments as they were entered."""
    return "".join(
        transaction(one, site=site, lot=lot, due=due[one.id] if one.id.startswith(CHARGE) else None) for one in entries
    )
