"""Apply a landlord's file: a numbered version, its secrets sealed, its schedules and contact points kept in step."""

from __future__ import annotations

import difflib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from hub.config import FeedConfig, LandlordConfig
from hub.domain.clock import Clock
from hub.domain.plan import Plan
from hub.errors import ConflictError, Where
from hub.services.means import means_of, policy_of
from hub.store.breaker_rows import put_breakers
from hub.store.contact_rows import ContactPoint, Opening, put_contact_points
from hub.store.engine import scope
from hub.store.handles import Connection, Engine
from hub.store.landlord_rows import (
    Applying,
    ConfigVersion,
    LandlordRow,
    Origin,
    StoredConfig,
    get_config,
    list_configs,
    live_config,
    lock_config,
    put_landlord,
    save_config,
)
from hub.store.means_rows import put_means
from hub.store.schedule_rows import ScheduleRow, put_schedules
from hub.store.vault import Vault, put_secrets

_SHOWN = 6
"""Lines of a diff in a refusal."""


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
    """What `apply_config` would change of the configuration, and whether it would refuse. Writes nothing."""
    async with scope(engine, config.slug, readonly=True) as conn:
        live = await live_config(conn, landlord=config.slug)
        moved = await overtaken(conn, config, live)
    refused = [f"{moved.message}: --force would be needed"] if moved else []
    return applied_of(live, config, live.version if live else 0, warnings=(*refused, *_unread(config)))


def applied_of(
    live: StoredConfig | None,
    config: LandlordConfig,
    version: int,
    *,
    secrets: tuple[str, ...] = (),
    warnings: Sequence[str] = (),
) -> Applied:
    return Applied(
        config.slug,
        version,
        diff_of(live, config),
        feeds=len(config.feeds),
        connectors=len(config.connectors),
        is_new=live is None,
        secrets=secrets,
        warnings=(*config.warnings, *warnings),
    )


def _unread(config: LandlordConfig) -> list[str]:
    """A dry run takes secrets on trust."""
    missing = sorted(config.secret_names - config.secrets.keys())
    return [f"the secret {connector}.{name} cannot be read here: apply will need it" for connector, name in missing]


async def apply_config(
    engine: Engine,
    vault: Vault,
    clock: Clock,
    config: LandlordConfig,
    *,
    by: str = "",
    note: str | None = None,
    force: bool = False,
) -> Applied:
    """Put a configuration in force, in one transaction. The same file again changes nothing.

    Raises ConflictError, unless forced, when the version in force is not the one the file was made from: another than
    its `# base:` line names; without such a line, one that came from no landlord's own file, or meanwhile.
    """
    async with scope(engine, config.slug, readonly=True) as conn:
        seen = await live_config(conn, landlord=config.slug)
    origin: Origin = "file" if config.base is None else "export"
    now = clock.now()
    async with scope(engine, config.slug) as conn:
        live = await lock_config(conn, landlord=config.slug)
        if not force and (moved := await overtaken(conn, config, live, seen=seen.version if seen else 0)):
            raise moved
        version = await put_in_force(conn, clock, config, Applying(config.text, origin, by, note))
        secrets = await put_secrets(conn, vault, landlord=config.slug, secrets=config.secrets, now=now)
    names = tuple(f"{connector}.{field}" for connector, field in secrets)
    return applied_of(live, config, version, secrets=names, warnings=_of_another(live, by, config))


async def put_in_force(conn: Connection, clock: Clock, config: LandlordConfig, applying: Applying) -> int:
    """Everything that follows a configuration but its secrets. Gives the number of the version in force."""
    now, public = clock.now(), json.loads(config.to_json())
    await put_landlord(conn, _directory_entry(config), now=now)
    version = await save_config(
        conn, landlord=config.slug, config=public, sha256=config.fingerprint, now=now, applying=applying
    )
    await put_contact_points(conn, landlord=config.slug, wanted=_contact_points(config))
    await put_means(conn, landlord=config.slug, policy=policy_of(config), means=means_of(config))
    await _put_schedules(conn, config, clock)
    return version


