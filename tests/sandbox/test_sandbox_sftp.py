"""Cité des Tilleuls over the real wire, visited with paramiko."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path

import paramiko
import pytest

from hub.sandbox import Sandbox

TODAY = date(2026, 11, 20)


class _Pinned(paramiko.MissingHostKeyPolicy):
    def __init__(self, expected: str) -> None:
        self.expected = expected

    def missing_host_key(self, client: paramiko.SSHClient, hostname: str, key: paramiko.PKey) -> None:
        if f"{key.get_name()} {key.get_base64()}" != self.expected:
            raise paramiko.SSHException("another host key")


@contextmanager
def visit(sandbox: Sandbox, *, host_key: str = "", **credentials: str) -> Iterator[paramiko.SFTPClient]:
    login = credentials or {"password": (sandbox.folder / "secrets/tilleuls_password").read_text()}
    with paramiko.SSHClient() as client:
        client.set_missing_host_key_policy(_Pinned(host_key or sandbox.state["sftp"]["host_key"]))
        client.connect("127.0.0.1", sandbox.sftp.port, "hub", allow_agent=False, look_for_keys=False, **login)
        with client.open_sftp() as files:
            yield files


@pytest.fixture
def own(tmp_path: Path) -> Iterator[Sandbox]:
    """A sandbox of one's own, to write in."""
    with Sandbox(tmp_path / "world", contracts=12, today=TODAY) as sandbox:
        yield sandbox


def test_files_are_listed_with_size_and_time(shared: Sandbox) -> None:
    with visit(shared) as files:
        found = {entry.filename: entry for entry in files.listdir_attr("compta")}

    path = shared.root / "compta/ECR_20261120_01.csv"
    assert found[path.name].st_size == path.stat().st_size
    assert found[path.name].st_mtime == int(path.stat().st_mtime)


def test_a_file_arrives_whole_with_and_without_prefetch(shared: Sandbox) -> None:
    expected = (shared.root / "avis/PDF_202611.zip").read_bytes()
    with visit(shared) as files:
        with files.open("avis/PDF_202611.zip") as plain:
            assert plain.read() == expected
        with files.open("/avis/PDF_202611.zip") as ahead:
            ahead.prefetch()
            assert ahead.read() == expected


def test_a_key_opens_the_door_too(shared: Sandbox) -> None:
    with visit(shared, key_filename=str(shared.folder / "secrets/tilleuls_key")) as files:
        assert "contrats" in files.listdir(".")


def test_a_wrong_password_does_not(shared: Sandbox) -> None:
    with pytest.raises(paramiko.AuthenticationException), visit(shared, password="wrong"):
        pass


def test_nothing_above_the_root_is_reached(own: Sandbox) -> None:
    (own.root / "avis/way_out").symlink_to("/etc")
    with visit(own) as files:
        with pytest.raises(FileNotFoundError):
            files.open("../../../../etc/passwd")
        for path in ("avis/way_out/passwd", "avis/way_out"):
            with pytest.raises(PermissionError):
                files.open(path)
        with pytest.raises(PermissionError):
            files.posix_rename("avis/AVIS_20261120.csv", "avis/way_out/AVIS_20261120.csv")
        assert set(files.listdir("../..")) == set(files.listdir("/"))


def test_a_read_file_can_be_moved_to_the_archives(own: Sandbox) -> None:
    with visit(own) as files:
        files.posix_rename("compta/CPT_20261120.csv", "compta/archives/CPT_20261120.csv")

    assert (own.root / "compta/archives/CPT_20261120.csv").exists()
    assert not (own.root / "compta/CPT_20261120.csv").exists()


def test_a_plain_rename_does_not_overwrite(own: Sandbox) -> None:
    with visit(own) as files:
        with pytest.raises(OSError, match="Failure"):
            files.rename("compta/CPT_20261120.csv", "compta/CPTCTR_20261120.csv")
        files.posix_rename("compta/CPT_20261120.csv", "compta/CPTCTR_20261120.csv")


def test_a_partner_can_leave_a_file_and_take_it_away(own: Sandbox) -> None:
    with visit(own) as files:
        files.mkdir("retour")
        with files.open("retour/REG.csv.tmp", "w") as file:
            file.write(b"1;2\r\n")
            assert file.stat().st_size == 5
        files.rename("retour/REG.csv.tmp", "retour/REG.csv")
        assert (own.root / "retour/REG.csv").read_bytes() == b"1;2\r\n"
        files.remove("retour/REG.csv")
        files.rmdir("retour")
        assert "retour" not in files.listdir()
        with pytest.raises(FileNotFoundError):
            files.stat("retour")


def test_a_changed_host_key_is_seen(own: Sandbox) -> None:
    before = own.sftp.fingerprint
    own.sftp.change_host_key()

    assert own.sftp.fingerprint != before
    with pytest.raises(paramiko.SSHException, match="another host key"), visit(own):
        pass
    with visit(own, host_key=own.sftp.host_key) as files:
        assert files.listdir()
