# ruff: noqa: RUF012 (the attributes of a contract are written plainly and never changed)
"""The `folder_files` connector keeps every promise of the trade, with the feeds and sample files of the CSV pack."""

from __future__ import annotations

import shutil
import tomllib
from pathlib import Path
from typing import Any

import pytest

from erp_connectors.sftp_files import FolderFilesConnector
from hub.testing.bench import Bench, no_network
from hub.testing.erp_contract import ErpConnectorContract

LANDLORDS = Path(__file__).parents[2] / "landlords"


class TestFolderFiles(ErpConnectorContract):
    connector = FolderFilesConnector
    # A file with a line for each unit or contract repeats its contract or account: copies, which are applied once.
    feeds = {
        name: table
        for name, table in tomllib.loads((LANDLORDS / "csv-pack.toml").read_text())["feeds"].items()
        if name != "contracts"
    }
    nowhere = {"folder": "/nowhere/at/all"}

    @pytest.fixture(scope="class")
    @classmethod
    def server(cls, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
        return {"folder": shutil.copytree(LANDLORDS / "csv-pack", tmp_path_factory.mktemp("pack") / "files")}

    def test_it_goes_nowhere_the_landlord_has_not_allowed(self, bench: Bench) -> None:
        """It opens no connection at all."""
        with no_network():
            assert all(bench.harvest(feed).rows for feed in bench.feeds)
