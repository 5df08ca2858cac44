# ruff: noqa: RUF012 (the attributes of a contract are written plainly and never changed)
"""The `sftp_files` connector keeps every promise of the trade, with the feeds of landlords/cite-des-tilleuls.toml."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import pytest

from erp_connectors.sftp_files import SftpFilesConnector
from hub.sandbox import Sandbox
from hub.testing.bench import Bench
from hub.testing.erp_contract import ErpConnectorContract

LANDLORD = tomllib.loads((Path(__file__).parents[2] / "landlords/cite-des-tilleuls.toml").read_text())


class TestSftpFiles(ErpConnectorContract):
    connector = SftpFilesConnector
    feeds = LANDLORD["feeds"]
    nowhere = {"port": 9}
    refused_rows = {"ledger": 2}  # an unknown code and the 31st of February, on purpose
    posting = {"account_ref": "C411000001", "method": "payment_card"}
    refused_posting = {"account_ref": "NOBODY"}

    @pytest.fixture(scope="class")
    @classmethod
    def server(cls, tilleuls: dict[str, Any]) -> dict[str, Any]:
        return tilleuls

    @pytest.fixture(autouse=True)
    def erp(self, sandbox: Sandbox) -> None:
        self.sandbox = sandbox

    def entered(self, bench: Bench, reference: str) -> int:
        return [one.reference for one in self.sandbox.bookings.of("cite-des-tilleuls")].count(reference)

    def settle(self, bench: Bench) -> None:
        self.sandbox.inbox.pick_up()
