"""The structured creditor reference (ISO 11649, `RF…`) and the payload of the QR code banks read (EPC069-12)."""

from __future__ import annotations

import re

_ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"
_UNFIT = re.compile(r"[^0-9A-Z]")
_LONGEST = 21
_MOST_CENTS = 99_999_999_999
_MOST_BYTES = 331
_LONGEST_NAME = 70


def creditor_reference(text: str) -> str:
    """`RF`, two check digits, and the letters and digits of `text`. Raises ValueError for none, or more than 21."""
    plain = _UNFIT.sub("", text.upper())
    if not 0 < len(plain) <= _LONGEST:
        raise ValueError("a structured reference holds 1 to 21 letters and digits")
    return f"RF{98 - _mod97(plain + 'RF00'):02d}{plain}"


def is_creditor_reference(text: str) -> bool:
    """Whether a text, blanks aside, is a structured reference with the right check digits."""
    plain = text.replace(" ", "").upper()
    return bool(re.fullmatch(r"RF\d\d[0-9A-Z]{1,21}", plain)) and _mod97(plain[4:] + plain[:4]) == 1


def epc_payload(*, name: str, iban: str, bic: str, cents: int, reference: str) -> str:
    """What the QR code of a transfer holds: version 002, UTF-8, a structured reference. Raises ValueError for what does
    not fit."""
    if not 0 < cents <= _MOST_CENTS:
        raise ValueError("a transfer is 0.01 to 999,999,999.99 EUR")
    if not 0 < len(name) <= _LONGEST_NAME or "\n" in name:
        raise ValueError(f"the beneficiary's name is one line of at most {_LONGEST_NAME} characters")
    if not is_creditor_reference(reference):
        raise ValueError("the reference is no structured reference")
    euros, rest = divmod(cents, 100)
    payload = "\n".join(("BCD", "002", "1", "SCT", bic, name, iban, f"EUR{euros}.{rest:02d}", "", reference))
    if len(payload.encode()) > _MOST_BYTES:
        raise ValueError(f"the QR code would hold more than {_MOST_BYTES} bytes")
    return payload


def _mod97(text: str) -> int:
    """ISO/IEC 7064: letters count from A = 10."""
    return int("".join(str(_ALPHABET.index(char)) for char in text)) % 97
