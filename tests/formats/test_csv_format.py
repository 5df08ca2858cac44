from __future__ import annotations

import csv
import io
import subprocess
import sys
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hub.errors import InputRefusedError, SettingsError
from hub.formats import CsvFormat, Rows
from hub.formats import csv as csv_module

PLAIN = CsvFormat(encoding="utf-8")


def read(content: bytes, form: CsvFormat = PLAIN, **options: Any) -> list[Rows]:
    return list(form.read(io.BytesIO(content), file="f.csv", **options))


def rows_of(blocks: list[Rows]) -> list[tuple[int, list[str | None]]]:
    """Every row with its line."""
    return [
        (line, list(row.values()))
        for block in blocks
        for line, row in zip(block.lines.to_pylist(), block.table.to_pylist(), strict=True)
    ]


def rejects_of(blocks: list[Rows]) -> list[tuple[int | None, str]]:
    return [(reject.line, reject.code) for block in blocks for reject in block.rejects]


def test_rows_come_as_nullable_text_columns_with_their_lines() -> None:
    (block,) = read("N°;Nom;Montant\r\n1;Éloïse;238,57\r\n\r\n2;;-0,5\r\n".encode())
    assert block.table.to_pydict() == {"N°": ["1", "2"], "Nom": ["Éloïse", None], "Montant": ["238,57", "-0,5"]}
    assert [str(kind) for kind in block.table.schema.types] == ["string"] * 3
    assert block.lines.to_pylist() == [2, 4]
    assert (block.file, block.rejects) == ("f.csv", [])


def test_quotes_hold_delimiters_quotes_and_newlines_and_lines_stay_exact() -> None:
    blocks = read(b'A;B\n"x;y";"say ""hi"""\n"two\nlines";1\n"";z\n')
    assert rows_of(blocks) == [(2, ["x;y", 'say "hi"']), (3, ["two\nlines", "1"]), (5, [None, "z"])]


def test_quotes_that_stand_inside_a_cell_are_letters() -> None:
    content = b'A;B\nAppt 3" gauche;1\n "x";2\n"whole";3\n'
    assert rows_of(read(content)) == [(2, ['Appt 3" gauche', "1"]), (3, [' "x"', "2"]), (4, ["whole", "3"])]


def test_without_a_quote_character_quotes_are_letters() -> None:
    assert rows_of(read(b'A;B\n"x;y"\n', CsvFormat(quote=None))) == [(2, ['"x', 'y"'])]


def test_columns_by_position_need_no_header() -> None:
    form = CsvFormat(header=["A", "B"], delimiter="\t")
    assert rows_of(read(b"1\t2\n3\t4", form)) == [(1, ["1", "2"]), (2, ["3", "4"])]


def test_leading_lines_comments_and_trailers_are_skipped() -> None:
    form = CsvFormat(skip_lines=2, skip_prefixes=("#", "FIN;"))
    content = b"Export\n\n# made at noon\nA;B\n1;2\n# half\n3;4\nFIN;2\n"
    assert rows_of(read(content, form)) == [(5, ["1", "2"]), (7, ["3", "4"])]
    assert rejects_of(read(content, form)) == []


def test_only_the_wanted_columns_come_in_the_wanted_order() -> None:
    (block,) = read(b"A;B;C\n1;2;3\n", columns=["C", "A"])
    assert block.table.to_pydict() == {"C": ["3"], "A": ["1"]}


def test_a_missing_column_names_those_found_and_the_closest() -> None:
    with pytest.raises(
        InputRefusedError, match=r"'Montant TTC' is missing; the file has 'Nom', 'MONTANT_TTC'"
    ) as caught:
        read(b"Nom;MONTANT_TTC\n", columns=["Nom", "Montant TTC"])
    assert "did you mean 'MONTANT_TTC'" in caught.value.hint
    assert (caught.value.where.file, caught.value.where.field) == ("f.csv", "Montant TTC")


def test_a_renamed_column_is_not_guessed_from_one_that_is_only_somewhat_alike() -> None:
    with pytest.raises(InputRefusedError) as caught:
        read(b"CTR;STATUT;LIB_ETAT\n", columns=["CTR", "ETAT"])
    assert "did you mean" not in caught.value.hint


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "the file is empty"),
        (b"\n\n", "the file is empty"),
        (b"A;B;A\n", "two columns are called 'A'"),
        (b'A;"B\n1;2\n', "quotes of the header"),
        ("A;B\n".encode("utf-16"), "the file is in UTF-16"),
        (b"A;B\n" + b"x" * 1_200_000, "longer than 1,048,576 bytes"),
    ],
)
def test_a_file_that_cannot_be_read_at_all_is_refused(content: bytes, message: str) -> None:
    with pytest.raises(InputRefusedError, match=message) as caught:
        read(content, block_bytes=4096)
    assert caught.value.where.file == "f.csv"


