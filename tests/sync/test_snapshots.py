"""Snapshots: what is absent is marked once and comes back, what was held before may be applied again."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

SFTP = "cite-des-tilleuls"
MISSING = "select count(*) filter (where missing_since is not null) as missing, count(*) as held from contract"


class Contracts:
    """The ERP's contract file: `lines` may be changed, `export` writes them as the next night's."""

    def __init__(self, house: Any) -> None:
        self.folder: Path = house.sandbox.root / "contrats"
        self.house, self.nights = house, 0
        (found,) = self.folder.glob("CTR_*.csv")
        self.header, *self.lines = found.read_text("cp1252").splitlines()

    def export(self, lines: list[str], *, name: str | None = None) -> str:
        self.nights += 1
        self.house.clock.move(days=1)
        written = datetime(2026, 11, 20 + self.nights, 2, 30, tzinfo=UTC).timestamp()
        path = self.folder / (name or f"CTR_202611{20 + self.nights}.csv")
        path.write_text("".join(f"{line}\r\n" for line in (self.header, *lines)), "cp1252", newline="")
        path.with_suffix(".ctl").write_text(f"FICHIER={path.name}\r\nLIGNES={len(lines)}\r\n")
        for one in (path, path.with_suffix(".ctl")):
            os.utime(one, (written, written))
        return path.name

    async def next_night(self, lines: list[str], *, name: str | None = None) -> Any:
        self.export(lines, name=name)
        return await self.house.feed(SFTP, "contracts")


def in_state(line: str, state: str) -> str:
    """A contract's line with another ETAT."""
    values = line.split(";")
    values[3] = state
    return ";".join(values)


async def missing(house: Any) -> tuple[int, int]:
    """Contracts marked missing, and all that are held."""
    (row,) = await house.rows(SFTP, MISSING)
    return row.missing, row.held


async def test_an_absent_contract_is_marked_once_stays_and_comes_back(home: Any) -> None:
    erp = Contracts(home)
    gone = await erp.next_night(erp.lines[:-1])
    marked = await home.rows(SFTP, "select missing_since from contract where missing_since is not null")
    still_gone = await erp.next_night([erp.lines[1], erp.lines[0], *erp.lines[2:-1]])

    assert (1, 0) == (gone.missing, still_gone.missing)
    assert marked == await home.rows(SFTP, "select missing_since from contract where missing_since is not null")
    assert (1, 12) == await missing(home)

    back = await erp.next_night(erp.lines)
    assert (1, 0, 0) == (back.returned, back.added, back.changed)
    assert (0, 12) == await missing(home)


async def test_a_row_that_cannot_be_read_lets_nothing_go_missing(home: Any) -> None:
    erp = Contracts(home)

    report = await erp.next_night([in_state(erp.lines[0], "??"), *erp.lines[2:]])

    assert ("applied", 1, 0) == (report.state, report.quarantined, report.missing)
    assert (0, 12) == await missing(home)
    (row,) = await home.quarantine(SFTP, "contracts")
    assert ("contrats/CTR_20261121.csv", 2, "status", "UNKNOWN_CODE") == (row.file, row.line, row.field, row.code)


async def test_refused_rows_of_a_snapshot_are_open_until_the_next_good_one(home: Any) -> None:
    erp = Contracts(home)
    await erp.next_night([in_state(erp.lines[0], "??"), *erp.lines[1:]])
    assert 1 == len(await home.quarantine(SFTP, "contracts"))

    await erp.next_night([*erp.lines[1:], erp.lines[0]])
    assert [] == await home.quarantine(SFTP, "contracts")


async def test_a_snapshot_that_was_held_before_is_applied_again(home: Any) -> None:
    """A, B, A: the third file is the first to the byte, and yet not what is held."""
    before, erp = await home.dump(SFTP), Contracts(home)
    changed = await erp.next_night([in_state(erp.lines[0], "C"), *erp.lines[1:]])
    assert 1 == changed.changed
    assert before != await home.dump(SFTP)

    again = await erp.next_night(erp.lines)

    assert ("applied", 1) == (again.state, again.changed)
    assert before == await home.dump(SFTP)


async def test_the_same_snapshot_under_another_name_is_not_applied_but_makes_what_is_held_younger(home: Any) -> None:
    erp = Contracts(home)
    (before,) = await home.rows(SFTP, "select last_good_run, generation from feed_state where feed = 'contracts'")

    report = await erp.next_night(erp.lines)

    assert ("unchanged", 0) == (report.state, report.read)
    assert datetime(2026, 11, 21, 2, 30, tzinfo=UTC) == await home.as_of(SFTP, "contracts")
    (after,) = await home.rows(SFTP, "select last_good_run, generation from feed_state where feed = 'contracts'")
    assert before == after


async def test_a_snapshot_seen_under_its_new_name_is_not_fetched_again(home: Any) -> None:
    erp = Contracts(home)
    await erp.next_night(erp.lines)
    path = erp.folder / "CTR_20261121.csv"
    seen = path.stat()
    path.write_bytes(path.read_bytes().replace(b"CT-", b"XX-"))
    os.utime(path, ns=(seen.st_atime_ns, seen.st_mtime_ns))

    assert "unchanged" == (await home.feed(SFTP, "contracts")).state


async def test_an_older_mapping_put_back_in_force_is_applied_again(home: Any) -> None:
    """Also to files that were read under it before."""
    before = await home.dump(SFTP)
    await home.apply(SFTP, changed_mapping)
    changed = await home.sync(SFTP, "contracts", "ledger")
    assert ["applied", "applied"] == [one.state for one in changed.feed_runs]
    other = await home.dump(SFTP)
    assert before != other

    await home.apply(SFTP)
    await home.sync(SFTP, "contracts", "ledger")

    assert before == await home.dump(SFTP)


def changed_mapping(text: str) -> str:
    """Contracts' labels and the ledger's card payments read in another way."""
    changed = text.replace('erp_label = { column = "LIB_ETAT" }', 'erp_label = { column = "ETAT" }')
    changed = changed.replace(
        'label = { column = "LIBELLE" }\namount = { debit', 'label = { column = "CODE" }\namount = { debit'
    )
    assert changed.count('column = "ETAT" }\nstarts_on') == changed.count('column = "CODE" }\namount') == 1
    return changed
