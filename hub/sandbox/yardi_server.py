"""Lakeside Homes' ERP on the wire: the login in the body of each call, MITS payloads, refusals at HTTP 200."""

from __future__ import annotations

import hmac
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from lxml import etree

from hub.sandbox import yardi_batches
from hub.sandbox.calendar import first_of
from hub.sandbox.lakeside_ledger import CHARGE, still_due
from hub.sandbox.model import Contract, Entry, Site, World
from hub.sandbox.soap_envelope import ENVELOPE, Call, FaultError, read_envelope
from hub.sandbox.soap_operations import Arguments, BusinessError, Reply
from hub.sandbox.soap_rows import leaf
from hub.sandbox.soap_server import SoapServer
from hub.sandbox.till import Till
from hub.sandbox.yardi_batches import Batches
from hub.sandbox.yardi_rows import (
    CLOSED,
    OPENED,
    lease_charges,
    property_id,
    property_row,
    prospects,
    resident_row,
    transactions,
    unit_row,
)

NAMESPACE = "http://tempuri.org/YSI.Interfaces.WebServices/ItfResidentTransactions20"
PATH = "/lakeside/webservices/ItfResidentTransactions20.asmx"
SERVER, DATABASE, PLATFORM, ENTITY = "LAKE-SQL01", "lakeside_live", "SQL Server", "Housing Hub"
VERSION = "Voyager-like sandbox 20.0"
_RECENT = timedelta(days=30)


class RefusalError(BusinessError):
    """A `Messages` document in the place of the result."""

    def __init__(self, text: str, *, kind: str = "Error") -> None:
        super().__init__(kind, "", text)

    def xml(self) -> str:
        said = leaf("Message", self.text).replace("<Message>", f'<Message messageType="{self.severity}">', 1)
        return f"<Messages>{said}</Messages>"


@dataclass(frozen=True, slots=True)
class Login:
    """What every call has to say."""

    user: str
    password: str
    licence: str

    def look(self, given: Arguments) -> bool:
        """Whether the result is anything at all: a wrong database is answered with an empty element.

        Raises RefusalError, which differs by the part that is wrong.
        """
        pairs = (("UserName", self.user), ("Password", self.password))
        if not all(_same(given.get(name, ""), right) for name, right in pairs):
            raise RefusalError("Login failed. Please check login credentials and try again.")
        if not _same(given.get("InterfaceLicense", ""), self.licence):
            raise RefusalError("The interface license is not valid for this database.")
        if given.get("InterfaceEntity") != ENTITY:
            raise RefusalError("The interface entity is not set up for this interface.")
        place = (("ServerName", SERVER), ("Database", DATABASE), ("Platform", PLATFORM))
        return all(given.get(name) == right for name, right in place)


def _same(given: str, right: str) -> bool:
    return hmac.compare_digest(given.encode(), right.encode())


class YardiServer(SoapServer):
    """Serves one world the way Voyager's billing and payments interface does."""

    path = PATH
    documents: Mapping[tuple[str, str], str] = {
        (PATH, "wsdl"): "ItfResidentTransactions20.wsdl",
        (yardi_batches.PATH, "wsdl"): "ItfResidentTransactions20_SysBatch.wsdl",
    }
    banner = "Microsoft-IIS/10.0"
    internal_error = "Server was unable to process request."

    def __init__(self, world: World, *, licence: str, user: str, password: str, **more: Any) -> None:
        self._login = Login(user, password, licence)
        self.batches = Batches(RefusalError)
        super().__init__(world, user=user, password=password, **more)

    @property
    def operations(self) -> frozenset[str]:
        return frozenset(OPERATIONS) | frozenset(self.batches.operations)

    @property
    def paths(self) -> frozenset[str]:
        return frozenset([PATH, yardi_batches.PATH])

    @property
    def batches_wsdl_url(self) -> str:
        return f"http://{self.host}:{self.port}{yardi_batches.PATH}?wsdl"

    def take_receipts(self, till: Till) -> None:
        self.till = self.batches.till = till

    def read_call(self, body: bytes) -> Call:
        envelope = read_envelope(body)
        spaces = (NAMESPACE, yardi_batches.NAMESPACE)
        found = (envelope.find(f"{{{ENVELOPE}}}Body/{{{space}}}*") for space in spaces)
        request = next((one for one in found if one is not None), None)
        if request is None:
            raise FaultError("soap:Client", "Server did not recognize the value of HTTP Header SOAPAction.")
        arguments = {etree.QName(child).localname: _content(child) for child in request}
        return Call(etree.QName(request).localname, arguments)

    def answer(self, world: World, call: Call) -> Reply:
        if call.operation in _FREE:
            return OPERATIONS[call.operation](world, call.arguments)
        if not self._login.look(call.arguments):
            return Reply("", iter(()), "")
        if (batches := self.batches.operations.get(call.operation)) is not None:
            return batches(world, call.arguments)
        return OPERATIONS[call.operation](world, call.arguments)

    def busy(self) -> BusinessError:
        return RefusalError("The server is busy. Please try again later.")

    def message(self, text: str) -> BusinessError:
        return RefusalError(text)

    def texts(self, operation: str, reply: Reply) -> Iterator[str]:
        """The result is told by nothing but its name; what is inside is anybody's."""
        yield f'<?xml version="1.0" encoding="utf-8"?>\n<soap:Envelope xmlns:soap="{ENVELOPE}"><soap:Body>\n'
        space = yardi_batches.NAMESPACE if operation in self.batches.operations else NAMESPACE
        yield f'<{operation}Response xmlns="{space}">'
        if not (reply.head or reply.tail):
            yield f"<{operation}Result/>"
        else:
            yield f"<{operation}Result>{reply.head}"
            yield from reply.rows
            yield f"{reply.tail}</{operation}Result>"
        yield f"</{operation}Response>\n</soap:Body></soap:Envelope>"