def test_a_header_alone_is_no_error_and_no_rows() -> None:
    assert read(b"A;B\n") == read(b"A;B") == []


def test_a_byte_order_mark_is_dropped_and_contradicts_another_encoding() -> None:
    content = b"\xef\xbb\xbfA;B\n1;2\n"
    for encoding in ("utf-8", "utf-8-sig"):
        assert read(content, CsvFormat(encoding=encoding))[0].table.column_names == ["A", "B"]
    with pytest.raises(InputRefusedError, match="in UTF-8, not in cp1252"):
        read(content, CsvFormat(encoding="cp1252"))


@pytest.mark.parametrize("encoding", ["utf-8", "latin-1", "cp1252", "ISO-8859-1", "windows-1252"])
def test_accents_survive_each_encoding(encoding: str) -> None:
    content = "Prénom;Ville\nZoé;Bézanne\n".encode(encoding)
    assert read(content, CsvFormat(encoding=encoding))[0].table.to_pylist() == [{"Prénom": "Zoé", "Ville": "Bézanne"}]


def test_undecodable_bytes_and_nul_refuse_their_row_alone() -> None:
    blocks = read(b"A;B\n1;ok\n2;\x81\n3;\x00\n4;ok\n", CsvFormat(encoding="cp1252"))
    assert rows_of(blocks) == [(2, ["1", "ok"]), (5, ["4", "ok"])]
    assert rejects_of(blocks) == [(3, "BAD_ENCODING"), (4, "NUL_BYTE")]
    assert rejects_of(read(b"A;B\n1;\xe9t\xe9\n2;\xc3\xa9\n3;\xc3\n")) == [(2, "BAD_ENCODING"), (4, "BAD_ENCODING")]


def test_a_row_with_the_wrong_number_of_cells_refuses_itself_alone() -> None:
    blocks = read(b"A;B\n1;2;3\n4;5\n6\n7;8\n")
    assert rows_of(blocks) == [(3, ["4", "5"]), (5, ["7", "8"])]
    assert [(r.line, r.code, r.message[:36]) for r in blocks[0].rejects] == [
        (2, "BAD_ROW", "the line has 3 columns instead of 2:"),
        (4, "BAD_ROW", "the line has 1 columns instead of 2:"),
    ]


@pytest.mark.parametrize(
    ("tail", "expected"),
    [
        (b"3;4", []),
        (b"3", [(3, "CUT")]),
        (b'3;"4', [(3, "CUT")]),
        (b"3\n", [(3, "BAD_ROW")]),
        (b'3;"4\n', [(3, "BAD_QUOTE")]),
    ],
)
def test_a_file_that_ends_in_the_middle_of_a_row_says_so(tail: bytes, expected: list[tuple[int, str]]) -> None:
    blocks = read(b"A;B\n1;2\n" + tail)
    assert rejects_of(blocks) == expected
    assert rows_of(blocks)[0] == (2, ["1", "2"])


def test_a_stray_quote_does_not_swallow_the_rows_after_it() -> None:
    content = b'A;B\n1;"open\n2;b\n3;"c"\n4;d\n'
    blocks = read(content)
    assert rejects_of(blocks) == [(2, "BAD_QUOTE")]
    assert rows_of(blocks) == [(3, ["2", "b"]), (4, ["3", "c"]), (5, ["4", "d"])]


def test_an_open_quote_is_given_up_after_a_megabyte_and_the_rest_is_read() -> None:
    content = b'A;B\n1;"open\n' + b"2;b\n" * 300_000
    blocks = read(content, block_bytes=600_000)
    assert rejects_of(blocks) == [(2, "BAD_QUOTE")]
    assert sum(block.table.num_rows for block in blocks) == 300_000
    assert blocks[-1].lines[-1].as_py() == 300_002


def test_a_file_cut_within_a_character_was_cut() -> None:
    for quoted in ("", '"a"b'):
        blocks = read(f"A;B\n1;{quoted}x\n2;é".encode()[:-1])
        assert (3, "CUT") in rejects_of(blocks)


