"""The bell says that a queue has work. It may fail, since the poll finds the work too; it never makes anyone wait."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Final, Literal, Protocol

Rung = Literal["sent", "joined", "quiet", "failed"]

_QUIET_SECONDS: Final = 5.0


class Bell(Protocol):
    """Rings for a queue. Ring after the commit that asked for the work; `close` sends what is still to be sent."""

    def ring(self, queue: str) -> None: ...

    def close(self, seconds: float = 2.0) -> None: ...


class NoBell:
    """Without a broker, workers poll."""

    def ring(self, queue: str) -> None:
        """Nothing to ring."""

    def close(self, seconds: float = 2.0) -> None:
        """Nothing to send."""


class ThreadBell:
    """Rings from a thread of its own, since publishing with the broker down takes most of a second and raises.

    Rings for a queue whose message is still to be sent join it. After a failure it is quiet for some seconds.
    """

    def __init__(
        self,
        publish: Callable[[str], None],
        *,
        quiet_seconds: float = _QUIET_SECONDS,
    ) -> None:
        self._publish = publish
        self._quiet_seconds = quiet_seconds
        self._count: Callable[[Rung], None] = lambda rung: None
        self._changed = threading.Condition()
        self._waiting: dict[str, None] = {}  # a set that keeps its order
        self._quiet_until = 0.0
        self._closed = False
        self._thread: threading.Thread | None = None

    def ring(self, queue: str) -> None:
        """Ask for a message about the queue. Never waits, never raises."""
        with self._changed:
            if self._closed or time.monotonic() < self._quiet_until:
                return self._count("quiet")
            if queue in self._waiting:
                return self._count("joined")
            self._waiting[queue] = None
            self._start()
            return self._changed.notify_all()

    def report_to(self, count: Callable[[Rung], None]) -> None:
        """Tell `count` from now on what becomes of each ring, from the thread where it does."""
        self._count = count

    def close(self, seconds: float = 2.0) -> None:
        """Send what is still to be sent, for at most so long; rings after this are dropped."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
            thread = self._thread
        if thread is not None:
            thread.join(seconds)

    def _start(self) -> None:
        if self._thread is None:
            self._thread = threading.Thread(target=self._send_all, name="bell", daemon=True)
            self._thread.start()

    def _send_all(self) -> None:
        while (queue := self._next()) is not None:
            try:
                self._publish(queue)
            except Exception:  # noqa: BLE001  # a broker can fail in any way, and the poll covers them all
                self._be_quiet()
                self._count("failed")
            else:
                self._count("sent")

    def _next(self) -> str | None:
        """The next queue to ring for, no longer waiting once it is taken: what is committed after this rings anew."""
        with self._changed:
            self._changed.wait_for(lambda: self._waiting or self._closed)
            if not self._waiting:
                return None
            queue = next(iter(self._waiting))
            del self._waiting[queue]
            return queue

    def _be_quiet(self) -> None:
        with self._changed:
            self._quiet_until = time.monotonic() + self._quiet_seconds
            self._waiting.clear()
