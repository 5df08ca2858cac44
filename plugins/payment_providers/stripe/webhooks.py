"""Stripe's webhooks: `Stripe-Signature: t=…,v1=…`, HMAC-SHA-256 over time and raw body, believed within a window.

Written here and not left to the library, whose check takes any time in the future.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from datetime import UTC, datetime, timedelta
from typing import Any

from hub.ports import RawRequest, WebhookRefusedError

HEADER = "stripe-signature"
PAST, FUTURE = timedelta(seconds=300), timedelta(seconds=60)
_MOST_PARTS = 20


def verified_event(raw: RawRequest, secret: str, *, is_live: bool) -> dict[str, Any]:
    """The event of a message signed with `secret` and lately. Raises WebhookRefusedError."""
    if raw.channel != "webhook":
        raise WebhookRefusedError("return_says_nothing")
    stamp, given = _parts(raw.headers.get(HEADER, ""))
    due = sign(raw.body, secret, stamp).encode()
    # Several while a secret is being replaced.
    if not any(hmac.compare_digest(due, one.encode()) for one in given):
        raise WebhookRefusedError("bad_signature")
    _refuse_stale(int(stamp), raw.received_at)
    return _event(raw.body, is_live=is_live)


def sign(body: bytes, secret: str, stamp: str) -> str:
    return hmac.new(secret.encode(), f"{stamp}.".encode() + body, hashlib.sha256).hexdigest()


def _parts(header: str) -> tuple[str, list[str]]:
    pairs = [part.split("=", 1) for part in header.split(",")]
    if not header or len(pairs) > _MOST_PARTS or any(len(pair) != 2 for pair in pairs):
        raise WebhookRefusedError("unsigned")
    stamps = [value for name, value in pairs if name == "t"]
    given = [value for name, value in pairs if name == "v1"]
    if len(stamps) != 1 or not given or not (stamps[0].isascii() and stamps[0].isdecimal() and len(stamps[0]) <= 11):
        raise WebhookRefusedError("unsigned")
    return stamps[0], given


def _refuse_stale(sent_at: int, received_at: datetime) -> None:
    sent = datetime.fromtimestamp(sent_at, UTC)
    if sent < received_at - PAST:
        raise WebhookRefusedError("stale")
    if sent > received_at + FUTURE:
        raise WebhookRefusedError("from_the_future")


def _event(body: bytes, *, is_live: bool) -> dict[str, Any]:
    try:
        event = json.loads(body)
    except (ValueError, RecursionError):
        raise WebhookRefusedError("not_json") from None
    data = event.get("data") if isinstance(event, dict) else None
    about = data.get("object") if isinstance(data, dict) else None
    if not isinstance(about, dict):
        raise WebhookRefusedError("missing_field", "the event is about nothing")
    wanted = (event.get("id"), event.get("type"), about.get("id"), about.get("object"))
    if not all(isinstance(value, str) and value for value in wanted) or type(event.get("livemode")) is not bool:
        raise WebhookRefusedError("missing_field", "the event has no id, type, mode or object")
    if event["livemode"] is not is_live:
        raise WebhookRefusedError("other_mode")
    return dict(event)
