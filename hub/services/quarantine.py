"""Refused rows and what a person does about them: look, retry after a fix, dismiss with a reason, read all again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from hub.domain.clock import Clock
from hub.domain.replay import Replay
from hub.errors import ConflictError, InvalidAskError, NotFoundError
from hub.jobs import RUN_QUEUE, Bell
from hub.services.known_landlords import landlord_slugs
from hub.services.queue_run import queue_run
from hub.store.engine import scope
from hub.store.gap_rows import find_gaps
from hub.store.handles import Connection, Engine
from hub.store.kept_rows import KeptArtifact, kept_artifacts
from hub.store.landlord_rows import StoredConfig, live_config
from hub.store.quarantine_rows import WAITING, QuarantinedRow, list_quarantine, quarantined_rows, settle_rows


@dataclass(frozen=True, slots=True)
class Looked:
    """A refused row, and whether the raw input it stands in is still kept."""

    row: QuarantinedRow
    input_is_kept: bool


@dataclass(frozen=True, slots=True)
class Queued:
    """A run that was queued, of these feeds; `lines` is how many refused lines it is to try."""

    run_id: int
    feeds: tuple[str, ...]
    lines: int = 0


async def find_rows(engine: Engine, landlord: str, *, feed: str | None, limit: int) -> list[QuarantinedRow]:
    """The refused rows that wait to be put right, newest first. Raises NotFoundError for an unknown landlord."""
    await landlord_slugs(engine, landlord)
    async with scope(engine, landlord, readonly=True) as conn:
        return await list_quarantine(conn, landlord=landlord, feed=feed, limit=limit)


async def look_at(engine: Engine, landlord: str, row_id: int) -> Looked:
    """One row, whatever became of it. Raises NotFoundError."""
    async with scope(engine, landlord, readonly=True) as conn:
        (row,) = await _known(conn, landlord, [row_id])
        kept = await kept_artifacts(conn, landlord=landlord, feed=row.feed, sha256=[row.artifact])
    return Looked(row, any(one.blob_id is not None for one in kept))


async def retry(
    engine: Engine,
    clock: Clock,
    bell: Bell,
    landlord: str,
    *,
    feed: str | None = None,
    ids: Sequence[int] = (),
) -> Queued:
    """Queue a run that reads refused lines again from their kept raw input under the mapping in force: those of `ids`,
    else all of a feed, else all there are.

    Raises NotFoundError where nothing waits, ConflictError for rows settled meanwhile, feeds configured no more, and
    lines whose raw input is no longer kept.
    """
    async with scope(engine, landlord) as conn:
        live = await _live(conn, landlord)
        rows = await _waiting(conn, landlord, feed, ids)
        feeds = _configured(live, landlord, {row.feed for row in rows})
        await _require_kept(conn, landlord, rows)
        replay = Replay("retry", tuple(ids) or None)
        run_id = await queue_run(conn, landlord, feeds, version=live.version, now=clock.now(), replay=replay)
    bell.ring(RUN_QUEUE)
    return Queued(run_id, tuple(feeds), len(rows))


async def dismiss(
    engine: Engine,
    clock: Clock,
    landlord: str,
    *,
    by: str,
    reason: str,
    feed: str | None = None,
    ids: Sequence[int] = (),
) -> list[QuarantinedRow]:
    """Let rows go unapplied, those of `ids` or all a feed has waiting, for a reason that is kept with who gave it.

    Raises InvalidAskError without a reason or rows, NotFoundError and ConflictError as `retry`.
    """
    if not ids and feed is None:
        raise InvalidAskError("nothing is named to dismiss", hint="name lines with their numbers, or --feed")
    if not reason.strip():
        raise InvalidAskError("dismissing needs a reason", hint='say why: --reason "a test entry of the ERP"')
    async with scope(engine, landlord) as conn:
        rows = await _waiting(conn, landlord, feed, ids, lock=True)
        now = clock.now()
        settled = [row.id for row in rows]
        await settle_rows(conn, settled, landlord=landlord, state="dismissed", now=now, by=by, reason=reason.strip())
        await find_gaps(conn, landlord=landlord)
    return rows


async def reread(
    engine: Engine,
    clock: Clock,
    bell: Bell,
    landlord: str,
    *,
    feeds: Sequence[str] = (),
    run: int | None = None,
    since: datetime | None = None,
) -> Queued:
    """Queue a run that reads kept raw input of these feeds (all, if none is named) again under the mapping in force:
    of a snapshot feed what is applied, of a delta feed what `run` brought or came `since` then, and all after it.

    Raises NotFoundError for a landlord or feed that is not configured.
    """
    async with scope(engine, landlord) as conn:
        live = await _live(conn, landlord)
        known = [one["name"] for one in live.config["feeds"]]
        for name in feeds:
            if name not in known:
                raise NotFoundError(f"{landlord} has no feed {name}", hint=f"its feeds are {', '.join(known)}")
        chosen = [name for name in known if name in feeds] if feeds else known
        run_id = await queue_run(
            conn, landlord, chosen, version=live.version, now=clock.now(), replay=Replay("reread", run=run, since=since)
        )
    bell.ring(RUN_QUEUE)
    return Queued(run_id, tuple(chosen))


async def lines_that_may_fit(engine: Engine, landlord: str) -> Mapping[str, int]:
    """How many waiting lines of each feed were never read under the mapping in force, and can be: a retry may do."""
    async with scope(engine, landlord, readonly=True) as conn:
        live = await live_config(conn, landlord=landlord)
        versions = {one["name"]: one["mapping_version"] for one in live.config["feeds"]} if live else {}
        rows = await quarantined_rows(conn, landlord=landlord)
        found: dict[str, int] = {}
        for feed in sorted({row.feed for row in rows} & versions.keys()):
            kept = await kept_artifacts(conn, landlord=landlord, feed=feed)
            unread = {one.seen.sha256 for one in kept if one.blob_id and versions[feed] not in one.mapping_versions}
            if count := sum(row.feed == feed and row.artifact in unread and bool(row.line) for row in rows):
                found[feed] = count
    return found


# --- what is asked about ----------------------------------------------------------------------------------------------


async def _live(conn: Connection, landlord: str) -> StoredConfig:
    live = await live_config(conn, landlord=landlord)
    if live is None:
        raise NotFoundError(f"no landlord {landlord} is configured", hint="`housing-hub apply landlords/….toml`")
    return live


async def _waiting(
    conn: Connection, landlord: str, feed: str | None, ids: Sequence[int], *, lock: bool = False
) -> list[QuarantinedRow]:
    if ids:
        rows = await _known(conn, landlord, ids, lock=lock)
        _require_waiting(rows)
        return rows
    rows = await quarantined_rows(conn, landlord=landlord, feed=feed, lock=lock)
    if not rows:
        what = f"feed {feed} of {landlord}" if feed else landlord
        raise NotFoundError(f"nothing of {what} is in quarantine", hint=f"`housing-hub quarantine list {landlord}`")
    return rows


async def _known(conn: Connection, landlord: str, ids: Sequence[int], *, lock: bool = False) -> list[QuarantinedRow]:
    rows = await quarantined_rows(conn, landlord=landlord, ids=ids, lock=lock)
    if missing := sorted(set(ids) - {row.id for row in rows}):
        raise NotFoundError(
            f"{landlord} has no quarantined line {missing[0]}", hint=f"`housing-hub quarantine list {landlord}`"
        )
    return rows


def _require_waiting(rows: Sequence[QuarantinedRow]) -> None:
    for row in rows:
        if row.state not in WAITING:
            raise ConflictError(f"line {row.id} waits no more: {outcome(row)}", hint="leave it out, and ask again")


def outcome(row: QuarantinedRow) -> str:
    """What became of a row, in words."""
    when = f" on {row.settled_at:%d %B %Y %H:%M} UTC" if row.settled_at else ""
    match row.state:
        case "applied":
            return f"applied by run {row.settled_run}{when}"
        case "dismissed":
            return f"dismissed by {row.settled_by}{when}: {row.reason}"
        case "superseded":
            return f"superseded{when}: {row.reason or 'its input, or a newer one, was read without this fault'}"
        case "parked":
            return f"waits for {(row.needs_type or '').replace('_', ' ')} {row.excerpt}"
        case "open":
            return "waits for a person"


def _configured(live: StoredConfig, landlord: str, feeds: set[str]) -> list[str]:
    """The feeds in the order of a night. Raises ConflictError for one that is gone."""
    known = [one["name"] for one in live.config["feeds"]]
    if gone := sorted(feeds - set(known)):
        raise ConflictError(
            f"feed {gone[0]} is configured no more: there is no mapping to read its lines with",
            hint="put the feed back, or let its lines go: "
            f"`housing-hub quarantine dismiss {landlord} --feed {gone[0]} --reason …`",
        )
    return [name for name in known if name in feeds]


async def _require_kept(conn: Connection, landlord: str, rows: Sequence[QuarantinedRow]) -> None:
    """Raises ConflictError when none of the lines can be read again."""
    kept: set[str] = set()
    for feed in {row.feed for row in rows}:
        found: list[KeptArtifact] = await kept_artifacts(conn, landlord=landlord, feed=feed)
        kept |= {one.seen.sha256 for one in found if one.blob_id is not None}
    if any(row.artifact in kept and row.line for row in rows):
        return
    if any(row.artifact in kept for row in rows):
        raise ConflictError(
            "the source gives no line numbers: single rows cannot be read again",
            hint=f"read all of it again: `housing-hub sync {landlord} {rows[0].feed} --reread`",
        )
    raise ConflictError(
        "the raw input of these lines is no longer kept",
        hint="ask the source for them again, or dismiss them with a reason",
    )
