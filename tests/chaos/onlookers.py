"""Who looks on from outside: a tenant's browser that never stops asking, and whoever is told of bad nights."""

from __future__ import annotations

import asyncio
import json
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Lock, Thread
from typing import Any

import httpx

QUERY = """{ viewer { displayName contracts(first: 5) { nodes { reference accounts {
  balance { amount } asOf ledger(first: 10) { nodes { postedOn amount { amount } } } } } } } }"""


@dataclass
class Tenant:
    """Asks the API again and again. `away`: answers that did not come, or said that the hub cannot just now."""

    url: str
    headers: Mapping[str, str]
    answers: int = 0
    away: int = 0
    wrong: list[str] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)
    as_of: dict[str, str] = field(default_factory=dict)
    excused_until: float = 0.0

    async def ask_for_ever(self, *, every: float) -> None:
        async with httpx.AsyncClient(timeout=20) as client:
            while True:
                await self.ask(client)
                await asyncio.sleep(every)

    async def ask(self, client: httpx.AsyncClient) -> None:
        """Ask once."""
        began = time.perf_counter()
        try:
            response = await client.post(self.url, json={"query": QUERY}, headers=self.headers)
        except httpx.TransportError as error:
            self._was_away(type(error).__name__)
            return
        self.seconds.append(time.perf_counter() - began)
        if response.status_code == 200 and "errors" not in (found := response.json()):
            self.answers += 1
            self._look_at(found["data"]["viewer"])
        elif response.status_code >= 500 or _says_away(response):
            self._was_away(f"{response.status_code} {response.text[:200]}")
        else:
            self.wrong.append(f"{response.status_code} {response.text[:200]}")

    def _was_away(self, said: str) -> None:
        """Right while what it stands on is struck, and soon after."""
        self.away += 1
        if time.monotonic() > self.excused_until:
            self.wrong.append(f"away without need: {said}")

    def _look_at(self, viewer: Any) -> None:
        """What a tenant sees is never older than what he saw."""
        for contract in viewer["contracts"]["nodes"]:
            for number, account in enumerate(contract["accounts"]):
                name, seen = f"{contract['reference']}/{number}", account["asOf"] or ""
                if seen < self.as_of.get(name, ""):
                    self.wrong.append(f"{name} was of {self.as_of[name]}, and is of {seen}")
                self.as_of[name] = seen


def _says_away(response: httpx.Response) -> bool:
    """The hub's own answer when it cannot work: an error of its code, not of the question."""
    try:
        errors = response.json()["errors"]
    except (ValueError, KeyError, TypeError):
        return False
    return all(one.get("extensions", {}).get("code") in ("UNAVAILABLE", "INTERNAL") for one in errors)


class Told:
    """A webhook's receiver. It counts each message by its idempotency key."""

    def __init__(self) -> None:
        self.messages: Counter[str] = Counter()
        self.events: dict[str, str] = {}
        self._lock = Lock()
        told = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                told.hear(self.headers["Idempotency-Key"], body)
                self.send_response(204)
                self.end_headers()

            def log_message(self, *_: object) -> None:
                """Say nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}/told"
        Thread(target=self._server.serve_forever, daemon=True).start()

    def hear(self, key: str, body: Any) -> None:
        with self._lock:
            self.messages[key] += 1
            self.events[key] = f"{body.get('landlord')} {body.get('event')}"

    @property
    def counts(self) -> Counter[str]:
        """Messages by landlord and event, each once."""
        return Counter(self.events.values())

    @property
    def repeats(self) -> int:
        return self.messages.total() - len(self.messages)

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
