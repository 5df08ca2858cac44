"""Guards, locks, sockets, ports and logs: what keeps a hub's processes in order."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from hub.embedded.guard import Guarded, Manner
from hub.embedded.lock import DataDirLock, is_running
from hub.embedded.logs import MAX_BYTES, bound, open_log, tail
from hub.embedded.ports import is_free, next_free, require_port
from hub.embedded.running import announce, running_on, withdraw
from hub.embedded.sockets import socket_dir
from hub.errors import SetupError

QUICK = Manner("TERM", "0", 2)


def run(code: str, log: Path, manner: Manner = QUICK) -> Guarded:
    return Guarded([sys.executable, "-c", code], log=log, manner=manner)


def until_said(log: Path, word: str) -> str:
    deadline = time.monotonic() + 10
    while word not in tail(log):
        assert time.monotonic() < deadline, f"{word!r} was not said: {tail(log)!r}"
        time.sleep(0.02)
    return tail(log)


def test_a_child_gets_sigterm_and_its_exit_code_is_told(tmp_path: Path) -> None:
    log = tmp_path / "child.log"
    child = run(
        "import signal, sys, time\n"
        "signal.signal(signal.SIGTERM, lambda *_: sys.exit(7))\n"
        "print('up', flush=True); time.sleep(60)",
        log,
    )
    until_said(log, "up")
    assert child.ended() is None

    assert child.stop() == 7
    assert child.ended() == 7


def test_a_child_deaf_to_sigterm_is_killed_after_its_grace(tmp_path: Path) -> None:
    log = tmp_path / "child.log"
    child = run(
        "import signal, time\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\nprint('up', flush=True); time.sleep(60)",
        log,
    )
    until_said(log, "up")
    began = time.monotonic()
    child.stop()

    assert 1 < time.monotonic() - began < 6
    assert not is_running(child.pid)


def test_what_a_dead_child_left_behind_is_ended_with_it(tmp_path: Path) -> None:
    log = tmp_path / "child.log"
    child = run(
        "import subprocess, time\nprint(subprocess.Popen(['sleep', '60']).pid, 'up', flush=True)\ntime.sleep(60)",
        log,
    )
    grandchild = int(until_said(log, "up").split()[0])
    os.kill(child.pid, signal.SIGKILL)
    deadline = time.monotonic() + 5
    while child.ended() is None and time.monotonic() < deadline:
        time.sleep(0.02)

    assert child.ended() == 128 + signal.SIGKILL
    while is_running(grandchild) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert not is_running(grandchild)


def test_nothing_of_a_stopped_child_holds_the_lock(tmp_path: Path) -> None:
    lock = DataDirLock(tmp_path)
    lock.acquire()
    child = Guarded(["sleep", "60"], log=tmp_path / "child.log", keep_fds=(lock.fd,))
    child.stop()
    lock.release()

    deadline = time.monotonic() + 2  # what was killed with it lets go when the kernel comes to it
    while not _is_free(tmp_path):
        assert time.monotonic() < deadline
        time.sleep(0.02)


def _is_free(folder: Path) -> bool:
    try:
        with DataDirLock(folder, patience=0.1):
            return True
    except SetupError:
        return False


def test_a_signal_to_the_guard_itself_does_not_take_it_away(tmp_path: Path) -> None:
    log = tmp_path / "child.log"
    child = run("import time; print('up', flush=True); time.sleep(60)", log)
    until_said(log, "up")
    os.kill(child._guard.pid, signal.SIGTERM)
    time.sleep(0.1)

    assert child.ended() is None
    assert is_running(child.pid)
    child.stop()


def test_a_second_holder_is_told_the_pid_of_the_first(tmp_path: Path) -> None:
    with DataDirLock(tmp_path), pytest.raises(SetupError, match=rf"pid {os.getpid()}\b") as refused:
        DataDirLock(tmp_path).acquire()
    assert "--data-dir" in refused.value.hint

    with DataDirLock(tmp_path):
        pass


def test_the_lock_waits_for_what_a_killed_hub_left(tmp_path: Path) -> None:
    first = DataDirLock(tmp_path)
    first.acquire()
    with subprocess.Popen(["sleep", "1"], pass_fds=(first.fd,)) as child:
        first.release()
        first.path.write_text("999999999")
        with DataDirLock(tmp_path):
            assert child.wait(0.2) == 0, "the lock came before the child had ended"


def test_what_does_not_stop_is_named_after_the_patience(tmp_path: Path) -> None:
    first = DataDirLock(tmp_path)
    first.acquire()
    with subprocess.Popen(["sleep", "30"], pass_fds=(first.fd,)) as child:
        first.release()
        first.path.write_text("999999999")
        with pytest.raises(SetupError, match="still run"):
            DataDirLock(tmp_path, patience=0.2).acquire()
        child.kill()


def test_sockets_lie_beside_the_data_where_the_path_is_short_and_plain(tmp_path: Path) -> None:
    short = Path("/tmp") / f"hub-test-{os.getpid()}"
    try:
        assert socket_dir(short) == short / "run"
        assert (short / "run").stat().st_mode & 0o777 == 0o700
    finally:
        (short / "run").rmdir()
        short.rmdir()


def test_a_long_path_gets_a_short_private_folder_always_the_same(tmp_path: Path) -> None:
    folder = socket_dir(tmp_path / ("é" * 60))
    assert len(os.fsencode(folder)) <= 80
    assert folder.stat().st_mode & 0o777 == 0o700
    assert socket_dir(tmp_path / ("é" * 60)) == folder
    folder.rmdir()


def test_a_link_in_place_of_the_socket_folder_is_refused(tmp_path: Path) -> None:
    folder = socket_dir(tmp_path / ("x" * 90))
    folder.rmdir()
    folder.symlink_to(tmp_path)
    try:
        with pytest.raises(SetupError, match="not a folder of this user"):
            socket_dir(tmp_path / ("x" * 90))
    finally:
        folder.unlink()


def test_a_taken_port_is_said_with_the_option_and_the_next_free_one() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        assert not is_free("127.0.0.1", port)
        with pytest.raises(SetupError, match=str(port)) as refused:
            require_port("127.0.0.1", port)
        assert next_free("127.0.0.1", port) > port
    assert "--port" in refused.value.hint
    assert require_port("127.0.0.1", port) == port


def test_an_address_of_another_machine_is_no_taken_port() -> None:
    with pytest.raises(SetupError, match=r"192\.0\.2\.1 is no address"):
        is_free("192.0.2.1", 8000)


def test_a_log_is_emptied_in_place_and_its_writer_goes_on(tmp_path: Path) -> None:
    path = tmp_path / "logs" / "api.log"
    with open_log(path) as log:
        log.write(b"x" * (MAX_BYTES + 1))
        log.flush()
        bound(path)
        log.write(b"after\n")
    assert path.read_bytes() == b"after\n"
    assert path.with_name("api.log.1").stat().st_size == MAX_BYTES + 1


def test_what_runs_is_announced_to_this_user_only(tmp_path: Path) -> None:
    assert running_on(tmp_path) is None
    announce(tmp_path, {"HOUSING_HUB_DATABASE_URL": "postgresql+psycopg://hub_api@/hub"})
    assert (tmp_path / "running.json").stat().st_mode & 0o777 == 0o600
    assert running_on(tmp_path) == {"HOUSING_HUB_DATABASE_URL": "postgresql+psycopg://hub_api@/hub"}
    withdraw(tmp_path)
    assert running_on(tmp_path) is None


def test_what_a_killed_hub_announced_is_not_believed(tmp_path: Path) -> None:
    code = """if True:
        import sys
        from pathlib import Path
        from hub.embedded.running import announce
        announce(Path(sys.argv[1]), {})
    """
    subprocess.run([sys.executable, "-c", code, str(tmp_path)], check=True)

    assert (tmp_path / "running.json").exists()
    assert running_on(tmp_path) is None
