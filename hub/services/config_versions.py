"""A landlord's configuration in its past: list the versions, write one out as a file, put one in force again."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from hub.config import LandlordConfig
from hub.config.base_line import with_base
from hub.config.landlord_config import Connectors
from hub.domain.clock import Clock
from hub.errors import ConflictError, HubError, NotFoundError, SetupError, Where
from hub.services.apply_config import Applied, applied_of, put_in_force, signed
from hub.store.engine import scope
from hub.store.handles import Connection, Engine
from hub.store.landlord_rows import (
    Applying,
    ConfigVersion,
    StoredConfig,
    get_config,
    list_configs,
    live_config,
    lock_config,
)
from hub.store.vault import Vault, get_secrets


@dataclass(frozen=True, slots=True)
class Exported:
    """A version as a file, its `# base:` line saying which."""

    version: int
    text: str


async def list_versions(engine: Engine, landlord: str, *, limit: int = 100) -> list[ConfigVersion]:
    """The versions of a landlord's file, the one in force first. Raises NotFoundError when there is none."""
    async with scope(engine, landlord, readonly=True) as conn:
        found = await list_configs(conn, landlord=landlord, limit=limit)
    if not found:
        raise _unknown(landlord)
    return found


async def export_config(engine: Engine, landlord: str, *, version: int | None = None) -> Exported:
    """A version (the one in force unless told) as the landlord wrote it, comments included. Raises NotFoundError."""
    async with scope(engine, landlord, readonly=True) as conn:
        live = await live_config(conn, landlord=landlord)
        stored = live if version is None else await _stored(conn, landlord, version)
    if stored is None:
        raise _unknown(landlord)
    if not stored.text:
        raise NotFoundError(
            f"the file of version {stored.version} was not kept: it was applied by an earlier hub",
            hint="apply the landlord's file once more, then export it",
        )
    return Exported(stored.version, with_base(stored.text, stored.version))


async def rollback_config(
    engine: Engine,
    vault: Vault,
    clock: Clock,
    registry: Connectors,
    landlord: str,
    version: int,
    *,
    by: str = "",
    note: str | None = None,
    dry_run: bool = False,
) -> Applied:
    """Put an earlier version in force again, as a new one. Secrets are those stored now: versions hold none.

    Raises SetupError when the version's plugin is missing, broken or refuses its settings, or a secret it needs is no
    longer stored; ConflictError when somebody else's version came into force meanwhile. Nothing is changed then.
    """
    async with scope(engine, landlord, readonly=True) as conn:
        seen = await live_config(conn, landlord=landlord)
        if seen is None:
            raise _unknown(landlord)
        wanted = await _stored(conn, landlord, version)
        config = LandlordConfig.from_json(wanted.config, registry).with_secrets(
            await get_secrets(conn, vault, landlord=landlord)
        )
    _refuse_unusable(config, wanted, seen)
    if dry_run or seen.sha256 == config.fingerprint:
        return applied_of(seen, config, seen.version)
    async with scope(engine, landlord) as conn:
        live = await lock_config(conn, landlord=landlord)
        if live is None or live.version != seen.version:
            raise _overtaken(landlord, live)
        applying = Applying(wanted.text, "rollback", by, note or f"back to version {version}")
        number = await put_in_force(conn, clock, config, applying)
    return applied_of(seen, config, number)


def _refuse_unusable(config: LandlordConfig, wanted: StoredConfig, live: StoredConfig) -> None:
    """Refuse a version that could not be run today, with all that is wrong with it."""
    problems = list(_problems(config))
    if problems:
        told = "; ".join(dict.fromkeys(problem.message for problem in problems))
        raise SetupError(
            f"version {wanted.version} cannot be put in force, version {live.version} stays: {told}",
            hint=problems[0].hint,
            where=Where(landlord=config.slug),
        )


def _problems(config: LandlordConfig) -> Iterator[HubError]:
    """What today's plugins and secrets have against a configuration."""
    broken = set()
    for name in config.connectors:
        try:
            config.build_settings(name)
        except HubError as error:
            broken.add(name)
            yield error
    for owner, name in sorted(config.secret_names - config.secrets.keys()):
        if owner not in config.connectors:
            yield SetupError(f"the secret {name} of {owner} is not stored", hint="apply a file that names it")
    for feed in config.feeds:
        if feed.connector not in broken:
            try:
                config.build_feed(feed.name)
            except HubError as error:
                yield error


async def _stored(conn: Connection, landlord: str, version: int) -> StoredConfig:
    found = await get_config(conn, landlord=landlord, version=version)
    if found is None:
        raise NotFoundError(
            f"{landlord} has no version {version} of its file", hint=f"`housing-hub versions {landlord}` lists them"
        )
    return found


def _overtaken(landlord: str, live: StoredConfig | None) -> ConflictError:
    now = f"{signed(live)} came into force meanwhile" if live else "the landlord is gone"
    hint = f"look at it with `housing-hub versions {landlord}`, then decide again"
    return ConflictError(now, hint=hint, where=Where(landlord=landlord))


def _unknown(landlord: str) -> NotFoundError:
    return NotFoundError(f"no landlord {landlord} is configured", hint="`housing-hub apply landlords/….toml`")
