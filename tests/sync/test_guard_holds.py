"""Data that is too unlike what is held: kept back, shown, and let through or refused by a person."""

from __future__ import annotations

import asyncio
import json
import os
import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from hub.cli.app import build
from hub.errors import ConflictError, InvalidAskError, NotFoundError
from hub.jobs import NoBell
from hub.services.hold_decisions import approve_hold, find_hold, find_holds, reject_hold
from hub.store.hold_rows import Hold

SFTP = "cite-des-tilleuls"
CLOSED = "select count(*) from contract where closed_at is not null or missing_since is not null"


class Export:
    """One of the ERP's files: `lines` may be changed, `send` writes them as the next night's."""

    def __init__(self, house: Any, folder: str = "contrats", stem: str = "CTR") -> None:
        self.folder: Path = house.sandbox.root / folder
        self.house, self.stem, self.nights = house, stem, 0
        found = sorted(self.folder.glob(f"{stem}_*.csv"))[-1]
        self.header, *self.lines = found.read_text("cp1252").splitlines()

    def send(self, lines: list[str], *, hour: int = 2, name: str | None = None) -> str:
        self.nights += 1
        self.house.clock.move(days=1)
        written = datetime(2026, 11, 20 + self.nights, hour, 30, tzinfo=UTC).timestamp()
        path = self.folder / (name or f"{self.stem}_202611{20 + self.nights}.csv")
        path.write_text("".join(f"{line}\r\n" for line in (self.header, *lines)), "cp1252", newline="")
        path.with_suffix(".ctl").write_text(f"FICHIER={path.name}\r\nLIGNES={len(lines)}\r\n")
        for one in (path, path.with_suffix(".ctl")):
            os.utime(one, (written, written))
        return path.name


async def the_hold(house: Any, *states: Any) -> Hold:
    (found,) = await find_holds(house.parts.engine, SFTP, states=states or ("open",))
    return found


async def approve(house: Any, hold: int, by: str = "ida") -> Any:
    return await approve_hold(house.parts.engine, house.clock, NoBell(), SFTP, hold, by=by)


async def reject(house: Any, hold: int, reason: str = "cut in transfer", by: str = "ida") -> Hold:
    return await reject_hold(house.parts.engine, house.clock, SFTP, hold, by=by, reason=reason)


async def gone(house: Any) -> int:
    """Contracts that are marked missing or closed."""
    count: int = (await house.rows(SFTP, CLOSED))[0][0]
    return count


async def test_a_snapshot_that_lost_most_contracts_is_held_and_changes_nothing(home: Any) -> None:
    before, erp = await home.dump(SFTP), Export(home)
    erp.send(erp.lines[:1])

    run = await home.sync(SFTP, "contracts")

    (report,) = run.feed_runs
    hold = await the_hold(home)
    assert ("held", "held", hold.id) == (run.state, report.state, report.hold_id)
    assert "1 rows, held are 12: 11 contracts would disappear (limit 10)" == report.error
    assert f"holds approve {SFTP} {hold.id}" in report.hint
    assert before == await home.dump(SFTP)
    assert datetime(2026, 11, 20, 2, 30, tzinfo=UTC) == await home.as_of(SFTP, "contracts")
    references = sorted(line.split(";")[1] for line in erp.lines[1:])
    assert {"held": 12, "staged": 1, "common": 1, "disappearing": 11}.items() <= hold.diff.items()
    assert references == sorted(hold.diff["sample"])


async def test_the_same_bad_data_again_meets_its_hold_and_closes_nothing(home: Any) -> None:
    erp = Export(home)
    erp.send(erp.lines[:1])
    first = await home.feed(SFTP, "contracts")
    erp.send(erp.lines[:1])

    second = await home.feed(SFTP, "contracts")

    assert ("held", "held") == (first.state, second.state)
    assert first.hold_id == second.hold_id == (await the_hold(home, "open", "superseded")).id
    assert 0 == await gone(home)


async def test_other_bad_data_takes_the_place_of_the_hold_before(home: Any) -> None:
    erp = Export(home)
    erp.send(erp.lines[:1])
    first = await home.feed(SFTP, "contracts")
    erp.send(erp.lines[1:2])

    run = await home.sync(SFTP, "contracts")

    hold = await the_hold(home)
    assert first.hold_id < hold.id == run.feed_runs[0].hold_id
    old = await find_hold(home.parts.engine, SFTP, first.hold_id)
    assert ("superseded", run.id) == (old.state, old.superseded_by_run)
    with pytest.raises(ConflictError, match=f"hold {old.id} waits no more: superseded by run {run.id}") as refused:
        await approve(home, old.id)
    assert f"holds show {SFTP} {hold.id}" in refused.value.hint
    assert 0 == await gone(home)


