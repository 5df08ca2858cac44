"""The landlords' feeds on the bench, each against a sandbox of its own choice."""

from __future__ import annotations

import sys
import tomllib
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest

from erp_connectors.sftp_files import SftpFilesConnector
from erp_connectors.soap import SoapConnector
from hub.sandbox import Sandbox
from hub.testing.bench import Bench, make_feed
from hub.testing.fakes import FakeClock

sys.path.insert(0, str(Path(__file__).parent))  # for what its tests share

LANDLORDS = Path(__file__).parents[2] / "landlords"
TODAY = date(2026, 11, 20)
_OF_THE_HUB = {"plugin", "network", "password", "licence", "private_key"}
DOORS = {"rives-doise": "soap", "cite-des-tilleuls": "sftp", "lakeside-homes": "lakeside"}
BenchMaker = Callable[..., Bench]


@pytest.fixture(scope="module")
def open_sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., Sandbox]]:
    """Starts a sandbox; all are stopped at the end of the module."""
    with ExitStack() as stack:
        yield lambda **world: stack.enter_context(
            Sandbox(tmp_path_factory.mktemp("sandbox"), **{"contracts": 20, "today": TODAY, **world})
        )


@pytest.fixture(scope="module")
def sandbox(open_sandbox: Callable[..., Sandbox]) -> Sandbox:
    return open_sandbox()


@pytest.fixture
def bench_of(tmp_path: Path) -> BenchMaker:
    """The bench of a landlord of the repository, led to a sandbox; keywords replace settings of one feed."""

    def make(slug: str, sandbox: Sandbox, *, only: str | None = None, **changes: Any) -> Bench:
        landlord = tomllib.loads((LANDLORDS / f"{slug}.toml").read_text())
        connector = SftpFilesConnector if slug == "cite-des-tilleuls" else SoapConnector
        written = landlord["connectors"]["erp"].items()
        settings = {name: value for name, value in written if name not in _OF_THE_HUB} | door_of(slug, sandbox)
        feeds = [
            make_feed(connector, name, {**table, **changes})
            for name, table in landlord["feeds"].items()
            if only in (None, name)
        ]
        clock = FakeClock(datetime(TODAY.year, TODAY.month, TODAY.day, 3, 30, tzinfo=UTC))
        return Bench(connector, settings, feeds, tmp_path / slug, clock=clock)

    return make


def door_of(slug: str, sandbox: Sandbox) -> dict[str, Any]:
    """Address and secrets of one of a sandbox's servers."""
    door = sandbox.state[DOORS[slug]]
    if slug != "cite-des-tilleuls":
        names = [name for name in ("password", "licence") if f"{name}_file" in door]
        secrets = {name: (sandbox.folder / door[f"{name}_file"]).read_text().strip() for name in names}
        return {"wsdl": door["wsdl"], **secrets}
    key = (sandbox.folder / door["key_file"]).read_text()
    return {"port": door["port"], "host_key": door["host_key"], "private_key": key}
