"""Documents by signed link: no token, no cookie, no cache; the content is decrypted as it is sent."""

from __future__ import annotations

import structlog
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse

from hub.errors import NotFoundError
from hub.services import download
from hub.services.parts import ApiParts
from tenant_api.errors import Speaker, language_of
from tenant_api.metrics import Meters

_log = structlog.get_logger("hub.api")


class DocumentEndpoint:
    """Answers `/{slug}/documents/{token}`."""

    def __init__(self, parts: ApiParts, meters: Meters) -> None:
        self._parts = parts
        self._meters = meters

    async def __call__(self, request: Request) -> Response:
        slug, token = request.path_params["slug"], request.path_params["token"]
        try:
            ticket = download.verify(self._parts.link_key, slug, token, now=self._parts.clock.now())
            opened = await download.open_download(self._parts, ticket)
        except NotFoundError:
            self._meters.download("refused")
            return _refused(request)
        self._meters.download("sent")
        _log.info("download", landlord=slug, size=opened.size)
        headers = {
            "Content-Disposition": f'attachment; filename="{opened.file_name}"',
            "Content-Length": str(opened.size),
            "X-Content-Type-Options": "nosniff",
            "Cache-Control": "no-store",
            "Content-Security-Policy": "default-src 'none'; sandbox",
            "Referrer-Policy": "no-referrer",
        }
        return StreamingResponse(opened.blocks(), headers=headers, media_type=opened.media_type)


def _refused(request: Request) -> Response:
    speaker = Speaker(language_of(request.headers.get("accept-language"), "fr"))
    said = speaker.say("LINK_EXPIRED")
    return JSONResponse({"errors": [said]}, 404, {"Cache-Control": "no-store"})
