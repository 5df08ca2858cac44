"""The plan of a trial, drawn from its seed: which blows fall, in which order, how long after work has begun."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from random import Random
from typing import Final, Literal

Kind = Literal["workers", "mid-write", "api", "scheduler", "broker", "flush", "database", "freeze"]

AT_ONCE: Final = (1, 1, 1, 2, 3)
CRASHES: Final = ("SIGKILL", "SIGQUIT", "backend")
TABLES: Final = ("ledger_entry", "account", "contract", "rent_notice", "document", "artifact")
REACH: Final = 1.2
"""A blow falls up to so many seconds after a sync has begun, or began again: most syncs here last about as long."""


@dataclass(frozen=True, slots=True)
class Blow:
    """One blow. `victims`: how many workers; `after`: seconds since work was seen; `pause`: how long what was struck
    stays away or frozen; `how`: the kind of a database crash, or the table a write is caught at."""

    kind: Kind
    victims: int = 1
    after: float = 0.0
    pause: float = 0.0
    how: str = ""

    @property
    def kills(self) -> int:
        """The SIGKILLs in it; crashes of the database are counted apart."""
        return 0 if self.kind in ("flush", "freeze", "database") else self.victims


def draw(seed: int, kills: int, *, workers: int) -> list[Blow]:
    """A plan with so many SIGKILLs: 4 % of the API, 4 % of the scheduler, 4 % of the broker, the rest of whole workers;
    beside them a database crash for every hundred, and a flush and a freeze for every twenty-five.

    The first one always catches the first night's ledger in the middle of its write, and takes all workers. With fewer
    than ten there is little more.
    """
    chance = Random(f"{seed}/blows")
    each = max(1, kills // 25) if kills >= 10 else 0
    blows = [_single(chance, kind) for kind in ("api", "scheduler", "broker") for _ in range(each)]
    first = Blow("mid-write", victims=workers, how="ledger_entry")
    left = kills - len(blows) - first.kills
    while left > 0:
        blow = _of_workers(chance, left, workers)
        blows.append(blow)
        left -= blow.kills
    crashes = max(1, kills // 100) if each else 0
    blows += [_single(chance, "database", how=CRASHES[number % 3]) for number in range(crashes)]
    blows += [_single(chance, kind) for kind in ("flush", "freeze") for _ in range(each)]
    chance.shuffle(blows)
    return [first, *blows]


def _of_workers(chance: Random, left: int, workers: int) -> Blow:
    if left >= workers and chance.random() < 0.1:
        return Blow("mid-write", victims=workers, how=chance.choice(TABLES))
    victims = min(chance.choice(AT_ONCE), workers, left)
    return Blow("workers", victims=victims, after=chance.uniform(0, REACH))


def _single(chance: Random, kind: Kind, how: str = "") -> Blow:
    pause = {"broker": 2.0, "database": 1.0, "freeze": 5.0}.get(kind, 0.0)
    return Blow(kind, after=chance.uniform(0, REACH), pause=chance.uniform(0, pause), how=how)


def told(blows: Sequence[Blow]) -> str:
    """The counts by kind."""
    kills: Counter[str] = Counter()
    others: Counter[str] = Counter()
    for blow in blows:
        kind = "worker" if blow.kind in ("workers", "mid-write") else blow.kind
        kills[kind] += blow.kills
        if blow.kind == "mid-write":
            others["kills in the middle of a write"] += 1
        if blow.kind == "database":
            others[f"database crash ({blow.how})"] += 1
        if blow.kind in ("flush", "freeze"):
            others[blow.kind] += 1
    parts = [f"{count} {kind}" for kind, count in sorted(kills.items()) if count]
    more = [f"{count} {kind}" for kind, count in sorted(others.items())]
    return f"{kills.total()} SIGKILLs ({', '.join(parts)}); {', '.join(more)}"
