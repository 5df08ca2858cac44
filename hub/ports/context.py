"""What a plugin is given at run time: nothing else of the hub is within its reach."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from hub.domain.clock import Clock
from hub.wire.policy import NetworkPolicy


class State(Protocol):
    """A small persisted memory of the connector's own, per landlord and connector: short texts by name."""

    def get(self, name: str) -> str | None: ...

    def put(self, name: str, value: str) -> None: ...


@dataclass(frozen=True, slots=True)
class Context:
    """A landlord-scoped set of tools. `folder` keeps what was pinned at set-up (a vendored WSDL), across runs.

    `network` holds the landlord's limits: every client of `hub.wire` takes it. `log` carries no personal data:
    log counts, names of feeds and files, never values.
    """

    landlord: str
    connector: str
    time_zone: str
    clock: Clock
    network: NetworkPolicy
    state: State
    folder: Path
    log: logging.Logger
