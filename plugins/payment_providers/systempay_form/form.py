"""The fields of the form, their signature, and the transaction number that must be unique within a day of the shop.

The number (six letters or digits) is a digest of our reference and the day, so a form made anew after a lost memory has
the same one and is refused by the bank instead of being paid twice. What was given out is kept in the connector's
state: where two references of a day meet on one number (on 2 of 10,000 days of 5,000 payments), the second takes
another.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from hub.ports import PaymentAsk, RawRequest, State, WebhookRefusedError
from hub.ports.payments import StartRefusedError
from payment_providers.systempay_form.settings import SystempayFormSettings

SIGNATURE = "signature"
_ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_LENGTH, _TRIES, _MAX_FIELDS = 6, 20, 300
_LANGUAGES = frozenset({"fr", "en", "de", "es", "it", "nl", "pt"})


def signature(fields: Mapping[str, str], key: str) -> str:
    """Base64 of the HMAC-SHA-256 of the values of `vads_*`, in the order of their names, and the key, joined by `+`."""
    values = [fields[name] for name in sorted(fields) if name.startswith("vads_")]
    text = "+".join([*values, key])
    return base64.b64encode(hmac.new(key.encode(), text.encode(), hashlib.sha256).digest()).decode()


@dataclass(frozen=True, slots=True)
class Number:
    """A transaction number and the moment of its day."""

    ident: str
    at: datetime


def number_of(reference: str, now: datetime, state: State) -> Number:
    """The number of a payment: the one it was given, or a free one of today."""
    if kept := state.get(f"form:{reference}"):
        found = json.loads(kept)
        return Number(found["ident"], datetime.fromisoformat(found["at"]))
    at = now.astimezone(UTC).replace(microsecond=0)
    for ident in _candidates(reference, f"{at:%Y%m%d}"):
        name = f"taken:{at:%Y%m%d}:{ident}"
        if state.get(name) in (None, reference):
            state.put(name, reference)
            state.put(f"form:{reference}", json.dumps({"ident": ident, "at": at.isoformat()}))
            return Number(ident, at)
    raise StartRefusedError("no_number_left", "no transaction number of today is free")


def fields_of(ask: PaymentAsk, number: Number, settings: SystempayFormSettings) -> dict[str, str]:
    """All fields, signed."""
    fields = {
        "vads_version": "V2",
        "vads_action_mode": "INTERACTIVE",
        "vads_page_action": "PAYMENT",
        "vads_payment_config": "SINGLE",
        "vads_ctx_mode": settings.mode,
        "vads_site_id": settings.site_id,
        "vads_trans_id": number.ident,
        "vads_trans_date": f"{number.at:%Y%m%d%H%M%S}",
        "vads_amount": str(ask.amount_cents),
        "vads_currency": "978",
        "vads_order_id": ask.reference,
        "vads_cust_id": ask.payer,
        "vads_language": ask.language[:2].lower() if ask.language[:2].lower() in _LANGUAGES else "fr",
        "vads_url_check": ask.webhook_url,
        "vads_url_return": ask.return_url,
        "vads_return_mode": "POST",
        **({"vads_cust_email": ask.email} if ask.email else {}),
    }
    return {**fields, SIGNATURE: signature(fields, settings.key.get_secret_value())}


def verified_fields(raw: RawRequest, key: str) -> dict[str, str]:
    """The fields of a message signed with `key`. Raises WebhookRefusedError."""
    fields = _fields(raw)
    given = fields.pop(SIGNATURE, "")
    if not given:
        raise WebhookRefusedError("unsigned")
    if not hmac.compare_digest(signature(fields, key).encode(), given.encode()):
        raise WebhookRefusedError("bad_signature")
    return {name: value for name, value in fields.items() if name.startswith("vads_")}


def _fields(raw: RawRequest) -> dict[str, str]:
    """Posted, or for a browser sent back by GET in the query; each once."""
    from urllib.parse import parse_qsl

    if raw.channel == "return" and not raw.body:
        return dict(raw.query)
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
    return fields


def _candidates(reference: str, day: str) -> Iterator[str]:
    for turn in range(_TRIES):
        left: Any = int.from_bytes(hashlib.sha256(f"{reference} {day} {turn}".encode()).digest(), "big")
        chars = []
        for _ in range(_LENGTH):
            left, place = divmod(left, len(_ALPHABET))
            chars.append(_ALPHABET[place])
        yield "".join(chars)
