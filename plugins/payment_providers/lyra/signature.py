"""The signature of what Lyra sends: HMAC-SHA-256 over the raw text of `kr-answer`, with the key its channel pins.

`kr-hash-key` names the key, but a message may not choose the key it is checked with: it must name the pinned one.
The escaped slash: official clients replace `\\/` by `/` before they compute, so both texts are tried.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from typing import Any
from urllib.parse import parse_qsl

from hub.ports import RawRequest, WebhookRefusedError

PINNED = {"webhook": "password", "return": "sha256_hmac"}
"""What `kr-hash-key` must say: notifications are signed with the REST password, returns with the HMAC key."""
_FIELDS = ("kr-hash", "kr-hash-algorithm", "kr-hash-key", "kr-answer", "kr-answer-type")
_MAX_FIELDS = 50


def verified_answer(raw: RawRequest, key: str) -> dict[str, Any]:
    """The order told of by a message signed with `key`. Raises WebhookRefusedError."""
    fields = _fields(raw)
    if fields["kr-hash-algorithm"] != "sha256_hmac":
        raise WebhookRefusedError("other_algorithm")
    if fields["kr-hash-key"] != PINNED[raw.channel]:
        raise WebhookRefusedError("other_key")
    if fields["kr-answer-type"] != "V4/Payment":
        raise WebhookRefusedError("other_type")
    answer, given = fields["kr-answer"], fields["kr-hash"]
    if not _is_signed(answer, given, key) and not _is_signed(answer.replace("\\/", "/"), given, key):
        raise WebhookRefusedError("bad_signature")
    return _json(answer)


def sign(answer: str, key: str) -> str:
    """What `kr-hash` must be."""
    return hmac.new(key.encode(), answer.encode(), hashlib.sha256).hexdigest()


def _is_signed(answer: str, given: str, key: str) -> bool:
    return hmac.compare_digest(sign(answer, key).encode(), given.encode())


def _fields(raw: RawRequest) -> dict[str, str]:
    """Each field once. Anything twice is refused: two readers could each take another one."""
    try:
        pairs = parse_qsl(
            raw.body.decode("ascii"),
            keep_blank_values=True,
            strict_parsing=True,
            errors="strict",
            max_num_fields=_MAX_FIELDS,
        )
    except ValueError:
        raise WebhookRefusedError("not_a_form") from None
    fields = dict(pairs)
    if len(fields) != len(pairs):
        raise WebhookRefusedError("field_twice")
    if missing := next((name for name in _FIELDS if not fields.get(name)), None):
        raise WebhookRefusedError("missing_field", f"the message has no {missing}")
    return fields


def _json(answer: str) -> dict[str, Any]:
    try:
        order = json.loads(answer)
    except (ValueError, RecursionError):
        raise WebhookRefusedError("not_json") from None
    if not isinstance(order, dict):
        raise WebhookRefusedError("not_json")
    return order
