"""Cité des Tilleuls' export: a tree of files written as an ERP's night batch writes them, whole or not at all."""

from __future__ import annotations

import csv
import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from itertools import groupby
from pathlib import Path

from hub.sandbox.documents import bundle, documents
from hub.sandbox.model import Entry, RefusedLine, World
from hub.sandbox.tables import (
    INDEX_HEADER,
    LEDGER_HEADER,
    NOTICE_HEADER,
    NOTICE_LINE_HEADER,
    SNAPSHOTS,
    Row,
    Table,
    index_row,
    ledger_row,
    notice_line_rows,
    notice_row,
    person_lines,
)

ENCODING = "cp1252"
FOLDERS = ("patrimoine", "locataires", "contrats", "compta", "avis")
KEPT_DAYS = 7
PERSONS = "locataires/PERS"
_REFUSED_LINES = (12, 40)


def write_first(world: World, root: Path) -> None:
    """The export of a world's first day: snapshots, the whole ledger history, all notices and the PDF bundles."""
    for folder in FOLDERS:
        (root / folder / "archives").mkdir(parents=True, exist_ok=True)
    _write_snapshots(world, root)
    entries = sorted(world.ledger(), key=lambda entry: (entry.posted_on, entry.id))
    write_ledger(world, root, entries, refused=world.refused)
    _write_notices(world, root, since=date.min)


def write_next(world: World, root: Path, *, since: date) -> None:
    """The export of a later day: snapshots again, and what was added after `since` as deltas."""
    _write_snapshots(world, root)
    _drop_old_snapshots(root, before=world.today - timedelta(days=KEPT_DAYS))
    fresh = sorted(
        (entry for entry in world.ledger() if entry.posted_on > since), key=lambda entry: (entry.posted_on, entry.id)
    )
    if fresh:
        write_ledger(world, root, fresh)
    if any(notice.issued_on > since for notice in world.notices):
        _write_notices(world, root, since=since)


def truncate(path: Path, *, keep: float = 0.7) -> None:
    """Cut a file in the middle of a line, as a broken transfer does; its control file still tells the truth."""
    data = path.read_bytes()
    cut = max(1, int(len(data) * keep))
    while cut > 1 and data[cut - 1] in b"\r\n":
        cut -= 1
    path.write_bytes(data[:cut])


def refused_positions(world: World) -> list[tuple[str, int, RefusedLine]]:
    """File, line (the header is line 1) and content of the lines nobody can read."""
    name = f"compta/ECR_{world.base:%Y%m%d}_01.csv"
    return [(name, line, refused) for line, refused in zip(_REFUSED_LINES, world.refused, strict=False)]


def _write_snapshots(world: World, root: Path) -> None:
    for table in SNAPSHOTS:
        write_table(table, world, root)
    persons = "".join(f"{line}\r\n" for line in person_lines(world))
    path = day_file(root, PERSONS, world.today, ".txt")
    _put(path, persons.encode(ENCODING), day=world.today)
    write_control(path, {"LIGNES": str(len(world.persons))}, day=world.today)


def write_ledger(
    world: World, root: Path, entries: Sequence[Entry], *, refused: Sequence[RefusedLine] = (), number: int = 1
) -> None:
    """One file of today's ledger, `number` in its name, with its control file."""
    amounts = [entry.cents for entry in (*entries, *(bad.entry for bad in refused))]
    sums = {
        "DEBIT": _plain(sum(cents for cents in amounts if cents > 0)),
        "CREDIT": _plain(-sum(cents for cents in amounts if cents < 0)),
    }
    path = root / f"compta/ECR_{world.today:%Y%m%d}_{number:02d}.csv"
    write_csv(path, LEDGER_HEADER, _ledger_rows(entries, refused), day=world.today, sums=sums)


def _ledger_rows(entries: Sequence[Entry], refused: Sequence[RefusedLine]) -> Iterator[Row]:
    """The entries, with the unreadable lines where the reader of a file's first rows meets one."""
    bad_rows = dict(zip(_REFUSED_LINES, map(_refused_row, refused), strict=False))
    line = 2
    for entry in entries:
        if line in bad_rows:
            yield bad_rows.pop(line)
            line += 1
        yield ledger_row(entry)
        line += 1


def _refused_row(refused: RefusedLine) -> Row:
    names = LEDGER_HEADER.split(";")
    return tuple(
        refused.value if name == refused.field else value
        for name, value in zip(names, ledger_row(refused.entry), strict=True)
    )


def _write_notices(world: World, root: Path, *, since: date) -> None:
    fresh = [notice for notice in world.notices if notice.issued_on > since]
    lines = [row for notice in fresh for row in notice_line_rows(notice)]
    write_csv(root / f"avis/AVIS_{world.today:%Y%m%d}.csv", NOTICE_HEADER, map(notice_row, fresh), day=world.today)
    write_csv(root / f"avis/AVISLIG_{world.today:%Y%m%d}.csv", NOTICE_LINE_HEADER, lines, day=world.today)
    touched = {f"{notice.issued_on:%Y%m}" for notice in fresh}
    for month, group in groupby(documents(world), key=lambda document: document.bundle):
        if month in touched:
            found = list(group)
            _put(root / f"avis/PDF_{month}.zip", bundle(world, found), day=world.today)
            write_csv(root / f"avis/INDEX_{month}.csv", INDEX_HEADER, map(index_row, found), day=world.today)


def write_table(table: Table, world: World, root: Path) -> None:
    """One snapshot file of a world's day, with its control file."""
    write_csv(day_file(root, table.stem, world.today), table.header, table.rows(world), day=world.today)


def day_file(root: Path, stem: str, day: date, suffix: str = ".csv") -> Path:
    """Where a snapshot of a day lies."""
    return root / f"{stem}_{day:%Y%m%d}{suffix}"


def write_csv(path: Path, header: str, rows: Iterable[Row], *, day: date, sums: dict[str, str] | None = None) -> None:
    written = 0
    with _beside(path, day=day) as beside, beside.open("w", encoding=ENCODING, newline="") as text:
        text.write(f"{header}\r\n")
        writer = csv.writer(text, delimiter=";", lineterminator="\r\n")
        for row in rows:
            writer.writerow(row)
            written += 1
    write_control(path, {"LIGNES": str(written), **(sums or {})}, day=day)


def write_control(path: Path, facts: dict[str, str], *, day: date) -> None:
    """After the data file: whoever sees the control file may read the data."""
    lines = {"FICHIER": path.name, **facts}
    _put(
        path.with_suffix(".ctl"), "".join(f"{key}={value}\r\n" for key, value in lines.items()).encode("ascii"), day=day
    )


def _plain(cents: int) -> str:
    return f"{cents // 100},{cents % 100:02d}"


def _put(path: Path, data: bytes, *, day: date) -> None:
    with _beside(path, day=day) as beside:
        beside.write_bytes(data)


@contextmanager
def _beside(path: Path, *, day: date) -> Iterator[Path]:
    """Written beside, then renamed: a reader sees the old file or the new one. The batch runs at half past two."""
    beside = path.with_name(path.name + ".tmp")
    yield beside
    written_at = datetime(day.year, day.month, day.day, 2, 30, tzinfo=UTC).timestamp()
    os.utime(beside, (written_at, written_at))
    beside.replace(path)


def _drop_old_snapshots(root: Path, *, before: date) -> None:
    stems = [table.stem for table in SNAPSHOTS] + [PERSONS]
    limit = f"{before:%Y%m%d}"
    for stem in stems:
        for path in root.glob(f"{stem}_*"):
            if path.stem.rpartition("_")[2] < limit:
                path.unlink()
