"""What runs on a data directory, told to the other commands of this machine through `<data dir>/running.json`."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path

from hub.embedded.lock import is_running


def announce(data_dir: Path, environment: Mapping[str, str]) -> None:
    """Say by which environment variables other commands reach this hub. The values must hold no secret."""
    path = _path(data_dir)
    fresh = path.with_suffix(".new")
    with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as file:
        json.dump({"pid": os.getpid(), "environment": dict(environment)}, file)
    fresh.rename(path)


def withdraw(data_dir: Path) -> None:
    """Say that nothing runs any more."""
    _path(data_dir).unlink(missing_ok=True)


def running_on(data_dir: Path) -> dict[str, str] | None:
    """The environment of the hub that runs on this folder, None when none does (a killed one does not count)."""
    try:
        said = json.loads(_path(data_dir).read_text(encoding="utf-8"))
        return dict(said["environment"]) if is_running(said["pid"]) else None
    except (OSError, ValueError, TypeError, KeyError):
        return None


def _path(data_dir: Path) -> Path:
    return data_dir / "running.json"
