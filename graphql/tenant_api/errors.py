"""Errors as front ends see them: a stable code, a sentence in the reader's language, the request's number.

What is not in the catalogue is masked as INTERNAL and logged under that number: no SQL, no value, no stack leaves.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from importlib.resources import files
from typing import Any, Final, Literal

import structlog
from graphql import GraphQLError

from hub.errors import AskError
from hub.store.reads import ReadingFailedError

Language = Literal["en", "fr"]
CATALOGUE: Final[Mapping[str, Mapping[Language, str]]] = tomllib.loads(
    files("tenant_api").joinpath("catalogue.toml").read_text(encoding="utf-8")
)
# The tree's codes where they differ from what front ends are told.
_TOLD: Final = {"INVALID": "INVALID_ARGUMENT"}
_log = structlog.get_logger("hub.api")


class RefusedError(Exception):
    """A request that is not executed. `facts` fill the sentence and stand under `extensions`."""

    def __init__(self, code: str, *, status: int = 400, locations: Any = None, **facts: str | int) -> None:
        super().__init__(code)
        self.code = code
        self.status = status
        self.locations = locations
        self.facts = facts


class Speaker:
    """Words one request's errors. Without an id where no log line would be found by it."""

    def __init__(self, language: Language, request_id: str = "") -> None:
        self.language = language
        self.request_id = request_id

    def say(self, code: str, facts: Mapping[str, str | int] | None = None) -> dict[str, Any]:
        """An error as it is sent, without a place in the query."""
        known = {**(facts or {}), "requestId": self.request_id}
        shown = {name: value for name, value in known.items() if name != "detail" and value != ""}
        message = CATALOGUE[code][self.language].format_map(known)
        return {"message": message, "extensions": {"code": code, **shown}}

    def refuse(self, error: RefusedError) -> dict[str, Any]:
        """A request that was not executed, in words."""
        said = self.say(error.code, error.facts)
        return said | ({"locations": error.locations} if error.locations else {})

    def explain(self, error: GraphQLError) -> dict[str, Any]:
        """An error of a field, in words; anything unforeseen is masked and logged."""
        said = self._cause(error.original_error)
        formatted = error.formatted
        places = {name: formatted[name] for name in ("locations", "path") if formatted.get(name)}
        return said | places

    def mask(self, error: BaseException) -> dict[str, Any]:
        """An error nobody foresaw. Its text may hold what a tenant typed or a row held, so only its class is logged."""
        cause = error.__cause__ if isinstance(error, ReadingFailedError) else None
        frames, state = _frames(cause or error), getattr(getattr(cause or error, "orig", None), "sqlstate", None)
        kind = type(cause or error).__name__
        _log.error("unforeseen", request_id=self.request_id, error=kind, sqlstate=state, frames=frames)
        return self.say("INTERNAL")

    def _cause(self, error: BaseException | None) -> dict[str, Any]:
        if isinstance(error, AskError):
            code = _TOLD.get(error.code, error.code)
            return self.say(code, {"argument": error.where.field or "?"} if code == "INVALID_ARGUMENT" else None)
        return self.mask(error or RuntimeError("a field without a cause"))


def _frames(error: BaseException) -> list[str]:
    """Where it happened, without values."""
    found, trace = [], error.__traceback__
    while trace is not None:
        found.append(f"{trace.tb_frame.f_code.co_filename.rpartition('/')[2]}:{trace.tb_lineno}")
        trace = trace.tb_next
    return found[-12:]


def language_of(accept_language: str | None, default: Language) -> Language:
    """The language of an `Accept-Language` header, or `default`. The earlier of two with the same weight wins."""
    best, best_weight = default, 0.0
    for item in (accept_language or "").split(","):
        tag, _, parameters = item.strip().partition(";")
        primary = tag.strip().lower().partition("-")[0]
        weight = _weight(parameters)
        if primary in ("en", "fr") and weight > best_weight:
            best, best_weight = primary, weight  # type: ignore[assignment]  # one of the two languages
    return best


def _weight(parameters: str) -> float:
    name, _, value = parameters.strip().partition("=")
    try:
        return float(value) if name.strip() == "q" else 1.0
    except ValueError:
        return 0.0
