"""Several operators at once, in real transactions, many times over: one decision, and a clear no to the others."""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import Any

from hub.errors import ConflictError
from hub.jobs import NoBell
from hub.services.config_versions import list_versions, rollback_config
from hub.services.hold_decisions import approve_hold, find_hold, find_holds, reject_hold
from hub.services.quarantine import dismiss, look_at

SFTP = "cite-des-tilleuls"
ROUNDS = 50


def one_contract(house: Any) -> None:
    """Tonight's contracts, cut after the first."""
    newest = max((house.sandbox.root / "contrats").glob("CTR_*.csv"))
    header, first, *_ = newest.read_text("cp1252").splitlines()
    newest.write_text(f"{header}\r\n{first}\r\n", "cp1252", newline="")
    newest.with_suffix(".ctl").write_text(f"FICHIER={newest.name}\r\nLIGNES=1\r\n", "ascii")


async def test_of_three_who_decide_a_hold_at_once_one_does_fifty_times_over(home: Any) -> None:
    home.sandbox.advance(days=1)
    home.clock.move(days=1)
    one_contract(home)
    await home.sync(SFTP, "contracts")
    (hold,) = await find_holds(home.parts.engine, SFTP, states=["open"])
    engine, clock, bell = home.parts.engine, home.clock, NoBell()
    decisions: Counter[str] = Counter()
    for number in range(ROUNDS):
        with home.admin() as conn:
            conn.execute("update hold set state = 'open', decided_by = null, decided_at = null, decision_reason = null")
            conn.execute("update artifact set state = 'held' where state = 'refused'")
            conn.execute("delete from job where state = 'ready'")
        ask = [
            approve_hold(engine, clock, bell, SFTP, hold.id, by="ida"),
            reject_hold(engine, clock, SFTP, hold.id, by="ole", reason="cut"),
            approve_hold(engine, clock, bell, SFTP, hold.id, by="eva"),
        ]
        said = await asyncio.gather(*ask[number % 3 :], *ask[: number % 3], return_exceptions=True)
        refused = [one for one in said if isinstance(one, BaseException)]
        decided = await find_hold(engine, SFTP, hold.id)
        assert [ConflictError] * 2 == [type(one) for one in refused], refused
        assert all(f"waits no more: {decided.state} by {decided.decided_by}" in str(one) for one in refused)
        queued = await home.rows(SFTP, "select from job where state = 'ready'")
        assert (1 if decided.state == "approved" else 0) == len(queued)
        decisions[decided.state] += 1
    assert {"approved", "rejected"} == decisions.keys(), "either may be first"


async def test_of_three_who_let_a_line_go_at_once_one_does_fifty_times_over(home: Any) -> None:
    row = next(one for one in await home.quarantine(SFTP, "ledger") if one.code == "BAD_DATE")
    engine, clock = home.parts.engine, home.clock
    for _ in range(ROUNDS):
        with home.admin() as conn:
            conn.execute("update quarantine set state = 'open', settled_by = null where id = %s", [row.id])
        who = ("ida", "ole", "eva")
        said = await asyncio.gather(
            *(dismiss(engine, clock, SFTP, ids=[row.id], by=one, reason="a test") for one in who),
            return_exceptions=True,
        )
        settled = (await look_at(engine, SFTP, row.id)).row.settled_by
        assert [one for one, its in zip(who, said, strict=True) if isinstance(its, list)] == [settled]
        refused = [one for one in said if isinstance(one, BaseException)]
        assert all(isinstance(one, ConflictError) and f"dismissed by {settled}" in str(one) for one in refused)


async def test_of_two_who_roll_back_at_once_the_second_is_told_fifty_times_over(home: Any) -> None:
    """Each to another version: there is never one in force that nobody saw coming."""
    parts = home.parts
    for kind in ("payment_tip", "payment_transfer"):
        await home.apply(SFTP, lambda text, kind=kind: text.replace('CHQ = "payment_cheque"', f'CHQ = "{kind}"'))
    first = (await list_versions(parts.engine, SFTP))[-1]
    for _ in range(ROUNDS):
        live, other, *_ = await list_versions(parts.engine, SFTP)
        target = first.version if other.version != first.version else other.version
        said = await asyncio.gather(
            *(
                rollback_config(parts.engine, parts.vault, home.clock, parts.registry, SFTP, one, by=by)
                for one, by in ((target, "ida"), (other.version, "ole"))
            ),
            return_exceptions=True,
        )
        refused = [one for one in said if isinstance(one, BaseException)]
        assert all(isinstance(one, ConflictError) and "came into force meanwhile" in str(one) for one in refused)
        versions = await list_versions(parts.engine, SFTP)
        applied = sum(not isinstance(one, BaseException) for one in said)
        assert live.version <= versions[0].version <= live.version + applied
