"""References of our own: short, unguessable, and safe in any bank's, provider's or ERP's field."""

from __future__ import annotations

import base64
import secrets
from typing import Final
from uuid import UUID, uuid5

_BYTES: Final = 10
_KEYS: Final = UUID("6f1d1c52-51a5-5c8e-9d59-5a0c6b0f9b1e")


def new_reference() -> str:
    """16 characters of A–Z and 2–7, 80 random bits: a payment's name at its provider."""
    return base64.b32encode(secrets.token_bytes(_BYTES)).decode()


def posting_reference(payment: str, number: int) -> str:
    """The payment's reference with the number of its posting, 18 characters: what an ERP's entry is recognised by."""
    return f"{payment}{number:02d}"


def operation_key(payment: UUID, operation: str) -> str:
    """The key of one operation on a payment, the same whenever and wherever it is worked out."""
    return str(uuid5(_KEYS, f"{payment}/{operation}"))
