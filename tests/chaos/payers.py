"""Tenants who pay, over HTTP, as impatient as tenants are: they click twice, hear nothing and ask again, walk away."""

from __future__ import annotations

import asyncio
import secrets
from collections import Counter, deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from random import Random
from typing import Any

import httpx
from fleet import HOST, SOAP

ACCOUNTS = "{ viewer { contracts(first: 10) { nodes { accounts { id kind } } } } }"
START = """mutation ($input: StartPaymentInput!, $key: String!) {
  startPayment(input: $input, idempotencyKey: $key) { __typename
    ... on PaymentRedirect { payment { ...P } } ... on PaymentPending { payment { ...P } }
    ... on PaymentDone { payment { ...P } } ... on PaymentRefused { reason payment { ...P } }
    ... on PaymentInProgress { payment { ...P } } } }
fragment P on Payment { id reference state isOpen mine }"""
LOOK = "query ($id: ID!) { node(id: $id) { ... on Payment { id reference state isOpen mine } } }"
CANCEL = "mutation ($id: ID!) { cancelPayment(id: $id) { id reference state isOpen mine } }"
PAID = ("AUTHORIZED", "SUCCEEDED", "PARTIALLY_REFUNDED", "REFUNDED", "DISPUTED", "CHARGED_BACK")
AWAY = ("UNAVAILABLE", "INTERNAL")


class TroubleError(Exception):
    """The hub cannot just now, or nobody answers: it is asked again."""


class ToldError(Exception):
    """The hub's own no."""


@dataclass(frozen=True, slots=True)
class Purse:
    """An account and the token of somebody who may pay on it."""

    account: str
    token: str


@dataclass(slots=True)
class Intention:
    """What a tenant means to pay, once. `payment`: the id he was told; `seen_paid`: his screen said so."""

    key: str
    account: str
    cents: int
    payment: str = ""
    reference: str = ""
    seen_paid: bool = False


