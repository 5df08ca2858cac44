"""Snapshots for the guard: bad ones of a large landlord, each sent twice, and two hundred ordinary nights.

Each goes the way of a night from the checked rows on: claimed, staged, compared in the database, judged.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from functools import cache
from random import Random
from typing import Any

import pyarrow as pa
from fuzz_goldens import FORMS, STATES
from fuzz_hub import Hub

from erp_connectors.sftp_files import SftpFilesConnector
from hub.errors import InputRefusedError
from hub.records import RECORDS, Batch, Stream, arrow_schema
from hub.store.artifact_rows import Seen, claim_artifact
from hub.store.run_rows import FeedRun, create_run
from hub.sync.apply import apply_reading
from hub.sync.collect import collect
from hub.sync.night import load_config
from hub.sync.parts import FeedTask, Progress, Reading
from hub.testing.fakes import make_context

SLUG = "fuzz-guard"
BAD = ("cut", "stale", "wrong landlord", "empty")
_GONE = """
    select count(*) from contract where missing_since is not null or closed_at is not null"""
_FEEDS: dict[str, tuple[Stream, str]] = {
    "contracts": (Stream.CONTRACTS, "snapshot"),
    "prices": (Stream.PRICE_COMPONENTS, "snapshot"),
    "accounts": (Stream.ACCOUNTS, "snapshot"),
    "ledger": (Stream.LEDGER_ENTRIES, "delta"),
}
_FIELDS: dict[Stream, dict[str, Any]] = {
    Stream.PRICE_COMPONENTS: {
        "external_id": "A", "contract_ref": "A", "kind": {"const": "rent"}, "label": "A", "amount": "A",
    },
    Stream.ACCOUNTS: {"external_id": "A", "number": "A", "kind": {"const": "rent"}},
    Stream.LEDGER_ENTRIES: {
        "external_id": "A", "account_ref": "A", "posted_on": "A", "label": "A", "amount": "A",
        "kind": {"const": "rent"},
    },
}  # fmt: skip


@dataclass
class GuardTally:
    """What the guard said. `holds`: rows of the hold table; `closed`: the most contracts ever found closed or gone."""

    sent: Counter[str] = field(default_factory=Counter)
    said: Counter[str] = field(default_factory=Counter)
    holds: int = 0
    closed: int = 0
    nights: int = 0
    calls: int = 0
    false_holds: list[str] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)


@dataclass
class Erp:
    """A large landlord, kept as columns: who has a contract, and what each pays."""

    hub: Hub
    size: int
    rng: Random
    contracts: dict[str, int] = field(default_factory=dict)
    config: Any = None
    sends: int = 0
    entries: int = 0

    async def move_in(self) -> None:
        """The first load of all feeds, which is never held."""
        form = FORMS["csv-1252"]
        feeds = {}
        for name, (stream, mode) in _FEEDS.items():
            table = form.table(sums=False) | {
                "stream": stream.value,
                "mode": mode,
                "files": f"in/{name}_{{date:%Y%m%d}}.csv",
            }
            feeds[name] = table | ({"fields": _FIELDS[stream]} if stream in _FIELDS else {})
        await self.hub.apply(SLUG, **feeds)
        self.config = await load_config(self.hub.parts, SLUG)
        self.contracts = {f"CT{at:06d}": self.rng.randrange(20_000, 90_000) for at in range(self.size)}
        for name in _FEEDS:
            if name != "ledger":
                await self.good(name)
        await self.good("ledger", entries=[("E0", "CT000000", date(2026, 12, 1), 100)])

    async def good(self, name: str, **rows: Any) -> FeedRun:
        """A night of one feed with what the ERP holds now."""
        self.hub.clock.move(minutes=1)
        table = self.table(name, **rows)
        return await self.send(name, table, as_of=self.hub.clock.now())

    def table(
        self, name: str, *, entries: Iterable[tuple[str, str, date, int]] = (), keys: Iterable[str] | None = None
    ) -> pa.Table:
        """Rows of a feed in columns; contracts with these keys only."""
        who = list(self.contracts) if keys is None else list(keys)
        match name:
            case "contracts":
                states = list(STATES.values())
                columns = {
                    "external_id": who, "reference": [f"L/{key}" for key in who], "customer_ref": who,
                    "status": [states[hash_of(key) % 4] for key in who],
                    "starts_on": [date(2010, 1, 1) + timedelta(days=hash_of(key) % 5000) for key in who],
                }  # fmt: skip
            case "prices":
                columns = {
                    "external_id": who, "contract_ref": who, "kind": ["rent"] * len(who), "label": ["Loyer"] * len(who),
                    "amount_cents": [self.contracts[key] for key in who],
                }  # fmt: skip
            case "accounts":
                columns = {"external_id": who, "number": who, "kind": ["rent"] * len(who)}
            case _:
                ids, accounts, days, cents = (list(column) for column in zip(*entries, strict=True))
                columns = {
                    "external_id": ids, "account_ref": accounts, "posted_on": days, "amount_cents": cents,
                    "label": ["Écriture"] * len(ids), "kind": ["rent"] * len(ids),
                }  # fmt: skip
        schema = arrow_schema(RECORDS[_FEEDS[name][0]])
        return pa.table({key: pa.array(value, schema.field(key).type) for key, value in columns.items()})

    async def send(self, name: str, table: pa.Table, *, as_of: datetime, group: str = "") -> FeedRun:
        """One run of one feed with these rows: the report. Raises InputRefusedError for a snapshot without rows."""
        task = await self._task(name)
        record = RECORDS[_FEEDS[name][0]]
        path = task.folder / "rows.arrow"
        collected = collect(record, [Batch(rows=table, file=f"{name}.csv")], path)
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
        version = task.config.mapping_version
        seen = Seen(name, digest, version, f"in/{name}_{group or self.sends}.csv", table.nbytes, as_of, group)
        async with task.transaction() as conn:
            await claim_artifact(conn, landlord=SLUG, seen=seen, run_id=task.run_id, now=task.now())
        await apply_reading(task, Reading(seen=(seen,), collected=collected, as_of=as_of))
        return task.progress.report

    async def _task(self, name: str) -> FeedTask:
        parts, config = self.hub.parts, self.config
        self.sends += 1
        folder = self.hub.folder / "rows"
        folder.mkdir(exist_ok=True)
        async with self.hub.parts.engine.begin() as conn:
            await conn.exec_driver_sql(f"select set_config('app.landlord', '{SLUG}', true)")
            run_id = await create_run(
                conn, landlord=SLUG, asked_by="operator", feeds=[name], config_version=1, now=parts.clock.now()
            )
        connector = SftpFilesConnector(config.build_settings("erp"), make_context(folder, landlord=SLUG))
        return FeedTask(
            parts=parts, landlord=SLUG, run_id=run_id, config=config.feed(name), feed=config.build_feed(name),
            connector=connector, fence=_no_fence, cursor=None, known=True, folder=folder,
            progress=Progress(FeedRun(feed=name, stream=_FEEDS[name][0].value, state="reading")),
        )  # fmt: skip

    async def count(self, sql: str) -> int:
        return int((await self.hub.ask(SLUG, sql))[0][0])


async def _no_fence(conn: object) -> None:
    """Nobody else has this work."""


@cache
def hash_of(key: str) -> int:
    """The same for ever, unlike `hash`."""
    return int.from_bytes(hashlib.blake2b(key.encode(), digest_size=4).digest())


async def run_guard(hub: Hub, seed: int, *, bad: int, nights: int, size: int = 10_000) -> GuardTally:
    """Send `bad` bad snapshots twice each, then `nights` ordinary nights."""
    erp, tally = Erp(hub, size, Random(f"guard/{seed}")), GuardTally()
    await erp.move_in()
    for number in range(bad):
        await _bad_twice(erp, BAD[number % len(BAD)], number, tally)
    tally.holds = await erp.count("select count(*) from hold")
    for _ in range(nights):
        await _ordinary(erp, tally)
    return tally


# --- bad snapshots ----------------------------------------------------------------------------------------------------


async def _bad_twice(erp: Erp, kind: str, number: int, tally: GuardTally) -> None:
    table, as_of, group = _bad(erp, kind, number)
    answers: list[tuple[str, int | None]] = []
    for _ in range(2):
        erp.hub.clock.move(minutes=1)
        try:
            report = await erp.send("contracts", table, as_of=as_of or erp.hub.clock.now(), group=group)
            answers.append((report.state, report.hold_id))
        except InputRefusedError:
            answers.append(("refused", None))
        tally.closed = max(tally.closed, await erp.count(_GONE))
    tally.sent[kind] += 1
    tally.said[f"{kind}: {answers[0][0]}"] += 1
    wanted = "refused" if kind == "empty" else "held"
    if answers[0] != answers[1] or answers[0][0] != wanted:
        tally.faults.append(f"{kind} snapshot {number}: {answers}")


def _bad(erp: Erp, kind: str, number: int) -> tuple[pa.Table, datetime | None, str]:
    """Rows, when they were true (None: now), and the date in the file's name."""
    rng, keys = erp.rng, list(erp.contracts)
    limit = max(10, len(keys) // 100)
    match kind:
        case "cut":
            kept = len(keys) - limit - 1 - rng.choice((0, 1, rng.randrange(len(keys) - limit - 1)))
            return (
                erp.table(
                    "contracts", keys=keys[: max(1, kept)] if rng.random() < 0.5 else rng.sample(keys, max(1, kept))
                ),
                None,
                "",
            )
        case "stale":
            back = timedelta(days=rng.randint(1, 400), seconds=number)
            gone = set(rng.sample(keys, rng.randrange(limit)))
            return erp.table("contracts", keys=[key for key in keys if key not in gone]), erp.hub.clock.now() - back, ""
        case "wrong landlord":
            theirs = [f"XX{number:04d}{at:06d}" for at in range(rng.randint(len(keys) // 2, 2 * len(keys)))]
            known = rng.sample(keys, rng.randrange(min(len(theirs), len(keys)) // 4))
            return erp.table("contracts", keys=[*theirs, *known]), None, ""
        case _:
            return erp.table("contracts", keys=[]), None, ""


# --- ordinary nights --------------------------------------------------------------------------------------------------


async def _ordinary(erp: Erp, tally: GuardTally) -> None:
    """A day goes by (or a weekend): people move in and out, rent is called on the first, and paid."""
    before = erp.hub.clock.now()
    erp.hub.clock.move(days=erp.rng.choice((1, 1, 1, 1, 1, 1, 3)))
    now, tally.nights = erp.hub.clock.now(), tally.nights + 1
    _turn_over(erp, tally.nights)
    entries = list(_entries(erp, before.date(), now.date(), tally))
    for name in ("contracts", "prices", "accounts", "ledger"):
        report = await (erp.good(name, entries=entries) if name == "ledger" else erp.good(name))
        if report.state != "applied":
            tally.false_holds.append(f"night {tally.nights}, {now:%Y-%m-%d}, {name}: {report.state} {report.error}")


def _turn_over(erp: Erp, night: int) -> None:
    """Of ten thousand contracts a dozen end a night at most, as many begin; at a month's end twice as many."""
    most = max(1, erp.size // 1000)
    for key in erp.rng.sample(sorted(erp.contracts), erp.rng.randint(0, most)):
        del erp.contracts[key]
    for at in range(erp.rng.randint(0, most)):
        erp.contracts[f"N{night:04d}{at:03d}"] = erp.rng.randrange(20_000, 90_000)


def _entries(erp: Erp, since: date, until: date, tally: GuardTally) -> Iterator[tuple[str, str, date, int]]:
    day = since
    while day < until:
        day += timedelta(days=1)
        if day.day == 1:
            tally.calls += 1
            yield from ((f"R{day:%Y%m}{key}", key, day, cents) for key, cents in erp.contracts.items())
        payers = erp.rng.sample(sorted(erp.contracts), len(erp.contracts) // (8 if 4 < day.day < 13 else 200))
        for key in payers:
            erp.entries += 1
            yield f"P{erp.entries:08d}", key, day, -erp.contracts[key]
        for key in erp.rng.sample(sorted(erp.contracts), 5):  # repairs, fees
            erp.entries += 1
            yield f"D{erp.entries:08d}", key, day, erp.rng.randrange(500, 30_000)
