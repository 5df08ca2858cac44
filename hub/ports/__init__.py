"""The trades a plugin can exercise, as abstract classes, and the `Context` a plugin is given."""

from hub.ports.context import Context, State
from hub.ports.erp import (
    Artifact,
    CallSource,
    Capabilities,
    ConnectorSettings,
    ErpConnector,
    Feed,
    FeedSettings,
    FileSource,
    Finding,
    PluginSettings,
    Pull,
    RowMapper,
    Spool,
    Spooled,
    setting,
)

__all__ = [
    "Artifact",
    "CallSource",
    "Capabilities",
    "ConnectorSettings",
    "Context",
    "ErpConnector",
    "Feed",
    "FeedSettings",
    "FileSource",
    "Finding",
    "PluginSettings",
    "Pull",
    "RowMapper",
    "Spool",
    "Spooled",
    "State",
    "setting",
]
