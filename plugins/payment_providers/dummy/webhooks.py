"""The dummy provider's webhooks: HMAC-SHA-256 over time and raw body, believed within a window.

`X-Dummy-Timestamp` holds Unix seconds, `X-Dummy-Signature` the hex digest of `timestamp.body`.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from hub.domain.payment_events import EventKind, PaymentEvent
from hub.domain.redaction import KEEP
from hub.ports import RawRequest, WebhookRefusedError
from payment_providers.dummy.settings import Scenario

SIGNATURE, TIMESTAMP = "x-dummy-signature", "x-dummy-timestamp"
PAST, FUTURE = timedelta(seconds=300), timedelta(seconds=60)
_DAYS_LATE = 3
SHAPE = dict.fromkeys(("id", "reference", "kind", "ref", "amount_cents", "currency", "at"), KEEP)
"""All that is stored of a webhook."""
_FIELDS = {"id": str, "reference": str, "kind": str, "ref": str, "amount_cents": int, "currency": str, "at": str}


def deliveries(scenario: Scenario) -> tuple[timedelta, ...]:
    """When a real provider would send its webhooks, counted from its answer to `start`; negative: before it."""
    return {
        "twice": (timedelta(0), timedelta(seconds=2)),
        "early": (timedelta(seconds=-1),),
        "late": (timedelta(days=_DAYS_LATE),),
    }.get(scenario, (timedelta(0),))


def signed(key: str, reference: str, event: PaymentEvent, at: datetime) -> tuple[bytes, dict[str, str]]:
    """Body and headers of the webhook that tells `event`, sent at `at`."""
    content = {
        "id": event.id,
        "reference": reference,
        "kind": event.kind.value,
        "ref": event.ref,
        "amount_cents": event.amount_cents or 0,
        "currency": event.currency,
        "at": event.occurred_at.isoformat(),
    }
    body = json.dumps(content).encode()
    return body, resigned(key, body, str(int(at.timestamp())))


def resigned(key: str, body: bytes, stamp: str) -> dict[str, str]:
    """The headers of a body sent at `stamp` (Unix seconds)."""
    return {TIMESTAMP: stamp, SIGNATURE: _digest(key, stamp, body)}


def verify(raw: RawRequest, key: str) -> dict[str, Any]:
    """The content of a webhook signed with `key` and lately. Raises WebhookRefusedError."""
    stamp, given = raw.headers.get(TIMESTAMP, ""), raw.headers.get(SIGNATURE, "")
    if not stamp or not given:
        raise WebhookRefusedError("unsigned")
    if not hmac.compare_digest(_digest(key, stamp, raw.body).encode(), given.encode()):
        raise WebhookRefusedError("bad_signature")
    _refuse_stale(stamp, raw.received_at)
    return _content(raw.body)


def event_of(content: Mapping[str, Any]) -> PaymentEvent:
    """The fact a verified webhook tells."""
    return PaymentEvent(
        content["id"],
        EventKind(content["kind"]),
        datetime.fromisoformat(content["at"]),
        content["ref"],
        content["amount_cents"],
        content["currency"],
    )


def _digest(key: str, stamp: str, body: bytes) -> str:
    return hmac.new(key.encode(), f"{stamp}.".encode() + body, hashlib.sha256).hexdigest()


def _refuse_stale(stamp: str, received_at: datetime) -> None:
    if not (stamp.isascii() and stamp.isdecimal() and len(stamp) <= 11):
        raise WebhookRefusedError("bad_timestamp")
    sent = datetime.fromtimestamp(int(stamp), UTC)
    if not received_at - PAST <= sent <= received_at + FUTURE:
        raise WebhookRefusedError("stale" if sent < received_at else "from_the_future")


def _content(body: bytes) -> dict[str, Any]:
    try:
        content = json.loads(body)
    except (ValueError, RecursionError):
        raise WebhookRefusedError("not_json") from None
    if not isinstance(content, dict):
        raise WebhookRefusedError("not_json")
    for name, kind in _FIELDS.items():
        if type(content.get(name)) is not kind:
            raise WebhookRefusedError("missing_field", f"the webhook has no proper field {name}")
    if content["kind"] not in set(EventKind):
        raise WebhookRefusedError("unknown_kind")
    return content
