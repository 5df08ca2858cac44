# ruff: noqa: RUF012 (the attributes of a contract are written plainly and never changed)
"""The `soap` connector keeps every promise of the trade, with the feeds of landlords/rives-doise.toml."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import pytest

from erp_connectors.soap import SoapConnector
from hub.sandbox import Sandbox
from hub.testing.bench import Bench
from hub.testing.erp_contract import ErpConnectorContract

LANDLORD = tomllib.loads((Path(__file__).parents[2] / "landlords/rives-doise.toml").read_text())
LEDGER = LANDLORD["feeds"]["ledger"]
WINDOW = LEDGER | {
    "mode": "window",
    "covers": {"days": 60},
    "arguments": LEDGER["arguments"] | {"DepuisLe": "{from}"},
}


class TestSoap(ErpConnectorContract):
    connector = SoapConnector
    feeds = LANDLORD["feeds"] | {"ledger_window": WINDOW}
    nowhere = {"wsdl": "http://127.0.0.1:9/?wsdl", "address": "http://127.0.0.1:9/"}
    posting = {"account_ref": "K000001", "method": "payment_card"}
    refused_posting = {"account_ref": "NOBODY"}

    @pytest.fixture(scope="class")
    @classmethod
    def server(cls, rives: dict[str, Any]) -> dict[str, Any]:
        return rives

    @pytest.fixture(autouse=True)
    def erp(self, sandbox: Sandbox) -> None:
        self.sandbox = sandbox

    def entered(self, bench: Bench, reference: str) -> int:
        return [one.reference for one in self.sandbox.bookings.of("rives-doise")].count(reference)
