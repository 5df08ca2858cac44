"""The GraphQL endpoint: one request from its first byte to its line in the log."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final
from uuid import uuid4

import structlog
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from hub.services.parts import ApiParts
from hub.services.resolve_landlord import Landlords
from hub.store.landlord_rows import LandlordRow
from hub.store.reads import Reading
from tenant_api import graphiql
from tenant_api.answer import CORE, Answer, Asked, refused
from tenant_api.errors import Language, RefusedError, Speaker, language_of
from tenant_api.metrics import Meters
from tenant_api.prepare import Documents
from tenant_api.protocol import HTML, JSON, RESPONSE, choose_media_type, read_question

_log = structlog.get_logger("hub.api")
_ALLOWED: Final = "GET, POST"


@dataclass(slots=True)
class Seen:
    """What the log says of a request: no personal data, no text of a query."""

    request_id: str = field(default_factory=lambda: uuid4().hex)
    landlord: str = ""
    operation: str = ""
    code: str = ""
    statements: int = 0


class GraphQLEndpoint:
    """An ASGI application for `/{slug}/graphql` and, where a landlord has a host name of its own, `/graphql`."""

    def __init__(self, parts: ApiParts, meters: Meters) -> None:
        self._parts = parts
        self._meters = meters
        self._landlords = Landlords(parts.engine)
        self._developer = parts.profile == "developer"
        self._documents = Documents(CORE, introspection=self._developer)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request, seen, began = Request(scope, receive), Seen(), time.perf_counter()
        response = await self._respond(request, seen)
        response.headers["X-Request-Id"] = seen.request_id
        try:
            await response(scope, receive, send)
        finally:
            self._report(seen, response.status_code, time.perf_counter() - began)

    async def _respond(self, request: Request, seen: Seen) -> Response:
        """The response, whatever happens: what nobody foresaw is one masked error."""
        speaker = Speaker(language_of(request.headers.get("accept-language"), "fr"), seen.request_id)
        media = JSON
        try:
            media = self._media_type(request)
            landlord = await self._landlord(request)
            speaker.language = language_of(request.headers.get("accept-language"), _language(landlord))
            seen.landlord = landlord.slug
            if media == HTML:
                return graphiql.page()
            return self._send(await self._ask(request, landlord, speaker, seen), media, speaker)
        except RefusedError as error:
            seen.code = error.code
            return self._send(refused(error, speaker), media, speaker, error)
        except Exception as error:  # noqa: BLE001  # the last wall: masked, logged, answered
            seen.code = "INTERNAL"
            failure = RefusedError("INTERNAL", status=500)
            return self._send(Answer({"errors": [speaker.mask(error)]}, executed=False), media, speaker, failure)

    def _media_type(self, request: Request) -> str:
        if self._developer and request.method == "GET":
            return choose_media_type(request.headers.get("accept"), (JSON, RESPONSE, HTML))
        return choose_media_type(request.headers.get("accept"))

    async def _landlord(self, request: Request) -> LandlordRow:
        slug = request.path_params.get("slug")
        by_host = self._landlords.by_host(request.headers.get("host", "")) if slug is None else None
        found = await (by_host or self._landlords.by_slug(slug or ""))
        if found is None:
            raise RefusedError("UNKNOWN_LANDLORD", status=404)
        return found

    async def _ask(self, request: Request, landlord: LandlordRow, speaker: Speaker, seen: Seen) -> Answer:
        question = await read_question(request)
        async with Reading(self._parts.engine, landlord.slug) as reading:
            asked = Asked(
                parts=self._parts,
                documents=self._documents,
                landlord=landlord,
                reading=reading,
                speaker=speaker,
                authorization=request.headers.get("authorization"),
                address=self._parts.public_url or str(request.base_url).rstrip("/"),
            )
            try:
                answer = await asked.answer(question, reading_only=request.method == "GET")
            finally:
                seen.operation, seen.statements = asked.operation_name, reading.statements
        seen.code = _first_code(answer.body)
        return answer

    def _send(self, answer: Answer, media: str, speaker: Speaker, error: RefusedError | None = None) -> Response:
        headers = {
            "Content-Language": speaker.language,
            "Cache-Control": "no-store",
            "Vary": "Accept, Accept-Language, Authorization",
            "X-Content-Type-Options": "nosniff",
        }
        status = _status(error, media)
        if status == 405:
            headers["Allow"] = _ALLOWED
        if status == 401:
            headers["WWW-Authenticate"] = "Bearer"
        shown = JSON if media == HTML else media
        body = json.dumps(answer.body, ensure_ascii=False, separators=(",", ":"), default=str).encode()
        return Response(body, status, headers, media_type=f"{shown}; charset=utf-8")

    def _report(self, seen: Seen, status: int, seconds: float) -> None:
        self._meters.request(landlord=seen.landlord, code=seen.code, seconds=seconds, statements=seen.statements)
        _log.info(
            "request",
            request_id=seen.request_id,
            landlord=seen.landlord,
            operation=seen.operation,
            status=status,
            code=seen.code,
            ms=round(seconds * 1000, 1),
            statements=seen.statements,
        )


# What was readable as a request but not as a query: the older media type has these answered with 200.
_FAULTS_OF_THE_QUERY: Final = frozenset(
    {
        "SYNTAX_ERROR",
        "INVALID_QUERY",
        "INVALID_VARIABLES",
        "UNKNOWN_OPERATION",
        "TOO_MANY_TOKENS",
        "TOO_MANY_ALIASES",
        "QUERY_TOO_DEEP",
        "QUERY_TOO_COMPLEX",
        "PAGE_TOO_LARGE",
        "INVALID_ARGUMENT",
    }
)


def _status(error: RefusedError | None, media: str) -> int:
    if error is None:
        return 200
    return 200 if media == JSON and error.code in _FAULTS_OF_THE_QUERY else error.status


def _language(landlord: LandlordRow) -> Language:
    return "en" if landlord.locale.lower().startswith("en") else "fr"


def _first_code(body: Mapping[str, Any]) -> str:
    errors = body.get("errors")
    return str(errors[0]["extensions"]["code"]) if errors else ""
