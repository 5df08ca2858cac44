"""A person who asks for a run does not wait for the back-off of an earlier one."""

from __future__ import annotations

from typing import Any

SFTP = "cite-des-tilleuls"


async def test_a_run_that_waits_to_be_tried_again_is_tried_at_once_when_a_person_asks(home: Any) -> None:
    home.sandbox.advance(days=1)
    home.clock.move(days=1)
    control = sorted((home.sandbox.root / "contrats").glob("CTR_*.ctl"))[-1]
    told = control.read_bytes()
    control.unlink()
    first = await home.sync(SFTP)
    states = {report.feed: report.error_code for report in first.feed_runs}
    assert ("running", "UNFINISHED") == (first.state, states["contracts"])
    assert states["sites"] is None and states["ledger"] is None, "other feeds do not wait for the unfinished one"
    assert 0 == await home.work(), "it waits to be tried again"
    control.write_bytes(told)

    second = await home.sync(SFTP, "contracts")

    assert ("done", "done") == ((await home.run(SFTP, first.id)).state, second.state)
