from __future__ import annotations

import hashlib
import io
import os
import socket
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import paramiko
import pytest

from hub.errors import (
    DeadlineError,
    ForbiddenError,
    InputRefusedError,
    MisconfiguredError,
    RetryableError,
    SettingsError,
    TerminalError,
    UnreachableError,
)
from hub.wire import NetworkPolicy, SftpSession, fetch_host_key


@pytest.fixture
def connect(sftp_world: Any, local: NetworkPolicy) -> Callable[..., SftpSession]:
    """Opens sessions to the test server, with what a test wants different."""

    def session(**options: Any) -> SftpSession:
        key = f"{sftp_world.key.get_name()} {sftp_world.key.get_base64()}"
        defaults = {"policy": local, "user": "hub", "password": "s3cret", "host_key": key}
        return SftpSession("127.0.0.1", sftp_world.port, **{**defaults, **options})

    return session


def test_the_key_shown_at_set_up_is_the_one_to_pin(sftp_world: Any, local: NetworkPolicy, connect: Any) -> None:
    shown = fetch_host_key("127.0.0.1", sftp_world.port, local)
    assert shown.line == f"{sftp_world.key.get_name()} {sftp_world.key.get_base64()}"
    assert shown.sha256 == sftp_world.key.fingerprint
    for pin in (shown.line, shown.sha256, shown.line + " root@erp", "[127.0.0.1]:22 " + shown.line):
        with connect(host_key=pin) as session:
            assert len(session.list(".")) == 0


def test_a_changed_key_names_both_fingerprints_and_sends_no_password(sftp_world: Any, connect: Any) -> None:
    session = connect()
    pinned, sftp_world.key = sftp_world.key, paramiko.ECDSAKey.generate()
    with pytest.raises(MisconfiguredError) as caught:
        session.__enter__()
    assert pinned.fingerprint in caught.value.message
    assert sftp_world.key.fingerprint in caught.value.message


def test_a_key_of_another_kind_is_a_changed_key(sftp_world: Any, connect: Any, ed25519_key: tuple[str, bytes]) -> None:
    pinned = paramiko.Ed25519Key(data=ed25519_key[1])
    with pytest.raises(MisconfiguredError, match="has changed") as caught:
        connect(host_key=f"ssh-ed25519 {pinned.get_base64()}").__enter__()
    assert pinned.fingerprint in caught.value.message
    assert sftp_world.key.fingerprint in caught.value.message


def test_a_key_that_was_never_pinned_is_refused_with_its_fingerprint(sftp_world: Any, connect: Any) -> None:
    with pytest.raises(MisconfiguredError, match="no host key is pinned") as caught, connect(host_key=None):
        pass
    assert sftp_world.key.fingerprint in caught.value.message


@pytest.mark.parametrize("pin", ["", "AAAA", "ssh-ed25519", "ssh-ed25519 ???", "MD5:aa:bb"])
def test_an_unreadable_pin_is_a_settings_error(connect: Any, pin: str) -> None:
    with pytest.raises((SettingsError, MisconfiguredError), match=r"host_key|host key"), connect(host_key=pin):
        pass


def test_a_wrong_password_or_key_is_for_a_person_to_mend(connect: Any, ed25519_key: tuple[str, bytes]) -> None:
    with pytest.raises(MisconfiguredError, match="refuses our user and password") as caught, connect(password="wr0ng"):
        pass
    assert "wr0ng" not in str(caught.value)
    with pytest.raises(MisconfiguredError, match="refuses our user and key"), connect(private_key=ed25519_key[0]):
        pass


def test_a_private_key_logs_in(sftp_world: Any, connect: Any, ed25519_key: tuple[str, bytes]) -> None:
    sftp_world.authorized = ed25519_key[1]
    with connect(password=None, private_key=ed25519_key[0]) as session:
        assert len(session.list(".")) == 0


