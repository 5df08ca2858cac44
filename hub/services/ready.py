"""Whether a serving process of the API can do its work."""

from __future__ import annotations

from typing import Final

import structlog

from hub.errors import HubError
from hub.jobs.retry import describe
from hub.store.handles import Engine
from hub.store.provision import require_current_schema
from hub.store.reads import directory
from hub.store.troubles import explain

_log: Final = structlog.get_logger(__name__)
_OWN_ROLE: Final = "hub_api"


async def why_not_ready(engine: Engine) -> str | None:
    """What keeps the API from serving, in words without secrets; None when nothing does."""
    try:
        role = await directory.connected_as(engine)
        await require_current_schema(engine)
    except HubError as error:
        return error.message
    except Exception as error:  # noqa: BLE001  # whatever the driver raises means the same here
        _log.warning("not ready", reason=describe(error))
        known = explain(error)
        return known.message if known else f"the database does not answer ({type(error).__name__})"
    return None if role == _OWN_ROLE else f"connected as {role}, not as {_OWN_ROLE}"
