"""Runs a whole hub on one machine: starts its processes, restarts what died, stops everything in order."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType, TracebackType
from typing import Any, Protocol, TypeVar

from hub.embedded.guard import Guarded, Manner
from hub.embedded.lock import DataDirLock
from hub.embedded.logs import bound
from hub.embedded.postgres import EmbeddedPostgres
from hub.embedded.running import withdraw
from hub.embedded.valkey import EmbeddedValkey
from hub.errors import HubError, SetupError

T = TypeVar("T")

# What serves people stops first, what the others stand on last. A process not named here stops before the servers.
STOP_ORDER = ("api", "worker", "scheduler", "sandbox")
_TICK_SECONDS = 0.2
_FIRST_PAUSE, _LONGEST_PAUSE = 0.5, 30.0
_STEADY_SECONDS = 60.0
_LOG_CHECK_SECONDS = 30.0


class StoppedError(Exception):
    """A stop was asked for (Ctrl-C, SIGTERM) while something was being waited for."""


@dataclass(frozen=True, slots=True)
class Child:
    """A process of the hub: what to run and how long it may take to stop, in seconds."""

    name: str
    argv: Sequence[str]
    env: Mapping[str, str] = field(default_factory=dict)
    grace: int = 10


class _Server(Protocol):
    def start(self) -> str: ...
    def stop(self) -> None: ...
    def alive(self) -> bool: ...


class _Process:
    """A child as something that can be started, watched and stopped like a server."""

    def __init__(self, child: Child, log: Path, keep_fd: int) -> None:
        self.child, self.log = child, log
        self._keep_fd = keep_fd
        self._running: Guarded | None = None

    def start(self) -> str:
        self._running = Guarded(
            self.child.argv,
            log=self.log,
            manner=Manner("TERM", "0", self.child.grace),
            env={**os.environ, "PYTHONUNBUFFERED": "1", **self.child.env},
            keep_fds=(self._keep_fd,),
        )
        return self.child.name

    def stop(self) -> None:
        if self._running is not None:
            self._running.stop()
            self._running = None

    def alive(self) -> bool:
        return self._running is not None and self._running.ended() is None


@dataclass(slots=True)
class _Watched:
    """A part of the hub with its back-off."""

    name: str
    part: _Server
    log: Path
    pause: float = _FIRST_PAUSE
    since: float = 0.0
    again_at: float | None = None

    def start(self) -> str:
        self.since, self.again_at = time.monotonic(), None
        return self.part.start()

    def schedule(self) -> float:
        """Note that it died: the seconds until it is started again, doubled each time it did not last a minute."""
        if time.monotonic() - self.since > _STEADY_SECONDS:
            self.pause = _FIRST_PAUSE
        wait, self.pause = self.pause, min(self.pause * 2, _LONGEST_PAUSE)
        self.again_at = time.monotonic() + wait
        return wait


class Supervisor:
    """A context manager that holds the data directory's lock and stops all it started when it is left.

    Signals only set an event; all starting and stopping happens in the thread that called. `say` is told each restart.
    """

    def __init__(self, data_dir: Path, *, say: Callable[[str], None]) -> None:
        self.data_dir = data_dir.absolute()
        self.stopping = threading.Event()
        self._say = say
        self._lock = DataDirLock(self.data_dir)
        self._parts: dict[str, _Watched] = {}
        self._handlers: dict[int, Any] = {}
        self._logs_checked = 0.0

    def __enter__(self) -> Supervisor:
        self._lock.acquire()
        # A shell's background job ignores SIGINT, which we want to hear; one that ignores SIGHUP (nohup) is left so.
        heard = [signal.SIGINT, signal.SIGTERM]
        if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:
            heard.append(signal.SIGHUP)
        for number in heard:
            self._handlers[number] = signal.signal(number, self._asked_to_stop)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        try:
            self.stop()
        finally:
            withdraw(self.data_dir)
            for number, handler in self._handlers.items():
                signal.signal(number, handler)
            self._lock.release()

    def start_postgres(self) -> str:
        """Start the embedded PostgreSQL and return its superuser's URL; what it must tell a person is said."""
        server = EmbeddedPostgres(self.data_dir, keep_fds=(self._lock.fd,))
        url = self._start("postgres", server, server.log)
        if server.note:
            self._say(server.note)
        return url

    def start_valkey(self) -> str | None:
        """Start the embedded Valkey and return its URL, or None where no server is installed: the workers then poll."""
        if not EmbeddedValkey.available():
            self._say("no valkey-server for this machine: workers poll the database")
            return None
        server = EmbeddedValkey(self.data_dir, keep_fds=(self._lock.fd,))
        return self._start("valkey", server, server.log)

    def start(self, child: Child) -> None:
        """Start a process of the hub. SetupError when one of that name runs already."""
        log = self.data_dir / "logs" / f"{child.name}.log"
        self._start(child.name, _Process(child, log, self._lock.fd), log)

    def alive(self, name: str) -> bool:
        """Whether the part of that name runs at this moment."""
        return name in self._parts and self._parts[name].part.alive()

    def while_doing(self, work: Callable[[], T]) -> T:
        """Do `work` in a thread while watching over the parts; its result or its error.

        StoppedError when a stop is asked for meanwhile: the work is then left behind, in a thread that ends with us.
        """
        outcome: list[T] = []
        failure: list[BaseException] = []

        def run() -> None:
            try:
                outcome.append(work())
            except BaseException as error:  # noqa: BLE001  # raised again in the caller's thread
                failure.append(error)

        thread = threading.Thread(target=run, name="work", daemon=True)
        thread.start()
        while thread.is_alive():
            if self.stopping.is_set():
                raise StoppedError
            self._watch()
            thread.join(_TICK_SECONDS)
        if failure:
            raise failure[0]
        return outcome[0]

    def wait(self, ready: Callable[[], bool], *, seconds: float, what: str) -> None:
        """Wait until `ready()`. SetupError naming `what` after `seconds`, StoppedError when a stop is asked for."""
        deadline = time.monotonic() + seconds
        while not ready():
            if self.stopping.wait(0.05):
                raise StoppedError
            if time.monotonic() > deadline:
                raise SetupError(f"{what} did not answer within {seconds:.0f} s", hint=f"read {self.data_dir / 'logs'}")
            self._watch()

    def run(self) -> None:
        """Watch over the parts until a stop is asked for."""
        while not self.stopping.wait(_TICK_SECONDS):
            self._watch()

    def stop(self) -> None:
        """Stop every part, in order. One that cannot be stopped does not keep the others from being."""
        order = {name: place for place, name in enumerate((*STOP_ORDER, "", "valkey", "postgres"))}
        for name in sorted(self._parts, key=lambda name: order.get(name, len(STOP_ORDER))):
            try:
                self._parts.pop(name).part.stop()
            except OSError as error:
                self._say(f"{name} could not be stopped: {error}")

    def _start(self, name: str, part: _Server, log: Path) -> str:
        if name in self._parts:
            raise SetupError(f"{name} is already started")
        self._parts[name] = _Watched(name, part, log)
        return self._parts[name].start()

    def _watch(self) -> None:
        """One look at every part: note the dead, start those whose pause is over, keep the logs bounded."""
        now = time.monotonic()
        for watched in self._parts.values():
            if watched.again_at is None and not watched.part.alive():
                self._say(f"{watched.name} ended: starting it again in {watched.schedule():g} s (see {watched.log})")
            elif watched.again_at is not None and now >= watched.again_at:
                self._restart(watched)
        if now - self._logs_checked > _LOG_CHECK_SECONDS:
            self._logs_checked = now
            for watched in self._parts.values():
                bound(watched.log)

    def _restart(self, watched: _Watched) -> None:
        try:
            watched.start()
        except (HubError, OSError) as error:
            self._say(f"{watched.name} cannot be started: {error}; next try in {watched.schedule():g} s")
        else:
            self._say(f"{watched.name} is up again")

    def _asked_to_stop(self, number: int, frame: FrameType | None) -> None:
        self.stopping.set()
