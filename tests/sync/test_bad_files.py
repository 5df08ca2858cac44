"""Files nobody can use: told with their place and what to do, while the last good data stays as it is."""

from __future__ import annotations

import os
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from hub.sandbox.files import truncate

SFTP = "cite-des-tilleuls"
EVENING = datetime(2026, 11, 20, 2, 30, tzinfo=UTC)
WITHOUT_CONTROL = 'files = "contrats/CTR_{date:%Y%m%d}.csv"\ncontrol = "{stem}.ctl"\n'


def next_day(house: Any) -> Path:
    """Let a night pass at the ERP; gives its contract file."""
    day = house.sandbox.advance(days=1)
    house.clock.move(days=1)
    return Path(house.sandbox.root / f"contrats/CTR_{day:%Y%m%d}.csv")


def edit(path: Path, change: Callable[[list[str]], list[str]]) -> None:
    """Change a file's lines, its control file with it."""
    lines = change(path.read_text("cp1252").splitlines())
    path.write_text("".join(f"{line}\r\n" for line in lines), "cp1252", newline="")
    path.with_suffix(".ctl").write_text(f"FICHIER={path.name}\r\nLIGNES={len(lines) - 1}\r\n")


async def test_an_unmapped_code_and_an_impossible_date_wait_while_the_rest_is_applied(home: Any) -> None:
    promised = home.sandbox.truth(SFTP)["quarantined_lines"]

    rows = sorted(await home.quarantine(SFTP, "ledger"), key=lambda row: row.line)

    assert [(one["file"], one["line"], one["value"]) for one in promised] == [
        (row.file, row.line, row.excerpt) for row in rows
    ]
    assert [("kind", "UNKNOWN_CODE"), ("posted_on", "BAD_DATE")] == [(row.field, row.code) for row in rows]
    assert "codes" in rows[0].message
    assert home.truth(SFTP) == await home.holds(SFTP)


async def test_a_mended_mapping_takes_the_rows_it_reads_out_of_quarantine(home: Any) -> None:
    await home.apply(SFTP, lambda text: text.replace('RBT = "refund"\n', 'RBT = "refund"\nRGL2 = "payment_cash"\n'))

    report = await home.feed(SFTP, "ledger")

    assert ("applied", 1, 1) == (report.state, report.added, report.quarantined)
    (left,) = await home.quarantine(SFTP, "ledger")
    assert "BAD_DATE" == left.code


async def test_a_line_too_short_is_named_and_alone_in_quarantine(home: Any) -> None:
    edit(next_day(home), lambda lines: [*lines[:4], lines[4].rpartition(";")[0], *lines[5:]])

    report = await home.feed(SFTP, "contracts")

    assert ("applied", 1) == (report.state, report.quarantined)
    (row,) = await home.quarantine(SFTP, "contracts")
    assert ("contrats/CTR_20261121.csv", 5) == (row.file, row.line)


def cut(path: Path) -> None:
    truncate(path)


def cut_between_lines(path: Path) -> None:
    path.write_bytes(b"".join(path.read_bytes().splitlines(keepends=True)[:-3]))


def without_a_column(path: Path) -> None:
    edit(path, lambda lines: [lines[0].replace("DT_EFFET", "DATE_EFFET"), *lines[1:]])


def without_rows(path: Path) -> None:
    edit(path, lambda lines: lines[:1])


def of_no_bytes(path: Path) -> None:
    path.write_bytes(b"")
    path.with_suffix(".ctl").write_text(f"FICHIER={path.name}\r\nLIGNES=0\r\n")


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (cut, "cut"),
        (cut_between_lines, "9"),
        (without_a_column, "DT_EFFET"),
        (without_rows, "empty"),
        (of_no_bytes, "empty"),
    ],
)
async def test_a_spoilt_file_is_refused_whole(home: Any, spoil: Callable[[Path], None], said: str) -> None:
    before, path = await home.dump(SFTP), next_day(home)
    spoil(path)

    run = await home.sync(SFTP, "contracts")

    (report,) = run.feed_runs
    assert ("failed", "refused", "INPUT_REFUSED") == (run.state, report.state, report.error_code)
    assert f"contrats/{path.name}" in report.error
    assert said in report.error
    assert report.hint
    assert before == await home.dump(SFTP)
    assert EVENING == await home.as_of(SFTP, "contracts")
    (claim,) = await home.rows(SFTP, "select state from artifact where name = :name", name=f"contrats/{path.name}")
    assert "refused" == claim.state
    assert "done" == (await home.job()).state, "a file does not mend itself: nobody tries again"


