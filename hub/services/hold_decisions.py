"""Decide a hold: approve what the guard kept back, or reject it. Two persons at once decide once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from hub.config.landlord_config import descendants
from hub.domain.clock import Clock
from hub.errors import ConflictError, InvalidAskError, NotFoundError
from hub.jobs import RUN_QUEUE, Bell
from hub.records import Stream
from hub.services.known_landlords import landlord_slugs
from hub.services.queue_run import queue_run
from hub.store.artifact_rows import refuse_artifacts
from hub.store.engine import scope
from hub.store.handles import Connection, Engine
from hub.store.hold_rows import Hold, HoldState, decide_hold, get_hold, list_holds, waiting_holds
from hub.store.kept_rows import kept_artifacts
from hub.store.landlord_rows import StoredConfig, live_config


@dataclass(frozen=True, slots=True)
class Approved:
    """A hold let through, and the run that applies it and then its waiting dependants (`feeds`, in order)."""

    hold: Hold
    run_id: int
    feeds: tuple[str, ...]


async def approve_hold(engine: Engine, clock: Clock, bell: Bell, landlord: str, hold_id: int, *, by: str) -> Approved:
    """Let held data through: a run applies exactly it, from its kept raw input, without judging it again.

    Raises NotFoundError for an unknown hold, ConflictError when something changed since it was made: it was decided
    or superseded, its feed is gone or is read otherwise now, or its raw input is no longer kept.
    """
    async with scope(engine, landlord) as conn:
        hold = await _open_hold(conn, landlord, hold_id)
        live = await live_config(conn, landlord=landlord)
        feeds = _feeds_of(hold, live, landlord)
        await _require_raw_input(conn, landlord, hold)
        await decide_hold(
            conn, landlord=landlord, hold_id=hold.id, state="approved", by=by, reason=None, now=clock.now()
        )
        run_id = await queue_run(conn, landlord, feeds, version=live.version if live else 0, now=clock.now())
    bell.ring(RUN_QUEUE)
    return Approved(hold, run_id, tuple(feeds))


async def reject_hold(engine: Engine, clock: Clock, landlord: str, hold_id: int, *, by: str, reason: str) -> Hold:
    """Refuse held data for good: the last good data stays, and the same data is refused if it comes again.

    Raises InvalidAskError without a reason, otherwise as `approve_hold`.
    """
    if not reason.strip():
        raise InvalidAskError("a rejection needs a reason", hint='say why: --reason "cut in transfer"')
    async with scope(engine, landlord) as conn:
        hold = await _open_hold(conn, landlord, hold_id)
        await decide_hold(
            conn, landlord=landlord, hold_id=hold.id, state="rejected", by=by, reason=reason.strip(), now=clock.now()
        )
        await refuse_artifacts(
            conn, landlord=landlord, feed=hold.feed, mapping_version=hold.mapping_version, sha256s=hold.artifacts
        )
    return hold


async def find_hold(engine: Engine, landlord: str, hold_id: int) -> Hold:
    """One hold. Raises NotFoundError."""
    async with scope(engine, landlord, readonly=True) as conn:
        return _known(await get_hold(conn, hold_id), landlord, hold_id)


async def find_holds(
    engine: Engine, landlord: str, *, states: Sequence[HoldState] | None, before: int | None = None, limit: int = 50
) -> list[Hold]:
    """The landlord's holds in these states (all if None), newest first. Raises NotFoundError for one unknown."""
    await landlord_slugs(engine, landlord)
    async with scope(engine, landlord, readonly=True) as conn:
        return await list_holds(conn, states=states, before=before, limit=limit)


def _known(hold: Hold | None, landlord: str, hold_id: int) -> Hold:
    if hold is None:
        raise NotFoundError(f"{landlord} has no hold {hold_id}", hint=f"`housing-hub holds list {landlord}`")
    return hold


async def _open_hold(conn: Connection, landlord: str, hold_id: int) -> Hold:
    """The hold, locked, if it still waits for a decision. Raises ConflictError that says what became of it."""
    hold = _known(await get_hold(conn, hold_id, lock=True), landlord, hold_id)
    if hold.state == "open":
        return hold
    newer = (await waiting_holds(conn)).get(hold.feed) if hold.state == "superseded" else None
    hint = f"`housing-hub holds show {landlord} {newer.id if newer else hold_id}` says how things stand"
    raise ConflictError(f"hold {hold_id} waits no more: {outcome(hold)}", hint=hint)


def outcome(hold: Hold) -> str:
    """What became of a hold, in words."""
    when = f"{hold.decided_at:%d %B %Y %H:%M} UTC" if hold.decided_at else ""
    if hold.state == "superseded":
        return f"superseded by run {hold.superseded_by_run} on {when}: {hold.decision_reason}"
    if hold.state == "rejected":
        return f"rejected by {hold.decided_by} on {when}: {hold.decision_reason}"
    if hold.state in ("approved", "applied"):
        ended = "and applied" if hold.state == "applied" else "to be applied by the run that was queued"
        return f"approved by {hold.decided_by} on {when}, {ended}"
    return "waits for a decision"


def _feeds_of(hold: Hold, live: StoredConfig | None, landlord: str) -> list[str]:
    """The hold's feed and those that depend on it, in the order of a night."""
    feeds = live.config["feeds"] if live else []
    own = next((feed for feed in feeds if feed["name"] == hold.feed), None)
    if own is None:
        raise ConflictError(
            f"feed {hold.feed} of hold {hold.id} is configured no more",
            hint=f"nothing of it will be applied: `housing-hub holds reject {landlord} {hold.id} --reason …`",
        )
    if own["mapping_version"] != hold.mapping_version:
        raise ConflictError(
            f"feed {hold.feed} is read otherwise since hold {hold.id} was made: what was shown is not what would come",
            hint=f"`housing-hub sync {landlord} {hold.feed}` reads it anew and judges it again",
        )
    below = descendants(Stream(own["stream"]))
    after = [one["name"] for one in feeds if one["connector"] == own["connector"] and Stream(one["stream"]) in below]
    return [hold.feed, *after]


async def _require_raw_input(conn: Connection, landlord: str, hold: Hold) -> None:
    kept = await kept_artifacts(conn, landlord=landlord, feed=hold.feed, sha256=hold.artifacts)
    if len(kept) < len(set(hold.artifacts)) or any(one.blob_id is None for one in kept):
        raise ConflictError(
            f"the raw input of hold {hold.id} is no longer kept",
            hint=f"ask for the file again, then `housing-hub sync {landlord} {hold.feed}`",
        )
