"""A refused line comes back once: after a mended mapping, when what it refers to arrives, or never, with a reason."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from hub.errors import ConflictError, InvalidAskError, NotFoundError
from hub.jobs import NoBell
from hub.services.quarantine import dismiss, lines_that_may_fit, look_at, outcome, retry

SOAP, SFTP = "rives-doise", "cite-des-tilleuls"
MENDED = 'RBT = "refund"\nRGL2 = "payment_cash"\n'


def mend(text: str) -> str:
    return text.replace('RBT = "refund"\n', MENDED)


async def again(house: Any, feed: str | None = "ledger", *ids: int, slug: str = SFTP) -> Any:
    """Retry; the run as it ended."""
    parts = house.parts
    queued = await retry(parts.engine, house.clock, NoBell(), slug, feed=feed, ids=ids)
    await house.work()
    return await house.run(slug, queued.run_id)


async def let_go(house: Any, *ids: int, reason: str = "a test entry") -> Any:
    return await dismiss(house.parts.engine, house.clock, SFTP, ids=ids, by="anne", reason=reason)


async def row_of(house: Any, code: str) -> Any:
    return next(row for row in await house.quarantine(SFTP, "ledger") if row.code == code)


def empty_the_server(house: Any) -> None:
    """The ERP cleans up: what was sent is on the server no more."""
    for path in (house.sandbox.root / "compta").glob("ECR_*"):
        path.unlink()


async def entries(house: Any) -> int:
    ((count,),) = await house.rows(SFTP, "select count(*) from ledger_entry")
    return int(count)


async def test_a_line_whose_code_is_mapped_now_is_applied_once_and_not_twice(home: Any) -> None:
    before, row = await entries(home), await row_of(home, "UNKNOWN_CODE")
    await home.apply(SFTP, mend)
    empty_the_server(home)

    run = await again(home)

    (report,) = run.feed_runs
    assert ("done", "applied", 1, 1, 2) == (run.state, report.state, report.added, report.quarantined, report.read)
    assert "1 quarantined line applied" == report.note.partition("; ")[0]  # the line is none of the ERP's own balance
    assert before + 1 == await entries(home)
    ((kind, amount),) = await home.rows(SFTP, "select kind, amount_cents from ledger_entry where erp_code = 'RGL2'")
    assert ("payment_cash", True) == (kind, amount < 0)
    looked = await look_at(home.parts.engine, SFTP, row.id)
    assert ("applied", run.id) == (looked.row.state, looked.row.settled_run)
    (left,) = await home.quarantine(SFTP, "ledger")
    assert "BAD_DATE" == left.code

    second = (await again(home)).feed_runs[0]
    assert ("unchanged", 0, 1) == (second.state, second.added, second.quarantined)
    assert before + 1 == await entries(home)


async def test_the_feed_goes_on_from_where_it_was_after_a_retry(home: Any) -> None:
    await home.apply(SFTP, mend)
    checkpoint = "select cursor, generation, as_of, mapping_version from feed_state where feed = 'ledger'"
    before = await home.rows(SFTP, checkpoint)

    await again(home)

    assert before == await home.rows(SFTP, checkpoint)
    report = await home.feed(SFTP, "ledger")
    assert (0, 0) == (report.added, report.changed), "reading all files under the new mapping brings nothing new"


async def test_a_line_that_is_applied_or_dismissed_is_refused_with_what_became_of_it(home: Any) -> None:
    code, day = await row_of(home, "UNKNOWN_CODE"), await row_of(home, "BAD_DATE")
    await home.apply(SFTP, mend)
    run = await again(home, None, code.id)
    await let_go(home, day.id)

    with pytest.raises(ConflictError, match=f"applied by run {run.id}"):
        await again(home, None, code.id)
    with pytest.raises(ConflictError, match=r"dismissed by anne on 20 November 2026 .*: a test entry"):
        await let_go(home, day.id)
    with pytest.raises(NotFoundError, match="nothing of feed ledger"):
        await again(home)


async def test_two_operators_at_once_settle_a_line_once(home: Any) -> None:
    row = await row_of(home, "BAD_DATE")

    ended = await asyncio.gather(*(let_go(home, row.id) for _ in range(3)), return_exceptions=True)

    assert [list, ConflictError, ConflictError] == sorted(map(type, ended), key=lambda kind: kind is not list)
    assert outcome((await look_at(home.parts.engine, SFTP, row.id)).row).startswith("dismissed by anne")


async def test_two_retries_at_once_apply_a_line_once(home: Any) -> None:
    await home.apply(SFTP, mend)
    before, parts = await entries(home), home.parts
    asked = [await retry(parts.engine, home.clock, NoBell(), SFTP, feed="ledger") for _ in range(2)]
    await home.work()

    added = [(await home.run(SFTP, one.run_id)).feed_runs[0].added for one in asked]
    assert ([1, 0], before + 1) == (added, await entries(home))


async def test_a_line_dismissed_after_a_retry_was_asked_for_is_not_applied(home: Any) -> None:
    await home.apply(SFTP, mend)
    before, row = await entries(home), await row_of(home, "UNKNOWN_CODE")
    queued = await retry(home.parts.engine, home.clock, NoBell(), SFTP, ids=[row.id])
    await let_go(home, row.id)
    await home.work()

    assert ("done", before) == ((await home.run(SFTP, queued.run_id)).state, await entries(home))


async def test_dismissing_needs_a_reason_and_lasts_while_the_input_is_the_same(home: Any) -> None:
    row = await row_of(home, "BAD_DATE")
    with pytest.raises(InvalidAskError, match="reason"):
        await let_go(home, row.id, reason="  ")
    await let_go(home, row.id)
    await home.apply(SFTP, mend)

    await home.sync(SFTP, "ledger")

    assert [] == await home.quarantine(SFTP, "ledger"), "the same file, read again under the new mapping"


async def test_a_line_that_still_does_not_fit_stays_with_its_new_reason(home: Any) -> None:
    row = await row_of(home, "UNKNOWN_CODE")
    await home.apply(SFTP, lambda text: mend(text).replace('{ column = "NUM_ORDRE" }', '{ column = "LIBELLE" }'))

    await again(home, None, row.id)

    left = next(one for one in await home.quarantine(SFTP, "ledger") if one.line == row.line)
    assert ("source_sequence", row.file, row.artifact) == (left.field, left.file, left.artifact)
    assert "superseded" == (await look_at(home.parts.engine, SFTP, row.id)).row.state


async def test_a_change_of_mapping_says_which_lines_may_fit_now(home: Any) -> None:
    assert {} == await lines_that_may_fit(home.parts.engine, SFTP)
    await home.apply(SFTP, mend)

    assert {"ledger": 2} == await lines_that_may_fit(home.parts.engine, SFTP)
    await home.sync(SFTP, "ledger")
    assert {} == await lines_that_may_fit(home.parts.engine, SFTP)


async def test_lines_of_a_feed_that_is_gone_are_refused_with_the_way_out(home: Any) -> None:
    def without_ledger(text: str) -> str:
        before, _, rest = text.partition("[feeds.ledger]\n")
        return before + "[feeds.notices" + rest.partition("[feeds.notices")[2]

    await home.apply(SFTP, without_ledger)

    with pytest.raises(ConflictError, match="configured no more") as caught:
        await again(home)
    assert f"quarantine dismiss {SFTP} --feed ledger" in caught.value.hint
    gone = await dismiss(home.parts.engine, home.clock, SFTP, feed="ledger", by="anne", reason="feed given up")
    assert 2 == len(gone)


async def test_lines_whose_raw_input_is_no_longer_kept_are_refused_with_what_to_do(home: Any) -> None:
    home.clock.move(days=31)
    await home.sync(SFTP, "sites")

    with pytest.raises(ConflictError, match="no longer kept") as caught:
        await again(home)
    assert "ask the source" in caught.value.hint
