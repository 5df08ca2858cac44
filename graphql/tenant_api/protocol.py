"""GraphQL over HTTP: what a request says, and in which form the answer goes back.

Source: the GraphQL-over-HTTP draft of the GraphQL Foundation. A request error (nothing was executed) has no `data`;
its status is 400 for `application/graphql-response+json` and, for the older `application/json`, 200 once the request
itself could be read.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from starlette.requests import Request

from tenant_api.errors import RefusedError

RESPONSE: Final = "application/graphql-response+json"
JSON: Final = "application/json"
HTML: Final = "text/html"
MOST_BYTES: Final = 100_000


@dataclass(frozen=True, slots=True)
class Question:
    """What was sent."""

    query: str
    operation_name: str | None
    variables: Mapping[str, Any]


def choose_media_type(accept: str | None, offered: tuple[str, ...] = (JSON, RESPONSE)) -> str:
    """The media type of the answer: the heaviest accepted; of several, the first offered; without a header, JSON.

    RefusedError (406) when none is accepted.
    """
    weights = _weights(accept) if accept and accept.strip() else {"*/*": 1.0}
    best = max(offered, key=lambda media: _weight(media, weights))
    if _weight(best, weights) <= 0:
        raise RefusedError("NOT_ACCEPTABLE", status=406)
    return best


def _weight(media: str, weights: Mapping[str, float]) -> float:
    """The most specific range that fits decides. Between equals, one named outright wins over a wildcard."""
    group = media.partition("/")[0]
    for place, fits in enumerate((media, f"{group}/*", "*/*")):
        if fits in weights:
            return weights[fits] - place * 1e-6 if weights[fits] else 0.0
    return 0.0


def _weights(accept: str) -> dict[str, float]:
    found: dict[str, float] = {}
    for item in accept.split(","):
        media, *parameters = (part.strip().lower() for part in item.split(";"))
        charset = next((each[8:].strip('"') for each in parameters if each.startswith("charset=")), "utf-8")
        weight = next((each[2:] for each in parameters if each.startswith("q=")), "1")
        if charset in ("utf-8", "utf8"):
            found[media] = max(found.get(media, 0.0), _number(weight))
    return found


def _number(text: str) -> float:
    try:
        return min(1.0, max(0.0, float(text)))
    except ValueError:
        return 0.0


async def read_question(request: Request) -> Question:
    """What a GET or POST asks. RefusedError when it cannot be read."""
    if request.method == "GET":
        return _from_url(request)
    if request.method != "POST":
        raise RefusedError("METHOD_NOT_ALLOWED", status=405)
    _check_content_type(request.headers.get("content-type"))
    return _from_fields(_parse_json(await _body(request)))


def _from_url(request: Request) -> Question:
    given = request.query_params
    fields: dict[str, Any] = {name: given[name] for name in ("query", "operationName") if name in given}
    for name in ("variables", "extensions"):
        if given.get(name):
            fields[name] = _parse_json(given[name].encode())
    return _from_fields(fields)


def _check_content_type(header: str | None) -> None:
    """Only JSON in UTF-8: a form another site can post without asking never gets this far."""
    media, *parameters = (part.strip().lower() for part in (header or "").split(";"))
    charsets = [each[8:].strip('"') for each in parameters if each.startswith("charset=")]
    if media != JSON or any(each not in ("utf-8", "utf8") for each in charsets):
        raise RefusedError("UNSUPPORTED_MEDIA_TYPE", status=415)


async def _body(request: Request) -> bytes:
    body = bytearray()
    async for part in request.stream():
        body += part
        if len(body) > MOST_BYTES:
            raise RefusedError("BODY_TOO_LARGE", status=413, most=MOST_BYTES)
    return bytes(body)


def _parse_json(text: bytes) -> Any:
    try:
        return json.loads(text.decode("utf-8"))
    except (ValueError, RecursionError) as error:
        raise RefusedError("INVALID_REQUEST") from error


def _from_fields(fields: Any) -> Question:
    if isinstance(fields, list):
        raise RefusedError("BATCHING_OFF")
    if not isinstance(fields, dict):
        raise RefusedError("INVALID_REQUEST")
    query, name = fields.get("query"), fields.get("operationName")
    variables, extensions = fields.get("variables"), fields.get("extensions")
    if not isinstance(query, str) or not isinstance(name, str | None):
        raise RefusedError("INVALID_REQUEST")
    if not isinstance(variables, dict | None) or not isinstance(extensions, dict | None):
        raise RefusedError("INVALID_REQUEST")
    return Question(query=query, operation_name=name or None, variables=variables or {})
