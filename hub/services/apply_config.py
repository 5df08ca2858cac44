"""Apply a landlord's file: a numbered version, its secrets sealed, its schedules and contact points kept in step."""

from __future__ import annotations

import difflib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from hub.config import FeedConfig, LandlordConfig
from hub.domain.clock import Clock
from hub.store.contact_rows import ContactPoint, Opening, put_contact_points
from hub.store.engine import scope
from hub.store.handles import Connection, Engine
from hub.store.landlord_rows import LandlordRow, live_config, put_landlord, save_config
from hub.store.schedule_rows import ScheduleRow, put_schedules
from hub.store.vault import Vault, put_secrets


@dataclass(frozen=True, slots=True)
class Applied:
    """What applying a file did, or would do. `diff` is of the public configuration, never of secrets; `secrets` names
    those that were added, changed or removed. `is_new`: nothing was in force before."""

    landlord: str
    version: int
    diff: tuple[str, ...]
    feeds: int
    connectors: int
    is_new: bool
    secrets: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()

    @property
    def changed(self) -> bool:
        return bool(self.diff or self.secrets)


async def plan_config(engine: Engine, config: LandlordConfig) -> Applied:
    """What `apply_config` would change of the configuration. Writes nothing."""
    async with scope(engine, config.slug, readonly=True) as conn:
        live = await live_config(conn, landlord=config.slug)
    return Applied(
        config.slug,
        live.version if live else 0,
        _diff(live.config if live else {}, json.loads(config.to_json())),
        feeds=len(config.feeds),
        connectors=len(config.connectors),
        is_new=live is None,
        warnings=(*config.warnings, *_unread(config)),
    )


def _unread(config: LandlordConfig) -> list[str]:
    """A dry run takes secrets on trust."""
    missing = sorted(config.secret_names - config.secrets.keys())
    return [f"the secret {connector}.{name} cannot be read here: apply will need it" for connector, name in missing]


async def apply_config(engine: Engine, vault: Vault, clock: Clock, config: LandlordConfig) -> Applied:
    """Put a configuration in force, in one transaction. The same file again changes nothing."""
    planned, now = await plan_config(engine, config), clock.now()
    async with scope(engine, config.slug) as conn:
        await put_landlord(conn, _directory_entry(config), now=now)
        public = json.loads(config.to_json())
        version = await save_config(conn, landlord=config.slug, config=public, sha256=config.fingerprint, now=now)
        secrets = await put_secrets(conn, vault, landlord=config.slug, secrets=config.secrets, now=now)
        await put_contact_points(conn, landlord=config.slug, wanted=_contact_points(config))
        await _put_schedules(conn, config, clock)
    names = tuple(f"{connector}.{field}" for connector, field in secrets)
    return replace(planned, version=version, secrets=names)


def _directory_entry(config: LandlordConfig) -> LandlordRow:
    own = config.identity
    return LandlordRow(own.slug, own.name, own.locale, own.time_zone, own.hosts)


async def _put_schedules(conn: Connection, config: LandlordConfig, clock: Clock) -> None:
    wanted = [_schedule(config, name, feeds, clock) for name, feeds in _by_schedule(config.feeds).items()]
    await put_schedules(conn, landlord=config.slug, wanted=wanted)


def _by_schedule(feeds: Sequence[FeedConfig]) -> Mapping[str, list[FeedConfig]]:
    """Feeds sharing an expression run as one night, in dependency order."""
    found: dict[str, list[FeedConfig]] = {}
    for feed in feeds:
        if feed.schedule.text != "manual":
            found.setdefault(feed.schedule.text, []).append(feed)
    return found


def _schedule(config: LandlordConfig, name: str, feeds: Sequence[FeedConfig], clock: Clock) -> ScheduleRow:
    zone = config.identity.time_zone
    next_run = feeds[0].schedule.next_after(clock.now(), zone)
    return ScheduleRow(name, zone, tuple(feed.name for feed in feeds), next_run)


def _contact_points(config: LandlordConfig) -> list[ContactPoint]:
    language = config.identity.locale
    return [
        ContactPoint(
            role=point.role,
            name=point.name,
            phone=point.phone,
            email=point.email,
            address=point.address,
            note=point.note(language),
            site_codes=tuple(point.sites),
            hours=tuple(Opening(hours.weekday, hours.opens, hours.closes) for hours in point.hours),
        )
        for point in config.contact_points
    ]


def _diff(before: Mapping[str, Any], after: Mapping[str, Any]) -> tuple[str, ...]:
    """Line by line over a flat, sorted form: one setting a line."""
    old, new = sorted(_flat(before, "")), sorted(_flat(after, ""))
    return tuple(
        line for line in difflib.unified_diff(old, new, lineterm="", n=0) if not line.startswith(("---", "+++", "@@"))
    )


def _flat(value: Any, path: str) -> list[str]:
    if isinstance(value, Mapping) and value:
        return [line for key, inner in value.items() for line in _flat(inner, f"{path}.{key}" if path else str(key))]
    if not path:
        return []
    if isinstance(value, list) and value and all(isinstance(item, Mapping) for item in value):
        names = [str(item.get("name", place)) for place, item in enumerate(value)]
        return [line for name, item in zip(names, value, strict=True) for line in _flat(item, f"{path}[{name}]")]
    if path.endswith((".name", ".mapping_version")) and "[" in path:
        return []
    return [f"{path} = {json.dumps(value, ensure_ascii=False)}"]
