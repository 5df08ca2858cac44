"""Whatever happens around a retry, a line that was refused comes back once: never twice, and never not at all."""

from __future__ import annotations

import asyncio
import shutil
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from hub.jobs import NoBell, drain
from hub.services.quarantine import look_at, reread, retry

SOAP, SFTP = "rives-doise", "cite-des-tilleuls"
COUNT = "select count(*) from ledger_entry"


def forget_cards(text: str) -> str:
    """The SOAP landlord's mapping with the code of card payments forgotten."""
    return text.replace('CB = "payment_card"\n', "")


def mend(text: str) -> str:
    return text.replace('RBT = "refund"\n', 'RBT = "refund"\nRGL2 = "payment_cash"\n')


async def entries(house: Any, slug: str = SFTP) -> int:
    ((count,),) = await house.rows(slug, COUNT)
    return int(count)


async def waiting(house: Any, slug: str, *codes: str) -> list[Any]:
    return [row for row in await house.quarantine(slug, "ledger") if row.code in codes]


async def ask_again(house: Any, slug: str = SFTP, **what: Any) -> int:
    queued = await retry(house.parts.engine, house.clock, NoBell(), slug, **(what or {"feed": "ledger"}))
    return queued.run_id


# --- replies of calls -------------------------------------------------------------------------------------------------


@pytest.fixture
async def gap(open_house: Any, stack: Any, open_sandbox: Any, tmp_path: Any) -> Any:
    """A landlord whose ERP answers calls, read without the code of card payments: these wait in quarantine."""
    house = await open_house(stack, tmp_path, open_sandbox())
    await house.apply(SOAP, lambda text: roomy(forget_cards(text)))
    run = await house.sync(SOAP)
    assert {"applied"} == {one.state for one in run.feed_runs}
    return house


def roomy(text: str) -> str:
    """With a limit of refused rows that a forgotten code does not pass."""
    return text.replace('stream = "ledger_entries"\n', 'stream = "ledger_entries"\nmax_rejected = "90 %"\n')


async def test_lines_of_replies_come_back_once_without_a_call(gap: Any) -> None:
    rows, before = await waiting(gap, SOAP, "UNKNOWN_CODE"), await entries(gap, SOAP)
    assert len(rows) > 1
    assert {True} == {row.file.startswith("run-") and bool(row.line) for row in rows}
    await gap.apply(SOAP, roomy)
    gap.sandbox.stop()

    run_id = await ask_again(gap, SOAP)
    await gap.work()

    (report,) = (await gap.run(SOAP, run_id)).feed_runs
    assert ("applied", len(rows)) == (report.state, report.added), report.error
    assert [] == await waiting(gap, SOAP, "UNKNOWN_CODE")
    assert before + len(rows) == await entries(gap, SOAP)


async def test_single_lines_of_replies_come_back_and_the_others_wait(gap: Any) -> None:
    first, *others = await waiting(gap, SOAP, "UNKNOWN_CODE")
    before = await entries(gap, SOAP)
    await gap.apply(SOAP, roomy)

    run_id = await ask_again(gap, SOAP, ids=[first.id])
    await gap.work()

    (report,) = (await gap.run(SOAP, run_id)).feed_runs
    assert (1, before + 1) == (report.added, await entries(gap, SOAP))
    assert [row.id for row in others] == [row.id for row in await waiting(gap, SOAP, "UNKNOWN_CODE")]
    assert "applied" == (await look_at(gap.parts.engine, SOAP, first.id)).row.state


async def test_the_night_after_a_retry_of_replies_ends_with_the_erps_truth(gap: Any) -> None:
    await gap.apply(SOAP, roomy)
    await ask_again(gap, SOAP)
    gap.sandbox.advance(days=3)
    gap.clock.move(days=3)

    assert "done" == (await gap.sync(SOAP)).state

    assert gap.truth(SOAP) == await gap.holds(SOAP)


async def test_a_pull_of_the_same_entries_under_a_half_mended_mapping_leaves_its_lines_to_be_retried(gap: Any) -> None:
    """The same content under two mappings is known by two runs' names: its lines must be found by either."""
    rows, before = await waiting(gap, SOAP, "UNKNOWN_CODE"), await entries(gap, SOAP)
    await gap.apply(SOAP, lambda text: roomy(forget_cards(text)).replace('RBT = "refund"', 'RBX = "refund"'))
    await gap.sync(SOAP, "ledger")
    assert len(rows) <= len(await waiting(gap, SOAP, "UNKNOWN_CODE"))
    await gap.apply(SOAP, roomy)

    await ask_again(gap, SOAP)
    await gap.work()

    assert [] == await waiting(gap, SOAP, "UNKNOWN_CODE")
    assert before + len(rows) == await entries(gap, SOAP)
    assert "done" == (await gap.sync(SOAP)).state
    assert gap.truth(SOAP) == await gap.holds(SOAP)


