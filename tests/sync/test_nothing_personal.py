"""What the hub writes about a bad night names nobody: no tenant, no account number, no secret."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import pytest

SFTP = "cite-des-tilleuls"
IBAN = "FR7630006000011234567890189"
SPACED = "FR76 3000 6000 0112 3456 7890 189"
NAME, GIVEN, MAIL, PHONE = "DUPONT-SECRET", "Jeannette-Secret", "jeannette.secret@example.org", "0612345678"
KNOWN = (IBAN, SPACED, "3000 6000", NAME, GIVEN, MAIL, PHONE)
TOLD_OF = (
    "job",
    "run",
    "feed_run",
    "quarantine",
    "hold",
    "alert",
    "artifact",
    "feed_state",
    "breaker",
    "config_version",
)


def newest(house: Any, pattern: str) -> Path:
    path: Path = sorted(house.sandbox.root.glob(pattern))[-1]
    return path


def rewrite(path: Path, lines: list[str]) -> None:
    """The file with other lines; its control file in step where it counts lines only."""
    path.write_text("".join(f"{line}\r\n" for line in lines), "cp1252", newline="")
    control = path.with_suffix(".ctl")
    if control.exists():
        told = dict(one.split("=", 1) for one in control.read_text("ascii").splitlines())
        control.write_text("".join(f"{name}={value}\r\n" for name, value in told.items()), "ascii")


def spoil_ledger(house: Any) -> None:
    """Account numbers and addresses where codes, dates and references should be, in lines that name a tenant."""
    path = newest(house, "compta/ECR_*.csv")
    header, *lines = path.read_text("cp1252").splitlines()
    names = header.split(";")
    bad = {
        "CODE": f"VIR {IBAN}",
        "DT_COMPTA": SPACED,
        "CPT_CLIENT": IBAN,
        "NUM_LOT": MAIL,
        "NUM_ORDRE": f"9 {MAIL}",
        "DT_ECHEANCE": MAIL,
    }
    for place, (column, value) in enumerate(bad.items()):
        cells = lines[place].split(";")
        cells[names.index("LIBELLE")] = f"{GIVEN} {NAME} {PHONE}"
        cells[names.index(column)] = value
        lines[place] = ";".join(cells)
    rewrite(path, [header, *lines])


def spoil_contracts(house: Any) -> None:
    """Most contracts are gone."""
    path = newest(house, "contrats/CTR_*.csv")
    rewrite(path, path.read_text("cp1252").splitlines()[:2])
    path.with_suffix(".ctl").write_text(f"FICHIER={path.name}\r\nLIGNES=1\r\n", "ascii")


async def told(house: Any) -> dict[str, str]:
    """All that the hub wrote in the tables people and messages read from."""
    with house.admin() as conn:
        names = {row.table_name for row in conn.execute("select table_name from information_schema.tables")}
        found = sorted(names & set(TOLD_OF))
        assert {"job", "run", "feed_run", "quarantine", "hold"} <= set(found)
        return {name: "\n".join(row[0] for row in conn.execute(f"select t::text from {name} t")) for name in found}


async def test_names_and_account_numbers_of_bad_lines_stay_in_the_kept_input(
    home: Any, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level(logging.DEBUG, logger="hub")
    home.sandbox.advance(days=31)
    home.clock.move(days=31)
    await home.apply(
        SFTP,
        lambda text: text.replace("[feeds.ledger]\n", '[feeds.ledger]\nmax_rejected = "100 %"\n') + NOTIFY,
    )
    spoil_ledger(home)
    spoil_contracts(home)

    run = await home.sync(SFTP)

    states = {one.feed: one.state for one in run.feed_runs}
    assert ("held", "applied") == (states["contracts"], states["ledger"]), [one.error for one in run.feed_runs]
    assert len(await home.quarantine(SFTP, "ledger")) >= 6
    written = await told(home)
    out, err = capfd.readouterr()
    written |= {"log": caplog.text, "stdout": out, "stderr": err}
    assert "ledger" in written["quarantine"]
    found = [(place, word) for place, text in written.items() for word in KNOWN if word in text]
    assert [] == found, await home.quarantine(SFTP, "ledger")
    secrets = [path.read_text() for path in (home.sandbox.folder / "secrets").iterdir() if "password" in path.name]
    assert [] == [place for place, text in written.items() for word in secrets if word.strip() in text]


NOTIFY = """
[[notify]]
mail = ["it@example.org"]
"""