def test_a_key_with_a_passphrase_needs_the_right_one(sftp_world: Any, connect: Any) -> None:
    key, text = paramiko.ECDSAKey.generate(), io.StringIO()
    key.write_private_key(text, password="open")
    sftp_world.authorized = key.asbytes()
    with connect(private_key=text.getvalue(), passphrase="open"):
        pass
    with pytest.raises(SettingsError, match="passphrase"), connect(private_key=text.getvalue()):
        pass
    with pytest.raises(SettingsError, match="cannot be read"), connect(private_key=text.getvalue(), passphrase="no"):
        pass
    with pytest.raises(SettingsError, match="cannot be read"), connect(private_key="rubbish"):
        pass


def test_a_folder_lists_its_plain_files_with_size_and_time(sftp_world: Any, connect: Any) -> None:
    folder = sftp_world.root / "compta"
    (folder / "sub").mkdir(parents=True)
    (folder / "b é.csv").write_bytes(b"12345")
    (folder / "a.csv").write_bytes(b"1")
    os.utime(folder / "a.csv", (1_700_000_000, 1_700_000_000))
    with connect() as session:
        listing = session.list("compta")
        assert session.stat("compta/a.csv") == listing.files[0]
        with pytest.raises(MisconfiguredError, match="no folder elsewhere"):
            session.list("elsewhere")
    assert [(file.name, file.path, file.size) for file in listing] == [
        ("a.csv", "compta/a.csv", 1),
        ("b é.csv", "compta/b é.csv", 5),
    ]
    assert listing.files[0].modified == datetime.fromtimestamp(1_700_000_000, UTC)


def test_hostile_names_are_left_out_and_reported(sftp_world: Any, connect: Any) -> None:
    (sftp_world.root / "good.csv").write_bytes(b"")
    hostile = [b"../up", b"a/b", b"a\\b", b"tab\there", b"n" * 256, b"latin\xe9", "rtl\u202etxt".encode(), b""]
    sftp_world.extra_names = [*hostile, b".."]
    with connect() as session:
        listing = session.list(".")
    assert [file.name for file in listing] == ["good.csv"]
    assert len(listing.skipped) == len(hostile)
    assert "latin\\xe9" in listing.skipped


@pytest.mark.parametrize("prefetch", [True, False])
@pytest.mark.parametrize("size", [0, 1, 32_768, 9_000_001])
def test_a_file_arrives_whole_with_its_hash(sftp_world: Any, connect: Any, prefetch: bool, size: int) -> None:
    content = os.urandom(size)
    (sftp_world.root / "f.bin").write_bytes(content)
    into = io.BytesIO()
    with connect(prefetch=prefetch) as session:
        fetched = session.fetch("f.bin", into)
    assert into.getvalue() == content
    assert (fetched.size, fetched.sha256) == (size, hashlib.sha256(content).hexdigest())


def test_a_file_above_the_limit_is_refused_before_it_is_read(sftp_world: Any, connect: Any) -> None:
    (sftp_world.root / "f.bin").write_bytes(bytes(1001))
    into = io.BytesIO()
    with connect() as session, pytest.raises(InputRefusedError, match="limit of 1,000 bytes"):
        session.fetch("f.bin", into, max_bytes=1000)
    assert into.getvalue() == b""


def test_a_file_that_grows_while_it_is_read_is_left_for_later(sftp_world: Any, connect: Any) -> None:
    (sftp_world.root / "f.bin").write_bytes(bytes(100))
    sftp_world.grow["f.bin"] = b"more"
    with connect() as session, pytest.raises(RetryableError, match="changed while it was read"):
        session.fetch("f.bin", io.BytesIO())


def test_a_file_that_is_gone_may_come_back(connect: Any) -> None:
    with connect() as session, pytest.raises(RetryableError, match="no such file"):
        session.fetch("gone.bin", io.BytesIO())


def test_a_transfer_that_crawls_ends_at_its_deadline(sftp_world: Any, connect: Any, local: NetworkPolicy) -> None:
    (sftp_world.root / "f.bin").write_bytes(bytes(3_000_000))
    sftp_world.read_delay = 0.1
    began = time.monotonic()
    with connect(policy=replace(local, total_seconds=1.0)) as session, pytest.raises(DeadlineError, match="fetching f"):
        session.fetch("f.bin", io.BytesIO())
    assert time.monotonic() - began < 3


