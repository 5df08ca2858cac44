"""When a provider is asked again about a payment: soon while the tenant waits, rarely later, then no more."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from hub.domain.payments import PaymentState

GRACE: Final = timedelta(minutes=2)
"""After its end, a payment just being paid may still come in."""
_USUAL: Final = (60, 300, 900, 3600, 6 * 3600, 24 * 3600)
_UNKNOWN: Final = (2, 8, 30, 120, 600, 1800, 3600, 6 * 3600, 24 * 3600)
_CAPTURE: Final = (6 * 3600, 24 * 3600, 48 * 3600)
_AFTERWARDS: Final = (3600, 24 * 3600)
_ENDED: Final = frozenset({PaymentState.CANCELED, PaymentState.EXPIRED})
_NOT_ENDED_YET: Final = timedelta(minutes=5)
_ON_AND_ON: Final = timedelta(days=1)


def next_check(state: PaymentState, checks: int, *, now: datetime) -> datetime | None:
    """The next time to ask, after so many times in this state; None when nothing more is expected by itself.

    An end without money is looked at twice more: a success may still come in late.
    """
    match state:
        case PaymentState.UNKNOWN:
            return now + _at(_UNKNOWN, checks)
        case PaymentState.CREATED | PaymentState.ACTION_REQUIRED | PaymentState.PROCESSING:
            return now + _at(_USUAL, checks)
        case PaymentState.AUTHORIZED:
            return now + _at(_CAPTURE, checks)
        case _ if state in _ENDED and checks < len(_AFTERWARDS):
            return now + timedelta(seconds=_AFTERWARDS[checks])
    return None


def not_beyond(due: datetime, expires_at: datetime, *, now: datetime) -> datetime:
    """The next look at an open payment: also when it ends, when that is over for good, and again soon where it could
    not be ended then, so that its accounts are free again and not only hours later."""
    moments = [moment for moment in (expires_at, expires_at + GRACE) if moment > now]
    return min(due, *(moments or [now + _NOT_ENDED_YET]))


def _at(delays: tuple[int, ...], checks: int) -> timedelta:
    return timedelta(seconds=delays[checks]) if checks < len(delays) else _ON_AND_ON
