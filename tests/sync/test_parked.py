"""Lines that came before what they refer to wait for it, and are applied by themselves when it is there."""

from __future__ import annotations

from pathlib import Path
from typing import Any

SFTP = "cite-des-tilleuls"
NEW = "Z99999"


def copied(path: Path, into: Path, **changes: str) -> None:
    """A file with one line: the last of another, some columns changed; its control file with it."""
    header, *_, last = path.read_text("cp1252").splitlines()
    names = header.split(";")
    row = dict(zip(names, last.split(";"), strict=True)) | changes
    into.write_text(f"{header}\r\n{';'.join(row[name] for name in names)}\r\n", "cp1252", newline="")
    sums = "".join(f"{side}={row[side] or '0,00'}\r\n" for side in ("DEBIT", "CREDIT"))
    into.with_suffix(".ctl").write_text(f"FICHIER={into.name}\r\nLIGNES=1\r\n{sums}")


def add_account(house: Any) -> None:
    """The newest file of accounts has one more."""
    path = max((house.sandbox.root / "compta").glob("CPT_*.csv"))
    header, *lines = path.read_text("cp1252").splitlines()
    _, _, rest = lines[-1].partition(";")
    lines.append(f"{NEW};{rest}")
    path.write_text("".join(f"{line}\r\n" for line in (header, *lines)), "cp1252", newline="")
    path.with_suffix(".ctl").write_text(f"FICHIER={path.name}\r\nLIGNES={len(lines)}\r\n")


def send_entry(house: Any, number: str, **changes: str) -> Path:
    """An entry of an account nobody knows yet."""
    day = house.sandbox.advance(days=1)
    house.clock.move(days=1)
    folder = house.sandbox.root / "compta"
    number_of_file = 1 + len(list(folder.glob(f"ECR_{day:%Y%m%d}_*.csv")))
    path = Path(folder / f"ECR_{day:%Y%m%d}_{number_of_file:02d}.csv")
    copied(min(folder.glob("ECR_*.csv")), path, CPT_CLIENT=NEW, NUM_ECR=number, NUM_LOT="", **changes)
    return path


def of_new_account(house: Any) -> Any:
    return house.rows(
        SFTP,
        """select e.external_id from ledger_entry e join external_key k on k.object_id = e.account_id
           where k.object_type = 'account' and k.external_id = :account order by 1""",
        account=NEW,
    )


async def parked(house: Any) -> list[Any]:
    return [row for row in await house.quarantine(SFTP, "ledger") if row.state == "parked"]


async def test_an_entry_before_its_account_waits_and_is_applied_in_the_run_that_brings_the_account(home: Any) -> None:
    path = send_entry(home, "E-EARLY")
    report = await home.feed(SFTP, "ledger")
    assert "applied" == report.state
    (row,) = await parked(home)
    assert ("UNKNOWN_REFERENCE", f"compta/{path.name}", 2, "account", NEW) == (
        row.code,
        row.file,
        row.line,
        row.needs_type,
        row.excerpt,
    )
    path.unlink()  # a delta line is sent once

    await home.sync(SFTP, "accounts")
    assert [row.id] == [one.id for one in await parked(home)], "the account is not there yet"
    add_account(home)
    run = await home.sync(SFTP, "accounts")

    assert "done" == run.state
    assert [("E-EARLY",)] == await of_new_account(home)
    assert [] == await parked(home)
    told = next(one for one in run.feed_runs if one.feed == "ledger")
    assert ("applied", 1) == (told.state, told.added)
    # The account was copied from another one, balance and all: its only entry does not add up to that.
    parked_line, differs = told.note.split("; ")
    assert "1 parked line applied" == parked_line
    assert differs.startswith("1 account differs from the ERP's own balance")

    assert ["accounts"] == [one.feed for one in (await home.sync(SFTP, "accounts")).feed_runs]
    assert [("E-EARLY",)] == await of_new_account(home)


async def test_a_parked_entry_that_is_bad_in_itself_goes_on_waiting_for_a_person(home: Any) -> None:
    """Its account arrives, but the mapping changed meanwhile and reads it no more."""
    send_entry(home, "E-CODE", CODE="EFF")
    await home.feed(SFTP, "ledger")
    (row,) = await parked(home)
    await home.apply(SFTP, lambda text: text.replace('EFF = "payment_cash"\n', ""))
    add_account(home)

    await home.sync(SFTP, "accounts")

    assert [] == await of_new_account(home)
    left = next(one for one in await home.quarantine(SFTP, "ledger") if one.file == row.file)
    assert ("open", "UNKNOWN_CODE", row.artifact) == (left.state, left.code, left.artifact)
