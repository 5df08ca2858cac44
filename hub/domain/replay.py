"""What a run may be asked to do instead of looking at the source: read something once more that the hub has kept."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal


@dataclass(frozen=True, slots=True)
class Replay:
    """`retry`: refused lines (those of `ids`, or all that wait of the run's feeds). `reread`: kept inputs, from what
    `run` or the time `since` brought onwards."""

    kind: Literal["retry", "reread"]
    ids: tuple[int, ...] | None = None
    run: int | None = None
    since: datetime | None = None

    def payload(self) -> dict[str, Any]:
        """As a job carries it."""
        since = self.since.isoformat() if self.since else None
        return {"kind": self.kind, "ids": self.ids and [*self.ids], "run": self.run, "since": since}

    @classmethod
    def of(cls, payload: Mapping[str, Any]) -> Replay | None:
        """What a job asks for; None for an ordinary run."""
        asked = payload.get("replay")
        if asked is None:
            return None
        ids, since = asked["ids"], asked["since"]
        return cls(asked["kind"], ids and tuple(ids), asked["run"], since and datetime.fromisoformat(since))
