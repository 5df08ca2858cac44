from __future__ import annotations

import gzip
import io
import zipfile
from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pytest

from hub.errors import InputRefusedError
from hub.formats import CsvFormat, add_up, disagreement, open_decoded, read_control
from hub.records import Reject
from hub.wire import ArchiveLimits

CONTENT = b"A;B\n1;2\n"


def zipped(*names: str) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in names:
            archive.writestr(name, CONTENT)
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("compression", "content"),
    [("none", CONTENT), ("gzip", gzip.compress(CONTENT)), ("zip", zipped("ECR.csv", "notes.txt"))],
    ids=["none", "gzip", "zip"],
)
def test_a_file_reads_the_same_however_it_is_packed(tmp_path: Path, compression: str, content: bytes) -> None:
    path = tmp_path / "f"
    path.write_bytes(content)
    for source in (path, io.BytesIO(content)):
        with open_decoded(source, compression=compression, member="*.csv") as stream:  # type: ignore[arg-type]
            (rows,) = CsvFormat().read(stream, file="f")
        assert rows.table.to_pylist() == [{"A": "1", "B": "2"}]


@pytest.mark.parametrize("names", [(), ("a.txt",), ("a.csv", "b.csv")])
def test_a_zip_must_hold_exactly_the_file_that_is_looked_for(names: tuple[str, ...]) -> None:
    opening = open_decoded(io.BytesIO(zipped(*names)), compression="zip", member="*.csv", file="n.zip")
    with pytest.raises(InputRefusedError, match=r"n\.zip holds [02] files that match"), opening:
        pass


def test_a_bomb_is_refused_while_it_is_read(tmp_path: Path) -> None:
    path = tmp_path / "bomb.gz"
    path.write_bytes(gzip.compress(b"A;B\n" + b"1;2\n" * 5_000_000))
    limits = ArchiveLimits(max_bytes=1_000_000)
    opening = open_decoded(path, compression="gzip", limits=limits)
    with opening as stream, pytest.raises(InputRefusedError, match=r"bomb\.gz"):
        list(CsvFormat().read(stream, file="bomb.gz"))


def test_a_control_file_gives_numbers_and_texts() -> None:
    content = "# contrôle\nLIGNES=16 220\r\nDEBIT = 1 234 567,89\nCREDIT: -5,1\nDATE=20/11/2026\nSHA256=ab\n\nx\n"
    control = read_control(content.encode("cp1252"))
    assert control.numbers == {"LIGNES": 16220, "DEBIT": Decimal("1234567.89"), "CREDIT": Decimal("-5.1")}
    assert control.texts == {"DATE": "20/11/2026", "SHA256": "ab"}
    assert read_control("T=1 234,5".encode("cp1252").replace(b" ", b"\xa0")).number("T") == Decimal("1234.5")
    assert read_control(b"T=1.234,50\nU=12.5").numbers == {"T": Decimal("1234.50"), "U": Decimal("12.5")}


@pytest.mark.parametrize("said", ["12,5", "-1", "0,01"])
def test_a_number_of_lines_is_whole(said: str) -> None:
    control = read_control(f"LIGNES={said}".encode(), file="a.ctl")
    with pytest.raises(InputRefusedError, match="no number of lines"):
        control.count("LIGNES")


def test_a_control_file_may_begin_with_a_byte_order_mark() -> None:
    assert 12 == read_control(b"\xef\xbb\xbfLIGNES=12\r\n").count("LIGNES")


def test_a_control_file_of_another_shape_is_read_by_a_pattern() -> None:
    control = read_control(b"NB LIGNES 00287 FIN", pattern=r"NB (?P<key>\w+)\s+(?P<value>\d+)")
    assert control.number("LIGNES") == 287


def test_a_control_file_that_lacks_a_key_or_contradicts_itself_is_refused() -> None:
    with pytest.raises(InputRefusedError, match="gives no number 'DEBIT', but LIGNES, DATE"):
        read_control(b"LIGNES=1\nDATE=x").number("DEBIT")
    with pytest.raises(InputRefusedError, match="twice"):
        read_control(b"LIGNES=1\nLIGNES=2")
    with pytest.raises(InputRefusedError, match="too large"):
        read_control(b"x" * 300_000)
    with pytest.raises(InputRefusedError, match="is not utf-8"):
        read_control(b"A=\xe9", encoding="utf-8")


def test_a_column_of_amounts_adds_up_exactly() -> None:
    column = pa.chunked_array([["238,57", None, "1 234,00"], ["-0,10", "+2", "", "abc", "1.000,03"]])
    assert add_up(column) == Decimal("2474.50")
    assert add_up(pa.array(["0.1"] * 10), decimal=".") == 1
    assert add_up(pa.array([], pa.string())) == 0


def test_a_cut_file_is_told_from_its_control_file() -> None:
    control = read_control(b"LIGNES=287\nDEBIT=10,00")
    cut = [Reject("CUT", "…", line=202)]
    assert disagreement(control, rows=287, count_key="LIGNES", sums={"DEBIT": Decimal("10")}) is None
    assert disagreement(control, rows=201, count_key="LIGNES", rejects=cut) == (
        "the control file says 287 lines; the file holds 201 and ends in the middle of line 202"
        " → it was cut in transfer"
    )
    assert disagreement(control, rows=286, count_key="LIGNES") == "the control file says 287 lines; the file holds 286"
    assert disagreement(control, rows=287, count_key="LIGNES", sums={"DEBIT": Decimal("9.5")}) == (
        "the control file says DEBIT = 10.00; the file adds up to 9.5"
    )
    assert disagreement(read_control(b""), rows=3, rejects=cut) == (
        "the file ends in the middle of line 202 → it was cut in transfer"
    )
