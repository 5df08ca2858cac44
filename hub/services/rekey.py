"""Other keys for what is held: another ERP takes one's place, or two know the same contracts by keys of their own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from hub.errors import ConflictError, InvalidAskError, NotFoundError
from hub.store.engine import scope
from hub.store.handles import Connection, Engine
from hub.store.landlord_rows import lock_config
from hub.store.rekey_rows import (
    KeyPair,
    KeyProblem,
    KindCount,
    add_keys,
    count_keys,
    hand_over,
    key_problems,
    stage_pairs,
)
from hub.store.run_rows import unfinished_run


@dataclass(frozen=True, slots=True)
class Rekeyed:
    """What a map did, or would do. With `problems` nothing was changed. `moved`: rows by stream that are now the new
    connector's; none with `share`."""

    counts: tuple[KindCount, ...]
    problems: tuple[KeyProblem, ...] = ()
    skipped: tuple[KeyProblem, ...] = ()
    moved: Mapping[str, int] = field(default_factory=dict)

    @property
    def changed(self) -> bool:
        return any(one.added for one in self.counts) or any(self.moved.values())


class _DryRunError(Exception):
    """Ends the transaction of a dry run without a trace."""


async def rekey(
    engine: Engine,
    landlord: str,
    pairs: Sequence[KeyPair],
    *,
    old: str,
    new: str,
    share: bool = False,
    skip_unknown: bool = False,
    dry_run: bool = False,
) -> Rekeyed:
    """Give what connector `old` brought the keys of connector `new`: all or nothing, and nothing the second time.

    With `share` both connectors stay: keys are added, no row changes hands. Without it `new` takes the place of `old`.
    Raises NotFoundError for an unknown landlord or connector, InvalidAskError for the same connector twice,
    ConflictError while a run is under way or `old` still has feeds.
    """
    done: Rekeyed | None = None
    try:
        async with scope(engine, landlord) as conn:
            await _require(conn, landlord, old, new, share=share)
            done = await _follow(conn, landlord, pairs, old, new, share=share, skip_unknown=skip_unknown)
            if dry_run or done.problems:
                raise _DryRunError
    except _DryRunError:
        pass
    if done is None:
        raise RuntimeError("a transaction ended without a result")
    return done


async def _require(conn: Connection, landlord: str, old: str, new: str, *, share: bool) -> None:
    live = await lock_config(conn, landlord=landlord)
    if live is None:
        raise NotFoundError(f"no landlord {landlord} is configured", hint="`housing-hub apply landlords/….toml`")
    if old == new:
        hint = "give the new ERP a [connectors.NAME] of its own, and let the feeds read that"
        raise InvalidAskError(f"{old} cannot take its own place", hint=hint)
    _require_connector(live.config, landlord, new)
    if not share:
        _require_no_feeds(live.config, landlord, old, new)
    if (run := await unfinished_run(conn)) is not None:
        hint = f"`housing-hub runs show {landlord} {run}`; try again when it has ended"
        raise ConflictError(f"run {run} of {landlord} is under way", hint=hint)


def _require_connector(config: Mapping[str, Any], landlord: str, new: str) -> None:
    known = list(config["connectors"])
    if new not in known:
        hint = f"its connectors are {', '.join(known)}: write [connectors.{new}] in its file and apply it first"
        raise NotFoundError(f"{landlord} has no connector {new}", hint=hint)


def _require_no_feeds(config: Mapping[str, Any], landlord: str, old: str, new: str) -> None:
    """Feeds that still read the old ERP would take everything back in the next night."""
    feeds = [feed["name"] for feed in config["feeds"] if feed["connector"] == old]
    if feeds:
        raise ConflictError(
            f"{', '.join(feeds)} of {landlord} still read {old}",
            hint=f'let them read {new}, with schedule = "manual" until this is done, and apply the file first; '
            "or --share if both ERPs stay",
        )


async def _follow(
    conn: Connection, landlord: str, pairs: Sequence[KeyPair], old: str, new: str, *, share: bool, skip_unknown: bool
) -> Rekeyed:
    await stage_pairs(conn, pairs, landlord=landlord, old=old)
    problems = await key_problems(conn, landlord=landlord, new=new)
    skipped = [one for one in problems if skip_unknown and one.code == "UNKNOWN"]
    problems = [one for one in problems if one not in skipped]
    counts = await count_keys(conn, landlord=landlord, old=old, new=new)
    moved: dict[str, int] = {}
    if not problems:
        await add_keys(conn, landlord=landlord, new=new)
        moved = {} if share else await hand_over(conn, landlord=landlord, old=old, new=new)
    return Rekeyed(tuple(counts), tuple(problems), tuple(skipped), moved)
