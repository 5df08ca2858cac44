"""What a plugin is given at run time, made for tests: a clock to move, a state to look into, a spool in a folder."""

from __future__ import annotations

import logging
from datetime import UTC, datetime, timedelta
from pathlib import Path

from hub.domain.clock import Clock
from hub.ports import Context, State
from hub.sync.spool import FolderSpool
from hub.wire.policy import NetworkPolicy

__all__ = ["LOCAL_NETWORK", "FakeClock", "FolderSpool", "MemoryState", "make_context"]

LOCAL_NETWORK = NetworkPolicy(
    private_hosts=frozenset({"127.0.0.1"}), allow_http=True, total_seconds=30, connect_seconds=5, read_seconds=5
)
"""Limits that let a connector reach a server on this machine, as a landlord would allow it in his file."""


class FakeClock:
    """A clock that stands still until it is moved. Starts on 20 November 2026, 03:30 UTC."""

    def __init__(self, start: datetime = datetime(2026, 11, 20, 3, 30, tzinfo=UTC)) -> None:
        self.instant = start

    def now(self) -> datetime:
        return self.instant

    def move(self, **amount: float) -> None:
        """Go on by what `timedelta` takes: `clock.move(days=1)`."""
        self.instant += timedelta(**amount)


class MemoryState:
    """A connector's persisted memory, kept in `values`."""

    def __init__(self) -> None:
        self.values: dict[str, str] = {}

    def get(self, name: str) -> str | None:
        return self.values.get(name)

    def put(self, name: str, value: str) -> None:
        self.values[name] = value


def make_context(
    folder: Path,
    *,
    landlord: str = "lac-bleu",
    connector: str = "erp",
    time_zone: str = "Europe/Paris",
    clock: Clock | None = None,
    network: NetworkPolicy = LOCAL_NETWORK,
    state: State | None = None,
) -> Context:
    """A context as the hub makes one: `folder` is the connector's own, kept across runs."""
    folder.mkdir(parents=True, exist_ok=True)
    return Context(
        landlord=landlord,
        connector=connector,
        time_zone=time_zone,
        clock=clock or FakeClock(),
        network=network,
        state=state or MemoryState(),
        folder=folder,
        log=logging.getLogger(f"hub.plugin.{connector}"),
    )
