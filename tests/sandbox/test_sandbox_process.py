"""A sandbox's folder and process: what is kept, what goes on, how it stops."""

from __future__ import annotations

import json
import os
import signal
import socket
import stat
import subprocess
import sys
import time
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest

from hub.errors import SetupError
from hub.sandbox import Sandbox, truth_of
from hub.sandbox.lock import FolderLock
from hub.sandbox.truth import summary

TODAY = date(2026, 11, 20)


def files_of(sandbox: Sandbox) -> dict[Path, bytes]:
    return {path.relative_to(sandbox.root): path.read_bytes() for path in sandbox.root.rglob("*.*") if path.is_file()}


def test_a_second_start_keeps_ports_keys_passwords_and_files(tmp_path: Path) -> None:
    with Sandbox(tmp_path, contracts=12, today=TODAY) as first:
        state, files = first.state, files_of(first)
    with Sandbox(tmp_path, contracts=12, today=TODAY) as second:
        assert second.state == state
        assert files_of(second) == files


def test_a_second_start_writes_no_file_anew(tmp_path: Path) -> None:
    def inodes() -> dict[Path, int]:
        return {path: path.stat().st_ino for path in (tmp_path / "sftp").rglob("*.*")}

    with Sandbox(tmp_path, contracts=12, today=TODAY):
        written = inodes()
    with Sandbox(tmp_path, contracts=12, today=TODAY):
        assert inodes() == written


def test_files_moved_to_the_archives_do_not_come_back(tmp_path: Path) -> None:
    with Sandbox(tmp_path, contracts=12, today=TODAY) as first:
        ledger = first.root / "compta/ECR_20261120_01.csv"
        ledger.rename(ledger.parent / "archives" / ledger.name)
    with Sandbox(tmp_path, contracts=12, today=TODAY):
        assert not ledger.exists()


def test_secrets_are_for_their_owner_only_and_in_no_state(tmp_path: Path) -> None:
    with Sandbox(tmp_path, contracts=12, today=TODAY) as sandbox:
        said = json.dumps(sandbox.state)
    for path in (tmp_path / "secrets").iterdir():
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        assert path.read_text().strip() not in said


def test_another_seed_makes_another_world_under_the_same_secrets(tmp_path: Path) -> None:
    with Sandbox(tmp_path, contracts=12, today=TODAY) as first:
        state, digest = first.state, first.truth("rives-doise")["order_digest"]
    with Sandbox(tmp_path, contracts=12, seed=2, today=TODAY) as second:
        assert second.truth("rives-doise")["order_digest"] != digest
        assert second.state["sftp"]["host_key"] == state["sftp"]["host_key"]
        assert second.state["soap"]["port"] == state["soap"]["port"]


def test_days_that_passed_are_remembered(tmp_path: Path) -> None:
    with Sandbox(tmp_path, contracts=12, today=TODAY) as first:
        first.advance()
        first.advance(days=10)
        truth = first.truth("cite-des-tilleuls")
    with Sandbox(tmp_path, contracts=12, today=TODAY) as second:
        assert second.day == date(2026, 12, 1)
        assert second.truth("cite-des-tilleuls") == truth


def test_a_start_on_a_later_day_catches_up(tmp_path: Path) -> None:
    with Sandbox(tmp_path, contracts=12, today=TODAY) as first:
        held = first.truth("rives-doise")["ledger"]["entries"]
    with Sandbox(tmp_path, contracts=12, today=TODAY + timedelta(days=14)) as second:
        assert second.truth("rives-doise")["ledger"]["entries"] > held
        assert (second.root / "compta/ECR_20261204_01.csv").exists()
        assert truth_of(tmp_path, "rives-doise") == second.truth("rives-doise")


def test_a_folder_without_a_world_has_no_truth(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="no sandbox world"):
        truth_of(tmp_path, "rives-doise")


def test_two_sandboxes_do_not_share_a_folder(tmp_path: Path) -> None:
    with Sandbox(tmp_path, contracts=12, today=TODAY), pytest.raises(SetupError, match="another sandbox serves"):
        FolderLock(tmp_path, patience=0.1)
    FolderLock(tmp_path, patience=0.1).release()


def test_a_port_of_last_time_that_is_taken_gives_way(tmp_path: Path) -> None:
    with Sandbox(tmp_path, contracts=12, today=TODAY) as first:
        ports = first.soap.port, first.sftp.port
    with socket.create_server(("127.0.0.1", ports[0])), socket.create_server(("127.0.0.1", ports[1])):
        with Sandbox(tmp_path, contracts=12, today=TODAY) as second:
            assert second.soap.port != ports[0] and second.sftp.port != ports[1]
        with pytest.raises(OSError, match="in use"):
            Sandbox(tmp_path, contracts=12, today=TODAY, sftp_port=ports[1])


def _start(folder: Path, *arguments: str) -> tuple[subprocess.Popen[str], dict[str, Any]]:
    command = [sys.executable, "-m", "hub.sandbox", "--dir", str(folder), "--contracts", "12", *arguments]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stdout is not None
    return process, json.loads(process.stdout.readline())


@pytest.mark.parametrize("name", [signal.SIGTERM, signal.SIGINT])
def test_the_process_says_it_is_ready_and_stops_when_told(tmp_path: Path, name: signal.Signals) -> None:
    process, said = _start(tmp_path / "a world", "--today", "2026-11-20")

    assert said == json.loads((tmp_path / "a world/state.json").read_text())
    socket.create_connection(("127.0.0.1", said["sftp"]["port"])).close()
    os.kill(process.pid, name)
    _, complaints = process.communicate(timeout=10)
    assert (process.returncode, complaints) == (0, "")


def test_the_process_lets_days_pass_and_prints_the_truth(tmp_path: Path) -> None:
    process, _ = _start(tmp_path, "--today", "2026-11-20", "--advance-every", "0.2")
    deadline = time.monotonic() + 20
    while json.loads((tmp_path / "state.json").read_text())["day"] == "2026-11-20":
        assert time.monotonic() < deadline
        time.sleep(0.05)
    process.terminate()
    process.communicate(timeout=10)

    held = truth_of(tmp_path, "cite-des-tilleuls")
    command = [sys.executable, "-m", "hub.sandbox", "--dir", str(tmp_path), "--truth", "cite-des-tilleuls"]
    for more, expected in (([], summary(held)), (["--full"], held)):
        printed = subprocess.run([*command, *more], capture_output=True, text=True, check=True).stdout
        assert json.loads(printed) == expected
    assert held["today"] > "2026-11-20"
