"""Total deadlines: a time limit per read lets a slow drip live for ever, so every exchange has one for the whole."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from hub.errors import DeadlineError


class Deadline:
    """A moment on the monotonic clock by which an exchange is over. `seconds` is its length, for messages."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self._end = time.monotonic() + seconds

    def remaining(self) -> float:
        """Seconds left, never negative."""
        return max(0.0, self._end - time.monotonic())

    @property
    def passed(self) -> bool:
        return time.monotonic() >= self._end

    def bound(self, seconds: float) -> float:
        """The shorter of `seconds` and what is left; never 0, which sockets read as "do not block"."""
        return max(0.001, min(seconds, self.remaining()))

    def check(self, what: str) -> None:
        """Raises DeadlineError, naming `what` was being done, once the deadline has passed."""
        if self.passed:
            raise self.error(what)

    def error(self, what: str) -> DeadlineError:
        return DeadlineError(
            f"{what} took longer than {self.seconds:g} s in all",
            hint="the far side hangs or drips: ask its operator, or raise the connector's total time limit",
        )


class Watchdog:
    """Calls `action` from a thread of its own when the deadline passes; the only way out of a read that never ends.

    `action` must be safe to call from another thread (shutting a socket down is). `cancel` on every path.
    """

    def __init__(self, deadline: Deadline, action: Callable[[], None]) -> None:
        self._timer = threading.Timer(deadline.remaining(), action)
        self._timer.daemon = True
        self._timer.start()

    def cancel(self) -> None:
        self._timer.cancel()

    def __enter__(self) -> Watchdog:
        return self

    def __exit__(self, *_: object) -> None:
        self.cancel()
