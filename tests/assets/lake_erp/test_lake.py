# ruff: noqa: RUF012 (the attributes of a contract are written plainly and never changed)
"""Lake's whole test: the promises of the trade, kept against a server that plays the ERP."""

import pytest
from lake_erp import LakeConnector
from lake_server import TOKEN, answer

from hub.testing.erp_contract import ErpConnectorContract
from hub.testing.servers import http_server


@pytest.fixture(scope="module")
def server():
    with http_server(answer) as url:
        yield {"base_url": url}


class TestLake(ErpConnectorContract):
    connector = LakeConnector
    settings = {"token": TOKEN}
    feeds = {"contracts": {"stream": "contracts", "mode": "delta"}}
    nowhere = {"base_url": "http://127.0.0.1:9"}
