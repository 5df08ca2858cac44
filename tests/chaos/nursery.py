"""Workers by the hundred: one process imports what the hub's processes need, once, and forks each of them when asked.

A start then costs a tenth of a second of a processor instead of three, so that blows fall on work and not on imports.
Each child is a process of its own, in a session of its own, that runs `hub.worker` or the API from its first line.
"""

from __future__ import annotations

import json
import os
import queue
import random
import select
import signal
import subprocess
import sys
import traceback
from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from threading import Condition, Thread
from typing import Any, NoReturn

_LOOK_SECONDS = 0.02
_BIRTH_SECONDS = 60.0
_LATE = (
    "celery.app.amqp", "celery.apps.worker", "celery.backends.base", "celery.concurrency.thread",
    "celery.events.dispatcher", "celery.fixups.django", "celery.worker.autoscale", "celery.worker.consumer",
    "celery.worker.consumer.delayed_delivery", "celery.worker.loops", "celery.worker.pidbox", "celery.worker.strategy",
    "hub.cli.app", "kombu.transport.redis", "mortal_process", "paramiko", "payment_providers.lyra", "tenant_api.asgi",
    "uvicorn.lifespan.on", "uvicorn.loops.auto", "uvicorn.protocols.http.auto", "zeep", "zeep.wsdl.bindings.soap",
)  # fmt: skip
"""What is loaded after the first job and the first answer, by those who bring the rest."""


class Child:
    """A forked process, as the fleet treats its others."""

    def __init__(self, nursery: Nursery, pid: int) -> None:
        self._nursery, self.pid = nursery, pid

    def ended(self) -> int | None:
        """Its exit code, negative for a signal; None while it runs."""
        return self._nursery.codes.get(self.pid)

    def stop(self, seconds: float = 30.0) -> int:
        """SIGTERM, then SIGKILL when that is not heard; the exit code."""
        for number, patience in ((signal.SIGTERM, seconds), (signal.SIGKILL, 10.0)):
            if self.ended() is None:
                os.kill(self.pid, number)
                self._nursery.await_end(self.pid, patience)
        code = self.ended()
        return -signal.SIGKILL if code is None else code


class Nursery:
    """The process that forks, as the harness sees it. It ends with the harness, and its children with it."""

    def __init__(self, log: Path) -> None:
        self.codes: dict[int, int] = {}
        self._born: queue.Queue[int] = queue.Queue()
        self._heard = Condition()
        with log.open("ab") as sink:
            self._process = subprocess.Popen(
                [sys.executable, __file__], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=sink, text=True
            )
        Thread(target=self._listen, daemon=True).start()

    def start(self, arguments: list[str], environment: Mapping[str, str], log: Path) -> Child:
        """Fork a worker, or with `["scheduler"]` or `["api"]` one of these."""
        asked = {"arguments": arguments, "environment": dict(environment), "log": str(log)}
        if self._process.stdin is not None:
            self._process.stdin.write(json.dumps(asked) + "\n")
            self._process.stdin.flush()
        return Child(self, self._born.get(timeout=_BIRTH_SECONDS))

    def await_end(self, pid: int, seconds: float) -> None:
        with self._heard:
            self._heard.wait_for(lambda: pid in self.codes, seconds)

    def close(self) -> None:
        if self._process.stdin is not None:
            self._process.stdin.close()
        self._process.wait(30)

    def _listen(self) -> None:
        for line in self._process.stdout or ():
            said = json.loads(line)
            if "born" in said:
                self._born.put(said["born"])
                continue
            with self._heard:
                self.codes[said["ended"]] = said["code"]
                self._heard.notify_all()


# --- in the process that forks ----------------------------------------------------------------------------------------


def serve() -> None:
    """Fork a child for each line heard, and say when one has ended; until nobody speaks to us any more."""
    _import_all()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    children: set[int] = set()
    while True:
        if select.select([sys.stdin], [], [], _LOOK_SECONDS)[0]:
            line = sys.stdin.readline()
            if not line:
                break
            pid = os.fork()
            if pid == 0:
                _become(json.loads(line))
            children.add(pid)
            _say({"born": pid})
        _tell_ended(children)
    for pid in children:
        os.kill(pid, signal.SIGKILL)


def _import_all() -> None:
    """What each would import by itself. Nothing is started: a fork takes only the thread that forks."""
    from hub.registry import Registry

    for name in _LATE:
        import_module(name)
    Registry.load(("soap", "sftp_files", "lyra", "dummy"))


def _become(asked: dict[str, Any]) -> NoReturn:
    code = 1
    try:
        os.setsid()
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        log = os.open(asked["log"], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        for number in (1, 2):
            os.dup2(log, number)
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        random.seed()
        os.environ.update(asked["environment"])
        code = _run(asked["arguments"])
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else 0 if end.code is None else 1
    except BaseException:  # it may not come back into the parent's loop
        traceback.print_exc()
    finally:
        sys.stderr.flush()
        os._exit(code)


def _run(arguments: list[str]) -> int:
    import mortal_process

    if arguments == ["api"]:
        sys.argv = ["housing-hub", *arguments]
        return mortal_process.main_of_api()
    sys.argv = ["mortal_process.py", *arguments]
    return mortal_process.main()


def _tell_ended(children: set[int]) -> None:
    for pid in list(children):
        found, status = os.waitpid(pid, os.WNOHANG)
        if found:
            children.discard(pid)
            _say({"ended": pid, "code": os.waitstatus_to_exitcode(status)})


def _say(fact: dict[str, int]) -> None:
    sys.stdout.write(json.dumps(fact) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    serve()