async def test_single_lines_of_a_snapshot_of_calls_come_back_too(gap: Any) -> None:
    """A snapshot's rows come from several replies; a row read again ends no other."""
    left_out = 'PARK = "parking", '
    await gap.apply(SOAP, lambda text: text.replace(left_out, "").replace(', unknown = "other" }', " }"))
    await gap.sync(SOAP, "units")
    lines = await gap.quarantine(SOAP, "units")
    assert len(lines) > 1
    count = "select count(*), count(missing_since) from unit where erp_code = 'PARK' and kind = 'parking'"
    with gap.admin() as conn:
        conn.execute("update unit set kind = 'other' where landlord_id = %s and erp_code = 'PARK'", [SOAP])
    await gap.apply(SOAP)
    gap.sandbox.stop()

    run_id = await ask_again(gap, SOAP, ids=[lines[0].id])
    await gap.work()

    (report,) = (await gap.run(SOAP, run_id)).feed_runs
    assert ("applied", 1, 0) == (report.state, report.changed, report.missing), report.error
    assert [(1, 0)] == await gap.rows(SOAP, count)
    assert len(lines) - 1 == len(await gap.quarantine(SOAP, "units"))


async def test_input_of_the_last_days_only_is_read_again(gap: Any) -> None:
    await gap.apply(SOAP, roomy)
    gap.clock.move(days=10)
    gap.sandbox.advance(days=10)
    later = (await gap.sync(SOAP, "ledger")).feed_runs[0]
    gap.clock.move(days=1)
    gap.sandbox.stop()

    since = gap.clock.now() - timedelta(days=7)
    queued = await reread(gap.parts.engine, gap.clock, NoBell(), SOAP, feeds=["ledger"], since=since)
    await gap.work()

    (report,) = (await gap.run(SOAP, queued.run_id)).feed_runs
    assert (later.files, later.read, 0) == (report.files, report.read, report.added + report.changed), report.error


def far_back(text: str) -> str:
    """Each pull asks for a year once more."""
    return roomy(text).replace("overlap_days = 35", "overlap_days = 365")


async def test_lines_that_overlapping_pulls_bring_every_night_come_back_once_and_none_waits_on(gap: Any) -> None:
    await gap.apply(SOAP, lambda text: far_back(forget_cards(text)))
    for _ in range(3):
        gap.sandbox.advance(days=1)
        gap.clock.move(days=1)
        await gap.sync(SOAP)
    ((held,),) = await gap.rows(SOAP, "select count(distinct external_id) from ledger_entry")
    await gap.apply(SOAP, far_back)

    await ask_again(gap, SOAP)
    await gap.work()

    assert [] == await waiting(gap, SOAP, "UNKNOWN_CODE", "NEWER_HELD")
    assert held < await entries(gap, SOAP)
    assert gap.truth(SOAP) == await gap.holds(SOAP)


async def test_an_old_line_of_a_key_that_came_again_waits_until_all_is_read_in_order(gap: Any) -> None:
    """Each pull overlaps the last: a payment refused in the first comes again in the second, corrected by the ERP."""
    await gap.apply(SOAP, lambda text: far_back(forget_cards(text)))
    world = gap.sandbox.world(SOAP)
    newest = max((one for posted in world.entries.values() for one in posted if one.code == "CB"), key=by_day)
    corrected = replace(
        world,
        entries={
            account: tuple(one._replace(code="CHQ", label="corrigé") if one == newest else one for one in posted)
            for account, posted in world.entries.items()
        },
    )
    gap.sandbox.soap.faults.worlds = {"ListerEcritures": corrected}
    gap.clock.move(days=1)
    await gap.sync(SOAP, "ledger")
    await gap.apply(SOAP, far_back)

    await ask_again(gap, SOAP)
    await gap.work()

    left = await waiting(gap, SOAP, "UNKNOWN_CODE", "NEWER_HELD")
    assert ["NEWER_HELD"] == [row.code for row in left], "the line that was corrected, and no other"
    label = "select label, kind from ledger_entry where external_id = :key"
    assert [("corrigé", "payment_cheque")] == await gap.rows(SOAP, label, key=newest.id)
    queued = await reread(gap.parts.engine, gap.clock, NoBell(), SOAP, feeds=["ledger"])
    await gap.work()
    assert "done" == (await gap.run(SOAP, queued.run_id)).state
    assert [] == await waiting(gap, SOAP, "UNKNOWN_CODE", "NEWER_HELD")
    assert [("corrigé", "payment_cheque")] == await gap.rows(SOAP, label, key=newest.id)


def by_day(entry: Any) -> Any:
    return entry.posted_on, entry.id


