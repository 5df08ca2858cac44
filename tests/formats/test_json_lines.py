from __future__ import annotations

import io

import pytest

from hub.errors import InputRefusedError, MappingError
from hub.formats import read_json_lines


def test_values_are_found_at_dotted_paths_and_numbers_stay_as_written() -> None:
    content = (
        '{"id": 7, "tenant": {"name": "Zoé"}, "amount": 238.50, "lines": [{"code": "LOC"}], "late": true}\n'
        "\n"
        '{"id": "8", "amount": 1e2, "tenant": null, "lines": [], "late": false, "note": ""}\n'
    ).encode()
    columns = ["id", "tenant.name", "amount", "lines.0.code", "late", "note", "tenant"]
    (rows,) = read_json_lines(io.BytesIO(content), columns, file="f.jsonl")
    assert rows.table.to_pydict() == {
        "id": ["7", "8"],
        "tenant.name": ["Zoé", None],
        "amount": ["238.50", "1e2"],
        "lines.0.code": ["LOC", None],
        "late": ["true", "false"],
        "note": [None, None],
        "tenant": ['{"name": "Zoé"}', None],
    }
    assert rows.lines.to_pylist() == [1, 3]


def test_bad_lines_are_set_apart_by_what_is_wrong() -> None:
    content = b'{"a": 1}\nnot json\n[1]\n{"a": "\xe9"}\n{"a": "x\\u0000"}\n' + b"[" * 100_000 + b'\n{"a": 2}\n{"a": 3'
    (rows,) = read_json_lines(io.BytesIO(content), ["a"], file="f.jsonl")
    assert rows.table["a"].to_pylist() == ["1", "2"]
    assert [(reject.line, reject.code) for reject in rows.rejects] == [
        (2, "BAD_ROW"),
        (3, "BAD_ROW"),
        (4, "BAD_ENCODING"),
        (5, "NUL_BYTE"),
        (6, "BAD_ROW"),
        (8, "CUT"),
    ]


def test_lines_stay_exact_across_blocks() -> None:
    content = b"".join(b'{"a": %d}\n' % number for number in range(1_000))
    blocks = list(read_json_lines(io.BytesIO(content), ["a"], file="f.jsonl", block_bytes=100))
    assert len(blocks) > 10
    assert [line for block in blocks for line in block.lines.to_pylist()] == list(range(1, 1_001))
    assert [value for block in blocks for value in block.table["a"].to_pylist()] == [str(n) for n in range(1_000)]


def test_all_matches_of_a_path_are_refused_rather_than_taken_for_none() -> None:
    with pytest.raises(MappingError, match="wants all matches"):
        list(read_json_lines(io.BytesIO(b'{"a": [{"due": "1"}]}\n'), ["a.due[*]"], file="x.jsonl"))


def test_half_a_character_refuses_its_line_by_column_and_a_pair_is_one_character() -> None:
    content = b'{"a": "x\\ud800"}\n{"a": "\\ud83c\\udfe0"}\n{"b": "\\udc00", "a": "1"}\n'
    (rows,) = read_json_lines(io.BytesIO(content), ["a"], file="f.jsonl")
    assert rows.table["a"].to_pylist() == ["\N{HOUSE BUILDING}", "1"]
    assert [(reject.line, reject.code) for reject in rows.rejects] == [(1, "BAD_ENCODING")]
    assert rows.rejects[0].message.startswith("a holds half")


def test_a_file_cut_within_a_character_was_cut() -> None:
    (rows,) = read_json_lines(io.BytesIO('{"a": 1}\n{"a": "é'.encode()[:-1]), ["a"], file="f.jsonl")
    assert [(reject.line, reject.code) for reject in rows.rejects] == [(2, "CUT")]


@pytest.mark.parametrize("document", ['[{"a": 1}, {"a": 2}]', '[\n  {"a": 1},\n  {"a": 2}\n]\n'])
def test_a_list_of_rows_in_one_document_is_refused_by_what_it_is(document: str) -> None:
    with pytest.raises(InputRefusedError, match="is one JSON document"):
        list(read_json_lines(io.BytesIO(document.encode()), ["a"], file="x.jsonl"))