async def test_a_rejected_snapshot_is_refused_for_good_and_the_good_one_applied(home: Any) -> None:
    before, erp = await home.dump(SFTP), Export(home)
    erp.send(erp.lines[:1])
    await home.feed(SFTP, "contracts")
    hold = await the_hold(home)
    await reject(home, hold.id)
    erp.send(erp.lines[:1])

    again = await home.feed(SFTP, "contracts")

    assert ("refused", "INPUT_REFUSED") == (again.state, again.error_code)
    assert f"this data was rejected (hold {hold.id}: cut in transfer)" in again.error
    assert [] == await find_holds(home.parts.engine, SFTP, states=["open"])
    erp.send([*erp.lines[1:], erp.lines[0]])
    good = await home.feed(SFTP, "contracts")
    assert ("applied", 0) == (good.state, good.missing)
    assert before == await home.dump(SFTP)


async def test_an_approved_snapshot_is_applied_as_it_was_shown_without_the_source(home: Any) -> None:
    erp = Export(home)
    name = erp.send(erp.lines[:1])
    await home.feed(SFTP, "contracts")
    hold = await the_hold(home)
    for left in (name, Path(name).with_suffix(".ctl").name):
        (erp.folder / left).unlink()

    approved = await approve(home, hold.id)
    await home.work()

    run = await home.run(SFTP, approved.run_id)
    report = run.feed_runs[0]
    assert ("contracts", "applied", 11) == (report.feed, report.state, report.missing)
    assert f"hold {hold.id}, approved by ida, is applied" == report.note
    assert ["contract_units", "parties", "price_components", "account_contracts"] == list(approved.feeds[1:])
    assert 11 == await gone(home)
    assert "applied" == (await find_hold(home.parts.engine, SFTP, hold.id)).state
    assert datetime(2026, 11, 21, 2, 30, tzinfo=UTC) == await home.as_of(SFTP, "contracts")


async def test_what_a_person_let_through_is_not_added_to_the_next_days_losses(home: Any) -> None:
    erp = Export(home)
    erp.send(erp.lines[:1])
    await home.feed(SFTP, "contracts")
    await approve(home, (await the_hold(home)).id)
    await home.work()
    erp.send(erp.lines[:1])

    assert "unchanged" == (await home.feed(SFTP, "contracts")).state


async def test_a_newer_good_snapshot_supersedes_the_hold_and_says_so(home: Any) -> None:
    erp = Export(home)
    erp.send(erp.lines[:1])
    await home.feed(SFTP, "contracts")
    hold = await the_hold(home)
    erp.send([*erp.lines[1:], erp.lines[0]])

    run = await home.sync(SFTP, "contracts")

    assert "done" == run.state
    assert f"hold {hold.id} is superseded" in (run.feed_runs[0].note or "")
    with pytest.raises(ConflictError, match="superseded"):
        await approve(home, hold.id)
    with pytest.raises(ConflictError, match="superseded"):
        await reject(home, hold.id)


async def test_the_last_good_file_sent_anew_supersedes_the_hold_too(home: Any) -> None:
    erp = Export(home)
    erp.send(erp.lines[:1])
    await home.feed(SFTP, "contracts")
    erp.send(erp.lines)

    report = await home.feed(SFTP, "contracts")

    assert "unchanged" == report.state
    assert "superseded" in (report.note or "")
    assert [] == await find_holds(home.parts.engine, SFTP, states=["open"])


async def test_the_applied_file_put_back_as_it_was_supersedes_the_hold_and_what_waited_goes_on(home: Any) -> None:
    erp = Export(home)
    path = sorted(erp.folder.glob("CTR_*.csv"))[-1]
    pair = [path, path.with_suffix(".ctl")]
    good = {one: (one.read_bytes(), one.stat()) for one in pair}
    erp.send(erp.lines[:1], name=path.name)
    assert "held" == (await home.feed(SFTP, "contracts")).state
    for one, (content, as_it_was) in good.items():
        one.write_bytes(content)
        os.utime(one, ns=(as_it_was.st_atime_ns, as_it_was.st_mtime_ns))

    run = await home.sync(SFTP)

    assert "done" == run.state
    (note,) = [report.note for report in run.feed_runs if report.feed == "contracts"]
    assert "is superseded: the source has the applied file again" in (note or "")
    assert [] == await find_holds(home.parts.engine, SFTP, states=["open"])


