"""`pack init` and `pack check`: a folder to begin with, and everything wrong with its files told at once."""

from __future__ import annotations

import json
import re
import shutil
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner

from hub.cli.app import build
from hub.config import read_landlord
from hub.errors import ConflictError, SettingsError
from hub.registry import Registry
from hub.sync.rehearsal import Rehearsal, Trouble, rehearse

LANDLORDS = Path(__file__).parents[2] / "landlords"
Edit = Callable[[str], str]


@pytest.fixture
def pack(tmp_path: Path) -> Path:
    return shutil.copytree(LANDLORDS / "csv-pack", tmp_path / "pack")


def checked(pack: Path) -> Rehearsal:
    return rehearse(read_landlord(LANDLORDS / "csv-pack.toml", Registry.load(["sftp_files"])), pack)


def edit(pack: Path, file: str, change: Edit) -> None:
    path = pack / file
    path.write_bytes(change(path.read_bytes().decode("utf-8")).encode("utf-8"))


def line_of(file: str, part: str) -> int:
    """The first line of a sample file that holds a text."""
    lines = (LANDLORDS / "csv-pack" / file).read_text(encoding="utf-8").splitlines()
    return next(number for number, line in enumerate(lines, start=1) if part in line)


def place(one: Trouble) -> tuple[str, int | None, str | None, str]:
    return one.file, one.lines[0] if one.lines else None, one.column, one.code


def test_the_sample_files_have_no_fault_and_every_row_is_read(pack: Path) -> None:
    found = checked(pack)
    assert (found.troubles, found.oddities) == ([], [])
    assert found.files["contracts.csv"] == {"contracts": 17, "contract_units": 17}
    assert found.files["ledger.csv"] == {"ledger": 186}


def test_all_faults_of_all_files_are_told_at_once_with_file_line_and_column(pack: Path) -> None:
    edit(pack, "units.csv", lambda text: text.replace("R01-102;R01-A;dwelling", "R01-102;R09;dwelling"))
    edit(
        pack, "contracts.csv", lambda text: text.replace("2012-02-15", "31/02/2012").replace("under_notice", "leaving")
    )
    edit(pack, "parties.csv", lambda text: text.replace("C-2012-011;1003;holder", "C-2012-011;9999;tenant"))
    edit(pack, "persons.csv", lambda text: text.replace("family_name", "surname"))
    edit(pack, "ledger.csv", lambda text: text.replace(";412.30;", ";412.305;", 1))
    edit(
        pack,
        "accounts.csv",
        lambda text: f"{text}41100004;C-2018-004;411 004;rent;2026-08-01;1.00;2026-11-20;360.85\r\n",
    )
    (pack / "price_components.csv").unlink()
    found = {place(one) for one in checked(pack).troubles}
    assert found >= {
        ("units.csv", 3, "site_id", "UNKNOWN_REFERENCE"),
        ("contracts.csv", 4, "starts_on", "BAD_DATE"),
        ("contracts.csv", line_of("contracts.csv", "under_notice"), "status", "UNKNOWN_CODE"),
        ("parties.csv", 4, "role", "UNKNOWN_CODE"),
        ("persons.csv", 1, "family_name", "INPUT_REFUSED"),
        ("ledger.csv", line_of("ledger.csv", ";412.30;"), "debit / credit", "BAD_AMOUNT"),
        ("accounts.csv", 15, "account_id", "DUPLICATE_KEY"),
        ("price_components.csv", None, None, "NO_FILE"),
    }


def test_a_fault_that_stands_on_many_lines_is_told_once_with_all_of_them(pack: Path) -> None:
    edit(pack, "ledger.csv", lambda text: text.replace(";housing_aid;", ";aide;"))
    (one,) = checked(pack).troubles
    assert (place(one)[1:], len(one.lines), one.value) == (
        (line_of("ledger.csv", "APL"), "kind", "UNKNOWN_CODE"),
        24,
        "aide",
    )


def test_a_file_whose_delimiter_is_another_says_so(pack: Path) -> None:
    edit(pack, "sites.csv", lambda text: text.replace(";", ","))
    (one,) = checked(pack).troubles
    assert "is the delimiter ','?" in one.hint


