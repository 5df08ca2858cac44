"""ERPs that answer SOAP calls: any WSDL, any paging, business errors at HTTP 200."""

from __future__ import annotations

from typing import Any

from erp_connectors.soap.connector import SoapConnector
from hub.hookspecs import hookimpl
from hub.ports import ErpConnector

HUB_API = (1, 0)


@hookimpl
def register_erp_connectors() -> list[type[ErpConnector[Any]]]:
    """This plugin brings one connector."""
    return [SoapConnector]
