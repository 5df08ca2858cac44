"""What may be kept of a stranger's message: only what is known to be harmless, and never a card number."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

# Digits as people and machines group them: with single blanks, dots or dashes between.
_DIGITS = re.compile(r"(?<!\d)\d(?:[ .\u00a0-]?\d){12,18}(?!\d)")
_SEPARATOR = re.compile(r"\D")
# What card numbers of a length begin with (ISO/IEC 7812: issuers in use); a date with its time begins otherwise.
_BEGIN = {13: "456", 14: "3", 15: "123", 16: "23456", 17: "3456", 18: "3456", 19: "3456"}
KEEP = True
"""As the value of a shape: keep this leaf."""


def is_card_number(digits: str) -> bool:
    """Whether 13 to 19 digits begin as an issuer's do and pass the check of ISO/IEC 7812 (Luhn)."""
    if not (digits.isascii() and digits.isdecimal() and digits[:1] in _BEGIN.get(len(digits), ())):
        return False
    doubled = [int(digit) * (1 + place % 2) for place, digit in enumerate(reversed(digits))]
    return sum(value - 9 if value > 9 else value for value in doubled) % 10 == 0


def mask_cards(text: str) -> str:
    """The text with each card number in it masked but for its last four digits."""
    return _DIGITS.sub(_masked, text)


def without_cards(value: Any) -> Any:
    """A JSON-like value in which no text and no number is a card number; names of keys included."""
    if isinstance(value, str):
        return mask_cards(value)
    if isinstance(value, Mapping):
        return {mask_cards(str(name)): without_cards(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [without_cards(item) for item in value]
    if isinstance(value, int) and not isinstance(value, bool):
        return mask_cards(str(value)) if is_card_number(str(value)) else value
    return value


def only(value: Any, shape: Mapping[str, Any]) -> Any:
    """What of a JSON-like value its `shape` names (name → `KEEP` for a leaf, or a shape within), without card numbers.

    Lists are taken item by item. A leaf that turns out to be a structure is dropped.
    """
    if isinstance(value, list | tuple):
        return [only(item, shape) for item in value]
    if not isinstance(value, Mapping):
        return None
    kept = {}
    for name, inner in shape.items():
        if name not in value:
            continue
        found = value[name]
        if inner is not KEEP:
            kept[name] = only(found, inner)
        elif not isinstance(found, Mapping | list | tuple):
            kept[name] = without_cards(found)
    return kept


def _masked(match: re.Match[str]) -> str:
    found = match.group()
    digits = _SEPARATOR.sub("", found)
    return f"{'*' * (len(digits) - 4)}{digits[-4:]}" if is_card_number(digits) else found
