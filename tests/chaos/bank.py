"""The sandbox's payment provider and the ERP's till, as the harness orders them about, and a forger of webhooks."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
import uuid
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from random import Random
from typing import Any, Final

import httpx
from fleet import HOST, SOAP, Fleet

from hub.cli.demo import read_state

SHOP: Final = f"{SOAP}/lyra"
TROUBLE: Final = {
    "error_before": 0.05,
    "drop_after": 0.10,
    "auto_pay": "each",
    "auto_unheard": 1.0,
    "refuse_share": 0.04,
    "capture_seconds": 6.0,
    "webhook_twice": 0.2,
    "webhook_shuffle": 0.4,
    "webhook_shuffle_seconds": 6.0,
    "webhook_alter": 0.03,
    "webhook_never": 0.1,
    "retry_seconds": 3.0,
}
"""5 % errors before, 10 % dropped after it was done; each call that begins a payment charges, heard or not, and charges
again when it comes again: the provider forgives nothing."""
AT_REST: Final = dict.fromkeys(
    ("error_before", "drop_after", "webhook_twice", "webhook_shuffle", "webhook_alter", "webhook_never"), 0.0
)
_NOT_PAID: Final = """
    select reference, amount_cents from payment where gross_cents = 0 and created_at > now() - interval '400 days'
    order by random() limit 1"""


class Bank:
    """The desk of the sandbox's provider."""

    def __init__(self, folder: Path) -> None:
        state = read_state(folder)["payments"]
        shop = state["shops"][SOAP]["lyra"]
        self.url, self.shop_id = state["url"], shop["id"]
        self.password = (folder / shop["password_file"]).read_text("ascii").strip()

    async def order(self, name: str, **given: Any) -> Any:
        async with httpx.AsyncClient(timeout=120) as client:
            response = await client.post(f"{self.url}/_sandbox/{name}", json={"shop": SHOP, **given})
            response.raise_for_status()
            return response.json()

    async def ask(self, name: str) -> Any:
        async with httpx.AsyncClient(timeout=120) as client:
            response = await client.get(f"{self.url}/_sandbox/{name}", params={"shop": SHOP})
            response.raise_for_status()
            return response.json()


@dataclass
class Forger:
    """Sends webhooks that say CAPTURED of payments nobody paid: signed with the right key, with a wrong one, or not."""

    fleet: Fleet
    bank: Bank
    seed: int
    sent: Counter[str] = field(default_factory=Counter)

    async def forge_for_ever(self, *, every: float) -> None:
        chance = Random(f"{self.seed}/forger")
        async with httpx.AsyncClient(timeout=20) as client:
            while True:
                await asyncio.sleep(every)
                try:
                    rows = await self.fleet.sql(_NOT_PAID)
                    for row in rows:
                        await self._send(client, row.reference, row.amount_cents, chance)
                except Exception:  # whatever is away just now: the next one is sent all the same
                    self.sent["not delivered"] += 1

    async def _send(self, client: httpx.AsyncClient, reference: str, cents: int, chance: Random) -> None:
        how = chance.choice(("signed", "signed", "signed with another key", "unsigned"))
        key = self.bank.password if how == "signed" else "testpassword_of_somebody_else"
        text = json.dumps(self._order(reference, cents))
        given = {
            "kr-hash-key": "password",
            "kr-hash-algorithm": "sha256_hmac",
            "kr-answer": text,
            "kr-answer-type": "V4/Payment",
            "kr-hash": hmac.new(key.encode(), text.encode(), hashlib.sha256).hexdigest(),
        }
        if how == "unsigned":
            del given["kr-hash"]
        await client.post(f"http://{HOST}:{self.fleet.port}/{SOAP}/webhooks/card", data=given)
        self.sent[how] += 1

    def _order(self, reference: str, cents: int) -> dict[str, Any]:
        now = datetime.now(UTC).isoformat(timespec="seconds")
        transaction = {
            "shopId": self.bank.shop_id,
            "uuid": uuid.uuid4().hex,
            "amount": cents,
            "currency": "EUR",
            "paymentMethodType": "CARD",
            "status": "PAID",
            "detailedStatus": "CAPTURED",
            "operationType": "DEBIT",
            "creationDate": now,
            "errorCode": None,
            "detailedErrorCode": None,
            "_type": "V4/PaymentTransaction",
        }
        details = {"orderTotalAmount": cents, "orderCurrency": "EUR", "mode": "TEST", "orderId": reference}
        return {
            "shopId": self.bank.shop_id,
            "orderCycle": "CLOSED",
            "orderStatus": "PAID",
            "serverDate": now,
            "orderDetails": details,
            "transactions": [transaction],
            "_type": "V4/Payment",
        }


async def trouble_the_till(fleet: Fleet) -> None:
    """The ERP drops connections after it has booked, locks accounts, and books again whatever is sent again."""
    while True:
        for what, times, seconds in (("post-twice", None, 1.5), ("post-drop", 2, 0.7), ("post-locked", 2, 0.7)):
            order = {"what": what, "file": "", "times": times, "until": None}
            await fleet.sandbox(do="misbehave", landlord=SOAP, order=order)
            await asyncio.sleep(seconds)
