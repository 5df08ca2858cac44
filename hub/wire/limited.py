"""A byte stream that ends in time and within its size, whatever the far side sends."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from hub.errors import InputRefusedError
from hub.wire.deadline import Deadline

CHUNK = 64 * 1024


class ByteStream(Protocol):
    """What readers need: at most `size` bytes per call (fewer are allowed), b"" at the end."""

    def read(self, size: int = -1, /) -> bytes: ...


class Limited:
    """Counts the bytes it hands out (after decompression) and checks the deadline at every read.

    `read_some(size)` gives at most `size` bytes as soon as there are any (`read1`). Raises InputRefusedError beyond
    `max_bytes`, DeadlineError beyond the deadline. `what` names the stream in messages.
    """

    def __init__(
        self,
        read_some: Callable[[int], bytes],
        *,
        max_bytes: int,
        what: str,
        deadline: Deadline | None = None,
        on_close: Callable[[], None] | None = None,
    ) -> None:
        self._read_some = read_some
        self._max_bytes = max_bytes
        self._what = what
        self._deadline = deadline
        self._on_close = on_close
        self.count = 0
        self.closed = False

    def read(self, size: int = -1, /) -> bytes:
        """At most `size` bytes, fewer when fewer are there; all that is left with a negative size."""
        if size is None or size < 0:
            return b"".join(iter(lambda: self.read(CHUNK), b""))
        data = self._read_some(size)
        # After the read: a stream cut by the watchdog looks like one that ended by itself.
        if self._deadline is not None:
            self._deadline.check(f"reading {self._what}")
        self.count += len(data)
        if self.count > self._max_bytes:
            raise too_large(self._what, self._max_bytes)
        return data

    def readable(self) -> bool:
        return not self.closed

    def close(self) -> None:
        if not self.closed:
            self.closed = True
            if self._on_close is not None:
                self._on_close()

    def __enter__(self) -> Limited:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def too_large(what: str, max_bytes: int) -> InputRefusedError:
    """The error for anything that passes its size limit."""
    return InputRefusedError(
        f"{what} is larger than the limit of {max_bytes:,} bytes",
        hint="ask for less at a time, or raise the connector's size limit",
    )
