"""How a landlord stands at seven in the morning: what needs a person, what goes on by itself, how old the data is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from hub.config.payment_tables import PaymentsTable
from hub.domain.breaker import Breaker
from hub.services.known_landlords import landlord_slugs
from hub.store.alert_rows import list_open_alerts
from hub.store.breaker_rows import list_connectors
from hub.store.engine import scope
from hub.store.feed_facts import feed_facts
from hub.store.handles import Connection, Engine
from hub.store.hold_rows import list_holds
from hub.store.landlord_rows import live_config
from hub.store.payment_troubles import count_troubles
from hub.store.quarantine_rows import count_quarantine
from hub.telling.payment_text import trouble_texts

_MOST_HOLDS = 20
_TOLD_APART = ("held", "payments")


@dataclass(frozen=True, slots=True)
class Matter:
    """One thing that is not well. `do`: the command that shows or ends it; `needs_person`: else it ends by itself."""

    text: str
    do: str
    needs_person: bool = True


@dataclass(frozen=True, slots=True)
class Status:
    """A landlord's open matters. `oldest`: the feed whose served data is oldest, and when that was true at the source;
    `never`: feeds nothing was ever applied of."""

    landlord: str
    matters: tuple[Matter, ...]
    oldest: tuple[str, datetime] | None
    never: tuple[str, ...]

    @property
    def needs_person(self) -> bool:
        return any(one.needs_person for one in self.matters)


async def read_status(engine: Engine, landlord: str | None = None, *, now: datetime) -> list[Status]:
    """How a landlord stands, or all of them, those that need a person first. Raises NotFoundError for one unknown."""
    found = []
    for slug in await landlord_slugs(engine, landlord):
        async with scope(engine, slug, readonly=True) as conn:
            found.append(await _status(conn, slug, now))
    return sorted(found, key=lambda one: (not one.needs_person, not one.matters, one.landlord))


async def _status(conn: Connection, landlord: str, now: datetime) -> Status:
    live = await live_config(conn, landlord=landlord)
    feeds = {feed["name"]: feed["connector"] for feed in live.config["feeds"]} if live else {}
    facts = await feed_facts(conn, landlord=landlord)
    dated = sorted((as_of, feed) for feed, as_of in facts.as_of.items() if feed in feeds)
    away = {row.connector: row.breaker for row in await list_connectors(conn, landlord=landlord)}
    away = {name: held for name, held in away.items() if held.state != "closed"}
    matters = [
        *await _held(conn, landlord),
        *await _failed(conn, landlord, {feed for feed, connector in feeds.items() if connector in away}),
        *await _refused(conn, landlord),
        *await _payments(conn, landlord, live.config if live else {}, now),
        *_given_up(landlord, facts.dead_jobs),
        *(_away(landlord, name, held) for name, held in away.items()),
    ]
    return Status(
        landlord,
        tuple(matters),
        (dated[0][1], dated[0][0]) if dated else None,
        tuple(feed for feed in feeds if feed not in facts.as_of),
    )


async def _held(conn: Connection, landlord: str) -> list[Matter]:
    holds = await list_holds(conn, states=["open"], limit=_MOST_HOLDS)
    return [
        Matter(f"{one.feed} held: {'; '.join(one.sentences)}", f"housing-hub holds show {landlord} {one.id}")
        for one in reversed(holds)
    ]


async def _failed(conn: Connection, landlord: str, of_silent_erps: set[str]) -> list[Matter]:
    """Feeds that failed or are late, those of one night together; what an ERP that is left alone explains is not said
    twice."""
    since: dict[tuple[str, int | None], list[str]] = {}
    for one in await list_open_alerts(conn, landlord=landlord):
        if one.problem not in _TOLD_APART and one.feed not in of_silent_erps:
            since.setdefault((one.problem, one.run_id), []).append(one.feed)
    return [
        Matter(f"{', '.join(feeds)} {problem}", _runs(landlord, run_id)) for (problem, run_id), feeds in since.items()
    ]


def _runs(landlord: str, run_id: int | None) -> str:
    return f"housing-hub runs list {landlord}" if run_id is None else f"housing-hub runs show {landlord} {run_id}"


async def _refused(conn: Connection, landlord: str) -> list[Matter]:
    do = f"housing-hub quarantine list {landlord}"
    waiting = await count_quarantine(conn, landlord=landlord, states=["open"])
    parked = sum((await count_quarantine(conn, landlord=landlord, states=["parked"])).values())
    told = ", ".join(f"{feed} {count:,}" for feed, count in sorted(waiting.items()))
    found = [Matter(f"refused lines: {told}", do)] if told else []
    if parked:
        found.append(Matter(f"lines parked until what they refer to arrives: {parked:,}", do, needs_person=False))
    return found


async def _payments(conn: Connection, landlord: str, config: Mapping[str, Any], now: datetime) -> list[Matter]:
    days = PaymentsTable.model_validate(config.get("payments", {})).alert_days
    troubles = await count_troubles(conn, now=now, alert_days=days)
    return [Matter(text, do) for text, do in trouble_texts(landlord, troubles, alert_days=days)]


def _given_up(landlord: str, jobs: int) -> list[Matter]:
    return [Matter(f"jobs given up: {jobs:,}", f"housing-hub jobs dead {landlord}")] if jobs else []


def _away(landlord: str, connector: str, held: Breaker) -> Matter:
    since = f" since {held.opened_at:%d %B %H:%M} UTC" if held.opened_at else ""
    again = f", tried again at {held.open_until:%H:%M} UTC" if held.state == "open" and held.open_until else ""
    text = f"{connector} does not answer{since} ({held.last_error_code}){again}"
    return Matter(text, f"housing-hub connectors reset {landlord} {connector}", needs_person=False)
