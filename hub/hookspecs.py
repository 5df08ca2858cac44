"""The front door: every hook a plugin may implement, one sentence each, and the version of the plugin API.

A plugin module says which API it was written for (`HUB_API = (1, 0)`), implements a hook with `@hookimpl`, and is found
through an entry point of the group `housing_hub.plugins`. Hooks only register; behaviour sits in `hub.ports`.
"""

from __future__ import annotations

import pluggy

from hub.ports.erp import ErpConnector
from hub.ports.payments import PaymentProvider

PLUGIN_API = (1, 1)
"""Major and minor: a plugin of another major, or of a later minor, is refused and named."""
ENTRY_POINT_GROUP = "housing_hub.plugins"

hookspec = pluggy.HookspecMarker("housing_hub")
hookimpl = pluggy.HookimplMarker("housing_hub")


@hookspec
def register_erp_connectors() -> list[type[ErpConnector]]:  # type: ignore[type-arg,empty-body]  # any settings; pluggy calls implementations only
    """Return the ERP connector classes this plugin brings."""


@hookspec
def register_payment_providers() -> list[type[PaymentProvider]]:  # type: ignore[type-arg,empty-body]  # as above
    """Return the payment provider classes this plugin brings."""
