"""The order of a delta's numbered files: none is read before those that come before it.

A gap stops the feed: applied out of order, an old entry would have the last word. What is missing is sent after all and
read in its turn, or a snapshot of the stream brings everything, and the files of before it are in it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from hub.config import FeedConfig, LandlordConfig
from hub.domain.sequence import Numbering, Position, missing
from hub.errors import InputRefusedError, Where
from hub.ports import Artifact
from hub.store.artifact_rows import Seen, was_applied
from hub.store.engine import scope
from hub.store.feed_states import FeedState, get_feed_state
from hub.store.handles import Connection, Engine
from hub.sync.days import day_of

_NO_TIME = datetime(1970, 1, 1, tzinfo=UTC)


class SequenceGapError(InputRefusedError):
    """A numbered input came before one that comes before it."""

    code = "SEQUENCE_GAP"


class SequenceRepeatedError(InputRefusedError):
    """A number that was passed long ago came again, and says something else."""

    code = "SEQUENCE_REPEATED"


@dataclass(slots=True)
class Order:
    """Where a feed's numbering stands. `last`: the position applied last, None where anything may begin; `whole_as_of`:
    when the last snapshot of the stream was true, which holds all files written until then."""

    feed: FeedConfig
    numbering: Numbering
    landlord: str
    engine: Engine
    zone: ZoneInfo
    last: Position | None = None
    whole_as_of: datetime | None = None

    def sort(self, artifacts: Sequence[Artifact]) -> list[Artifact]:
        """In the order of their numbers. Raises InputRefusedError for a name without one."""
        return sorted(artifacts, key=lambda one: (self._read(one.name, one.group, one.modified), one.name))

    def is_in_snapshot(self, modified: datetime | None) -> bool:
        """Whether the stream's last snapshot holds what was written then: on top of it, old rows would win."""
        return self.whole_as_of is not None and modified is not None and modified <= self.whole_as_of

    async def admit(self, artifact: Artifact) -> None:
        """Raises SequenceGapError for what may not be read yet, SequenceRepeatedError for what may not be read."""
        new = self._read(artifact.name, artifact.group, artifact.modified)
        step = self.numbering.step(self.last, new)
        if self.last is None or step in ("next", "again"):
            return
        where = Where(file=artifact.name)
        if step == "gap":
            raise SequenceGapError(
                f"{missing(self.last, new)}, ask for it or for a snapshot: nothing after {self.last} was applied",
                hint=f"read by itself once it is there; if it never comes, set sequence.resume_at of {self.feed.name}",
                where=where,
            )
        if not await self._is_read_again(artifact):
            raise SequenceRepeatedError(
                f"{new} came again with other content, after {self.last} was applied: its order is lost",
                hint="have it taken away and its corrections sent under a new number, or ask for a snapshot",
                where=where,
            )

    def reached(self, seen: Sequence[Seen]) -> str | None:
        """Take note of what is applied now; gives what to keep."""
        for one in seen:
            new = self._read(one.name, one.group, one.modified)
            if self.numbering.step(self.last, new) != "earlier":
                self.last = new
        return None if self.last is None else self.numbering.keep(self.last)

    def _read(self, name: str, group: str, modified: datetime | None) -> Position:
        day = day_of(group, modified or _NO_TIME, self.zone)
        found = self.numbering.read(name, day)
        if found is None:
            raise InputRefusedError(
                "its name holds no number, and the feed counts its files",
                hint=f"correct sequence or files of feed {self.feed.name}",
                where=Where(file=name),
            )
        return found

    async def _is_read_again(self, artifact: Artifact) -> bool:
        """Known content under a new mapping."""
        async with scope(self.engine, self.landlord) as conn:
            return await was_applied(
                conn,
                landlord=self.landlord,
                feed=self.feed.name,
                name=artifact.name,
                size=artifact.size,
                modified=artifact.modified,
            )


async def order_of(
    conn: Connection, engine: Engine, config: LandlordConfig, feed: FeedConfig, state: FeedState | None
) -> Order | None:
    """Where the numbering of a feed stands; None where it has none."""
    if feed.sequence is None:
        return None
    whole = feed.sequence.snapshot and await get_feed_state(conn, landlord=config.slug, feed=feed.sequence.snapshot)
    whole_as_of = whole.as_of if whole else None
    numbering, zone = feed.sequence.numbering(), ZoneInfo(config.identity.time_zone)
    last = numbering.recall(state.sequence) if state else None
    if state and state.as_of and whole_as_of and whole_as_of >= state.as_of:
        last = None  # a new beginning: whatever comes next stands on the snapshot
    return Order(feed, numbering, config.slug, engine, zone, last, whole_as_of)


def on_top_of(config: LandlordConfig, snapshot: str) -> tuple[str, ...]:
    """The feeds whose numbers begin again with a feed's snapshots."""
    return tuple(one.name for one in config.feeds if one.sequence and one.sequence.snapshot == snapshot)
