"""A delta whose files are numbered: a missing one stops it, a late one is read in its turn, a snapshot begins anew."""

from __future__ import annotations

import os
from collections.abc import Callable
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest

from hub.config import LandlordFileError
from hub.sandbox.control import tell
from hub.sandbox.files import refused_positions
from hub.services.hold_decisions import find_holds

SFTP, SOAP = "cite-des-tilleuls", "rives-doise"
LABEL = "select label from ledger_entry where external_id = 'SEQ1'"
SENT = "select external_id from ledger_entry where external_id like 'SEQ%' order by external_id"


def numbered(sequence: str, more: str = "") -> Callable[[str], str]:
    """Tilleuls' ledger in files called SEQ_…; `more` is what stands after the feed."""

    def change(text: str) -> str:
        head, _, rest = text.partition("[feeds.ledger]")
        body, _, tail = rest.partition("[feeds.ledger.fields]")
        mapping, _, end = tail.partition("[feeds.notices]")
        body = body.replace("compta/ECR_{date:%Y%m%d}_{seq}.csv", "compta/SEQ_*.csv")
        kept = [line for line in body.splitlines() if not line.startswith(("control_keys", "sequence"))]
        feed = "[feeds.ledger]" + "\n".join(kept) + f"\nsequence = {sequence}\n[feeds.ledger.fields]{mapping}"
        return (
            head
            + feed
            + more.replace("MAPPING", mapping.replace("feeds.ledger.", "feeds.full."))
            + "[feeds.notices]"
            + end
        )

    return change


FULL = """
[feeds.full]
connector = "erp"
stream = "ledger_entries"
mode = "snapshot"
files = "compta/FULL_{date:%Y%m%d}.csv"
control = "{stem}.ctl"
encoding = "cp1252"
delimiter = ";"
[feeds.full.fields]MAPPING
"""


class Numbers:
    """The ERP's folder: writes files of entries under a name, each a minute after the last."""

    def __init__(self, house: Any) -> None:
        self.house, self.minutes = house, 0
        self.folder: Path = house.sandbox.root / "compta"
        (whole,) = self.folder.glob("ECR_*.csv")
        self.header, *lines = whole.read_text("cp1252").splitlines()
        unreadable = {line - 2 for _, line, _ in refused_positions(house.sandbox.world(SFTP))}
        self.lines = [line for place, line in enumerate(lines) if place not in unreadable]

    def entry(self, number: int, label: str = "LOYER") -> str:
        values = self.lines[-1].split(";")
        values[0], values[10] = f"SEQ{number}", label
        return ";".join(values)

    def send(self, name: str, *lines: str, at: datetime | None = None) -> Path:
        self.minutes += 1
        path = self.folder / f"{name}.csv"
        path.write_text("".join(f"{line}\r\n" for line in (self.header, *lines)), "cp1252", newline="")
        path.with_suffix(".ctl").write_text(f"FICHIER={path.name}\r\nLIGNES={len(lines)}\r\n")
        written = at or datetime(2026, 11, 20, 3, self.minutes, tzinfo=UTC)
        for one in (path, path.with_suffix(".ctl")):
            os.utime(one, (written.timestamp(), written.timestamp()))
        return path


async def sent(house: Any) -> list[str]:
    return [row[0] for row in await house.rows(SFTP, SENT)]


async def test_a_gap_stops_the_feed_and_the_late_file_is_read_in_its_turn(home: Any) -> None:
    await home.apply(SFTP, numbered(r"'SEQ_(\d+)'"))
    erp = Numbers(home)
    erp.send("SEQ_41", erp.entry(1, "OLD"))
    erp.send("SEQ_43", erp.entry(1, "NEW"), erp.entry(43))

    stopped = await home.feed(SFTP, "ledger")

    assert ("refused", "SEQUENCE_GAP", 1) == (stopped.state, stopped.error_code, stopped.added)
    assert "42 is missing, ask for it or for a snapshot" in stopped.error
    assert ("compta/SEQ_41.csv",) == stopped.files
    assert ["SEQ1"] == await sent(home)
    again = await home.feed(SFTP, "ledger")
    assert ("refused", 0) == (again.state, again.added)

    erp.send("SEQ_42", erp.entry(1, "LATE"), erp.entry(42))
    report = await home.feed(SFTP, "ledger")

    assert ("applied", ("compta/SEQ_42.csv", "compta/SEQ_43.csv")) == (report.state, report.files), report.error
    assert ["SEQ1", "SEQ42", "SEQ43"] == await sent(home)
    assert [("NEW",)] == [tuple(row) for row in await home.rows(SFTP, LABEL)]