def test_a_server_that_stops_answering_trips_the_read_limit(
    sftp_world: Any, connect: Any, local: NetworkPolicy
) -> None:
    (sftp_world.root / "f.bin").write_bytes(bytes(1000))
    sftp_world.read_delay = 2
    with connect(policy=replace(local, read_seconds=0.3)) as session, pytest.raises(DeadlineError, match="stopped"):
        session.fetch("f.bin", io.BytesIO())


def test_a_port_that_hangs_or_speaks_nonsense_ends_in_time(
    raw_server: Callable[[Callable[[socket.socket], None]], int], local: NetworkPolicy
) -> None:
    hung = raw_server(lambda _: threading.Event().wait(3) and None)
    began = time.monotonic()
    with pytest.raises((DeadlineError, UnreachableError)):
        fetch_host_key("127.0.0.1", hung, replace(local, connect_seconds=0.3))
    assert time.monotonic() - began < 2
    web = raw_server(lambda sock: sock.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n" * 100))
    with pytest.raises(UnreachableError):
        fetch_host_key("127.0.0.1", web, local)


def test_a_private_address_is_refused(sftp_world: Any, connect: Any) -> None:
    with pytest.raises(ForbiddenError, match="private_hosts"), connect(policy=NetworkPolicy()):
        pass


@pytest.mark.parametrize("posix_rename", [True, False])
def test_a_file_is_moved_over_an_older_namesake(sftp_world: Any, connect: Any, posix_rename: bool) -> None:
    sftp_world.posix_rename = posix_rename
    archive = sftp_world.root / "archive"
    archive.mkdir()
    (archive / "a.csv").write_bytes(b"old")
    (sftp_world.root / "a.csv").write_bytes(b"new")
    with connect() as session:
        session.rename("a.csv", "archive/a.csv")
        with pytest.raises(RetryableError, match="no such file"):
            session.rename("a.csv", "archive/a.csv")
    assert (archive / "a.csv").read_bytes() == b"new"


def test_a_broken_connection_is_unreachable_and_a_closed_session_says_so(sftp_world: Any, connect: Any) -> None:
    (sftp_world.root / "f.bin").write_bytes(bytes(1000))
    session = connect()
    with session:
        session._transport.sock.shutdown(socket.SHUT_RDWR)
        with pytest.raises(UnreachableError):
            session.fetch("f.bin", io.BytesIO())
    with pytest.raises(UnreachableError, match="closed"):
        session.list(".")


def test_no_agent_or_key_file_is_used(connect: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    opened: list[str] = []
    monkeypatch.setenv("SSH_AUTH_SOCK", str(tmp_path / "agent"))
    monkeypatch.setattr(paramiko.Agent, "__init__", lambda *_: opened.append("agent"))
    with connect():
        pass
    assert not opened


@pytest.mark.parametrize("posix_rename", [True, False])
def test_a_file_is_put_whole_once_and_never_over_another(sftp_world: Any, connect: Any, posix_rename: bool) -> None:
    sftp_world.posix_rename = posix_rename
    (sftp_world.root / "in.csv.tmp").write_bytes(b"left by a kill, and longer than what comes")
    with connect() as session:
        session.put("in.csv", b"new")
        session.put("in.csv", b"new")
        with pytest.raises(TerminalError, match="another content"):
            session.put("in.csv", b"other")
    assert {path.name: path.read_bytes() for path in sftp_world.root.iterdir()} == {"in.csv": b"new"}


def test_what_did_not_arrive_whole_gets_no_name(sftp_world: Any, connect: Any) -> None:
    sftp_world.full = True
    with connect() as session, pytest.raises(RetryableError, match="2 bytes arrived, not 4"):
        session.put("in.csv", b"four")
    assert not (sftp_world.root / "in.csv").exists()


def test_putting_into_a_folder_that_is_not_there_is_for_a_person(connect: Any) -> None:
    with connect() as session, pytest.raises(MisconfiguredError, match="no folder nowhere"):
        session.put("nowhere/in.csv", b"new")