def _content(element: etree._Element) -> str:
    """An argument's text, or its XML."""
    if len(element):
        return etree.tostring(element[0], encoding="unicode", with_tail=False)
    return (element.text or "").strip()


# --- what is answered ------------------------------------------------------------------------------------------------


def _ping(world: World, given: Arguments) -> Reply:
    return Reply("Itf_ResidentTransactions20", iter(()), "")


def _version(world: World, given: Arguments) -> Reply:
    return Reply(VERSION, iter(()), "")


def _properties(world: World, given: Arguments) -> Reply:
    return Reply('<Properties xmlns="">\n', map(property_row, world.sites), "</Properties>")


def _units(world: World, given: Arguments) -> Reply:
    site = _site(world, given)
    living = {contract.units[0].unit: contract.id for contract in world.contracts if contract.status != "ended"}
    rows = (unit_row(unit, living.get(unit.id, "")) for unit in world.units if unit.building == site.code)
    opened = OPENED.replace("<ResidentTransactions", "<PhysicalProperty")
    return Reply(f"{opened}<Property>{property_id(site)}", rows, "</Property></PhysicalProperty>")


def _residents(world: World, given: Arguments) -> Reply:
    """Every status, with the charges that are not paid and the payments of late."""
    site = _site(world, given)
    rows = (_resident(world, contract, site, _open(world, contract)) for contract in _leases(world, site))
    return _report(site, [*rows, *prospects(world, site)])


def _resident_of(world: World, given: Arguments) -> Reply:
    site, wanted = _site(world, given), given.get("TenantId")
    leases = (contract for contract in _leases(world, site) if contract.id == wanted)
    return _report(site, [_resident(world, contract, site, _open(world, contract)) for contract in leases])


def _by_charge_date(world: World, given: Arguments) -> Reply:
    """Charges and payments of these days, both included, of those who have any."""
    site, first, last = _site(world, given), _day(given, "FromDate"), _day(given, "ToDate")
    found = []
    for contract in _leases(world, site):
        entries = [entry for entry in world.entries.get(contract.id, ()) if first <= entry.posted_on <= last]
        found += [_resident(world, contract, site, entries)] if entries else []
    return _report(site, found)


def _lease_charges(world: World, given: Arguments) -> Reply:
    """Those in force now, for any month since the world began: its days may pass faster than the caller's."""
    site, month = _site(world, given), _day(given, "PostMonth")
    if month < first_of(world.base):
        raise nobody()
    persons = {person.id: person for person in world.persons}
    leases = (contract for contract in _leases(world, site) if contract.components)
    return _report(site, [resident_row(one, persons, lease_charges(one, site=site.code)) for one in leases])


def _resident(world: World, contract: Contract, site: Site, entries: Iterable[Entry]) -> str:
    persons = {person.id: person for person in world.persons}
    due = still_due(world.entries.get(contract.id, ()))
    told = transactions(list(entries), due, site=site.code, lot=contract.units[0].lot)
    return resident_row(contract, persons, told)


def _open(world: World, contract: Contract) -> list[Entry]:
    entries = world.entries.get(contract.id, ())
    due = still_due(entries)
    since = world.today - _RECENT
    return [one for one in entries if (due[one.id] if one.id.startswith(CHARGE) else one.posted_on > since)]


def _leases(world: World, site: Site) -> Iterator[Contract]:
    lots = {unit.id for unit in world.units if unit.building == site.code}
    return (contract for contract in world.contracts if contract.units[0].unit in lots)


def _report(site: Site, rows: list[str]) -> Reply:
    if not rows:
        raise nobody()
    return Reply(f"{OPENED}<Property>{property_id(site)}", iter(rows), f"</Property>{CLOSED}")


def nobody() -> BusinessError:
    """What stands for "nothing to tell"."""
    return RefusalError("No tenants exist with the given search criteria")


def _site(world: World, given: Arguments) -> Site:
    for site in world.sites:
        if site.code == given.get("YardiPropertyId"):
            return site
    raise RefusalError("Invalid or no access to Yardi Property")


def _day(given: Arguments, name: str) -> date:
    try:
        return date.fromisoformat(given.get(name, ""))
    except ValueError:
        raise RefusalError(f"Invalid {name}") from None


OPERATIONS: Mapping[str, Callable[[World, Arguments], Reply]] = {
    "Ping": _ping,
    "GetVersionNumber": _version,
    "GetPropertyConfigurations": _properties,
    "GetUnitInformation_Login": _units,
    "GetResidentTransactions_Login": _residents,
    "GetResidentTransaction_Login": _resident_of,
    "GetResidentTransactions_ByChargeDate_Login": _by_charge_date,
    "GetResidentsLeaseCharges_Login": _lease_charges,
}
_FREE = ("Ping", "GetVersionNumber")
