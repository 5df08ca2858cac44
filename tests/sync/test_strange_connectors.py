"""Connectors that break the rules: the night goes on, and what they let slip is seen nowhere."""

from __future__ import annotations

import io
import logging
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any, ClassVar

import pytest
import structlog

from hub.config.logs import configure_logs
from hub.errors import MisconfiguredError, RateLimitedError
from hub.ports import CallSource, Capabilities, ConnectorSettings, Feed, Finding, Pull, Spool, setting
from hub.records import Batch, PersonRecord, SiteRecord, Stream

NAME = "Durand-Lefebvre"
LANDLORD = """
[landlord]
slug = "lac-bleu"
name = "Lac Bleu"
time_zone = "Europe/Paris"
locale = "fr-FR"

[connectors.erp]
plugin = "strange"
misdeed = "{misdeed}"

[connectors.second]
plugin = "strange"
misdeed = "{second}"

[feeds.sites]
connector = "erp"
stream = "sites"
mode = "snapshot"
schedule = "manual"

[feeds.persons]
connector = "{of_persons}"
stream = "persons"
mode = "snapshot"
schedule = "manual"
"""
SLUG = "lac-bleu"


class StrangeSettings(ConnectorSettings):
    misdeed: str = setting("What it does wrong", default="")


class StrangeConnector(CallSource[StrangeSettings]):
    """Brings a site and a person, unless `misdeed` says otherwise."""

    name = "strange"
    settings_model = StrangeSettings
    capabilities = Capabilities(pull={Stream.SITES: Pull(), Stream.PERSONS: Pull()})
    pulls: ClassVar[list[str]] = []

    def __init__(self, settings: StrangeSettings, context: Any) -> None:
        super().__init__(settings, context)
        self._do("made")

    def check(self, feeds: Sequence[Feed]) -> Iterator[Finding]:
        yield Finding("look", True)

    def pull(self, feed: Feed, cursor: str | None, spool: Spool) -> Iterator[Batch]:
        self.pulls.append(self.context.connector)
        with spool.create("reply.json") as sink:
            sink.write(f"{feed.name} {NAME}".encode())
        if feed.stream is Stream.SITES:
            self._do("sites")
            yield Batch([SiteRecord(external_id="1", kind="site", name="Lac")])
        else:
            self._do("persons")
            yield Batch([PersonRecord(external_id="P1", family_name=NAME)])
        self._do("late")

    def close(self) -> None:
        self._do("closed")

    def _do(self, when: str) -> None:
        place, _, kind = self.settings.misdeed.partition(":")
        if place == when:
            raise {
                "stranger": ValueError(f"cannot read {NAME}"),
                "key": KeyError(NAME),
                "refused": MisconfiguredError("the password is refused", hint="correct it"),
                "slower": RateLimitedError("told to slow down", retry_after=3600, hint="wait"),
                "group": ExceptionGroup(NAME, [OSError(NAME)]),
                "exit": SystemExit(NAME),
                "stop": StopIteration(NAME),
            }[kind]


@pytest.fixture
async def lake(house: Any) -> Any:
    """A house with the strange plugin in it; `misbehave` applies the landlord's file."""
    registry = house.parts.registry
    house.use(replace(registry, connectors={**registry.connectors, "strange": StrangeConnector}))
    StrangeConnector.pulls.clear()
    return house


async def misbehave(house: Any, misdeed: str, *, second: str = "") -> None:
    path, of_persons = house.folder / "lac-bleu.toml", "second" if second else "erp"
    path.write_text(LANDLORD.format(misdeed=misdeed, second=second, of_persons=of_persons))
    house.files[SLUG] = path
    await house.apply(SLUG)


@pytest.fixture
def log() -> Iterator[io.StringIO]:
    """All that this process logs, as a worker writes it."""
    kept, root = structlog.get_config(), logging.getLogger()
    handlers, level = list(root.handlers), root.level
    stream = io.StringIO()
    configure_logs("DEBUG", stream=stream)
    yield stream
    structlog.configure(**kept)
    root.handlers[:] = handlers
    root.setLevel(level)


def everywhere(house: Any) -> str:
    """All the hub keeps about its own work, as text."""
    tables = ("feed_run", "run", "quarantine", "job", "artifact", "connector_state", "feed_state")
    with house.admin() as conn:
        return "\n".join(str(row) for table in tables for row in conn.execute(f"select * from {table}"))


