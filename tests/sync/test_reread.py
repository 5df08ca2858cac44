"""Raw input read again gives what it gave: files, bundles and replies, without asking the source."""

from __future__ import annotations

from typing import Any

import pytest

from hub.jobs import NoBell
from hub.services.quarantine import reread

SOAP, SFTP = "rives-doise", "cite-des-tilleuls"


async def once_more(house: Any, slug: str, *feeds: str, **since: Any) -> Any:
    """Read kept input again with the source out of reach; the run as it ended."""
    queued = await reread(house.parts.engine, house.clock, NoBell(), slug, feeds=feeds, **since)
    house.sandbox.stop()
    await house.work()
    return await house.run(slug, queued.run_id)


@pytest.mark.parametrize("slug", [SOAP, SFTP])
async def test_reading_kept_input_again_gives_what_the_first_reading_gave(home: Any, slug: str) -> None:
    before = await home.dump(slug)
    waiting = [(row.file, row.line, row.code) for row in await home.quarantine(slug, "ledger")]

    run = await once_more(home, slug)

    assert ("done", None) == (run.state, next((one.error for one in run.feed_runs if one.error), None))
    assert {"applied"} == {one.state for one in run.feed_runs}
    assert 0 == sum(one.added + one.changed + one.missing for one in run.feed_runs)
    assert before == await home.dump(slug)
    assert waiting == [(row.file, row.line, row.code) for row in await home.quarantine(slug, "ledger")]


@pytest.mark.parametrize("slug", [SOAP, SFTP])
async def test_lost_payments_come_back_from_kept_input(home: Any, slug: str) -> None:
    """A slip in the database: what the ERP sent is still there."""
    before = await home.dump(slug)
    with home.admin() as conn:
        conn.execute("delete from ledger_entry where landlord_id = %s and amount_cents < 0", [slug])
    assert before != await home.dump(slug)

    await once_more(home, slug, "ledger")

    assert before == await home.dump(slug)


async def test_documents_are_taken_from_the_kept_bundle(home: Any) -> None:
    files = "select count(*) from document_file"
    before = await home.rows(SFTP, files)
    with home.admin() as conn:
        conn.execute("delete from document_file where landlord_id = %s", [SFTP])

    (report,) = (await once_more(home, SFTP, "documents")).feed_runs

    assert ("applied", 0) == (report.state, report.quarantined)
    assert before == await home.rows(SFTP, files)


async def test_another_mapping_takes_hold_without_the_source(home: Any) -> None:
    await home.apply(SFTP, lambda text: text.replace('CHQ = "payment_cheque"', 'CHQ = "payment_tip"'))
    ((cheques,),) = await home.rows(SFTP, "select count(*) from ledger_entry where kind = 'payment_cheque'")
    assert cheques > 0

    (report,) = (await once_more(home, SFTP, "ledger")).feed_runs

    assert (cheques, 0) == (report.changed, report.added)
    assert [(0,)] == await home.rows(SFTP, "select count(*) from ledger_entry where kind = 'payment_cheque'")


async def test_input_of_a_later_run_only_is_read_from_that_run_on(home: Any) -> None:
    home.sandbox.advance(days=31)
    home.clock.move(days=31)
    later = await home.sync(SFTP, "ledger")
    (first,) = later.feed_runs

    (report,) = (await once_more(home, SFTP, "ledger", run=later.id)).feed_runs

    assert (first.files, first.read) == (report.files, report.read)


async def test_input_that_is_no_longer_kept_is_told(home: Any) -> None:
    home.clock.move(days=31)
    await home.sync(SFTP, "sites")

    (report,) = (await once_more(home, SFTP, "ledger")).feed_runs

    assert ("failed", "NOT_FOUND") == (report.state, report.error_code)
    assert "ask the source for it again" in report.hint
