"""145 hostile documents through every door they can come in by: nothing leaves, nothing is read, little is spent."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

WORLD = Path(__file__).with_name("attack_world.py")
Said = dict[str, Any]

# On a machine of its own: 0.5 s, 82 MB at most. Other work on the same processors may not turn the suite red.
MOST_SECONDS, MOST_MB = 3.0, 100.0

pytestmark = [
    pytest.mark.skipif(sys.platform != "linux", reason="counts memory and opened files as Linux tells them"),
    pytest.mark.timeout(600),
]


def read_all(kind: str) -> list[Said]:
    done = subprocess.run([sys.executable, WORLD, kind], capture_output=True, text=True, check=True, timeout=550)
    return [json.loads(line) for line in done.stdout.splitlines()]


@pytest.fixture(scope="module")
def guarded() -> list[Said]:
    """What came of every document through every door of the hub."""
    return read_all("guarded")


@pytest.fixture(scope="module")
def naive() -> list[Said]:
    """The same libraries as they come out of the box, for the documents that then reach their goal."""
    return read_all("naive")


def named(said: list[Said], wrong: Callable[[Said], object]) -> list[Said]:
    return [one for one in said if wrong(one)]


def test_there_are_enough_documents(guarded: list[Said]) -> None:
    assert len({one["name"] for one in guarded}) >= 60
    assert {one["door"] for one in guarded} == {"reply", "file", "wsdl"}


def test_none_makes_the_hub_call_a_host_nobody_listed(guarded: list[Said]) -> None:
    assert [] == named(guarded, lambda one: one["calls"])


def test_none_makes_the_hub_open_a_file_of_this_machine(guarded: list[Said]) -> None:
    assert [] == named(guarded, lambda one: one["reads"])


def test_each_is_read_as_data_or_refused_in_the_hubs_own_words(guarded: list[Said]) -> None:
    assert [] == named(guarded, lambda one: one["refused"] in ("UNEXPECTED", "DIED"))


def test_every_document_type_is_refused_whatever_it_is_written_in(guarded: list[Said]) -> None:
    with_type = named(guarded, lambda one: one["name"].startswith(("entity-", "dtd-", "parameter-", "billion-")))
    assert len(with_type) > 60
    assert [] == named(with_type, lambda one: not one["refused"])


def test_each_ends_in_time_and_within_its_memory(guarded: list[Said]) -> None:
    slowest = max(guarded, key=lambda one: one["cpu"])
    largest = max(guarded, key=lambda one: one["mb"])
    print(f"\n{len(guarded)} readings; at most {slowest['cpu']:.2f} s of work ({slowest['name']}, {slowest['door']})")  # noqa: T201
    print(f"and {largest['mb']:.0f} MB above idle ({largest['name']}, {largest['door']})")  # noqa: T201
    assert [] == named(guarded, lambda one: one["cpu"] > MOST_SECONDS or one["mb"] > MOST_MB)


def test_control_without_the_guard_files_are_read_and_hosts_are_called(naive: list[Said]) -> None:
    assert sum(one["reads"] for one in naive) >= 10
    assert sum(len(one["calls"]) for one in naive) >= 10