@pytest.mark.parametrize("kind", ["stranger", "key", "group", "exit", "stop"])
@pytest.mark.parametrize("when", ["made", "persons", "late", "closed"])
async def test_what_a_stranger_lets_slip_is_written_nowhere(lake: Any, log: io.StringIO, when: str, kind: str) -> None:
    await misbehave(lake, f"{when}:{kind}")

    run = await lake.sync(SLUG)

    assert "job ended" in log.getvalue()
    assert NAME not in log.getvalue()
    assert NAME not in everywhere(lake)
    assert run.state == ("done" if when == "closed" else "failed")
    assert "done" == (await lake.job()).state
    assert all(one.hint.startswith("report it to whoever wrote") for one in run.feed_runs if one.state == "failed")


async def test_a_stranger_in_one_feed_leaves_the_others_be(lake: Any) -> None:
    await misbehave(lake, "persons:stranger")

    run = await lake.sync(SLUG)

    assert [("applied", None), ("failed", "UNEXPECTED")] == [(one.state, one.error_code) for one in run.feed_runs]
    assert "ValueError at _do" in run.feed_runs[1].error
    assert 1 == len(await lake.rows(SLUG, "select from site"))
    assert 0 == len(await lake.rows(SLUG, "select from person"))


async def test_a_plugin_that_cannot_be_made_fails_its_feeds_and_ends_the_run(lake: Any) -> None:
    await misbehave(lake, "made:stranger")

    run = await lake.sync(SLUG)

    assert ["failed", "skipped"] == [one.state for one in run.feed_runs]
    assert [] == StrangeConnector.pulls


async def test_a_server_that_asks_for_time_is_given_it(lake: Any) -> None:
    await misbehave(lake, "persons:slower")
    await lake.ask(SLUG)
    await lake.work()

    job = await lake.job()
    assert "ready" == job.state
    assert (job.run_at - lake.clock.now()).total_seconds() >= 3600


async def test_a_wrong_password_is_not_tried_again_while_another_connector_is_tried_again(lake: Any) -> None:
    """Some servers lock an account after a few wrong passwords."""
    await misbehave(lake, "sites:refused", second="persons:slower")
    await lake.ask(SLUG)
    for _ in range(3):
        await lake.work()
        lake.clock.move(hours=2)

    assert {"erp": 1, "second": 3} == dict(Counter(StrangeConnector.pulls))


async def test_a_plugin_taken_away_is_told_by_every_feed(lake: Any) -> None:
    await misbehave(lake, "")
    registry = lake.parts.registry
    lake.use(replace(registry, connectors={}, not_allowed=("strange",)))

    run = await lake.sync(SLUG)

    assert ("failed", "PLUGIN") == (run.state, run.feed_runs[0].error_code)
    assert "HOUSING_HUB_PLUGINS" in run.feed_runs[0].hint


async def test_a_run_whose_configuration_cannot_be_read_ends_and_says_why(lake: Any) -> None:
    await misbehave(lake, "")
    run_id = await lake.ask(SLUG)
    with lake.admin() as conn:
        conn.execute("update landlord_config set config = jsonb_set(config::jsonb, '{format}', '99')")
    await lake.work()

    assert "failed" == (await lake.run(SLUG, run_id)).state
    job = await lake.job()
    assert "dead" == job.state
    assert "apply the landlord's file again" in job.last_error


async def test_a_run_left_behind_by_workers_that_kept_dying_is_ended_by_the_next(lake: Any) -> None:
    await misbehave(lake, "")
    left = await lake.ask(SLUG)
    with lake.admin() as conn:
        conn.execute("update run set state = 'running', started_at = now()")
        conn.execute("update job set state = 'leased', lease_until = now() - interval '1 s', attempts = max_attempts")

    assert "done" == (await lake.sync(SLUG)).state
    assert "failed" == (await lake.run(SLUG, left)).state


async def test_a_database_that_stumbles_costs_an_attempt_and_no_feed(lake: Any) -> None:
    """Its errors are the hub's own, not the plugin's: the same run goes on when it is back."""
    await misbehave(lake, "")
    run_id = await lake.ask(SLUG)
    with lake.admin() as conn:
        conn.execute("alter table site rename to elsewhere")
        await lake.work()
        conn.execute("alter table elsewhere rename to site")
    assert ("running", "ready") == ((await lake.run(SLUG, run_id)).state, (await lake.job()).state)

    lake.clock.move(minutes=1)
    await lake.work()

    assert "done" == (await lake.run(SLUG, run_id)).state
    assert 1 == len(await lake.rows(SLUG, "select from site"))
