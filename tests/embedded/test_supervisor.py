"""The supervisor as a process of its own: started, signalled, killed."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from hub.embedded.lock import is_running

# A hub of two servers and two children that note when they are asked to stop.
HUB = """
import json, sys, time
from pathlib import Path
from hub.embedded.supervisor import Child, StoppedError, Supervisor

NOTER = '''
import os, signal, sys, time
from pathlib import Path
folder, name = Path(sys.argv[1]), sys.argv[2]
def stop(*_):
    with (folder / "stops").open("a") as file: file.write(name + chr(10))
    sys.exit(0)
signal.signal(signal.SIGTERM, stop)
(folder / (name + ".pid")).write_text(str(os.getpid()))
time.sleep(120)
'''

folder, mode = Path(sys.argv[1]), sys.argv[2]
say = lambda text: print(json.dumps({"said": text}), flush=True)
try:
    with Supervisor(folder, say=say) as hub:
        for old in folder.glob("*.pid"): old.unlink()
        hub.start_postgres(), hub.start_valkey()
        for name in ("scheduler", "worker", "api", "sandbox"):
            hub.start(Child(name, [sys.executable, "-c", NOTER, str(folder), name]))
        hub.wait(lambda: all((folder / f"{n}.pid").exists() for n in ("api", "worker", "scheduler", "sandbox")),
                 seconds=20, what="the children")
        servers = [hub._parts[name].part.pid for name in ("postgres", "valkey")]
        print(json.dumps({"servers": servers}), flush=True)
        if mode == "busy":
            hub.while_doing(lambda: time.sleep(100))
        hub.run()
except StoppedError:
    say("stopped while busy")
"""


class Hub:
    def __init__(self, folder: Path, mode: str = "idle") -> None:
        self.folder = folder
        self.process = subprocess.Popen(
            [sys.executable, "-c", HUB, str(folder), mode],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def next(self, key: str) -> Any:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            if key in (told := json.loads(line)):
                return told[key]
        _, error = self.process.communicate()
        raise AssertionError(f"no {key!r} was told: {error}")

    def child(self, name: str) -> int:
        return int((self.folder / f"{name}.pid").read_text())

    def pids(self) -> list[int]:
        return [*self.next("servers"), *map(self.child, ("api", "worker", "scheduler", "sandbox"))]


@contextmanager
def hub_on(folder: Path, mode: str = "idle") -> Iterator[Hub]:
    hub = Hub(folder, mode)
    try:
        yield hub
    finally:
        hub.process.terminate()
        hub.process.communicate(timeout=30)


def eventually(condition: Callable[[], bool], seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.02)
    return condition()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_stops_everything_in_order(tmp_path: Path, number: signal.Signals) -> None:
    with hub_on(tmp_path) as hub:
        pids = hub.pids()
        hub.process.send_signal(number)
        assert hub.process.wait(20) == 0

    assert not any(map(is_running, pids))
    assert (tmp_path / "stops").read_text().split() == ["api", "worker", "scheduler", "sandbox"]
    log = (tmp_path / "logs" / "postgres.log").read_text()
    assert log.rstrip().endswith("database system is shut down")


def test_ctrl_c_is_heard_while_something_long_is_done(tmp_path: Path) -> None:
    with hub_on(tmp_path, "busy") as hub:
        pids = hub.pids()
        hub.process.send_signal(signal.SIGINT)
        assert hub.next("said") == "stopped while busy"
        assert hub.process.wait(20) == 0
    assert not any(map(is_running, pids))


def test_kill_9_of_the_supervisor_leaves_nothing_after_two_seconds(tmp_path: Path) -> None:
    with hub_on(tmp_path) as hub:
        pids = hub.pids()
        assert all(map(is_running, pids))
        hub.process.kill()
        hub.process.wait()

        assert eventually(lambda: not any(map(is_running, pids)), seconds=2)

    with hub_on(tmp_path) as again:
        assert all(map(is_running, again.pids()))


def test_a_start_right_after_a_kill_9_waits_for_what_is_left(tmp_path: Path) -> None:
    with hub_on(tmp_path) as hub:
        before = hub.pids()
        hub.process.kill()
        with hub_on(tmp_path) as again:
            after = again.next("servers")
            assert all(map(is_running, after))
            assert not any(map(is_running, before))


def test_a_second_hub_on_the_folder_is_refused_with_the_pid_of_the_first(tmp_path: Path) -> None:
    with hub_on(tmp_path) as hub:
        pids = hub.pids()
        second = Hub(tmp_path)
        _, error = second.process.communicate(timeout=20)

        assert second.process.returncode != 0
        assert f"(pid {hub.process.pid})" in error
        assert all(map(is_running, pids)), "the first must not be disturbed"


def test_a_child_that_died_is_started_again_and_it_is_said(tmp_path: Path) -> None:
    with hub_on(tmp_path) as hub:
        hub.next("servers")
        first = hub.child("worker")
        os.kill(first, signal.SIGKILL)

        assert "worker ended" in hub.next("said")
        assert hub.next("said") == "worker is up again"
        assert eventually(lambda: hub.child("worker") != first, seconds=10)
        assert is_running(hub.child("worker"))


def test_a_killed_postgres_is_started_again(tmp_path: Path) -> None:
    with hub_on(tmp_path) as hub:
        postgres, _ = hub.next("servers")
        os.kill(postgres, signal.SIGKILL)

        assert "postgres ended" in hub.next("said")
        assert hub.next("said") == "postgres is up again"
