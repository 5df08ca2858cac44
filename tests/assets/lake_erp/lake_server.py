"""Plays Lake: two pages of contracts, a token, and only what changed since a cursor."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from hub.testing.servers import Answer

TOKEN = "lake-token-4711"
AS_OF = "2026-11-20T03:00:00Z"
ITEMS: list[dict[str, Any]] = [
    {"id": f"L{n}", "ref": f"LAKE/{n}", "state": "current", "from": f"2020-0{n}-01"} for n in range(1, 6)
]


def answer(path: str, query: Mapping[str, str], headers: Mapping[str, str]) -> Answer:
    """What Lake answers to GET `path`."""
    if headers.get("authorization") != f"Bearer {TOKEN}":
        return 401, {"error": "unknown token"}
    if path == "/me":
        return 200, {"name": "hub"}
    items = ITEMS if query.get("changedSince") is None else []
    page = int(query.get("page", 1))
    more = {"next": page + 1} if len(items) > page * 3 else {}
    return 200, {"items": items[page * 3 - 3 : page * 3], "asOf": AS_OF, **more}