async def test_a_bad_file_taken_away_supersedes_its_hold_and_says_so(home: Any) -> None:
    erp = Export(home)
    name = erp.send(erp.lines[:1])
    await home.feed(SFTP, "contracts")
    hold = await the_hold(home)
    for left in (name, Path(name).with_suffix(".ctl").name):
        (erp.folder / left).unlink()

    report = await home.feed(SFTP, "contracts")

    assert ("unchanged", f"hold {hold.id} is superseded: the source took the file away") == (report.state, report.note)
    with pytest.raises(ConflictError, match="the source took the file away"):
        await approve(home, hold.id)


async def test_feeds_that_depend_on_a_held_one_wait_and_those_that_do_not_are_applied(home: Any) -> None:
    home.sandbox.advance(days=1)
    erp = Export(home)
    erp.send(erp.lines[:1])

    run = await home.sync(SFTP)

    states = {report.feed: report.state for report in run.feed_runs}
    waiting = {feed for feed, state in states.items() if state == "waiting"}
    hold = await the_hold(home)
    assert "held" == run.state
    assert {"contract_units", "parties", "price_components", "account_contracts"} == waiting
    assert {"applied", "unchanged"} >= {states["accounts"], states["ledger"], states["persons"]}
    errors = {report.error for report in run.feed_runs if report.feed in waiting}
    assert {f"waiting for hold {hold.id} of contracts"} == errors

    alone = await home.feed(SFTP, "parties")
    assert ("waiting", hold.id) == (alone.state, alone.hold_id)
    await reject(home, hold.id)
    assert (await home.feed(SFTP, "parties")).state in ("applied", "unchanged")


async def test_two_operators_at_once_decide_once(home: Any) -> None:
    erp = Export(home)
    erp.send(erp.lines[:1])
    await home.feed(SFTP, "contracts")
    hold = await the_hold(home)

    said = await asyncio.gather(
        approve(home, hold.id, "ida"),
        reject(home, hold.id, by="ole"),
        approve(home, hold.id, "eva"),
        return_exceptions=True,
    )

    refused = [one for one in said if isinstance(one, ConflictError)]
    assert 2 == len(refused)
    decided = await find_hold(home.parts.engine, SFTP, hold.id)
    assert all(f"by {decided.decided_by}" in one.message for one in refused)
    runs = await home.rows(SFTP, "select count(*) from job where state = 'ready'")
    assert (1 if decided.state == "approved" else 0) == runs[0][0]


async def test_a_hold_of_a_feed_that_is_gone_or_read_otherwise_is_not_approved(home: Any) -> None:
    erp = Export(home)
    erp.send(erp.lines[:1])
    await home.feed(SFTP, "contracts")
    hold = await the_hold(home)
    await home.apply(SFTP, lambda text: text.replace('erp_label = { column = "LIB_ETAT" }', ""))
    with pytest.raises(ConflictError, match="is read otherwise since"):
        await approve(home, hold.id)

    await home.apply(SFTP, lambda text: text.replace("[feeds.contracts", "[feeds.leases"))
    with pytest.raises(ConflictError, match=r"feed contracts of hold .* is configured no more"):
        await approve(home, hold.id)
    assert "open" == (await find_hold(home.parts.engine, SFTP, hold.id)).state


async def test_a_hold_whose_raw_input_went_is_not_approved(home: Any) -> None:
    erp = Export(home)
    erp.send(erp.lines[:1])
    await home.feed(SFTP, "contracts")
    await home.rows(SFTP, "update artifact set blob_id = null where state = 'held' returning 1")

    with pytest.raises(ConflictError, match="no longer kept"):
        await approve(home, (await the_hold(home)).id)


async def test_an_unknown_hold_and_a_rejection_without_a_reason_are_refused(home: Any) -> None:
    with pytest.raises(NotFoundError, match="has no hold 999"):
        await approve(home, 999)
    with pytest.raises(InvalidAskError, match="needs a reason"):
        await reject(home, 999, reason="  ")


