"""The inbox: webhooks and browsers that come back are kept, sealed, and answered at once; a worker judges them."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final, Literal
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit
from uuid import UUID

from hub.services.parts import ApiParts
from hub.store.engine import scope
from hub.store.means_rows import Means, find_means
from hub.store.payment_return import find_return
from hub.store.vault import seal
from hub.store.webhook_rows import put_webhook

_UNWANTED: Final = frozenset({"cookie", "authorization", "proxy-authorization"})


@dataclass(frozen=True, slots=True)
class CameIn:
    """A request for the inbox, as it came."""

    channel: Literal["webhook", "return"]
    provider: str
    body: bytes
    headers: Mapping[str, str]
    query: Mapping[str, str]

    @property
    def sha256(self) -> str:
        """The same for the same request: a webhook told twice is kept once."""
        query = urlencode(sorted(self.query.items()))
        return hashlib.sha256(b"\0".join((self.channel.encode(), query.encode(), self.body))).hexdigest()

    def packed(self) -> str:
        headers = {name: value for name, value in self.headers.items() if name not in _UNWANTED}
        body = base64.b64encode(self.body).decode()
        return json.dumps({"body": body, "headers": headers, "query": dict(self.query)})


async def keep(parts: ApiParts, landlord: str, came: CameIn) -> Means | None:
    """Keep it; gives the means of payment it is about, None where the landlord has none of that name."""
    now = parts.clock.now()
    async with scope(parts.engine, landlord) as conn:
        means = await find_means(conn, came.provider)
        if means is None:
            return None
        key = await parts.vault.sealing_key(conn, landlord=landlord, now=now)
        sealed = seal(key, connector=f"webhook.{came.provider}", field=came.sha256, plaintext=came.packed())
        await put_webhook(
            conn,
            landlord=landlord,
            provider=came.provider,
            channel=came.channel,
            sha256=came.sha256,
            sealed=sealed,
            key_id=key.id,
            now=now,
        )
    return means


async def where_to_go(parts: ApiParts, landlord: str, reference: str, name: Callable[[UUID], str]) -> str | None:
    """The front end's address with `payment` (as `name` shows its id) added; None for an unknown reference."""
    async with scope(parts.engine, landlord, readonly=True) as conn:
        found = await find_return(conn, reference)
    if found is None:
        return None
    payment_id, url = found
    scheme, host, path, query, _ = urlsplit(url)
    added = urlencode([*parse_qsl(query), ("payment", name(payment_id))])
    return urlunsplit((scheme, host, path, added, ""))
