"""Cité des Tilleuls' files, read as bytes: what the interface documentation promises."""

from __future__ import annotations

import csv
import io
import zipfile
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from hub.sandbox import World, advance, build_world
from hub.sandbox.files import truncate, write_first, write_next
from hub.sandbox.tables import (
    INDEX_HEADER,
    LEDGER_HEADER,
    NOTICE_HEADER,
    NOTICE_LINE_HEADER,
    PERSON_COLUMNS,
    SNAPSHOTS,
    comma,
)

TODAY = date(2026, 11, 20)


@pytest.fixture(scope="module")
def tilleuls() -> World:
    return build_world("cite-des-tilleuls", contracts=20, today=TODAY)


@pytest.fixture(scope="module")
def root(tilleuls: World, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("sftp")
    write_first(tilleuls, folder)
    return folder


def rows_of(path: Path) -> list[dict[str, str]]:
    text = path.read_bytes().decode("cp1252")
    return list(csv.DictReader(io.StringIO(text, newline=""), delimiter=";"))


def cents(text: str) -> int:
    return int(text.replace("\u00a0", "").replace(" ", "").replace(",", "") or 0)


def test_every_file_has_a_header_crlf_lines_and_a_control_file(root: Path) -> None:
    names = {path.name for path in root.rglob("*.csv")}
    assert len(names) == 8 + 1 + 2 + 6
    for path in root.rglob("*.csv"):
        data = path.read_bytes()
        assert data.endswith(b"\r\n") and data.count(b"\n") == data.count(b"\r\n")
        control = dict(line.split("=") for line in path.with_suffix(".ctl").read_text("ascii").split("\n") if line)
        assert control["FICHIER"].strip() == path.name
        assert int(control["LIGNES"]) == len(rows_of(path))
    assert not list(root.rglob("*.tmp"))


def test_the_readme_describes_every_column() -> None:
    readme = (Path(__file__).parents[2] / "hub/sandbox/README.md").read_text("utf-8")

    for header in (
        *(table.header for table in SNAPSHOTS),
        LEDGER_HEADER,
        NOTICE_HEADER,
        NOTICE_LINE_HEADER,
        INDEX_HEADER,
    ):
        assert f"`{header}`" in readme
    start = 1
    for name, width in PERSON_COLUMNS:
        assert f"`{name}` {start}–{start + width - 1}" in readme
        start += width


def test_the_ledger_file_says_what_the_world_holds(root: Path, tilleuls: World) -> None:
    rows = rows_of(root / "compta/ECR_20261120_01.csv")
    entries = {entry.id: entry for entry in tilleuls.ledger()}
    readable = [row for row in rows if row["NUM_ECR"] in entries]

    assert len(readable) == len(entries) == len(rows) - 2
    for row in readable:
        entry = entries[row["NUM_ECR"]]
        assert cents(row["DEBIT"]) - cents(row["CREDIT"]) == entry.cents
        assert (row["LIBELLE"].strip(), row["CPT_CLIENT"].strip()) == (entry.label, entry.account)
        assert row["DT_COMPTA"] == f"{entry.posted_on:%d/%m/%Y}"
        assert len(row["CPT_CLIENT"]) > len(entry.account)


def test_two_lines_cannot_be_read_and_one_is_among_the_first(root: Path) -> None:
    path = root / "compta/ECR_20261120_01.csv"
    line_12 = path.read_bytes().decode("cp1252").split("\r\n")[11]
    bad = [row for row in rows_of(path) if row["CODE"] == "RGL2" or row["DT_COMPTA"].startswith("31/02/")]

    assert ";RGL2;" in line_12
    assert len(bad) == 2
    assert len({row["CPT_CLIENT"] for row in bad}) == 1
    assert sum(cents(row["DEBIT"]) - cents(row["CREDIT"]) for row in bad) == 0


def test_the_control_file_sums_debits_and_credits(root: Path) -> None:
    rows = rows_of(root / "compta/ECR_20261120_01.csv")
    control = dict(line.split("=") for line in (root / "compta/ECR_20261120_01.ctl").read_text("ascii").split())

    assert cents(control["DEBIT"]) == sum(cents(row["DEBIT"]) for row in rows)
    assert cents(control["CREDIT"]) == sum(cents(row["CREDIT"]) for row in rows)


def test_amounts_have_a_decimal_comma_and_a_blank_between_thousands() -> None:
    assert [comma(123_456), comma(-5), comma(123_456_789, thousands="\u00a0")] == [
        "1 234,56",
        "-0,05",
        "1\u00a0234\u00a0567,89",
    ]


def test_a_text_with_quotes_and_the_delimiter_is_quoted(root: Path) -> None:
    data = (root / "patrimoine/SITES_20261120.csv").read_bytes().decode("cp1252")

    assert '"Réserve foncière ""La Prairie""; tranche 2"' in data


def test_persons_are_of_fixed_width(root: Path, tilleuls: World) -> None:
    lines = (root / "locataires/PERS_20261120.txt").read_bytes().decode("cp1252").split("\r\n")[:-1]

    assert {len(line) for line in lines} == {sum(width for _, width in PERSON_COLUMNS)}
    assert [line[:10] for line in lines] == [person.id for person in tilleuls.persons]
    assert [line[14:54].strip() for line in lines] == [person.family for person in tilleuls.persons]


def test_no_date_is_written_as_zeros(root: Path, tilleuls: World) -> None:
    rows = {row["NUM_CTR"]: row for row in rows_of(root / "contrats/CTR_20261120.csv")}

    assert rows["2000001"]["DT_SORTIE"] == "00/00/0000"
    assert rows["2000000"]["DT_SORTIE"] == "31/07/2018"


def test_each_index_row_names_a_small_pdf_of_its_bundle(root: Path) -> None:
    for index in sorted((root / "avis").glob("INDEX_*.csv")):
        with zipfile.ZipFile(index.with_name(f"PDF_{index.stem[6:]}.zip")) as bundle:
            assert bundle.testzip() is None
            assert [row["FICHIER"] for row in rows_of(index)] == bundle.namelist()
            for entry in bundle.infolist():
                assert bundle.read(entry).startswith(b"%PDF-1.")
                assert entry.file_size < 4_096


def test_a_pdf_says_which_notice_it_is_and_what_is_due(root: Path, tilleuls: World) -> None:
    notice = next(notice for notice in reversed(tilleuls.notices) if notice.contract == "2000001")
    with zipfile.ZipFile(root / "avis/PDF_202611.zip") as bundle:
        page = bundle.read(f"AVIS_{notice.number}.pdf")

    assert notice.number.encode() in page
    assert comma(notice.total_cents).encode() in page


def test_six_months_of_notices_have_pdfs(root: Path) -> None:
    bundles = sorted(path.stem for path in (root / "avis").glob("PDF_*.zip"))
    assert bundles == [f"PDF_2026{month:02d}" for month in range(6, 12)]


def test_the_files_are_the_same_each_time(root: Path, tilleuls: World, tmp_path: Path) -> None:
    write_first(tilleuls, tmp_path)

    written = {path.relative_to(root): path.read_bytes() for path in root.rglob("*.*")}
    assert {path.relative_to(tmp_path): path.read_bytes() for path in tmp_path.rglob("*.*")} == written


def test_files_bear_the_time_of_the_night_batch(root: Path) -> None:
    written = datetime.fromtimestamp((root / "contrats/CTR_20261120.csv").stat().st_mtime, UTC)
    assert written == datetime(2026, 11, 20, 2, 30, tzinfo=UTC)


def test_a_later_day_brings_only_what_is_new(tilleuls: World, tmp_path: Path) -> None:
    write_first(tilleuls, tmp_path)
    first = (tmp_path / "compta/ECR_20261120_01.csv").read_bytes()
    later = advance(tilleuls, date(2026, 12, 1))

    write_next(later, tmp_path, since=TODAY)

    fresh = rows_of(tmp_path / "compta/ECR_20261201_01.csv")
    held = {entry.id for entry in tilleuls.ledger()}
    assert {row["NUM_ECR"] for row in fresh} == {entry.id for entry in later.ledger()} - held
    assert (tmp_path / "compta/ECR_20261120_01.csv").read_bytes() == first
    assert len(rows_of(tmp_path / "avis/AVIS_20261201.csv")) == len(later.notices) - len(tilleuls.notices)
    assert (tmp_path / "avis/PDF_202612.zip").exists()
    assert len(rows_of(tmp_path / "contrats/CTR_20261201.csv")) == 20


def test_old_snapshots_go_and_deltas_stay(tilleuls: World, tmp_path: Path) -> None:
    write_first(tilleuls, tmp_path)
    write_next(advance(tilleuls, TODAY + timedelta(days=9)), tmp_path, since=TODAY)

    assert not (tmp_path / "contrats/CTR_20261120.csv").exists()
    assert not (tmp_path / "contrats/CTR_20261120.ctl").exists()
    assert (tmp_path / "contrats/CTR_20261129.csv").exists()
    assert (tmp_path / "compta/ECR_20261120_01.csv").exists()


def test_a_cut_file_ends_in_the_middle_of_a_line(root: Path, tmp_path: Path) -> None:
    whole = (root / "contrats/CTR_20261120.csv").read_bytes()
    path = tmp_path / "CTR.csv"
    path.write_bytes(whole)

    truncate(path)

    assert whole.startswith(path.read_bytes())
    assert 0 < len(path.read_bytes()) < len(whole)
    assert not path.read_bytes().endswith(b"\n")