async def test_the_number_is_remembered_when_files_are_taken_away(home: Any) -> None:
    await home.apply(SFTP, numbered(r"'SEQ_(\d+)'"))
    erp = Numbers(home)
    gone = erp.send("SEQ_9", erp.entry(9))
    await home.feed(SFTP, "ledger")
    gone.unlink()
    erp.send("SEQ_11", erp.entry(11))
    stopped = await home.feed(SFTP, "ledger")
    assert "10 is missing" in stopped.error
    erp.send("SEQ_10", erp.entry(10))
    assert "applied" == (await home.feed(SFTP, "ledger")).state
    assert ["SEQ10", "SEQ11", "SEQ9"] == await sent(home)


async def test_the_last_number_may_come_again_and_an_earlier_one_may_not(home: Any) -> None:
    await home.apply(SFTP, numbered(r"'SEQ_(\d+)'"))
    erp = Numbers(home)
    for number in (1, 2):
        erp.send(f"SEQ_{number}", erp.entry(number))
    await home.feed(SFTP, "ledger")
    erp.send("SEQ_2", erp.entry(2), erp.entry(5))
    corrected = await home.feed(SFTP, "ledger")
    assert ("applied", 1) == (corrected.state, corrected.added), corrected.error

    erp.send("SEQ_1", erp.entry(1), erp.entry(7))
    report = await home.feed(SFTP, "ledger")

    assert ("refused", "SEQUENCE_REPEATED") == (report.state, report.error_code)
    assert "1 came again with other content, after 2 was applied" in report.error
    assert ["SEQ1", "SEQ2", "SEQ5"] == await sent(home)


async def test_known_content_under_the_next_number_counts(home: Any) -> None:
    await home.apply(SFTP, numbered(r"'SEQ_(\d+)'"))
    erp = Numbers(home)
    erp.send("SEQ_1", erp.entry(1))
    erp.send("SEQ_2", erp.entry(1))
    erp.send("SEQ_3", erp.entry(3))
    report = await home.feed(SFTP, "ledger")
    assert ("applied", 2, 2) == (report.state, report.read, report.added), report.error


async def test_numbers_begin_again_with_the_year(home: Any) -> None:
    await home.apply(SFTP, numbered(r"{ name = 'SEQ_(\d+)', restarts = 'yearly' }"))
    erp = Numbers(home)
    home.clock.move(days=60)
    erp.send("SEQ_412", erp.entry(412), at=datetime(2026, 12, 31, 3, tzinfo=UTC))
    erp.send("SEQ_001", erp.entry(1), at=datetime(2027, 1, 1, 3, tzinfo=UTC))
    erp.send("SEQ_003", erp.entry(3), at=datetime(2027, 1, 3, 3, tzinfo=UTC))
    report = await home.feed(SFTP, "ledger")
    assert ("compta/SEQ_412.csv", "compta/SEQ_001.csv") == report.files
    assert "2 of 2027 is missing" in report.error


async def test_a_person_may_go_on_without_what_never_comes(home: Any) -> None:
    await home.apply(SFTP, numbered(r"'SEQ_(\d+)'"))
    erp = Numbers(home)
    erp.send("SEQ_41", erp.entry(41))
    erp.send("SEQ_43", erp.entry(43))
    assert "SEQUENCE_GAP" == (await home.feed(SFTP, "ledger")).error_code
    await home.apply(SFTP, numbered(r"{ name = 'SEQ_(\d+)', resume_at = 43 }"))
    report = await home.feed(SFTP, "ledger")
    assert ("applied", 1) == (report.state, report.added), report.error


