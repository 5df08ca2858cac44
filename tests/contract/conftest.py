"""The landlords of the repository, on the bench against the sandbox's servers."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from hub.sandbox import Sandbox

LANDLORDS = Path(__file__).parents[2] / "landlords"
_OF_THE_HUB = {"plugin", "network", "password", "licence", "private_key"}


@pytest.fixture(scope="session")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    with Sandbox(tmp_path_factory.mktemp("sandbox"), contracts=20, today=date(2026, 11, 20)) as running:
        yield running


def settings_of(slug: str) -> dict[str, Any]:
    """The connector's settings as in the landlord's file, without its secrets."""
    written = tomllib.loads((LANDLORDS / f"{slug}.toml").read_text())["connectors"]["erp"]
    return {name: value for name, value in written.items() if name not in _OF_THE_HUB}


@pytest.fixture(scope="session")
def rives(sandbox: Sandbox) -> dict[str, Any]:
    """Settings that lead to the SOAP server of the sandbox."""
    password = (sandbox.folder / sandbox.state["soap"]["password_file"]).read_text().strip()
    return {**settings_of("rives-doise"), "wsdl": sandbox.state["soap"]["wsdl"], "password": password}


@pytest.fixture(scope="session")
def lakeside(sandbox: Sandbox) -> dict[str, Any]:
    """Settings that lead to the Yardi-like server of the sandbox."""
    door = sandbox.state["lakeside"]
    secrets = {name: (sandbox.folder / door[f"{name}_file"]).read_text().strip() for name in ("password", "licence")}
    return {**settings_of("lakeside-homes"), "wsdl": door["wsdl"], **secrets}


@pytest.fixture(scope="session")
def tilleuls(sandbox: Sandbox) -> dict[str, Any]:
    """Settings that lead to the SFTP server of the sandbox."""
    door = sandbox.state["sftp"]
    key = (sandbox.folder / door["key_file"]).read_text()
    return {**settings_of("cite-des-tilleuls"), "port": door["port"], "host_key": door["host_key"], "private_key": key}
