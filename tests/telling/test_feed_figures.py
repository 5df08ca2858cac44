"""The gauges say how feeds stand, the counters what runs did; what is gone from a file is shown no longer."""

from __future__ import annotations

import json
from typing import Any

from sqlalchemy import text

from hub.store.engine import scope
from hub.store.landlord_rows import LandlordRow, put_landlord
from hub.store.run_rows import FeedRun

WHOM = {"landlord": "aubes", "feed": "contracts"}


def _value(hub: Any, name: str, **labels: str) -> float | None:
    found: float | None = hub.runtime.metrics.registry.get_sample_value(name, labels)
    return found


async def test_a_round_shows_how_feeds_stand(hub: Any) -> None:
    await hub.apply("")
    await hub.served(hub.clock.now())
    await hub.end_run("failed")
    hub.clock.move(hours=48)
    await hub.round()
    assert _value(hub, "hub_feed_data_age_seconds", **WHOM) == 48 * 3600
    assert _value(hub, "hub_feed_late", **WHOM) == 1
    assert _value(hub, "hub_feed_rejects_open", **WHOM) == 0
    assert _value(hub, "hub_feed_holds_open", **WHOM) == 0
    assert _value(hub, "hub_alerts_open", landlord="aubes", problem="failed") == 1
    assert _value(hub, "hub_alerts_open", landlord="aubes", problem="late") == 1
    assert _value(hub, "hub_jobs_dead", landlord="aubes") == 0

    hub.telling.metrics.show({}, now=hub.clock.now())
    assert _value(hub, "hub_feed_data_age_seconds", **WHOM) is None


async def test_a_run_that_ended_is_counted(hub: Any) -> None:
    report = FeedRun(feed="contracts", stream="contracts", state="applied", added=3, unchanged=9, quarantined=1)
    hub.telling.metrics.count_run("aubes", [report], seconds=12, attempts=2)
    assert _value(hub, "hub_feed_runs_total", **WHOM, state="applied") == 1
    assert _value(hub, "hub_feed_rows_total", **WHOM, kind="added") == 3
    assert _value(hub, "hub_feed_rows_total", **WHOM, kind="quarantined") == 1
    assert _value(hub, "hub_feed_rows_total", **WHOM, kind="missing") is None
    assert _value(hub, "hub_run_seconds_sum", landlord="aubes") == 12
    assert _value(hub, "hub_run_attempts_sum", landlord="aubes") == 2


async def test_a_landlord_whose_configuration_is_broken_keeps_no_other_from_being_looked_after(hub: Any) -> None:
    await hub.apply("")
    await hub.served(hub.clock.now())
    async with scope(hub.telling.engine, "aubes") as conn:
        row = (await conn.execute(text("select to_jsonb(c) from landlord_config c"))).scalar_one()
    broken = json.dumps(row | {"landlord_id": "abime", "config": {"format": 1}})
    copied = text(
        "insert into landlord_config select * from jsonb_populate_record(null::landlord_config, cast(:row as jsonb))"
    )
    async with scope(hub.telling.engine, "abime") as conn:
        await put_landlord(conn, LandlordRow("abime", "Abîmé", "fr-FR", "Europe/Paris"), now=hub.clock.now())
        await conn.execute(copied, {"row": broken})
    await hub.round()
    assert _value(hub, "hub_feed_data_age_seconds", **WHOM) == 0
