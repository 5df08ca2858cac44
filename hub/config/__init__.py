"""Landlord files and the environment, as typed settings."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from hub.config.settings import Profile, Settings

if TYPE_CHECKING:
    from hub.config.contact_points import ContactPoint, Opening
    from hub.config.judge import read_landlord, resolve
    from hub.config.landlord_config import ConnectorConfig, Connectors, FeedConfig, LandlordConfig, SecretName
    from hub.config.landlord_file import Identity, LandlordFile, Network
    from hub.config.notify import Notify
    from hub.config.problems import LandlordFileError

__all__ = [
    "ConnectorConfig",
    "Connectors",
    "ContactPoint",
    "FeedConfig",
    "Identity",
    "LandlordConfig",
    "LandlordFile",
    "LandlordFileError",
    "Network",
    "Notify",
    "Opening",
    "Profile",
    "SecretName",
    "Settings",
    "read_landlord",
    "resolve",
]

# Landlord files need Arrow and polars; the environment's settings are read by processes that need neither.
_HOMES = {
    "contact_points": ("ContactPoint", "Opening"),
    "judge": ("read_landlord", "resolve"),
    "landlord_config": ("ConnectorConfig", "Connectors", "FeedConfig", "LandlordConfig", "SecretName"),
    "landlord_file": ("Identity", "LandlordFile", "Network"),
    "notify": ("Notify",),
    "problems": ("LandlordFileError",),
}


def __getattr__(name: str) -> object:
    for home, names in _HOMES.items():
        if name in names:
            return getattr(import_module(f"hub.config.{home}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
