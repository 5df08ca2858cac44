"""Our own disk and blob store in the way: the last good data stays served, the run says so, and goes on when it can."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from hub.errors import StorageError
from hub.sync.storage import disk_trouble_named

SOAP, SFTP = "rives-doise", "cite-des-tilleuls"
BOTH = (SOAP, SFTP)


async def served(house: Any, slug: str) -> tuple[Any, ...]:
    return await house.dump(slug), await house.rows(slug, "select feed, as_of from feed_state order by feed")


async def a_day_later(house: Any) -> None:
    house.sandbox.advance(days=1)
    house.clock.move(days=1)


@contextmanager
def tmpfs(place: Path, kilobytes: int) -> Iterator[None]:
    """A disk of that size at `place`. Skips where we may not mount."""
    place.mkdir(parents=True, exist_ok=True)
    if not sys.platform.startswith("linux") or os.geteuid() != 0:
        pytest.skip("only root on Linux can mount a small disk")
    command = ["mount", "-t", "tmpfs", "-o", f"size={kilobytes}k,mode=700", "tmpfs", str(place)]
    if subprocess.run(command, capture_output=True, check=False).returncode:
        pytest.skip("this container may not mount a small disk")
    try:
        yield
    finally:
        subprocess.run(["umount", "-l", str(place)], check=True)


@contextmanager
def gone(place: Path) -> Iterator[None]:
    """A file stands where the folder was, as an unmounted or replaced disk leaves it: also root cannot write there."""
    aside = place.with_name(f"{place.name}-aside")
    place.rename(aside)
    place.write_text("nothing is mounted here")
    try:
        yield
    finally:
        place.unlink()
        aside.rename(place)


def blobs(house: Any) -> Path:
    return Path(house.folder / "data" / "blobs")


@pytest.mark.parametrize("slug", BOTH)
async def test_with_the_blob_store_gone_nothing_is_applied_and_the_same_run_goes_on_later(home: Any, slug: str) -> None:
    before = await served(home, slug)
    await a_day_later(home)
    with gone(blobs(home)):
        run_id = await home.ask(slug, "persons", "accounts")
        await home.work()
        run, job = await home.run(slug, run_id), await home.job()

        assert [("failed", "STORAGE")] * 2 == [(one.state, one.error_code) for one in run.feed_runs]
        assert "the blob store cannot be written to" in run.feed_runs[0].error
        assert "bring it back" in run.feed_runs[0].hint
        assert str(home.folder) not in str(run)
        assert ("running", "ready") == (run.state, job.state)
        assert before == await served(home, slug)

    home.clock.instant = job.run_at
    await home.work()

    again = await home.run(slug, run_id)
    assert ("done", ["applied", "applied"]) == (again.state, [one.state for one in again.feed_runs])
    assert before[0] != (await served(home, slug))[0]


async def test_a_blob_store_that_stays_away_is_given_up_with_its_reason(home: Any) -> None:
    before = await served(home, SFTP)
    await a_day_later(home)
    with gone(blobs(home)):
        run_id = await home.ask(SFTP, "persons")
        for _ in range(5):
            assert 1 == await home.work()
            home.clock.instant = max(home.clock.now(), (await home.job()).run_at) + timedelta(seconds=1)
        run = await home.run(SFTP, run_id)
    assert ("failed", "STORAGE") == (run.state, run.feed_runs[0].error_code)
    assert before == await served(home, SFTP)


async def test_documents_are_not_told_to_be_without_a_file_for_a_full_disk(home: Any) -> None:
    home.sandbox.advance(days=31)
    home.clock.move(days=31)
    await home.sync(SFTP)
    quarantined = await home.quarantine(SFTP, "documents")
    with gone(blobs(home)):
        home.sandbox.advance(days=31)
        home.clock.move(days=31)
        run_id = await home.ask(SFTP, "documents")
        await home.work()
        run = await home.run(SFTP, run_id)
    assert "STORAGE" == run.feed_runs[0].error_code
    assert quarantined == await home.quarantine(SFTP, "documents")


@pytest.mark.parametrize("slug", BOTH)
async def test_a_full_work_disk_stops_the_feed_and_no_other_thing(home: Any, slug: str) -> None:
    before = await served(home, slug)
    await a_day_later(home)
    spool = home.parts.work_dir / "spool"
    shutil.rmtree(spool, ignore_errors=True)
    with tmpfs(spool, 4):
        run_id = await home.ask(slug, "persons")
        await home.work()
        run, job = await home.run(slug, run_id), await home.job()
    assert ("failed", "STORAGE") == (run.feed_runs[0].state, run.feed_runs[0].error_code), run.feed_runs[0].error
    assert "own disk" in run.feed_runs[0].error
    assert run.feed_runs[0].hint
    assert ("running", "ready") == (run.state, job.state)
    assert before == await served(home, slug)

    home.clock.instant = job.run_at
    await home.work()
    assert "done" == (await home.run(slug, run_id)).state


async def test_a_full_blob_disk_leaves_neither_rows_nor_halves_of_files(home: Any) -> None:
    before, rows = await served(home, SFTP), await home.rows(SFTP, "select from blob")
    await a_day_later(home)
    place = blobs(home) / SFTP
    place.rename(place.with_name("aside"))
    with tmpfs(place, 4):
        (place / "filler").write_bytes(bytes(4096))
        run = await home.run(SFTP, await ask_and_work(home, "accounts"))
        left = [path.name for path in place.rglob("*") if path.is_file()]
    assert "STORAGE" == run.feed_runs[0].error_code
    assert "No space left" in run.feed_runs[0].error
    assert ["filler"] == left
    assert (before, len(rows)) == (await served(home, SFTP), len(await home.rows(SFTP, "select from blob")))


async def ask_and_work(house: Any, *feeds: str) -> int:
    run_id = await house.ask(SFTP, *feeds)
    await house.work()
    return int(run_id)


async def test_a_work_folder_that_cannot_be_made_is_a_failed_feed_that_is_tried_again(home: Any) -> None:
    await a_day_later(home)
    spool = home.parts.work_dir / "spool"
    shutil.rmtree(spool, ignore_errors=True)
    spool.parent.mkdir(parents=True, exist_ok=True)
    run_id = None
    with tmpfs(spool, 4):
        (spool / "filler").write_bytes(b"")
        subprocess.run(["mount", "-o", "remount,ro", str(spool)], check=True)
        run_id = await ask_and_work(home, "persons")
    run = await home.run(SFTP, run_id)
    assert ("failed", "STORAGE", "running") == (run.feed_runs[0].state, run.feed_runs[0].error_code, run.state)


@pytest.mark.parametrize("raised", [OSError(28, "No space left on device"), OSError(30, "Read-only file system")])
def test_only_our_disks_errors_are_ours(raised: OSError) -> None:
    with pytest.raises(StorageError), disk_trouble_named():
        raise raised
    with pytest.raises(ConnectionResetError), disk_trouble_named():
        raise ConnectionResetError(104, "Connection reset by peer")


# --- retention --------------------------------------------------------------------------------------------------------


def keeping(days: int) -> Callable[[str], str]:
    return lambda text: text.replace('locale = "fr-FR"', f'locale = "fr-FR"\nkeep_raw_days = {days}')


async def test_each_landlord_says_how_long_its_raw_input_is_kept(home: Any) -> None:
    await home.apply(SFTP, keeping(7))
    await home.sync(SFTP, "sites")
    kept = "select distinct expires_at - created_at as kept from blob where purpose = 'raw'"
    assert [7] == [row.kept.days for row in await home.rows(SFTP, kept)], "what was kept before too"
    assert [30] == [row.kept.days for row in await home.rows(SOAP, kept)]

    home.clock.move(days=8)
    await home.sync(SFTP, "sites")
    await home.sync(SOAP, "sites")

    raw = "select from blob where purpose = 'raw' and created_at < :then"
    then = home.clock.now() - timedelta(days=1)
    assert [] == await home.rows(SFTP, raw, then=then)
    assert await home.rows(SOAP, raw, then=then)


@pytest.mark.parametrize("days", [0, 4000])
async def test_a_time_no_one_can_mean_is_refused(home: Any, days: int) -> None:
    with pytest.raises(Exception, match="keep_raw_days"):
        await home.apply(SFTP, keeping(days))


def leave(place: Path, *, age_of: Any) -> Path:
    """A file as a kill between writing a blob and its row leaves it."""
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_bytes(b"HHB1")
    os.utime(place, (age_of.timestamp(), age_of.timestamp()))
    return place


async def test_files_that_no_row_names_go_after_a_day_and_are_looked_for_once_a_day(home: Any) -> None:
    now = home.clock.now()
    for path in blobs(home).rglob("*"):
        if path.is_file():
            os.utime(path, (now.timestamp(), now.timestamp()))
    good = {path for path in blobs(home).rglob("*") if path.is_file()}
    two_days_ago = now - timedelta(days=2)
    old = leave(blobs(home) / SFTP / "00" / ("0" * 32), age_of=two_days_ago)
    half = leave(blobs(home) / SFTP / "00" / ".1.part", age_of=two_days_ago)
    young = leave(blobs(home) / SFTP / "00" / ("2" * 32), age_of=now - timedelta(hours=23))
    others = leave(blobs(home) / SOAP / "00" / ("3" * 32), age_of=two_days_ago)
    shutil.rmtree(home.parts.work_dir / "swept", ignore_errors=True)

    await home.sync(SFTP, "sites")

    assert (False, False, True, True) == tuple(path.exists() for path in (old, half, young, others))
    assert all(path.exists() for path in good)

    leave(old, age_of=two_days_ago)
    home.clock.move(hours=20)
    await home.sync(SFTP, "sites")
    assert old.exists()
    home.clock.move(hours=5)
    await home.sync(SFTP, "sites")
    assert not old.exists()
    assert all(path.exists() for path in good), "an old file with a row stays"
