"""Both landlords from their real wires to the served rows: what the sandbox says is true, the hub holds."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from hub.sandbox import Sandbox

SOAP, SFTP = "rives-doise", "cite-des-tilleuls"


@pytest.mark.parametrize("slug", [SOAP, SFTP])
async def test_a_night_holds_what_the_erp_holds(house: Any, sandbox: Sandbox, slug: str) -> None:
    await house.apply(slug)

    run = await house.sync(slug)

    assert [] == [(one.feed, one.error) for one in run.feed_runs if one.state != "applied"]
    assert house.truth(slug) == await house.holds(slug)
    assert sandbox.truth(slug)["quarantined"] == sum(one.quarantined for one in run.feed_runs)


@pytest.mark.parametrize("slug", [SOAP, SFTP])
async def test_another_world_is_held_as_truly(
    open_house: Any, stack: Any, open_sandbox: Any, tmp_path: Path, slug: str
) -> None:
    house = await open_house(stack, tmp_path, open_sandbox(seed=2, contracts=16))
    await house.apply(slug)

    assert (await house.sync(slug)).state == "done"

    assert house.truth(slug) == await house.holds(slug)
    assert house.truth(slug)["digest"] != open_sandbox(seed=1, contracts=16).truth(slug)["order_digest"]


async def test_what_follows_at_the_source_follows_in_the_hub(home: Any) -> None:
    for days in (1, 31):
        home.sandbox.advance(days=days)
        home.clock.move(days=days)
        for slug in (SOAP, SFTP):
            run = await home.sync(slug)
            assert [] == [(one.feed, one.error) for one in run.feed_runs if one.state not in ("applied", "unchanged")]
            assert home.truth(slug) == await home.holds(slug)
    assert 2 == len(await home.quarantine(SFTP, "ledger")), "later files say nothing about the lines of the first"


async def test_two_landlords_share_nothing(home: Any) -> None:
    """Each sees its own rows, and all rows are somebody's."""
    with home.admin() as conn:
        for table in ("contract", "ledger_entry", "artifact", "quarantine", "external_key", "blob"):
            everybody = conn.execute(f"select count(*) as rows from {table}").fetchone().rows
            each = [(await home.rows(slug, f"select count(*) from {table}"))[0][0] for slug in (SOAP, SFTP)]
            assert everybody == sum(each)
