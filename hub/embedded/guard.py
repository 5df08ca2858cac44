"""Children that cannot outlive us: a shell stands beside each and stops it when our end of a pipe closes."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from hub.embedded.logs import open_log

# The pipe on fd 3 closes when the supervisor ends in whatever way, kill -9 included. `again` is repeated each second: a
# shell starts its children with SIGINT ignored, so a signal sent before postgres has set its handlers would be lost.
# Caught traps are reset in the child, ignored ones would not be: hence `:` outside and '' only in the watcher.
_SCRIPT = """
signal=$1 again=$2 grace=$3
shift 3
exec 3<&0
"$@" 3<&- </dev/null >&2 &
child=$!
trap : INT TERM HUP
echo "$child"
exec >&-
(
  trap '' INT TERM HUP
  read -r _ <&3
  kill -s "$signal" "$child" 2>/dev/null
  while sleep 1; kill -s "$again" "$child" 2>/dev/null; do
    grace=$((grace - 1))
    [ "$grace" -gt 0 ] || kill -s KILL 0
  done
) &
watcher=$!
exec 3<&-
while wait "$child"; code=$?; kill -s 0 "$child" 2>/dev/null; do :; done
kill -s KILL "$watcher" 2>/dev/null
exit "$code"
"""


class Manner(NamedTuple):
    """How a child is asked to stop: `signal` at once, `again` each second, SIGKILL after `grace` seconds."""

    signal: str
    again: str
    grace: int


# SIGINT is PostgreSQL's fast shutdown and Valkey's clean exit; a checkpoint may take its time.
SERVER = Manner("INT", "INT", 120)
PROCESS = Manner("TERM", "0", 10)


class Guarded:
    """A running command under its guard, in a session of its own so that the terminal's Ctrl-C does not reach it."""

    def __init__(
        self,
        argv: Sequence[str | Path],
        *,
        log: Path,
        manner: Manner = PROCESS,
        env: Mapping[str, str] | None = None,
        cwd: Path | None = None,
        keep_fds: Sequence[int] = (),
        user: int | None = None,
        group: int | None = None,
    ) -> None:
        """Start `argv`, its output appended to `log`; the child inherits `keep_fds`. OSError when there is no shell."""
        self._manner, self._swept = manner, False
        command = ["sh", "-c", _SCRIPT, "guard", manner.signal, manner.again, str(manner.grace), *map(str, argv)]
        with open_log(log) as output:
            self._guard = subprocess.Popen(
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=output,
                env=env,
                cwd=cwd,
                start_new_session=True,
                pass_fds=keep_fds,
                user=user,
                group=group,
                extra_groups=None if user is None else [],
            )
        self.pid = _first_number(self._guard)

    def ended(self) -> int | None:
        """The exit code once the child has ended (128 + n when a signal ended it), None while it runs."""
        code = self._guard.poll()
        if code is not None:
            self._sweep(code)
        return code

    def stop(self) -> int:
        """Ask the child to stop, wait for it, and return its exit code. Harmless when it has ended already."""
        self._close_pipe()
        try:
            code = self._guard.wait(self._manner.grace + 10)
        except subprocess.TimeoutExpired:
            os.killpg(self._guard.pid, signal.SIGKILL)
            code = self._guard.wait()
        self._sweep(code)
        return code

    def _close_pipe(self) -> None:
        if self._guard.stdin is not None:
            self._guard.stdin.close()

    def _sweep(self, code: int) -> None:
        """End what is left in the group, once: the number may then become another's.

        A server whose guard was killed (a negative code) is spared: it is stopped in good order at its next start.
        """
        self._close_pipe()
        swept, self._swept = self._swept, True
        if not swept and (code >= 0 or self._manner.signal == PROCESS.signal):
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self._guard.pid, signal.SIGKILL)


def _first_number(guard: subprocess.Popen[bytes]) -> int:
    """The child's pid, which the guard says first; closes that pipe."""
    if guard.stdout is None:
        return guard.pid
    with guard.stdout as said:
        return int(said.readline() or guard.pid)
