"""The kill harness in its short forms: a hub that is right stands it, and one with a mistake in it is found out."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

HARNESS = Path(__file__).parent


def trial(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(HARNESS), *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=560)


@pytest.mark.timeout(600)
def test_after_twenty_five_kills_all_is_as_if_nothing_had_been() -> None:
    done = trial("nights", "--kills", "25", "--seed", "2")
    assert (0, "") == (done.returncode, done.stderr), done.stdout
    assert "25 SIGKILLs" in done.stdout


@pytest.mark.timeout(600)
def test_a_checkpoint_moved_before_the_rows_is_found_out() -> None:
    done = trial("nights", "--kills", "2", "--workers", "2", "--mistake", "checkpoint")
    assert (1, "") == (done.returncode, done.stderr), done.stdout
    # Whose night the blow falls on differs from run to run; that its rows are missing does not.
    assert ": the dump differs (" in done.stdout


@pytest.mark.timeout(600)
def test_a_job_without_fencing_token_is_found_out() -> None:
    done = trial("nights", "--kills", "2", "--workers", "2", "--mistake", "fencing")
    assert (1, "") == (done.returncode, done.stderr), done.stdout
    assert "WRONG  struck: " in done.stdout