async def overtaken(
    conn: Connection, config: LandlordConfig, live: StoredConfig | None, *, seen: int | None = None
) -> ConflictError | None:
    """The refusal of a file that was not made from the version in force, saying what changed meanwhile; None if it was.

    `seen`: the version in force when the operator's command began.
    """
    if live is None or live.sha256 == config.fingerprint:
        return None
    seen = live.version if seen is None else seen
    if config.base is not None:
        known, why = config.base, f"this file was made from version {config.base}"
    elif live.version != seen:
        known, why = seen, f"version {seen} was when you began"
    elif live.origin != "file":
        known, why = await _last_own(conn, config.slug), "this file does not say that it was made from it"
    else:
        return None
    if known == live.version:
        return None
    before = await get_config(conn, landlord=config.slug, version=known)
    return ConflictError(
        f"{signed(live)} is in force, and {why}{_changed(_diff(before.config, live.config) if before else ())}",
        hint=f"`housing-hub export {config.slug} -o FILE` and make your change there, or --force to replace it",
        where=Where(landlord=config.slug),
    )


def signed(version: ConfigVersion) -> str:
    """`version 7 by marie of 21 November 2026 08:12 UTC`."""
    by = f" by {version.applied_by}" if version.applied_by else ""
    return f"version {version.version}{by} of {version.applied_at:%d %B %Y %H:%M} UTC"


def diff_of(live: StoredConfig | None, config: LandlordConfig) -> tuple[str, ...]:
    """What a configuration changes of the version in force, one setting a line."""
    return _diff(live.config if live else {}, json.loads(config.to_json()))


async def _last_own(conn: Connection, landlord: str) -> int:
    """The newest version that came from a landlord's own file."""
    versions = await list_configs(conn, landlord=landlord)
    return next((one.version for one in versions if one.origin == "file"), 0)


def _changed(diff: Sequence[str]) -> str:
    if not diff:
        return ""
    more = f"; and {len(diff) - _SHOWN} more" if len(diff) > _SHOWN else ""
    return f"; changed since: {'; '.join(diff[:_SHOWN])}{more}"


def _of_another(live: StoredConfig | None, by: str, config: LandlordConfig) -> list[str]:
    """A word about replacing a colleague's version: files may live in several places."""
    if live is None or not by or live.applied_by in ("", by) or live.sha256 == config.fingerprint:
        return []
    return [f"it replaces {signed(live)}; `housing-hub rollback {config.slug} {live.version}` brings that back"]


def _directory_entry(config: LandlordConfig) -> LandlordRow:
    own = config.identity
    return LandlordRow(
        own.slug, own.name, own.locale, own.time_zone, own.hosts, own.balance, keep_jobs_days=own.keep_jobs_days
    )


async def _put_schedules(conn: Connection, config: LandlordConfig, clock: Clock) -> None:
    wanted = [_schedule(config, plan, feeds, clock) for plan, feeds in _by_plan(config).items()]
    await put_schedules(conn, landlord=config.slug, wanted=wanted)
    caps = {name: one.pace.max_at_once for name, one in config.connectors.items()}
    await put_breakers(conn, landlord=config.slug, caps=caps, now=clock.now())


def _by_plan(config: LandlordConfig) -> Mapping[Plan, list[FeedConfig]]:
    """Feeds sharing a plan run as one night, in dependency order."""
    found: dict[Plan, list[FeedConfig]] = {}
    for feed in config.feeds:
        if feed.schedule.text != "manual":
            found.setdefault(config.plan(feed), []).append(feed)
    return found


def _schedule(config: LandlordConfig, plan: Plan, feeds: Sequence[FeedConfig], clock: Clock) -> ScheduleRow:
    zone = config.identity.time_zone
    return ScheduleRow(
        plan.text,
        zone,
        tuple(feed.name for feed in feeds),
        plan.next_after(clock.now(), zone, key=config.slug),
        connectors=tuple(sorted({feed.connector for feed in feeds})),
    )


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
