# ruff: noqa: RUF012 (the attributes of a contract are written plainly and never changed)
"""The `soap` connector keeps every promise of the trade against a Yardi, with the feeds of lakeside-homes.toml."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import pytest

from erp_connectors.soap import SoapConnector
from hub.sandbox import Sandbox
from hub.testing.bench import Bench
from hub.testing.erp_contract import ErpConnectorContract

LANDLORD = tomllib.loads((Path(__file__).parents[2] / "landlords/lakeside-homes.toml").read_text())


class TestYardi(ErpConnectorContract):
    connector = SoapConnector
    feeds = LANDLORD["feeds"]
    nowhere = {"wsdl": "http://127.0.0.1:9/?wsdl", "address": "http://127.0.0.1:9/"}
    posting = {"account_ref": "t0000001", "site_ref": "heron", "method": "payment_card"}
    refused_posting = {"account_ref": "NOBODY"}

    @pytest.fixture(scope="class")
    @classmethod
    def server(cls, lakeside: dict[str, Any]) -> dict[str, Any]:
        return lakeside

    @pytest.fixture(autouse=True)
    def erp(self, sandbox: Sandbox) -> None:
        self.sandbox = sandbox

    def entered(self, bench: Bench, reference: str) -> int:
        return [one.reference for one in self.sandbox.bookings.of("lakeside-homes")].count(reference)
