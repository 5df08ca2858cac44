from __future__ import annotations

import io
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hub.errors import InputRefusedError, SettingsError
from hub.formats import FixedColumn, FixedWidthFormat, Rows

COLUMNS = (FixedColumn("ref", 1, 4), FixedColumn("name", 5, 6), FixedColumn("city", 12, 5))


def read(content: bytes, form: FixedWidthFormat, **options: Any) -> Rows:
    (rows,) = form.read(io.BytesIO(content), file="p.txt", **options)
    return rows


def test_cells_are_cut_at_their_places_and_trimmed_on_the_right() -> None:
    rows = read("0001ÉLOÏSE|REIMS\r\n 002      |     \r\n".encode("cp1252"), FixedWidthFormat(COLUMNS, "cp1252"))
    assert rows.table.to_pydict() == {"ref": ["0001", " 002"], "name": ["ÉLOÏSE", None], "city": ["REIMS", None]}
    assert rows.lines.to_pylist() == [1, 2]


def test_places_count_characters_not_bytes() -> None:
    rows = read("000éÉLOÏSE|REIMS\n".encode(), FixedWidthFormat(COLUMNS))
    assert rows.table.to_pylist() == [{"ref": "000é", "name": "ÉLOÏSE", "city": "REIMS"}]


@pytest.mark.parametrize("short_lines", [False, True])
def test_a_return_without_newline_refuses_its_line_and_a_file_of_them_comes_to_an_end(short_lines: bool) -> None:
    form = FixedWidthFormat(COLUMNS, short_lines=short_lines)
    rows = read(b"0001DURAND|PARIS\r\n0002LE\rROY|METZ \r\n0003PETIT |LYON \r\n", form)
    assert rows.table["ref"].to_pylist() == ["0001", "0003"]
    assert [(reject.line, reject.code) for reject in rows.rejects] == [(2, "BAD_ROW")]
    old = read(b"0001DURAND|PARIS\r0002LEROY |METZ \r", form)
    assert [(reject.line, reject.code) for reject in old.rejects] == [(1, "BAD_ROW")]


def test_a_file_cut_within_a_character_was_cut() -> None:
    rows = read("0001DURAND|PARIS\n0002LÉ".encode()[:-1], FixedWidthFormat(COLUMNS))
    assert [(reject.line, reject.code) for reject in rows.rejects] == [(2, "CUT")]


def test_short_lines_are_refused_unless_the_writer_trims_them() -> None:
    content = b"0001DURAND|PARIS\n0002LEROY\n\n0003PETIT |LYON "
    rows = read(content, FixedWidthFormat(COLUMNS))
    assert rows.table["ref"].to_pylist() == ["0001", "0003"]
    assert [(reject.line, reject.code) for reject in rows.rejects] == [(2, "BAD_ROW")]
    trimmed = read(content, FixedWidthFormat(COLUMNS, short_lines=True))
    assert trimmed.table.to_pylist()[1] == {"ref": "0002", "name": "LEROY", "city": None}
    assert trimmed.lines.to_pylist() == [1, 2, 4]


def test_a_last_line_that_breaks_off_is_called_cut() -> None:
    rows = read(b"0001DURAND|PARIS\n0002LER", FixedWidthFormat(COLUMNS))
    assert [(reject.line, reject.code) for reject in rows.rejects] == [(2, "CUT")]


def test_headers_comments_and_bad_bytes_are_set_apart() -> None:
    form = FixedWidthFormat(COLUMNS, "cp1252", skip_lines=1, skip_prefixes=("*",))
    rows = read(b"HEADER\n* comment\n0001DURAND|PARIS\n0002\x81      |PARIS\n0003\x00      |PARIS\n", form)
    assert rows.lines.to_pylist() == [3]
    assert [(reject.line, reject.code) for reject in rows.rejects] == [(4, "BAD_ENCODING"), (5, "NUL_BYTE")]


def test_only_the_wanted_columns_come_and_unknown_ones_are_named() -> None:
    rows = read(b"0001DURAND|PARIS\n", FixedWidthFormat(COLUMNS), columns=["city"])
    assert rows.table.to_pydict() == {"city": ["PARIS"]}
    with pytest.raises(InputRefusedError, match="'town' is missing"):
        read(b"", FixedWidthFormat(COLUMNS), columns=["town"])


@pytest.mark.parametrize(
    "columns",
    [
        (),
        (FixedColumn("a", 0, 3),),
        (FixedColumn("a", 1, 0),),
        (FixedColumn("a", 1, 3), FixedColumn("b", 3, 2)),
        (FixedColumn("a", 1, 3), FixedColumn("a", 4, 2)),
    ],
)
def test_columns_that_cannot_be_are_refused(columns: tuple[FixedColumn, ...]) -> None:
    with pytest.raises(SettingsError):
        FixedWidthFormat(columns)


@settings(max_examples=100, deadline=None)
@given(
    rows=st.lists(st.tuples(*[st.text(st.sampled_from('aéœ 0;"'), max_size=4)] * 3), min_size=1, max_size=30),
    block_bytes=st.integers(16, 200),
)
def test_what_was_written_is_read_back_whatever_the_blocks(rows: list[tuple[str, ...]], block_bytes: int) -> None:
    form = FixedWidthFormat([FixedColumn(name, 1 + 4 * at, 4) for at, name in enumerate("abc")])
    content = "".join("".join(cell.ljust(4) for cell in row) + "\n" for row in rows).encode()
    blocks = list(form.read(io.BytesIO(content), file="f", block_bytes=block_bytes))
    assert [list(row.values()) for block in blocks for row in block.table.to_pylist()] == [
        [cell.rstrip(" ") or None for cell in row] for row in rows
    ]
    assert [line for block in blocks for line in block.lines.to_pylist()] == list(range(1, len(rows) + 1))
