"""One service of an ERP: its WSDL, pinned in a folder, and the client made of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urljoin

from hub.wire import BasicAuth, SoapClient, UsernameToken, VendoredWsdl, vendor_wsdl

if TYPE_CHECKING:
    from erp_connectors.soap.connector import SoapConnector


@dataclass(slots=True)
class Service:
    """`url`: where its WSDL is; `folder`: where that is pinned."""

    connector: SoapConnector
    url: str
    folder: Path
    address: str | None
    binding: str | None
    _client: SoapClient | None = field(default=None, repr=False)

    def wsdl(self) -> VendoredWsdl:
        """The pinned WSDL; fetched now if there is none yet, or if the landlord's file names another one."""
        if (self.folder / "wsdl.lock.json").exists():
            pinned = VendoredWsdl.open(self.folder)
            if pinned.url.partition("?")[0] == self.url.partition("?")[0]:
                return pinned
        return vendor_wsdl(self.url, self.folder, self.connector.http())

    def client(self) -> SoapClient:
        """Made when first needed."""
        if self._client is None:
            self._client = SoapClient(
                self.wsdl(),
                self.connector.http(),
                auth=_auth(self.connector),
                binding=self.binding,
                address=self.address,
                on_fault=self.connector.on_fault,
            )
        return self._client


def services_of(connector: SoapConnector) -> list[Service]:
    """The connector's own service first."""
    own, folder = connector.settings, connector.context.folder
    services = [Service(connector, own.wsdl, folder / "wsdl", own.address, own.binding)]
    if own.posting is not None and own.posting.wsdl is not None:
        url, address = urljoin(own.wsdl, own.posting.wsdl), own.posting.address
        address = urljoin(url, address) if address else None
        services.append(Service(connector, url, folder / "wsdl-posting", address, own.posting.binding))
    return services


def _auth(connector: SoapConnector) -> BasicAuth | UsernameToken | None:
    own = connector.settings
    if own.auth in ("none", "body") or own.user is None or own.password is None:
        return None
    if own.auth == "basic":
        return BasicAuth(own.user, own.password.get_secret_value())
    return UsernameToken(own.user, own.password.get_secret_value(), digest=own.auth == "wsse_digest")