@dataclass
class Payers:
    """So many payments by so many tenants at once; an account is paid on again when its tenant is done with it."""

    port: int
    count: int
    at_once: int
    seed: int
    patience: float = 240.0
    purses: deque[Purse] = field(default_factory=deque)
    intentions: list[Intention] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)
    met: Counter[str] = field(default_factory=Counter)
    begun: int = 0

    async def find_purses(self, tokens: list[str]) -> None:
        """The accounts these people may pay on; each is taken by the first who sees it."""
        taken: set[str] = set()
        async with self._client() as client:
            for token in tokens:
                said = await self._ask(client, token, ACCOUNTS, {})
                for contract in said["viewer"]["contracts"]["nodes"]:
                    for account in contract["accounts"]:
                        if account["kind"] in ("RENT", "GARAGE") and account["id"] not in taken:
                            taken.add(account["id"])
                            self.purses.append(Purse(account["id"], token))

    async def pay_all(self) -> None:
        """Until all have paid, or have been told that they cannot."""
        async with self._client() as client, asyncio.TaskGroup() as group:
            for number in range(min(self.at_once, len(self.purses))):
                group.create_task(self._pay_on(client, Random(f"{self.seed}/payer/{number}")))

    async def _pay_on(self, client: httpx.AsyncClient, chance: Random) -> None:
        while len(self.intentions) < self.count:
            number = len(self.intentions)
            purse = self.purses.popleft()
            key = f"intent-{number:05}-{secrets.token_hex(4)}"
            intention = Intention(key, purse.account, chance.randint(100, 999))
            self.intentions.append(intention)
            try:
                await self._pay(client, purse, intention, chance)
            except (ToldError, TroubleError) as error:
                self.wrong.append(f"{key}: {error}")
            finally:
                self.purses.append(purse)

    async def _pay(self, client: httpx.AsyncClient, purse: Purse, mine: Intention, chance: Random) -> None:
        mood = chance.random()
        if mood < 0.05:
            await self._hear_nothing(client, purse, mine)
        begun = await self._begin(client, purse, mine, chance)
        if begun is None:
            return
        self.begun += 1
        if 0.05 <= mood < 0.15:
            self._note(mine, await self._begin(client, purse, mine, chance))
            self.met["clicked twice"] += 1
        if mood > 0.97:
            await self._think_better(client, purse, mine)
        elif mood > 0.6:
            await self._come_back(client, mine)
        if mood < 0.8:
            await self._watch(client, purse, mine)

    async def _begin(
        self, client: httpx.AsyncClient, purse: Purse, mine: Intention, chance: Random
    ) -> dict[str, Any] | None:
        """Ask until there is an answer, always with the same key; wait while another payment holds the account."""
        loop = asyncio.get_running_loop()
        until = loop.time() + self.patience
        while loop.time() < until:
            said = (await self._persist(client, purse, START, self._asked(mine)))["startPayment"]
            if said["__typename"] == "PaymentInProgress":
                self.met["waited for another payment"] += 1
                await asyncio.sleep(chance.uniform(0.3, 1.5))
                continue
            if "payment" not in said:
                self.wrong.append(f"{mine.key} was told {said['__typename']}")
                return None
            self._note(mine, said["payment"])
            found: dict[str, Any] = said["payment"]
            return found
        self.wrong.append(f"{mine.key} waited {self.patience:.0f} s for another payment of its account")
        return None

    async def _hear_nothing(self, client: httpx.AsyncClient, purse: Purse, mine: Intention) -> None:
        """The connection breaks off before the answer is there."""
        self.met["heard nothing and asked again"] += 1
        try:
            async with asyncio.timeout(0.05):
                await self._ask(client, purse.token, START, self._asked(mine))
        except (TimeoutError, TroubleError):
            return

    async def _think_better(self, client: httpx.AsyncClient, purse: Purse, mine: Intention) -> None:
        """Give the payment up; it may be too late for that."""
        self.met["thought better of it"] += 1
        try:
            said = await self._persist(client, purse, CANCEL, {"id": mine.payment})
        except ToldError as told:
            if "NOT_CANCELABLE" not in str(told):
                raise
            return
        self._note(mine, said["cancelPayment"])

    async def _come_back(self, client: httpx.AsyncClient, mine: Intention) -> None:
        """The bank's page sends the browser back; it proves nothing, and may find nobody there."""
        url = f"http://{HOST}:{self.port}/{SOAP}/returns/card/{mine.reference}"
        self.met["came back from the bank's page"] += 1
        try:
            await client.get(url)
        except httpx.TransportError:
            self.met["away"] += 1

    async def _watch(self, client: httpx.AsyncClient, purse: Purse, mine: Intention) -> None:
        """Look at the payment until it is over, for as long as somebody looks at a screen."""
        for wait in (0.3, 0.5, 1, 2, 3):
            found = (await self._persist(client, purse, LOOK, {"id": mine.payment}))["node"]
            self._note(mine, found)
            if found is None or not found["isOpen"]:
                return
            await asyncio.sleep(wait)

    def _note(self, mine: Intention, found: Mapping[str, Any] | None) -> None:
        if found is None:
            self.wrong.append(f"{mine.key}: its payment is not known any more")
            return
        if mine.payment not in ("", found["id"]):
            self.wrong.append(f"{mine.key} was led to two payments")
        mine.payment, mine.reference = found["id"], found["reference"]
        mine.seen_paid = mine.seen_paid or found["state"] in PAID

    def _asked(self, mine: Intention) -> dict[str, Any]:
        part = {"accountId": mine.account, "amount": f"{mine.cents // 100}.{mine.cents % 100:02}"}
        asked = {"parts": [part], "means": "card", "returnUrl": "http://127.0.0.1:8000/pay"}
        return {"input": asked, "key": mine.key}

    async def _persist(
        self, client: httpx.AsyncClient, purse: Purse, text: str, values: dict[str, Any]
    ) -> dict[str, Any]:
        """Ask again while the hub is away."""
        loop = asyncio.get_running_loop()
        until = loop.time() + self.patience
        while True:
            try:
                return await self._ask(client, purse.token, text, values)
            except TroubleError:
                if loop.time() > until:
                    raise
                await asyncio.sleep(0.3)

    async def _ask(self, client: httpx.AsyncClient, token: str, text: str, values: Mapping[str, Any]) -> dict[str, Any]:
        url, headers = f"http://{HOST}:{self.port}/{SOAP}/graphql", {"Authorization": f"Bearer {token}"}
        try:
            response = await client.post(url, json={"query": text, "variables": values}, headers=headers)
        except httpx.TransportError as error:
            self.met["away"] += 1
            raise TroubleError(type(error).__name__) from error
        if response.status_code >= 500:
            self.met["away"] += 1
            raise TroubleError(str(response.status_code))
        said = response.json()
        if errors := said.get("errors"):
            if all(one.get("extensions", {}).get("code") in AWAY for one in errors):
                self.met["away"] += 1
                raise TroubleError("away")
            raise ToldError(f"{response.status_code} {response.text[:300]}")
        found: dict[str, Any] = said["data"]
        return found

    def _client(self) -> httpx.AsyncClient:
        limits = httpx.Limits(max_connections=200, max_keepalive_connections=100)
        return httpx.AsyncClient(timeout=20, limits=limits)
