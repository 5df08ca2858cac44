"""A message as a signed POST, within the guarded network."""

from __future__ import annotations

import hashlib
import hmac
import json
from datetime import datetime

from pydantic import SecretStr

from hub.config.notify import Notify
from hub.errors import SettingsError
from hub.telling.message import Message
from hub.wire.http import HttpSession

SIGNATURE = "Housing-Hub-Signature"
TIMESTAMP = "Housing-Hub-Timestamp"
KEY_ID = "Housing-Hub-Key-Id"
IDEMPOTENCY_KEY = "Idempotency-Key"


def send_webhook(message: Message, target: Notify, *, secret: SecretStr | None, now: datetime) -> str:
    """POST the message as JSON; gives what happened. Raises what `HttpSession.request` does.

    The signature is `v1=` and the HMAC-SHA256, in hex, of the timestamp (seconds since 1970), a dot and the body. The
    idempotency key is the message's own: whoever sees it twice has it already.
    """
    if secret is None or target.webhook is None:
        raise SettingsError(
            f"the secret of [[notify]] {target.called} is not stored", hint="apply the landlord's file again"
        )
    body = json.dumps(message.plain(), ensure_ascii=False).encode()
    timestamp = str(int(now.timestamp()))
    headers = {
        "Content-Type": "application/json",
        IDEMPOTENCY_KEY: message.id,
        TIMESTAMP: timestamp,
        KEY_ID: target.key_id,
        SIGNATURE: sign(secret.get_secret_value(), timestamp, body),
    }
    session = HttpSession(target.policy)
    try:
        with session.request("POST", target.webhook, headers=headers, data=body) as reply:
            return f"{reply.what} answered {reply.status}"
    finally:
        session.close()


def sign(secret: str, timestamp: str, body: bytes) -> str:
    """The signature of a body sent at a time."""
    digest = hmac.new(secret.encode(), f"{timestamp}.".encode() + body, hashlib.sha256)
    return f"v1={digest.hexdigest()}"