def test_a_pdf_that_is_missing_or_is_none_is_named_by_its_line(pack: Path) -> None:
    with zipfile.ZipFile(pack / "notices.zip") as full:
        content = {name: full.read(name) for name in full.namelist()}
    content["AE-202609-004.pdf"] = b"<html>"
    del content["AE-202610-004.pdf"]
    with zipfile.ZipFile(pack / "notices.zip", "w") as packed:
        for name, data in content.items():
            packed.writestr(name, data)
    told = checked(pack).troubles
    assert [place(one) for one in told] == [
        ("notices.csv", 2, "pdf", "NO_FILE"),
        ("notices.csv", 3, "pdf", "NO_FILE"),
    ]


def test_an_index_without_its_pdfs_says_what_to_give_or_to_delete(pack: Path) -> None:
    (pack / "notices.zip").unlink()
    (one,) = checked(pack).troubles
    assert "notices.zip" in one.message
    assert "delete [feeds.documents]" in one.hint


def test_turned_signs_and_contracts_nobody_holds_are_pointed_out_but_no_fault(pack: Path) -> None:
    turned = {"debit": "credit", "credit": "debit"}
    edit(pack, "ledger.csv", lambda text: re.sub(r"\b(debit|credit)\b", lambda found: turned[found[1]], text, count=2))
    edit(pack, "parties.csv", lambda text: text.replace("C-2012-011;1003;holder", "C-2012-011;1003;occupant"))
    found = checked(pack)
    assert found.troubles == []
    told = {(one.code, one.value): one.message for one in found.oddities}
    assert "debit and credit exchanged" in told["UNBALANCED", "41100004"]
    assert "without holder" in told["INCOMPLETE", "C-2012-011"]


def test_files_as_french_exports_write_them_are_read_as_they_are(pack: Path) -> None:
    def french(text: str) -> str:
        text = text.replace("contract_id", "Num Contrat").replace("starts_on", "DATE EFFET")
        text = re.sub(r"(\d{4})-(\d\d)-(\d\d)", r"\3/\2/\1", text)
        return "\ufeff" + text.replace(";current;", ";En cours;").replace("412.30", '"412,30"').replace(";yes", ";Oui")

    edit(pack, "contracts.csv", french)
    assert checked(pack).troubles == []


# --- the commands -----------------------------------------------------------------------------------------------------


def run(*argv: str) -> tuple[int, str]:
    done = CliRunner().invoke(build(), list(argv))
    if done.exception is not None and not isinstance(done.exception, SystemExit):
        raise done.exception
    return done.exit_code, done.output


@pytest.mark.parametrize("way", [(), ("--delimiter", ",", "--encoding", "cp1252"), ("--delimiter", "tab")])
def test_what_init_writes_is_content_with_check_however_the_files_are_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, way: tuple[str, ...]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert run("pack", "init", "mon-bailleur", "--name", 'L\'Habitat "vert"', *way)[0] == 0
    assert run("pack", "check", "mon-bailleur") == (0, run("pack", "check", "mon-bailleur")[1])
    config = read_landlord(tmp_path / "mon-bailleur/mon-bailleur.toml", Registry.load(["sftp_files"]))
    assert (config.slug, config.identity.name) == ("mon-bailleur", 'L\'Habitat "vert"')
    assert config.connectors["files"].settings["folder"] == str(tmp_path / "mon-bailleur")


def test_check_ends_in_failure_when_something_is_wrong_and_tells_it_as_json_too(tmp_path: Path) -> None:
    run("pack", "init", "mon-bailleur", "--folder", str(tmp_path / "pack"))
    edit(tmp_path / "pack", "sites.csv", lambda text: text.replace(";site;", ";village;", 1))
    code, said = run("pack", "check", str(tmp_path / "pack"))
    assert code == 1
    assert 'sites.csv  line 2  kind  "village"' in said
    assert json.loads(run("pack", "check", str(tmp_path / "pack"), "--json")[1])["troubles"][0]["lines"] == [2]


def test_init_overwrites_nothing_and_takes_slugs_only(tmp_path: Path) -> None:
    run("pack", "init", "mon-bailleur", "--folder", str(tmp_path))
    with pytest.raises(ConflictError, match="holds files already"):
        run("pack", "init", "mon-bailleur", "--folder", str(tmp_path))
    with pytest.raises(SettingsError, match="is no slug"):
        run("pack", "init", "Mon Bailleur", "--folder", str(tmp_path / "x"))
