"""Stripe's manners: nested form fields, lists in pages, errors, expansion, and answers kept by idempotency key."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any
from urllib.parse import parse_qsl

from hub.sandbox.payments.web import Answer, Request, says

Facts = dict[str, Any]
_MOST = 100


class StripeError(Exception):
    def __init__(
        self, message: str, *, code: str = "", param: str = "", status: int = 400, kind: str = "invalid_request_error"
    ) -> None:
        super().__init__(message)
        self.status = status
        self.facts = {"type": kind, "message": message}
        self.facts |= {"code": code} if code else {}
        self.facts |= {"param": param} if param else {}

    def answer(self) -> Answer:
        return says({"error": self.facts}, self.status)


def missing(wanted: str, number: str) -> StripeError:
    return StripeError(f"No such {wanted}: '{number}'", code="resource_missing", param="id", status=404)


def read_fields(text: str) -> Facts:
    """`a[b][0]=c` as `{"a": {"b": {"0": "c"}}}`; `a[]=c` counts up."""
    found: Facts = {}
    for name, value in parse_qsl(text, keep_blank_values=True):
        keys = name.replace("]", "").split("[")
        place = found
        for key in keys[:-1]:
            inner = place.setdefault(key, {})
            if not isinstance(inner, dict):
                raise StripeError(f"Invalid {name}", param=name)
            place = inner
        place[keys[-1] or str(len(place))] = value
    return found


def fields_of(request: Request) -> Facts:
    return read_fields(request.raw_query if request.method == "GET" else request.body.decode("utf-8", "replace"))


def text(given: Mapping[str, Any], name: str, default: str = "") -> str:
    found = given.get(name, default)
    if not isinstance(found, str):
        raise StripeError(f"Invalid string: {name}", param=name)
    return found


def number(given: Mapping[str, Any], name: str) -> int:
    found = text(given, name)
    if not found.isdigit() or int(found) == 0:
        raise StripeError(f"Invalid positive integer: {name}", code="parameter_invalid_integer", param=name)
    return int(found)


def table(given: Mapping[str, Any], name: str) -> dict[str, Any]:
    found = given.get(name) or {}
    if not isinstance(found, dict):
        raise StripeError(f"Invalid object: {name}", param=name)
    return found


def listed(path: str, found: Sequence[Facts], given: Mapping[str, Any]) -> Facts:
    """A page of the newest first. `found` is oldest first."""
    newest = list(reversed(found))
    places = {one["id"]: place for place, one in enumerate(newest)}
    since = table(given, "created").get("gte")
    if since is not None:
        newest = [one for one in newest if one["created"] >= int(since)]
        places = {one["id"]: place for place, one in enumerate(newest)}
    begin = places.get(text(given, "starting_after"), -1) + 1
    limit = min(number(given, "limit") if "limit" in given else 10, _MOST)
    rows = newest[begin : begin + limit]
    return {"object": "list", "data": rows, "has_more": begin + limit < len(newest), "url": path}


def expanded(facts: Facts, given: Mapping[str, Any], look_up: Callable[[str], Facts]) -> Facts:
    """Numbers of other objects, replaced by what they stand for where `expand` asks it."""
    for path in table(given, "expand").values():
        _expand(facts, str(path).split("."), look_up)
    return facts


def _expand(facts: Any, keys: Sequence[str], look_up: Callable[[str], Facts]) -> None:
    if isinstance(facts, list):
        for one in facts:
            _expand(one, keys, look_up)
    elif keys and isinstance(facts, dict) and keys[0] in facts:
        if isinstance(facts[keys[0]], str):
            facts[keys[0]] = look_up(facts[keys[0]])
        _expand(facts[keys[0]], keys[1:], look_up)


class Kept:
    """Answers by key, so that the same request again gets the same answer. Wants the book's lock."""

    def __init__(self, notes: Mapping[str, Any], note: Callable[[str, Any], None]) -> None:
        self._notes, self._note = notes, note

    def once(self, shop: str, request: Request, act: Callable[[], Facts]) -> tuple[Facts, bool]:
        """The answer, and whether it had been given before. StripeError for a key of another request."""
        key = request.headers.get("idempotency-key", "")
        if not key:
            return act(), False
        name = f"answer {shop} {key}"
        asked = hashlib.sha256(f"{request.method} {request.path}\n".encode() + request.body).hexdigest()
        kept = self._notes.get(name)
        if kept is None:
            facts = act()
            self._note(name, {"asked": asked, "answer": json.dumps(facts)})
            return facts, False
        if kept["asked"] != asked:
            raise StripeError(
                "Keys for idempotent requests can only be used with the same parameters they were first used with.",
                kind="idempotency_error",
            )
        facts = json.loads(kept["answer"])
        return facts, True
