"""What may be shown of a value that was refused: enough to find the fault, never a person's data."""

from __future__ import annotations

import re

MAX_EXCERPT = 80
# Looked at to know what the excerpt's end belongs to: a mail address has at most 320 characters (RFC 3696).
_LOOKED_AT = MAX_EXCERPT + 320
# Two letters, two digits, then at least eleven letters or digits, in groups or not (ISO 13616).
_IBAN = re.compile(r"\b[A-Za-z]{2}\d{2}(?:[ \u00a0]?[A-Za-z0-9]){11,30}\b")

_MAIL = re.compile(r"[^\s@]+@[^\s@]+")


def shape(text: str) -> str:
    """The value's outline: "Le Goff-2" → "Xx Xxxx-9". Lets a person see a bad separator without seeing the value."""
    return "".join(_outline(char) for char in text)


def outlined(text: str) -> str:
    """The text with the IBANs and mail addresses in it as outlines."""
    return _MAIL.sub(_shaped, _IBAN.sub(_shaped, text))


def excerpt(value: object, *, personal: bool = False) -> str | None:
    """A short printable piece of a refused value; outlined when the field is personal, as are all IBANs and mail
    addresses, wherever a moved column put them."""
    if value is None:
        return None
    text = str(value)[:_LOOKED_AT]
    shown = shape(text) if personal else outlined(text)
    cut = shown if len(shown) <= MAX_EXCERPT else shown[: MAX_EXCERPT - 1] + "…"
    return "".join(char if char.isprintable() else "·" for char in cut)


def _shaped(found: re.Match[str]) -> str:
    return shape(found.group())


def _outline(char: str) -> str:
    if char.isdigit():
        return "9"
    if char.isalpha():
        return "X" if char.isupper() else "x"
    return char
