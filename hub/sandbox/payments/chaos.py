"""What a shop's provider does wrong, on purpose and by a seed."""

from __future__ import annotations

import hashlib
from collections import Counter
from dataclasses import dataclass, fields
from threading import Lock
from typing import Any, Literal, Self

from hub.errors import InvalidAskError


@dataclass(frozen=True, slots=True)
class Chaos:
    """Shares are between 0 and 1; seconds and days are the sandbox's time, which `pass` moves on.

    `error_before`: HTTP 500 and nothing was done. `drop_after`: it was done and no answer comes (after `drop_seconds`).
    `auto_unheard`: of what was done and not answered, whose page somebody finds all the same: as if the call itself
    charged. `refuse_share`: of what the invisible tenant pays (`auto_pay`: "reference" once however often a payment of
    this reference was begun, "each" whatever was begun), `auto_seconds` later. `capture_seconds`: until an authorised
    payment is captured by itself; None: at night. `retry_seconds`: the first pause after a webhook that was not taken,
    doubled each time.
    """

    seed: int = 1
    error_before: float = 0.0
    drop_after: float = 0.0
    drop_seconds: float = 0.0
    webhook_twice: float = 0.0
    webhook_shuffle: float = 0.0
    webhook_shuffle_seconds: float = 2.0
    webhook_delay_seconds: float = 0.0
    webhook_delay_days: float = 0.0
    webhook_alter: float = 0.0
    webhook_never: float = 0.0
    auto_pay: Literal["", "reference", "each"] = ""
    auto_seconds: float = 0.0
    auto_unheard: float = 0.0
    refuse_share: float = 0.0
    capture_seconds: float | None = None
    retry_seconds: float = 5.0

    @classmethod
    def read(cls, given: dict[str, Any]) -> Self:
        """InvalidAskError for a name or value that is none."""
        for name, value in given.items():
            if name not in _NAMES:
                raise InvalidAskError(f"chaos has no {name}", hint=f"one of {', '.join(_NAMES)}")
            if not _fits(name, value):
                raise InvalidAskError(
                    f"{name} cannot be {value!r}", hint="shares are 0 to 1, seconds and days 0 or more"
                )
        return cls(**given)


_NAMES = tuple(one.name for one in fields(Chaos))
_SHARES = (
    "error_before",
    "drop_after",
    "webhook_twice",
    "webhook_shuffle",
    "webhook_alter",
    "webhook_never",
    "auto_unheard",
    "refuse_share",
)


def _fits(name: str, value: Any) -> bool:
    if name == "auto_pay":
        return value in ("", "reference", "each")
    if value is None:
        return name == "capture_seconds"
    if isinstance(value, bool) or not isinstance(value, int | float) or value < 0:
        return False
    return name not in _SHARES or value <= 1


class Dice:
    """Chances that depend on the seed and on what they are about, and not on which thread came first: the n-th time
    that something is asked of one payment has always the same outcome."""

    def __init__(self) -> None:
        self._times: Counter[tuple[str, str]] = Counter()
        self._lock = Lock()

    def falls(self, share: float, seed: int, what: str, about: str) -> bool:
        return share > 0 and self.roll(seed, what, about) < share

    def roll(self, seed: int, what: str, about: str) -> float:
        """0 ≤ x < 1."""
        with self._lock:
            self._times[what, about] += 1
            times = self._times[what, about]
        text = f"{seed}|{what}|{about}|{times}"
        return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=6).digest()) / 2**48