def test_a_block_of_nothing_but_bad_rows_comes_in_parts_so_that_it_can_be_given_up() -> None:
    content = b"A;B\n" + b'"a"b\n' * 50_000
    first = next(PLAIN.read(io.BytesIO(content), file="f.csv"))
    assert [20_000, 2, 20_001] == [len(first.rejects), first.rejects[0].line, first.rejects[-1].line]
    assert list(range(2, 50_002)) == [line for line, _ in rejects_of(read(content))]


def test_a_long_file_comes_in_blocks_of_20_000_rows_in_order() -> None:
    content = b"A;B\n" + b"".join(b"%d;x\n" % number for number in range(100_000))
    blocks = read(content)
    assert max(block.table.num_rows for block in blocks) <= 20_000
    assert [line for block in blocks for line in block.lines.to_pylist()] == list(range(2, 100_002))
    assert [value for block in blocks for value in block.table["A"].to_pylist()] == [str(n) for n in range(100_000)]


@pytest.mark.parametrize(
    "options",
    [
        {"delimiter": ";;"},
        {"delimiter": "é"},
        {"delimiter": "\n"},
        {"quote": ";"},
        {"quote": ""},
        {"encoding": "utf-16"},
        {"encoding": "nonsense"},
        {"header": False},
    ],
)
def test_a_format_that_cannot_be_is_refused_at_once(options: dict[str, Any]) -> None:
    with pytest.raises(SettingsError):
        CsvFormat(**options)


@pytest.mark.skipif(sys.platform != "linux", reason="reads the peak of memory from /proc")
def test_a_million_lines_stream_in_bounded_memory() -> None:
    script = """
from pathlib import Path
from hub.formats import CsvFormat

class Stream:
    left = 1_000
    def read(self, size=-1):
        self.left -= 1
        return ROW * 1_000 if self.left >= 0 else b""

ROW = '"123456";"0044731";12/07/2026;LOC;"LOG ""004473"" 06/26";238,57;;Chaussée\\n'.encode("cp1252")
form = CsvFormat(encoding="cp1252", header=list("ABCDEFGH"))
print(sum(rows.table.num_rows for rows in form.read(Stream(), file="f")))
status = Path("/proc/self/status").read_text()
print(int(status.partition("VmHWM:")[2].split()[0]) // 1024)
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    rows, megabytes = map(int, done.stdout.split())
    assert rows == 1_000_000
    assert megabytes < 256


CELL = st.text(st.sampled_from("aé€;\"'\n\r ,0#"), max_size=6)


@settings(max_examples=300, deadline=None)
@given(
    rows=st.integers(1, 4).flatmap(lambda n: st.lists(st.lists(CELL, min_size=n, max_size=n), min_size=1, max_size=12)),
    quoting=st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL]),
    newline=st.sampled_from(["\n", "\r\n"]),
    encoding=st.sampled_from(["utf-8", "cp1252"]),
    block_bytes=st.integers(16, 400),
)
def test_what_a_csv_writer_wrote_is_read_back_with_exact_lines(
    rows: list[list[str]], quoting: Any, newline: str, encoding: str, block_bytes: int
) -> None:
    buffer = io.StringIO(newline="")
    if any("\r" in cell for row in rows for cell in row):
        quoting = csv.QUOTE_ALL  # the writer leaves a lone return bare, which nobody could tell from a line's end
    writer = csv.writer(buffer, delimiter=";", quoting=quoting, lineterminator=newline)
    expected = []
    for row in rows:
        expected.append((buffer.getvalue().count("\n") + 1, [cell or None for cell in row]))
        writer.writerow(row)
    form = CsvFormat(encoding=encoding, header=[str(n) for n in range(len(rows[0]))])
    blocks = read(buffer.getvalue().encode(encoding), form, block_bytes=block_bytes)
    assert rows_of(blocks) == expected
    assert rejects_of(blocks) == []


@settings(max_examples=500, deadline=None)
@given(
    content=st.lists(st.sampled_from(list(b'a;;""\n\n\r \xe9\x00#')), max_size=60).map(bytes), size=st.integers(16, 80)
)
def test_the_columnar_and_the_row_by_row_way_agree_on_any_bytes(content: bytes, size: int) -> None:
    form = CsvFormat(header=["A", "B"], skip_prefixes=("#",))
    fast = read(content, form)
    small = read(content, form, block_bytes=size)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(csv_module, "lay_out", lambda *_: None)
        slow = read(content, form)
    assert rows_of(fast) == rows_of(slow) == rows_of(small)
    assert rejects_of(fast) == rejects_of(slow) == rejects_of(small)
