"""A feed in window mode: complete between two dates, silent on all others; by files and by calls."""

from __future__ import annotations

import os
from collections.abc import Callable
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest

from hub.config import LandlordFileError
from hub.sandbox.files import refused_positions
from hub.services.hold_decisions import find_holds
from hub.sync.against_held import compare_feed
from hub.sync.night import load_config

SFTP, SOAP = "cite-des-tilleuls", "rives-doise"
MISSING = "select external_id from ledger_entry where missing_since is not null order by 1"
COUNT = "select count(*) from ledger_entry where missing_since is null and posted_on between :first and :last"
GHOST = """
    insert into ledger_entry (landlord_id, id, source, external_id, account_id, posted_on, source_sequence, kind, label,
                              amount_cents, changed_run)
    select landlord_id, hub_uuid7(cast(:n as bigint)), source, cast(:name as text), account_id, cast(:day as date), 0,
           kind, label, 100, changed_run
    from ledger_entry limit 1"""


class Exports:
    """The ledger's export of some days, as the ERP would write it: rows of the first night's file, changed at will."""

    def __init__(self, house: Any) -> None:
        self.house = house
        self.folder: Path = house.sandbox.root / "compta"
        (whole,) = self.folder.glob("ECR_*.csv")
        self.header, *lines = whole.read_text("cp1252").splitlines()
        unreadable = {line - 2 for _, line, _ in refused_positions(house.sandbox.world(SFTP))}
        good = [line for place, line in enumerate(lines) if place not in unreadable]
        self.lines = sorted(good, key=lambda line: (day_of(line) or date.min, line))

    def of(self, first: date, last: date) -> list[str]:
        return [line for line in self.lines if first <= (day_of(line) or date.min) <= last]

    def send(self, lines: list[str], day: date) -> None:
        path = self.folder / f"WIN_{day:%Y%m%d}.csv"
        path.write_text("".join(f"{line}\r\n" for line in (self.header, *lines)), "cp1252", newline="")
        path.with_suffix(".ctl").write_text(f"FICHIER={path.name}\r\nLIGNES={len(lines)}\r\n")
        at = datetime(day.year, day.month, day.day, 2, 30, tzinfo=UTC).timestamp()
        for one in (path, path.with_suffix(".ctl")):
            os.utime(one, (at, at))


def day_of(line: str) -> date | None:
    value = line.split(";")[3]
    try:
        return datetime.strptime(value, "%d/%m/%Y").date()  # a date
    except ValueError:
        return None


def windowed(covers: str) -> Callable[[str], str]:
    """Tilleuls' ledger as a window."""

    def change(text: str) -> str:
        head, _, rest = text.partition("[feeds.ledger]")
        body, mark, tail = rest.partition("[feeds.ledger.fields]")
        body = body.replace('mode = "delta"', f'mode = "window"\ncovers = {covers}')
        body = body.replace("compta/ECR_{date:%Y%m%d}_{seq}.csv", "compta/WIN_{date:%Y%m%d}.csv")
        lines = [line for line in body.splitlines() if not line.startswith(("control_keys", "sequence"))]
        return head + "[feeds.ledger]" + "\n".join(lines) + "\n" + mark + tail

    return change


LAST, FIRST = date(2026, 11, 21), date(2026, 10, 23)  # thirty days, both included


async def test_rows_missing_within_the_window_are_marked_and_those_outside_left_alone(home: Any) -> None:
    erp = Exports(home)
    await home.apply(SFTP, windowed("{ days = 30 }"))
    home.clock.move(days=1)
    before = (await home.rows(SFTP, COUNT, first=date(2000, 1, 1), last=date(2100, 1, 1)))[0][0]
    inside = erp.of(FIRST, LAST)
    gone = inside.pop(3)
    erp.send(inside, LAST)

    report = await home.feed(SFTP, "ledger")

    assert ("applied", 1, 0, 0) == (report.state, report.missing, report.added, report.changed), report.error
    assert [(gone.split(";")[0],)] == [tuple(row) for row in await home.rows(SFTP, MISSING)]
    assert before - 1 == (await home.rows(SFTP, COUNT, first=date(2000, 1, 1), last=date(2100, 1, 1)))[0][0]


async def test_what_was_missing_comes_back_with_the_next_window(home: Any) -> None:
    erp = Exports(home)
    await home.apply(SFTP, windowed("{ days = 30 }"))
    for day, left_out in ((LAST, 1), (date(2026, 11, 22), 0)):
        home.clock.move(days=1)
        erp.send(erp.of(FIRST, day)[left_out:], day)
        report = await home.feed(SFTP, "ledger")
    assert ("applied", 1) == (report.state, report.returned), report.error
    assert [] == await home.rows(SFTP, MISSING)


async def test_a_row_of_another_day_is_refused_by_name_and_harms_nobody(home: Any) -> None:
    erp = Exports(home)
    await home.apply(SFTP, windowed("{ days = 30 }"))
    home.clock.move(days=1)
    early = erp.of(date(2000, 1, 1), date(2026, 10, 22))[-1]
    erp.send([early, *erp.of(FIRST, LAST)], LAST)

    report = await home.feed(SFTP, "ledger")

    assert ("applied", 1, 0) == (report.state, report.quarantined, report.missing), report.error
    (row,) = await home.quarantine(SFTP, "ledger")
    assert ("OUTSIDE_WINDOW", 2, "posted_on") == (row.code, row.line, row.field)
    assert f"{FIRST} to {LAST}" in row.message
    assert [] == await home.rows(SFTP, MISSING)


