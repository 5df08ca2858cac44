"""The sandbox's time, which runs on like everybody's and can be moved on by days, and what is to happen in it."""

from __future__ import annotations

import heapq
import logging
import time
from collections.abc import Callable
from datetime import date, datetime
from itertools import count
from threading import Condition, Thread
from zoneinfo import ZoneInfo

DAY = 86_400.0
_PARIS = ZoneInfo("Europe/Paris")
_log = logging.getLogger("hub.sandbox.payments")


class Agenda:
    """Does things when they are due, one after the other, in a thread of its own."""

    def __init__(self, skipped: float = 0.0) -> None:
        self.skipped = skipped
        self._due: list[tuple[float, int, Callable[[], None]]] = []
        self._numbers = count()
        self._changed = Condition()
        self._is_open = True
        self._is_busy = False
        self._thread = Thread(target=self._run, name="sandbox-payments-agenda", daemon=True)

    def now(self) -> float:
        """The sandbox's time, in seconds since 1970."""
        return time.time() + self.skipped

    def day(self) -> date:
        return datetime.fromtimestamp(self.now(), _PARIS).date()

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        with self._changed:
            self._is_open = False
            self._changed.notify_all()
        if self._thread.is_alive():
            self._thread.join()

    def at(self, when: float, do: Callable[[], None]) -> None:
        with self._changed:
            heapq.heappush(self._due, (when, next(self._numbers), do))
            self._changed.notify_all()

    def skip(self, seconds: float) -> None:
        """Time goes on at once; comes back when all that fell due was done."""
        with self._changed:
            self.skipped += seconds
            self._changed.notify_all()
        self.settle()

    def settle(self, patience: float = 30.0) -> None:
        """Wait until nothing is due (not for what an agenda that does not run would do)."""
        with self._changed:
            self._changed.wait_for(lambda: not self._thread.is_alive() or self._is_idle(), patience)

    def _is_idle(self) -> bool:
        return not self._is_busy and (not self._due or self._due[0][0] > self.now())

    def _run(self) -> None:
        while (do := self._next()) is not None:
            try:
                do()
            except Exception:  # noqa: BLE001  # one mishap must not end all that is to come
                _log.exception("something due could not be done")

    def _next(self) -> Callable[[], None] | None:
        with self._changed:
            self._is_busy = False
            self._changed.notify_all()
            while self._is_open:
                wait = self._due[0][0] - self.now() if self._due else None
                if wait is not None and wait <= 0:
                    self._is_busy = True
                    return heapq.heappop(self._due)[2]
                self._changed.wait(wait)
        return None
