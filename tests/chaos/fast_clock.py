"""A business clock that all processes of a trial share: it runs so many times as fast, and can be moved on.

What it says is worked out from a small file, so that a process started later, and one that was killed and came back,
tell the same time as the others. Leases are the database's time and are not hurried by it.
"""

from __future__ import annotations

import json
import os
import time
from datetime import UTC, datetime
from pathlib import Path


class FastClock:
    """A `hub.domain.clock.Clock`. It never goes back."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._read_of = (-1, -1)
        self._since, self._at, self._speed = 0.0, 0.0, 1.0

    @classmethod
    def begin(cls, path: Path, *, speed: float) -> FastClock:
        """Start it at the machine's time."""
        path.parent.mkdir(parents=True, exist_ok=True)
        clock = cls(path)
        clock._write(time.time(), speed)
        return clock

    def now(self) -> datetime:
        self._read()
        return datetime.fromtimestamp(self._at + (time.time() - self._since) * self._speed, UTC)

    def move_on(self, seconds: float) -> None:
        """So many business seconds pass at once."""
        self._write(self.now().timestamp() + max(0.0, seconds), self._speed)

    def run(self, speed: float) -> None:
        """From now on so many times as fast as the machine's."""
        self._write(self.now().timestamp(), speed)

    def _read(self) -> None:
        about = self._path.stat()
        if (version := (about.st_mtime_ns, about.st_ino)) != self._read_of:
            held = json.loads(self._path.read_text())
            self._since, self._at, self._speed = held["since"], held["at"], held["speed"]
            self._read_of = version

    def _write(self, at: float, speed: float) -> None:
        fresh = self._path.with_suffix(".new")
        fresh.write_text(json.dumps({"since": time.time(), "at": at, "speed": speed}))
        os.replace(fresh, self._path)