async def test_days_to_come_are_covered_where_the_file_says_so(home: Any) -> None:
    erp = Exports(home)
    await home.apply(SFTP, windowed("{ days = 30, ahead = 31 }"))
    home.clock.move(days=1)
    lines = erp.of(FIRST, LAST)
    values = lines[-1].split(";")
    values[0], values[3] = "AHEAD1", "01/12/2026"
    erp.send([*lines, ";".join(values)], LAST)
    report = await home.feed(SFTP, "ledger")
    assert ("applied", 1, 0) == (report.state, report.added, report.quarantined), report.error


async def test_its_own_rows_may_say_which_days_a_window_is_complete_for(home: Any) -> None:
    erp = Exports(home)
    await home.apply(SFTP, windowed("{ rows = true }"))
    home.clock.move(days=1)
    inside = erp.of(FIRST, LAST)
    days = sorted({day_of(line) for line in inside})  # type: ignore[type-var]  # all have one
    kept = [line for line in inside if day_of(line) != days[0]]
    lost = kept.pop(len(kept) // 2)
    erp.send(kept, LAST)

    report = await home.feed(SFTP, "ledger")

    assert ("applied", 1) == (report.state, report.missing), report.error
    assert [(lost.split(";")[0],)] == [tuple(row) for row in await home.rows(SFTP, MISSING)]


async def test_a_window_cut_in_half_is_held(home: Any) -> None:
    erp = Exports(home)
    await home.apply(SFTP, windowed("{ days = 120 }"))
    home.clock.move(days=1)
    before = await home.dump(SFTP)
    erp.send(erp.of(date(2026, 7, 25), LAST)[::2], LAST)

    report = await home.feed(SFTP, "ledger")

    assert "held" == report.state
    assert before == await home.dump(SFTP)
    (hold,) = await find_holds(home.parts.engine, SFTP, states=["open"])
    assert hold.diff["disappearing"] <= hold.diff["held"] == len(erp.of(date(2026, 7, 25), LAST))


async def test_an_empty_window_is_refused_while_rows_of_its_days_are_held(home: Any) -> None:
    erp = Exports(home)
    await home.apply(SFTP, windowed("{ days = 30 }"))
    home.clock.move(days=1)
    erp.send([], LAST)
    report = await home.feed(SFTP, "ledger")
    assert ("refused", "INPUT_REFUSED") == (report.state, report.error_code)
    assert [] == await home.rows(SFTP, MISSING)


async def test_days_that_no_window_spoke_of_are_told(home: Any) -> None:
    erp = Exports(home)
    await home.apply(SFTP, windowed("{ days = 30 }"))
    home.clock.move(days=60)
    day = date(2027, 1, 19)
    values = erp.lines[-1].split(";")
    values[0], values[3] = "NEW1", "10/01/2027"
    erp.send([";".join(values)], day)

    report = await home.feed(SFTP, "ledger")

    assert "held" == report.state
    assert "nothing was brought of 2026-11-21 to 2026-12-20" in report.error


async def test_a_look_against_held_data_agrees_with_the_night(home: Any) -> None:
    erp = Exports(home)
    await home.apply(SFTP, windowed("{ days = 30 }"))
    home.clock.move(days=1)
    early = erp.of(date(2000, 1, 1), date(2026, 10, 22))[-1]
    erp.send([early, *erp.of(FIRST, LAST)[2:]], LAST)
    looked = await compare_feed(home.parts, await load_config(home.parts, SFTP), "ledger")

    report = await home.feed(SFTP, "ledger")

    assert 2 == looked.comparison.missing == report.missing, report.error
    assert ["OUTSIDE_WINDOW"] == [one.code for one in looked.refused]
    assert looked.comparison.unchanged == report.unchanged


async def test_a_window_by_calls_asks_for_its_days_and_misses_only_there(home: Any) -> None:
    def change(text: str) -> str:
        head, _, rest = text.partition("[feeds.ledger]")
        body, mark, tail = rest.partition("[feeds.ledger.fields]")
        body = body.replace('mode = "delta"', 'mode = "window"\ncovers = { days = 60 }')
        body = body.replace('DepuisLe = "{cursor}"', 'DepuisLe = "{from}"')
        body = "\n".join(line for line in body.splitlines() if not line.startswith("cursor"))
        return head + "[feeds.ledger]" + body + "\n" + mark + tail

    await home.apply(SOAP, change)
    for number, (name, day) in enumerate((("GHOST-IN", date(2026, 11, 1)), ("GHOST-OUT", date(2026, 8, 1)))):
        await home.rows(SOAP, GHOST + " returning id", n=number, name=name, day=day)

    report = await home.feed(SOAP, "ledger")

    assert ("applied", 1, 0) == (report.state, report.missing, report.quarantined), report.error
    assert 0 < report.read < (await home.rows(SOAP, "select count(*) from ledger_entry"))[0][0]
    assert [("GHOST-IN",)] == [tuple(row) for row in await home.rows(SOAP, MISSING)]


LEDGER = 'stream = "ledger_entries"\nmode = '
CONTRACTS = 'stream = "contracts"\nmode = '


@pytest.mark.parametrize(
    ("stream", "mode", "written", "told"),
    [
        (CONTRACTS, '"snapshot"', '"window"\ncovers = { days = 9 }', "belongs to no day"),
        (LEDGER, '"delta"', '"window"', "says which days it covers"),
        (LEDGER, '"delta"', '"delta"\ncovers = { days = 9 }', "says which days it covers"),
        (LEDGER, '"delta"', '"window"\ncovers = { days = 9, rows = true }', "give either days"),
    ],
)
async def test_a_window_that_makes_no_sense_is_refused_at_its_line(
    home: Any, stream: str, mode: str, written: str, told: str
) -> None:
    with pytest.raises(LandlordFileError, match=told):
        await home.apply(SFTP, lambda text: text.replace(stream + mode, stream + written))
