"""A landlord with two ERPs: while one does not answer, what the other one brings is as fresh as ever."""

from __future__ import annotations

from typing import Any

from hub.jobs import NoBell
from hub.jobs.scheduler import tick
from hub.services.connectors import read_connectors

SFTP = "cite-des-tilleuls"
AWAY = """
[connectors.away]
plugin = "sftp_files"
host = "127.0.0.1"
port = 9
user = "hub"
host_key = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ0pSQi5PbpuJNGJvyX6dIEIuJp0Mxq9nOJSVoDU4Bnh"
password = { file = "../sandbox/secrets/tilleuls_password" }

[connectors.away.network]
private_hosts = ["127.0.0.1"]

[feeds.far_sites]
connector = "away"
stream = "sites"
schedule = "every 60 seconds"
files = "far.csv"
format = "csv"

[feeds.far_sites.fields]
external_id = "CODE"
kind = { const = "site" }
name = "NOM"

"""


async def states(house: Any) -> dict[str, str]:
    return {one.connector: one.breaker.state for _, one in await read_connectors(house.parts.engine, SFTP)}


async def night(house: Any) -> None:
    """A day passes; the scheduler looks, and what is due is done."""
    house.sandbox.advance(days=1)
    house.clock.move(days=1)
    await tick(house.runtime.dispatch_engine, house.clock, NoBell())
    for _ in range(4):
        await house.work()
        house.clock.move(seconds=20)


async def test_one_that_is_away_for_a_week_does_not_keep_the_others_nights_from_being_done(home: Any) -> None:
    await home.apply(SFTP, lambda text: text.replace("[feeds.sites]\n", AWAY + "[feeds.sites]\n", 1))
    for number in range(4):
        await night(home)
        assert home.truth(SFTP) == await home.holds(SFTP), f"night {number}"
    assert {"away": "open", "erp": "closed"} == await states(home)
    with home.admin() as conn:
        ((open_jobs,),) = conn.execute("select count(*) from job where state in ('ready', 'leased')").fetchall()
    assert open_jobs <= 1, "what waits for the one that is away does not pile up"
