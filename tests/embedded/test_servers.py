"""The embedded PostgreSQL and Valkey, run for real."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from pathlib import Path
from threading import Thread

import psycopg
import pytest
import redis

from hub.embedded import postgres
from hub.embedded.lock import is_running
from hub.embedded.postgres import EmbeddedPostgres
from hub.embedded.root import Footing
from hub.embedded.valkey import EmbeddedValkey
from hub.errors import SetupError


def ask(server: EmbeddedPostgres, query: str) -> object:
    url = server.url().replace("postgresql+psycopg://", "postgresql://")
    with psycopg.connect(url) as connection:
        return connection.execute(query.encode()).fetchone()[0]  # type: ignore[index]  # each query here gives a row


def eventually(condition: Callable[[], bool], seconds: float = 5.0) -> bool:
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


@pytest.fixture
def server(tmp_path: Path) -> Iterator[EmbeddedPostgres]:
    postgres = EmbeddedPostgres(tmp_path)
    yield postgres
    postgres.stop()


def test_postgres_starts_answers_and_stops(server: EmbeddedPostgres) -> None:
    server.start()
    pid = server.pid
    assert server.alive()
    assert ask(server, "select lower('ÉÀÇ')") == "éàç"
    assert ask(server, "select current_setting('listen_addresses')") == ""

    server.stop()

    assert not server.alive()
    assert pid is not None
    assert not is_running(pid)
    assert "database system is shut down" in server.log.read_text()


def test_what_was_written_is_there_after_a_restart(server: EmbeddedPostgres) -> None:
    server.start()
    url = server.url().replace("+psycopg", "")
    with psycopg.connect(url) as connection:
        connection.execute("create table kept as select 7 as n")
    server.stop()
    server.start()

    assert ask(server, "select n from kept") == 7


def test_a_killed_postgres_is_noticed_and_comes_back(server: EmbeddedPostgres) -> None:
    server.start()
    assert server.pid is not None
    os.kill(server.pid, signal.SIGKILL)
    assert eventually(lambda: not server.alive())

    server.start()

    assert ask(server, "select 1") == 1


def test_a_server_left_running_is_stopped_and_started_anew(tmp_path: Path, server: EmbeddedPostgres) -> None:
    server.start()
    left = server.pid
    assert left is not None
    second = EmbeddedPostgres(tmp_path)
    try:
        second.start()

        assert second.pid != left
        assert not is_running(left)
        assert ask(second, "select 1") == 1
        assert server.log.read_text().count("database system is shut down") == 1, "it must be stopped in good order"
    finally:
        second.stop()


def test_a_path_of_120_characters_with_a_space_and_accents_works(tmp_path: Path) -> None:
    folder = tmp_path / "données du bailleur, d'été"
    folder /= "x" * max(1, 120 - len(str(folder)) - 1)
    server = EmbeddedPostgres(folder)
    valkey = EmbeddedValkey(folder)
    try:
        server.start()
        valkey.start()
        assert ask(server, "select current_setting('data_directory')") == str(folder / "postgres")
    finally:
        valkey.stop()
        server.stop()
        valkey.socket_path().parent.rmdir()


def test_two_data_directories_run_side_by_side(tmp_path: Path) -> None:
    first, second = EmbeddedPostgres(tmp_path / "one"), EmbeddedPostgres(tmp_path / "two")
    try:
        first.start()
        second.start()
        with psycopg.connect(first.url().replace("+psycopg", "")) as connection:
            connection.execute("create table here as select 1")
        assert ask(second, "select to_regclass('here')") is None
        second.stop()
        assert ask(first, "select count(*) from here") == 1
    finally:
        second.stop()
        first.stop()


def test_an_interrupted_initdb_is_done_again(tmp_path: Path, server: EmbeddedPostgres) -> None:
    half = tmp_path / "postgres.new"
    half.mkdir()
    (half / "PG_VERSION").write_text("18\n")

    server.start()

    assert ask(server, "select 1") == 1
    assert not half.exists()


def test_a_pid_file_that_names_another_program_says_what_to_do(tmp_path: Path, server: EmbeddedPostgres) -> None:
    server.start()
    server.stop()
    with subprocess.Popen(["sleep", "30"]) as other:
        (tmp_path / "postgres" / "postmaster.pid").write_text(
            f"{other.pid}\n{tmp_path}/postgres\n0\n5432\n\n\n\nready\n"
        )
        with pytest.raises(SetupError) as refused:
            server.start()
        assert other.poll() is None, "a stranger must not be stopped"
        other.kill()
    assert str(other.pid) in refused.value.hint
    assert "postmaster.pid" in refused.value.hint


@pytest.mark.parametrize(("seconds", "leaves"), [("0.5", True), ("30", False)])
def test_a_server_on_its_way_out_is_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, seconds: str, leaves: bool
) -> None:
    """Killed with its hub, a server drops its pid file some time before it ends: `pg_ctl` finds none to stop."""
    monkeypatch.setattr(postgres, "_LEAVE_SECONDS", 1.0)
    cluster = tmp_path / "postgres"
    cluster.mkdir()
    pg_ctl = tmp_path / "home" / "bin" / "pg_ctl"
    pg_ctl.parent.mkdir(parents=True)
    pg_ctl.write_text("#!/bin/sh\necho 'PID file does not exist' >&2\nexit 1\n")
    pg_ctl.chmod(0o755)
    with subprocess.Popen(["sleep", seconds], cwd=cluster) as old:
        (cluster / "postmaster.pid").write_text(f"{old.pid}\n{cluster}\n0\n5432\n\n\n\nstopping\n")
        Thread(target=old.wait, daemon=True).start()
        with nullcontext() if leaves else pytest.raises(SetupError, match="PID file does not exist"):
            postgres._stop_left_over(Footing(home=tmp_path / "home", cluster=cluster, sockets=tmp_path))
        assert is_running(old.pid) is not leaves
        old.kill()


def test_a_folder_without_a_server_is_refused_by_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOUSING_HUB_POSTGRES_BIN", str(tmp_path / "nowhere"))
    with pytest.raises(SetupError, match="nowhere") as refused:
        EmbeddedPostgres(tmp_path).start()
    assert "HOUSING_HUB_DATABASE_URL" in refused.value.hint


def test_the_log_keeps_no_value_of_a_failing_statement(server: EmbeddedPostgres) -> None:
    server.start()
    url = server.url().replace("+psycopg", "")
    with psycopg.connect(url) as connection, pytest.raises(psycopg.errors.InvalidTextRepresentation):
        connection.execute("select 'Mme Lefèvre'::int")
    server.stop()

    assert "Lefèvre" not in server.log.read_text()


def test_valkey_answers_ping_and_leaves_no_socket(tmp_path: Path) -> None:
    valkey = EmbeddedValkey(tmp_path)
    assert valkey.start() == valkey.url()
    with redis.Redis(unix_socket_path=str(valkey.socket_path())) as client:
        assert client.ping() is True
    valkey.stop()

    assert not valkey.alive()
    assert not valkey.socket_path().exists()


def test_a_valkey_left_running_is_replaced(tmp_path: Path) -> None:
    first, second = EmbeddedValkey(tmp_path), EmbeddedValkey(tmp_path)
    try:
        first.start()
        second.start()
        assert eventually(lambda: not first.alive())
        assert second.alive()
    finally:
        second.stop()
        first.stop()


OWNER = """
import sys, time
from pathlib import Path
from hub.embedded.postgres import EmbeddedPostgres
from hub.embedded.valkey import EmbeddedValkey
postgres, valkey = EmbeddedPostgres(Path(sys.argv[1])), EmbeddedValkey(Path(sys.argv[1]))
postgres.start(), valkey.start()
print(postgres.pid, valkey.pid, flush=True)
time.sleep(60)
"""


def test_kill_9_of_the_owner_stops_both_servers(tmp_path: Path) -> None:
    with subprocess.Popen([sys.executable, "-c", OWNER, str(tmp_path)], stdout=subprocess.PIPE, text=True) as owner:
        assert owner.stdout is not None
        pids = [int(pid) for pid in owner.stdout.readline().split()]
        assert len(pids) == 2
        assert all(map(is_running, pids))
        owner.kill()

    assert eventually(lambda: not any(map(is_running, pids)), seconds=2)
    assert "database system is shut down" in (tmp_path / "logs" / "postgres.log").read_text()