# --- files, while other things happen ---------------------------------------------------------------------------------


async def test_a_retry_while_the_night_runs_and_another_retry_too(home: Any) -> None:
    """Asked for together, done by two workers at once."""
    before = await entries(home)
    await home.apply(SFTP, mend)
    runs = [await ask_again(home), await home.ask(SFTP), await ask_again(home)]
    for _ in range(3):
        await asyncio.gather(*(drain(home.runtime, queue="sync") for _ in range(2)))

    assert ["done"] * 3 == [(await home.run(SFTP, one)).state for one in runs]
    assert before + 1 == await entries(home)
    assert ["BAD_DATE"] == [row.code for row in await home.quarantine(SFTP, "ledger")]


async def test_a_file_sent_again_under_another_name_does_not_bring_its_lines_twice_or_hide_them(home: Any) -> None:
    before = await entries(home)
    (row,) = await waiting(home, SFTP, "UNKNOWN_CODE")
    folder = home.sandbox.root
    sent, again = folder / row.file, (folder / row.file).with_name("ECR_20261121_01.csv")
    for suffix in (".csv", ".ctl"):
        shutil.copy2(sent.with_suffix(suffix), again.with_suffix(suffix))
        sent.with_suffix(suffix).unlink()
    control = again.with_suffix(".ctl")
    control.write_text(control.read_text("ascii").replace(sent.name, again.name), "ascii")
    # Read under its new name with a mapping that is no better, so that its lines are that name's from here on.
    await home.apply(SFTP, lambda text: text.replace('CHQ = "payment_cheque"', 'CHQ = "payment_tip"'))
    home.clock.move(days=2)
    report = await home.feed(SFTP, "ledger")
    assert report.error is None
    (same,) = await waiting(home, SFTP, "UNKNOWN_CODE")
    assert same.file == f"compta/{again.name}"
    await home.apply(SFTP, mend)

    await ask_again(home)
    await home.work()

    assert before + 1 == await entries(home)
    assert [] == await waiting(home, SFTP, "UNKNOWN_CODE")
    home.clock.move(days=1)
    await home.sync(SFTP, "ledger")
    assert before + 1 == await entries(home)


async def test_a_line_sent_again_in_a_file_of_other_bytes_between_question_and_answer_is_there_once(home: Any) -> None:
    before = await entries(home)
    (row,) = await waiting(home, SFTP, "UNKNOWN_CODE")
    await home.apply(SFTP, mend)
    night = await home.ask(SFTP, "ledger")
    asked = await ask_again(home)
    send_alone(home.sandbox.root / row.file, row.line)
    home.clock.move(days=2)

    await home.work()

    assert ("done", "done") == ((await home.run(SFTP, night)).state, (await home.run(SFTP, asked)).state)
    assert before + 1 == await entries(home)
    assert [] == await waiting(home, SFTP, "UNKNOWN_CODE", "NEWER_HELD")


@pytest.mark.parametrize("mended", [True, False], ids=["read under the new mapping", "read under the old one"])
async def test_a_line_sent_again_in_another_file_before_the_retry_is_there_once(home: Any, mended: bool) -> None:
    before = await entries(home)
    (row,) = await waiting(home, SFTP, "UNKNOWN_CODE")
    send_alone(home.sandbox.root / row.file, row.line)
    home.clock.move(days=2)
    if mended:
        await home.apply(SFTP, mend)
    await home.apply(SFTP, max_all if not mended else lambda text: mend(max_all(text)))
    await home.sync(SFTP, "ledger")
    await home.apply(SFTP, lambda text: mend(max_all(text)))

    if await waiting(home, SFTP, "UNKNOWN_CODE"):
        await ask_again(home)
        await home.work()

    assert before + 1 == await entries(home)
    assert [] == await waiting(home, SFTP, "UNKNOWN_CODE", "NEWER_HELD")


def max_all(text: str) -> str:
    """A file of one bad line is not refused for it."""
    return text.replace("[feeds.ledger]\n", '[feeds.ledger]\nmax_rejected = "100 %"\n')


def send_alone(sent: Path, line: int) -> None:
    """One line of a ledger file once more, in a file of its own."""
    header, *lines = sent.read_text("cp1252").splitlines()
    chosen = lines[line - 2]
    cells = dict(zip(header.split(";"), chosen.split(";"), strict=True))
    again = sent.with_name("ECR_20261121_01.csv")
    again.write_text(f"{header}\r\n{chosen}\r\n", "cp1252", newline="")
    sums = {name: cells[name] or "0,00" for name in ("DEBIT", "CREDIT")}
    told = {"FICHIER": again.name, "LIGNES": "1", **sums}
    again.with_suffix(".ctl").write_text("".join(f"{name}={value}\r\n" for name, value in told.items()))
