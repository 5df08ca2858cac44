"""What can be wrong with a night's files of Cité des Tilleuls: the good export written again as a faulty one is.

Control files agree with the data where the export itself is wrong, and not where it was hurt on its way.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import date
from functools import partial
from pathlib import Path

from hub.errors import InvalidAskError
from hub.sandbox.bad_worlds import (
    fresh_entries,
    with_a_new_code,
    with_anothers_contracts,
    without_accounts,
    without_some_contracts,
)
from hub.sandbox.files import (
    PERSONS,
    day_file,
    truncate,
    write_control,
    write_ledger,
    write_table,
)
from hub.sandbox.model import World
from hub.sandbox.swaps import Swaps
from hub.sandbox.tables import SNAPSHOTS, Row, Table

CONTRACTS = "contrats/CTR"
_ACCOUNT_STEMS = ("compta/CPT", "compta/CPTCTR")
_SECOND_WRITING = 3_600  # seconds after the good export


@dataclass(frozen=True, slots=True)
class Night:
    """A night's export as it stands. `since`: the day of the export before it; `newcomers`: accounts opened since."""

    world: World
    root: Path
    swaps: Swaps
    since: date
    newcomers: tuple[str, ...] = ()
    file: str = ""

    @property
    def ledger(self) -> Path:
        return self.root / f"compta/ECR_{self.world.today:%Y%m%d}_01.csv"

    def path(self, stem: str) -> Path:
        return day_file(self.root, stem, self.world.today)

    def instead(self, path: Path, write: Callable[[], None]) -> None:
        """Write a file and its control file in the place of the good ones."""
        pair = (path, path.with_suffix(".ctl"))
        self.swaps.keep(pair)
        write()
        _later(pair)


def _truncated(night: Night) -> None:
    path = newest(night.root, night.file)
    night.swaps.keep([path])
    truncate(path)
    _later([path])


def _truncated_contracts(night: Night) -> None:
    _truncated(replace(night, file=CONTRACTS))


def _dropped_contracts(night: Night) -> None:
    bad = without_some_contracts(night.world)
    stems = ("contrats/", "compta/CPTCTR")
    _write(night, bad, [table for table in SNAPSHOTS if table.stem.startswith(stems)])


def _anothers_contracts(night: Night) -> None:
    _write(night, with_anothers_contracts(night.world), [_table(CONTRACTS)])


def _renamed_header(night: Night) -> None:
    table = _table(CONTRACTS)
    _write(night, night.world, [replace(table, header=table.header.replace(";ETAT;", ";STATUT;"))])


def _moved_column(night: Night) -> None:
    table = _table(CONTRACTS)
    names = table.header.split(";")
    place = names.index("ETAT")

    def moved(row: Row) -> Row:
        return (*row[:place], *row[place + 1 :], row[place])

    def rows(world: World) -> Iterator[Row]:
        return map(moved, table.rows(world))

    _write(night, night.world, [Table(table.stem, ";".join(moved(tuple(names))), rows)])


def _new_code(night: Night) -> None:
    entries = fresh_entries(with_a_new_code(night.world, since=night.since), since=night.since)
    night.instead(night.ledger, partial(write_ledger, night.world, night.root, entries))


def _stale(night: Night) -> None:
    for stem, suffix in [*((table.stem, ".csv") for table in SNAPSHOTS), (PERSONS, ".txt")]:
        path = day_file(night.root, stem, night.world.today, suffix)
        older = max(
            (one for one in path.parent.glob(f"{Path(stem).name}_*{suffix}") if one.name < path.name), default=None
        )
        if older is None:
            raise InvalidAskError(
                "there is no older export yet", hint="let a night pass first: `housing-hub sandbox night`"
            )
        _copy(night, older, path)


def _resent(night: Night) -> None:
    older = newest(night.root, "compta/ECR")
    stem, _, number = older.stem.rpartition("_")
    _copy(night, older, older.with_name(f"{stem}_{int(number) + 1:02d}.csv"))


def _orphan_entries(night: Night) -> None:
    bad = without_accounts(night.world, night.newcomers)
    _write(night, bad, [_table(stem) for stem in _ACCOUNT_STEMS])


def _skipped_sequence(night: Night) -> None:
    """The night's ledger in three files, the second of which never comes."""
    entries = fresh_entries(night.world, since=night.since)
    third = max(1, len(entries) // 3)
    for number, part in ((1, entries[:third]), (3, entries[2 * third :])):
        path = night.ledger.with_name(f"ECR_{night.world.today:%Y%m%d}_{number:02d}.csv")
        night.instead(path, partial(write_ledger, night.world, night.root, part, number=number))


def _late_start(night: Night) -> None:
    entries = [entry for entry in fresh_entries(night.world, since=night.since) if entry.posted_on == night.world.today]
    night.instead(night.ledger, partial(write_ledger, night.world, night.root, entries))


SPOIL: Mapping[str, Callable[[Night], None]] = {
    "truncate": _truncated,
    "truncate-contracts": _truncated_contracts,
    "drop-contracts": _dropped_contracts,
    "wrong-landlord": _anothers_contracts,
    "rename-header": _renamed_header,
    "move-column": _moved_column,
    "new-code": _new_code,
    "stale": _stale,
    "resend": _resent,
    "orphan-entry": _orphan_entries,
    "skip-sequence": _skipped_sequence,
    "start-late": _late_start,
}


def newest(root: Path, name: str) -> Path:
    """The newest data file whose name begins with `name` (`CTR`, `compta/ECR`). Raises InvalidAskError."""
    folder, _, begins = name.strip("/").rpartition("/")
    places = [root / folder] if folder and ".." not in folder else [one for one in root.iterdir() if one.is_dir()]
    found = [
        path
        for place in places
        for path in place.glob("*_*.*")
        if path.name.startswith(f"{begins}_") and path.suffix in (".csv", ".txt")
    ]
    if not begins or not found:
        stems = sorted({path.name.partition("_")[0] for path in root.glob("*/*_*.csv")} | {"PERS"})
        raise InvalidAskError(f"no file is called {name or 'so'}", hint=f"one of {', '.join(stems)}")
    return max(found, key=lambda path: path.name)


def _table(stem: str) -> Table:
    return next(table for table in SNAPSHOTS if table.stem == stem)


def _write(night: Night, world: World, tables: Iterable[Table]) -> None:
    for table in tables:
        night.instead(night.path(table.stem), partial(write_table, table, world, night.root))


def _copy(night: Night, older: Path, path: Path) -> None:
    """The older file under another name, its time with it; the control file is made for it."""
    control = path.with_suffix(".ctl")
    night.swaps.keep((path, control))
    facts = dict(line.split("=", 1) for line in older.with_suffix(".ctl").read_text("ascii").splitlines())
    facts.pop("FICHIER")
    beside = path.with_name(path.name + ".tmp")
    shutil.copy2(older, beside)
    beside.replace(path)
    write_control(path, facts, day=night.world.today)
    shutil.copystat(older, control)


def _later(paths: Iterable[Path]) -> None:
    """Written again after the night: who looks at names, sizes and times sees another file."""
    for path in paths:
        if path.exists():
            written = path.stat().st_mtime
            os.utime(path, (written + _SECOND_WRITING, written + _SECOND_WRITING))