async def test_a_file_sent_again_whole_is_applied(home: Any) -> None:
    path = next_day(home)
    whole = path.read_bytes()
    truncate(path)
    await home.feed(SFTP, "contracts")
    path.write_bytes(whole)

    assert "done" == (await home.sync(SFTP)).state
    assert home.truth(SFTP) == await home.holds(SFTP)


async def test_a_spoilt_delta_file_holds_back_those_after_it_and_not_those_before(home: Any) -> None:
    days = [home.sandbox.advance(days=31) for _ in range(3)]
    home.clock.move(days=93)
    first, second, _ = (home.sandbox.root / f"compta/ECR_{day:%Y%m%d}_01.csv" for day in days)
    whole = second.read_bytes()
    truncate(second)
    lines = len(first.read_text("cp1252").splitlines()) - 1

    report = await home.feed(SFTP, "ledger")

    assert ("refused", lines, 1) == (report.state, report.added, len(report.files))
    assert f"compta/{second.name}" in report.error
    second.write_bytes(whole)
    assert "done" == (await home.sync(SFTP)).state
    assert home.truth(SFTP) == await home.holds(SFTP)


async def test_a_file_without_its_control_file_is_left_until_that_comes(home: Any) -> None:
    control = next_day(home).with_suffix(".ctl")
    kept = control.read_bytes()
    control.unlink()

    run_id = await home.ask(SFTP, "contracts")
    await home.work()

    (report,) = (await home.run(SFTP, run_id)).feed_runs
    assert ("skipped", "UNFINISHED", 0) == (report.state, report.error_code, report.read)
    assert "contrats/CTR_20261121.csv: not finished yet" == report.error
    assert "control file" in report.hint
    assert EVENING == await home.as_of(SFTP, "contracts")

    control.write_bytes(kept)
    home.clock.move(seconds=10)
    await home.work()
    run = await home.run(SFTP, run_id)
    assert ("done", None) == (run.state, run.feed_runs[0].error)
    assert datetime(2026, 11, 21, 2, 30, tzinfo=UTC) == await home.as_of(SFTP, "contracts")


async def test_a_file_that_grows_is_left_until_it_stands_still(home: Any) -> None:
    await home.apply(SFTP, lambda text: text.replace(WITHOUT_CONTROL, WITHOUT_CONTROL.splitlines()[0] + "\n"))
    path = next_day(home)
    whole = path.read_bytes()
    run_id, looks = await home.ask(SFTP, "contracts"), []
    for size in (300, 700, len(whole), len(whole)):
        path.write_bytes(whole[:size])
        home.clock.move(seconds=100)
        written = home.clock.now().timestamp() if size < len(whole) else EVENING.timestamp() + 24 * 3600
        os.utime(path, (written, written))
        await home.work()
        looks.append((await home.run(SFTP, run_id)).feed_runs[0].state)

    assert ["skipped", "skipped", "skipped", "applied"] == looks


async def test_a_feed_that_never_had_a_file_says_so(house: Any, sandbox: Any) -> None:
    await house.apply(SFTP, lambda text: text.replace("patrimoine/SITES_{date", "patrimoine/SITE_{date"))

    report = await house.feed(SFTP, "sites")

    assert ("failed", "NOT_FOUND") == (report.state, report.error_code)
    assert "no file for this feed" in report.error
    assert "files" in report.hint


async def test_applied_files_moved_to_an_archive_leave_nothing_to_read_and_nothing_to_say(home: Any) -> None:
    archive = 'plugin = "sftp_files"\narchive = "{folder}/archives/{name}"\n'
    await home.apply(SFTP, lambda text: text.replace('plugin = "sftp_files"', archive, 1))

    first = await home.sync(SFTP)
    second = await home.sync(SFTP)

    assert [] == [one.error for one in (*first.feed_runs, *second.feed_runs) if one.error]
    assert [] == [path for path in home.sandbox.root.rglob("CTR_*.csv") if path.parent.name != "archives"]
    assert ("done", "done") == (first.state, second.state)
    home.sandbox.advance(days=1)
    home.clock.move(days=1)
    assert "done" == (await home.sync(SFTP)).state
    assert home.truth(SFTP) == await home.holds(SFTP)