async def test_a_limit_set_for_the_feed_lets_through_what_the_usual_one_holds(home: Any) -> None:
    erp = Export(home)
    erp.send(erp.lines[:1])
    await home.feed(SFTP, "contracts")
    hold = await the_hold(home)
    guard = "[feeds.contracts.guard]\ndisappearing_rows = 11\n\n[feeds.contracts.fields]"
    await home.apply(SFTP, lambda text: text.replace("[feeds.contracts.fields]", guard))

    report = await home.feed(SFTP, "contracts")

    assert ("applied", 11) == (report.state, report.missing)
    assert "superseded" == (await find_hold(home.parts.engine, SFTP, hold.id)).state


async def test_another_landlords_file_is_held(home: Any) -> None:
    erp = Export(home)
    erp.send([f"X{line}" for line in erp.lines])

    report = await home.feed(SFTP, "contracts")

    assert "held" == report.state
    assert "only 0 of 12 contracts are known here (at least 6 expected)" in report.error
    assert 12 == (await home.rows(SFTP, "select count(*) from contract"))[0][0]


async def test_a_file_older_than_the_last_applied_is_held(home: Any) -> None:
    erp = Export(home)
    today = erp.send([*erp.lines[1:], erp.lines[0]])
    await home.feed(SFTP, "contracts")
    for left in (today, Path(today).with_suffix(".ctl").name):
        (erp.folder / left).unlink()
    erp.send([*erp.lines[2:], *erp.lines[:2]], name="CTR_20261119.csv")
    for old in erp.folder.glob("CTR_20261120.*"):
        old.unlink()

    report = await home.feed(SFTP, "contracts")

    assert "held" == report.state
    assert "the data is of 2026-11-19, older than the last applied, of 2026-11-21" in report.error


async def test_yesterdays_file_under_todays_name_is_held_also_where_the_servers_clock_is_ahead(home: Any) -> None:
    erp = Export(home)
    ahead = [home.clock.now().timestamp() + days * 86_400 for days in (1, 2)]
    name = erp.send([*erp.lines[1:], erp.lines[0]], name="CTR_20261125.csv")
    os.utime(erp.folder / name, (ahead[1], ahead[1]))
    home.clock.move(days=-1)
    assert "applied" == (await home.feed(SFTP, "contracts")).state
    erp.send([*erp.lines[2:], *erp.lines[:2]], name=name)
    os.utime(erp.folder / name, (ahead[0], ahead[0]))
    home.clock.move(days=-1)

    report = await home.feed(SFTP, "contracts")

    assert "held" == report.state
    assert re.search(r"the data is of 2026-11-21 .*, older than the last applied, of 2026-11-22", report.error)


async def test_a_contract_absent_from_two_good_snapshots_is_closed_and_reopens_when_it_comes_back(home: Any) -> None:
    erp = Export(home)
    closed = "select count(*) filter (where closed_at is not null), count(*) from contract"
    erp.send(erp.lines[:-1])
    await home.feed(SFTP, "contracts")
    assert (0, 12) == tuple((await home.rows(SFTP, closed))[0])

    erp.send([*erp.lines[1:-1], erp.lines[0]])
    await home.feed(SFTP, "contracts")
    assert (1, 12) == tuple((await home.rows(SFTP, closed))[0])

    erp.send(erp.lines)
    assert 1 == (await home.feed(SFTP, "contracts")).returned
    assert (0, 12) == tuple((await home.rows(SFTP, closed))[0])


async def test_rent_called_many_times_over_is_held_and_the_files_after_it_wait(home: Any) -> None:
    """The guard's floor is lowered: a dozen contracts call little rent."""
    guard = "[feeds.ledger.guard]\ndebit_floor_cents = 0\n\n[feeds.ledger.fields]"
    await home.apply(SFTP, lambda text: text.replace("[feeds.ledger.fields]", guard))
    count = "select count(*) from ledger_entry"
    before = (await home.rows(SFTP, count))[0][0]
    day = home.sandbox.advance(days=20)
    home.clock.move(days=20)
    spoilt = home.sandbox.root / f"compta/ECR_{day:%Y%m%d}_01.csv"
    whole, control = spoilt.read_bytes(), spoilt.with_suffix(".ctl").read_bytes()
    call_again(spoilt, times=9)
    later = home.sandbox.advance(days=1)
    home.clock.move(days=1)

    report = await home.feed(SFTP, "ledger")

    assert "held" == report.state, report.error
    assert "new debits of" in report.error
    assert before == (await home.rows(SFTP, count))[0][0]
    assert f"compta/ECR_{later:%Y%m%d}_01.csv" not in report.files

    assert "open" == (await the_hold(home)).state
    spoilt.write_bytes(whole)
    spoilt.with_suffix(".ctl").write_bytes(control)
    assert "done" == (await home.sync(SFTP)).state
    assert home.truth(SFTP) == await home.holds(SFTP)
    assert [] == await find_holds(home.parts.engine, SFTP, states=["open"]), "the file itself was put right"


