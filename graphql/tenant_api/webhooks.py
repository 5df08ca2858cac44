"""Where providers tell the hub, and where browsers come back: kept, answered at once, judged by a worker.

Never a redirect for a webhook: some providers take one for a success. A return changes nothing by itself: the front end
asks the API how the payment stands.
"""

from __future__ import annotations

from typing import Final, Literal

import structlog
from starlette.requests import ClientDisconnect, Request
from starlette.responses import PlainTextResponse, RedirectResponse, Response

from hub.services.inbox import CameIn, keep, where_to_go
from hub.services.parts import ApiParts
from hub.services.resolve_landlord import Landlords
from tenant_api import ids
from tenant_api.ids import Kind
from tenant_api.metrics import Meters

_log = structlog.get_logger("hub.api")
_MOST_BYTES: Final = 1024 * 1024
_QUEUE: Final = "payments"


class Webhooks:
    """Answers `/{slug}/webhooks/{provider}` and `/{slug}/returns/{provider}/{reference}`."""

    def __init__(self, parts: ApiParts, meters: Meters) -> None:
        self._parts = parts
        self._meters = meters
        self._landlords = Landlords(parts.engine)

    async def webhook(self, request: Request) -> Response:
        """The provider is answered what it wants to hear, before anything is made of what it said."""
        slug = await self._slug(request)
        body = await _body(request)
        if slug is None:
            return _nothing_here()
        if body is None:
            return PlainTextResponse("too large\n", 413)
        means = await keep(self._parts, slug, _came("webhook", request, body, dict(request.query_params)))
        if means is None:
            return _nothing_here()
        self._parts.bell.ring(_QUEUE)
        _log.info("webhook", landlord=slug, provider=means.provider, size=len(body))
        return Response(means.answer_body, means.answer_status, media_type=means.answer_type)

    async def came_back(self, request: Request) -> Response:
        """The browser is sent on to the front end it came from."""
        slug, reference = await self._slug(request), request.path_params["reference"]
        body = await _body(request)
        if slug is None or body is None:
            return _nothing_here()
        target = await where_to_go(self._parts, slug, reference, lambda found: ids.encode(Kind.PAYMENT, found))
        if target is None:
            return _nothing_here()
        query = {**request.query_params, "reference": reference}
        await keep(self._parts, slug, _came("return", request, body, query))
        self._parts.bell.ring(_QUEUE)
        return RedirectResponse(target, 303, {"Cache-Control": "no-store", "Referrer-Policy": "no-referrer"})

    async def _slug(self, request: Request) -> str | None:
        found = await self._landlords.by_slug(request.path_params["slug"])
        return None if found is None else found.slug


def _came(channel: Literal["webhook", "return"], request: Request, body: bytes, query: dict[str, str]) -> CameIn:
    headers = {name.lower(): value for name, value in request.headers.items()}
    return CameIn(channel, request.path_params["provider"], body, headers, query)


async def _body(request: Request) -> bytes | None:
    """The body, byte for byte; None for one that is too large."""
    read = bytearray()
    try:
        async for block in request.stream():
            read += block
            if len(read) > _MOST_BYTES:
                return None
    except ClientDisconnect:
        return None
    return bytes(read)


def _nothing_here() -> Response:
    return PlainTextResponse("there is nothing here\n", 404)