async def test_another_mapping_reads_all_numbers_again_in_their_order(home: Any) -> None:
    await home.apply(SFTP, numbered(r"'SEQ_(\d+)'"))
    erp = Numbers(home)
    for number in (1, 2, 3):
        erp.send(f"SEQ_{number}", erp.entry(number, f"L{number}"))
    await home.feed(SFTP, "ledger")
    change = numbered(r"'SEQ_(\d+)'")
    was, new = 'label = { column = "LIBELLE" }', 'label = { column = "LIBELLE", lower = true }'
    await home.apply(SFTP, lambda text: change(text).replace(was, new))
    report = await home.feed(SFTP, "ledger")
    assert ("applied", 3, 3) == (report.state, report.read, report.changed), report.error
    assert [("l1",)] == [tuple(row) for row in await home.rows(SFTP, LABEL)]


async def test_a_snapshot_of_the_stream_begins_the_numbers_anew(home: Any) -> None:
    await home.apply(SFTP, numbered(r"{ name = 'SEQ_(\d+)', snapshot = 'full' }", FULL))
    erp = Numbers(home)
    erp.send("SEQ_41", erp.entry(1, "OLD"))
    erp.send("SEQ_43", erp.entry(1, "OLDER THAN FULL"), erp.entry(43))
    erp.send("FULL_20261120", *erp.lines, erp.entry(1, "FULL"), erp.entry(42), erp.entry(43))

    run = await home.sync(SFTP, "full", "ledger")

    assert ["applied", "unchanged"] == [report.state for report in run.feed_runs], run.feed_runs
    assert ["SEQ1", "SEQ42", "SEQ43"] == await sent(home)
    erp.send("SEQ_44", erp.entry(44))
    erp.send("SEQ_46", erp.entry(46))
    report = await home.feed(SFTP, "ledger")
    assert (("compta/SEQ_44.csv",), "SEQUENCE_GAP") == (report.files, report.error_code)
    assert [("FULL",)] == [tuple(row) for row in await home.rows(SFTP, LABEL)]


async def test_a_snapshot_older_than_what_came_on_top_of_it_is_held(home: Any) -> None:
    await home.apply(SFTP, numbered(r"{ name = 'SEQ_(\d+)', snapshot = 'full' }", FULL))
    erp = Numbers(home)
    early = datetime(2026, 11, 20, 1, tzinfo=UTC)
    erp.send("SEQ_41", erp.entry(1))
    await home.feed(SFTP, "ledger")
    erp.send("FULL_20261120", *erp.lines, at=early)

    report = await home.feed(SFTP, "full")

    assert "held" == report.state
    assert ["SEQ1"] == await sent(home)
    (hold,) = await find_holds(home.parts.engine, SFTP, states=["open"])
    assert ["stale"] == [reason["rule"] for reason in hold.reasons]


async def test_the_sandboxs_skipped_number_is_told_and_comes_after_all(home: Any) -> None:
    erp = home.sandbox
    tell(erp.folder, {"do": "misbehave", "landlord": SFTP, "order": {"what": "skip-sequence"}})
    home.clock.move(days=(erp.day - date(2026, 11, 20)).days)

    stopped = await home.feed(SFTP, "ledger")

    assert ("refused", "SEQUENCE_GAP") == (stopped.state, stopped.error_code)
    assert f"2 of {erp.day} is missing" in stopped.error
    tell(erp.folder, {"do": "behave", "landlord": SFTP})
    report = await home.feed(SFTP, "ledger")
    assert "applied" == report.state, report.error
    assert home.truth(SFTP)["sum"] == (await home.holds(SFTP))["sum"]


@pytest.mark.parametrize(
    ("slug", "sequence", "told"),
    [
        (SFTP, "'SEQ'", "one pair of parentheses"),
        (SFTP, "'SEQ_('", "not a regular expression"),
        (SFTP, r"{ name = 'SEQ_(\d+)', snapshot = 'contracts' }", "no snapshot feed of ledger_entries"),
        (SOAP, r"'SEQ_(\d+)'", "a call goes on from its cursor"),
    ],
)
async def test_a_sequence_that_makes_no_sense_is_refused(home: Any, slug: str, sequence: str, told: str) -> None:
    def change(text: str) -> str:
        mark = 'stream = "ledger_entries"\n'
        kept = "\n".join(line for line in text.splitlines() if not line.startswith("sequence")) + "\n"
        return kept.replace(mark, f"{mark}sequence = {sequence}\n")

    with pytest.raises(LandlordFileError, match=told):
        await home.apply(slug, change)
