"""The four roles of the database. No serving process connects as `hub_owner`."""

from __future__ import annotations

import hmac
from enum import StrEnum
from typing import Final


class Role(StrEnum):
    """Who a connection is: what it may see is decided by PostgreSQL, from the role."""

    OWNER = "hub_owner"
    """Owns the tables; migrations only."""
    DISPATCH = "hub_dispatch"
    """Sees every landlord's `job` and `schedule` rows, no payload, and nothing else."""
    SYNC = "hub_sync"
    """Workers and operators: one landlord at a time."""
    API = "hub_api"
    """Requests: one landlord and one person's contracts at a time, reading only."""


SERVING: Final = (Role.DISPATCH, Role.SYNC, Role.API)


def role_password(role: Role, master_key: bytes) -> str:
    """The role's password, 256 bits derived from the installation's master key: a URL needs no further secret."""
    return hmac.digest(master_key, f"housing-hub database role {role}".encode(), "sha256").hex()
