"""Payments under blows in their short forms: a hub that is right stands them, and one with a mistake is found out."""

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
def test_after_twenty_five_kills_three_books_agree_to_the_cent() -> None:
    done = trial("payments", "--kills", "25", "--payments", "150", "--seed", "3")
    assert (0, "") == (done.returncode, done.stderr), done.stdout
    assert "fell     25 SIGKILLs" in done.stdout


@pytest.mark.timeout(600)
def test_a_start_without_its_key_is_found_out() -> None:
    done = trial("payments", "--kills", "2", "--payments", "40", "--seed", "4", "--mistake", "no-key")
    assert (1, "") == (done.returncode, done.stderr), done.stdout
    assert "intentions were charged twice" in done.stdout


@pytest.mark.timeout(600)
def test_a_job_done_before_its_work_is_found_out() -> None:
    done = trial("payments", "--kills", "9", "--payments", "40", "--seed", "4", "--mistake", "ack-first")
    assert (1, "") == (done.returncode, done.stderr), done.stdout
    assert "payments never ended" in done.stdout or "postings were never told" in done.stdout


@pytest.mark.timeout(600)
def test_a_webhook_that_is_believed_is_found_out() -> None:
    done = trial("payments", "--kills", "2", "--payments", "40", "--seed", "4", "--mistake", "trust-webhook")
    assert (1, "") == (done.returncode, done.stderr), done.stdout
    assert "the hub has" in done.stdout


@pytest.mark.timeout(600)
def test_thirty_days_without_an_erp_are_caught_up_with_once_and_in_order() -> None:
    done = trial("absence", "--absent-payments", "100", "--seed", "3")
    assert (0, "") == (done.returncode, done.stderr), done.stdout
    assert "100 payments" in done.stdout
