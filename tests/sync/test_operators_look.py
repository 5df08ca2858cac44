"""What an operator tries and watches: previews in the source's order, checks, runs that are tried again."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from hub.bootstrap import OperatorParts
from hub.cli import operate
from hub.cli.watching import watch
from hub.config import read_landlord
from hub.errors import NotFoundError
from hub.jobs import NoBell
from hub.services.apply_config import plan_config
from hub.services.connectors import read_connectors
from hub.services.hold_decisions import find_holds
from hub.services.quarantine import find_rows
from hub.services.start_sync import next_try
from hub.sync.night import load_config
from hub.sync.trial import check_landlord, preview_feed

SFTP = "cite-des-tilleuls"
BOTH = ("rives-doise", SFTP)


def out_of_reach(text: str) -> str:
    return text.replace('host = "127.0.0.1"\nport = ', 'host = "127.0.0.1"\nport = 9  # ')


async def test_a_preview_shows_the_first_lines_of_the_file(house: Any) -> None:
    await house.apply(SFTP)
    config = await load_config(house.parts, SFTP)

    short = await preview_feed(house.parts, config, "ledger", limit=3)
    longer = await preview_feed(house.parts, config, "ledger", limit=12)

    assert (len(short.rows), short.rejects) == (3, [])
    assert (len(longer.rows), [one.line for one in longer.rejects]) == (11, [12])
    assert longer.rows[:3] == short.rows


async def test_a_check_tells_the_first_line_that_would_be_refused(house: Any) -> None:
    await house.apply(SFTP)
    found = [one async for one in check_landlord(house.parts, await load_config(house.parts, SFTP))]

    refused = {subject: finding.detail for subject, finding in found if not finding.ok}
    assert list(refused) == ["feed ledger"]
    assert refused["feed ledger"].startswith("1 refused, line 12: CODE")


async def test_a_dry_run_tells_of_a_secret_it_cannot_read(house: Any, tmp_path: Path) -> None:
    text = house.files[SFTP].read_text(encoding="utf-8").replace("secrets/tilleuls_key", "secrets/none")
    file = tmp_path / "no-secret.toml"
    file.write_text(text, encoding="utf-8")

    planned = await plan_config(house.parts.engine, read_landlord(file, house.parts.registry, need_secrets=False))

    assert planned.is_new
    assert (planned.feeds, planned.connectors) == (13, 1)
    assert [warning for warning in planned.warnings if "erp.private_key" in warning]


async def test_a_run_that_is_tried_again_says_why_and_when_while_it_is_watched(
    house: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    await house.apply(SFTP, out_of_reach)
    run_id = await house.ask(SFTP, "sites")
    assert await next_try(house.parts.engine, SFTP, run_id) is None
    said = ""
    async with asyncio.TaskGroup() as group:
        watched = group.create_task(watch(OperatorParts(house.settings, house.parts, NoBell()), SFTP, run_id))
        for attempt in (2, 3):
            await house.work()
            again = await next_try(house.parts.engine, SFTP, run_id)
            assert again is not None
            assert (again.attempt, again.attempts) == (attempt, 5)
            async with asyncio.timeout(20):
                while f"attempt {attempt} of 5" not in said:
                    said += capsys.readouterr().out
                    await asyncio.sleep(0.05)
            house.clock.move(hours=1)
        assert said.count("sites failed: cannot connect to 127.0.0.1:9") == 1
        await house.work()

    assert not watched.result()
    assert "sync cite-des-tilleuls    failed: sites" in (end := capsys.readouterr().out)
    assert "cannot connect to 127.0.0.1:9" in end


async def test_a_landlord_nobody_configured_is_named_with_those_that_are(house: Any) -> None:
    await house.apply(SFTP)
    parts = OperatorParts(house.settings, house.parts, NoBell())

    engine = parts.sync.engine
    looks = (
        find_rows(engine, "nobody", feed=None, limit=5),
        find_holds(engine, "nobody", states=None),
        read_connectors(engine, "nobody"),
        operate._dead(parts, "nobody", 5),
    )
    for look in looks:
        with pytest.raises(NotFoundError) as refused:
            await look
        assert SFTP in refused.value.hint
    assert await operate._dead(parts, None, 5) == []


async def test_all_landlords_are_asked_for_before_the_first_is_waited_for(
    house: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("HOUSING_HUB_DATABASE_URL", house.settings.database_url)
    monkeypatch.setenv("HOUSING_HUB_MASTER_KEY", house.settings.master_key.get_secret_value())
    for slug in BOTH:
        await house.apply(slug)

    async with asyncio.TaskGroup() as group, asyncio.timeout(60):
        synced = group.create_task(asyncio.to_thread(operate.sync_with_progress, BOTH, ["sites"]))
        while [len(await house.rows(slug, "select from run where state = 'queued'")) for slug in BOTH] != [1, 1]:
            await asyncio.sleep(0.05)
        house.clock.instant = datetime.now(UTC)  # the command asks by the clock on the wall
        await house.work()

    assert synced.result()
    assert capsys.readouterr().out.count("new: other rows") == 2