def call_again(path: Path, *, times: int) -> None:
    """Write every line of a ledger file again under other numbers, its control file in step."""
    header, *lines = path.read_text("cp1252").splitlines()
    again = [f"{copy}{line}" for copy in range(1, times) for line in lines]
    path.write_text("".join(f"{line}\r\n" for line in (header, *lines, *again)), "cp1252", newline="")
    told = dict(one.split("=") for one in path.with_suffix(".ctl").read_text().splitlines())
    cents = {name: int(told[name].replace(",", "")) * times for name in ("DEBIT", "CREDIT")}
    told |= {name: f"{value // 100},{value % 100:02d}" for name, value in cents.items()}
    told["LIGNES"] = f"{len(lines) * times}"
    path.with_suffix(".ctl").write_text("".join(f"{name}={value}\r\n" for name, value in told.items()))


def cut(lines: list[str]) -> list[str]:
    return lines[:1]


def foreign(lines: list[str]) -> list[str]:
    return [f"X{line}" for line in lines]


def empty(lines: list[str]) -> list[str]:
    return lines[:0]


@pytest.mark.parametrize(("spoil", "state"), [(cut, "held"), (foreign, "held"), (empty, "refused")])
async def test_whatever_is_wrong_with_a_snapshot_it_closes_nothing_when_it_comes_twice(
    home: Any, spoil: Any, state: str
) -> None:
    before, erp = await home.dump(SFTP), Export(home)
    for _ in range(2):
        erp.send(spoil(erp.lines))
        assert state == (await home.feed(SFTP, "contracts")).state
    assert 0 == await gone(home)
    assert before == await home.dump(SFTP)


async def test_the_command_line_lists_shows_and_decides_holds(home: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    erp = Export(home)
    erp.send(erp.lines[:1])
    run = await home.sync(SFTP, "contracts")
    number = str((await the_hold(home)).id)
    for name in ("database_url", "data_dir", "profile"):
        monkeypatch.setenv(f"HOUSING_HUB_{name.upper()}", str(getattr(home.settings, name)))
    monkeypatch.setenv("HOUSING_HUB_MASTER_KEY", home.settings.master_key.get_secret_value())

    async def say(*words: str) -> Any:
        return await asyncio.to_thread(CliRunner().invoke, build(), list(words))

    listed = json.loads((await say("holds", "list", SFTP, "--json")).stdout)
    assert [(int(number), "contracts", "open")] == [(one["id"], one["feed"], one["state"]) for one in listed]
    shown = (await say("holds", "show", SFTP, number)).stdout
    assert "11 contracts would disappear (limit 10)" in shown
    assert f"housing-hub holds approve {SFTP} {number}" in shown
    assert "tenants still see the last good data, as of 20 November 2026 02:30 UTC" in shown
    told = (await say("runs", "show", SFTP, str(run.id))).stdout
    assert "HELD: nothing was changed" in told
    assert f"housing-hub holds approve {SFTP} {number}" in told

    assert told == (await say("runs", "show", SFTP)).stdout, "the latest, where none is named"
    (morning,) = json.loads((await say("status", SFTP, "--json")).stdout)
    (matter,) = [one for one in morning["matters"] if "held" in one["text"]]
    assert (f"housing-hub holds show {SFTP} {number}", True) == (matter["do"], morning["needs_person"])
    assert "11 contracts would disappear" in (await say("status")).stdout

    rejected = await say("holds", "reject", SFTP, number, "--reason", "cut in transfer", "--by", "ida")
    assert (0, True) == (rejected.exit_code, f"hold {number} is rejected" in rejected.stdout)
    late = await say("holds", "approve", SFTP, number)
    assert isinstance(late.exception, ConflictError)
    assert "rejected by ida" in str(late.exception)
    assert f"nothing of {SFTP} is held" in (await say("holds", "list", SFTP)).stdout
