# ruff: noqa: RUF012 (the attributes of a contract are written plainly and never changed)
"""The `soap` connector keeps every promise of the trade against a Yardi, with the feeds of lakeside-homes.toml."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import pytest

from erp_connectors.soap import SoapConnector
from hub.testing.erp_contract import ErpConnectorContract

LANDLORD = tomllib.loads((Path(__file__).parents[2] / "landlords/lakeside-homes.toml").read_text())


class TestYardi(ErpConnectorContract):
    connector = SoapConnector
    feeds = LANDLORD["feeds"]
    nowhere = {"wsdl": "http://127.0.0.1:9/?wsdl", "address": "http://127.0.0.1:9/"}

    @pytest.fixture(scope="class")
    @classmethod
    def server(cls, lakeside: dict[str, Any]) -> dict[str, Any]:
        return lakeside
