"""What becomes of a job whose handler raised: tried again, later and later, or given up with its reason."""

from __future__ import annotations

import random
import traceback
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from hub.errors import HubError, RateLimitedError, RetryableError
from hub.store.job_rows import ClaimedJob
from hub.store.troubles import explain

_JITTER: Final = 0.2


@dataclass(frozen=True, slots=True)
class BackOff:
    """Seconds before the second attempt, their growth from one attempt to the next, and their limit."""

    first: float = 5.0
    factor: float = 4.0
    longest: float = 900.0

    def after(self, attempts: int) -> timedelta:
        """How long to wait after so many attempts, a fifth more or less so that many do not come back at once."""
        seconds = min(self.first * self.factor ** (attempts - 1), self.longest)
        return timedelta(seconds=seconds * random.uniform(1 - _JITTER, 1 + _JITTER))  # noqa: S311  # no secret


@dataclass(frozen=True, slots=True)
class Verdict:
    """`wait` None: given up. `reason` is kept with the job and shown to operators: no personal data."""

    reason: str
    wait: timedelta | None


def judge(error: BaseException, claimed: ClaimedJob, back_off: BackOff) -> Verdict:
    """Our own errors say by their class what to do, and their texts may be shown.

    Anything else is tried again, and shown by its class and place alone: its text may hold a person's data.
    """
    reason = str(error) if isinstance(error, HubError) else describe(error)
    if isinstance(error, HubError) and not isinstance(error, RetryableError):
        return Verdict(reason, None)
    if claimed.attempts >= claimed.max_attempts:
        return Verdict(f"given up after {claimed.attempts} attempts: {reason}", None)
    wait = back_off.after(claimed.attempts)
    if isinstance(error, RateLimitedError):
        wait = max(wait, timedelta(seconds=error.retry_after))
    return Verdict(reason, wait)


def describe(error: BaseException) -> str:
    """An exception's class and where it was raised, without its text; of a database out of reach, what is wrong."""
    if (known := explain(error)) is not None:
        return str(known)
    frames = traceback.extract_tb(error.__traceback__)
    place = f" at {frames[-1].filename}:{frames[-1].lineno}" if frames else ""
    return f"{type(error).__name__}{place}"
