"""Whether this process lives, and whether it can do its work."""

from __future__ import annotations

import asyncio
from typing import Final

from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response

from hub.services.parts import ApiParts
from hub.services.ready import why_not_ready

_PATIENCE: Final = 3.0


class Health:
    """Answers `/healthz`, `/readyz` and `/metrics`."""

    def __init__(self, parts: ApiParts) -> None:
        self._parts = parts

    async def alive(self, request: Request) -> Response:
        """The process answers."""
        return PlainTextResponse("ok\n")

    async def ready(self, request: Request) -> Response:
        """The database answers, to this process's own role, with this version's schema."""
        try:
            async with asyncio.timeout(_PATIENCE):
                problem = await why_not_ready(self._parts.engine)
        except TimeoutError:
            problem = "the database does not answer"
        return JSONResponse({"ready": problem is None, "problem": problem}, 503 if problem else 200)

    async def metrics(self, request: Request) -> Response:
        """What Prometheus reads."""
        return Response(generate_latest(self._parts.metrics), media_type=CONTENT_TYPE_LATEST)
