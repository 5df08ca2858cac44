"""Headers as landlords write them: other names, other spellings, columns left out."""

from __future__ import annotations

import io

import pytest
from pydantic import ValidationError

from erp_connectors.sftp_files.settings import FileFeed
from hub.errors import InputRefusedError
from hub.formats import CsvFormat, HeaderNames, Rows
from hub.formats.csv_names import folded

FORM = CsvFormat(names=HeaderNames({"contract_id": ("num_contrat", "bail")}, ("floor", "door")))
WANTED = ("contract_id", "floor")


def read(content: str, form: CsvFormat = FORM) -> list[Rows]:
    return list(form.read(io.BytesIO(content.encode()), file="f.csv", columns=WANTED))


@pytest.mark.parametrize("header", ["contract_id", "Bail", "Num\u00a0contrat", "NUM-CONTRAT", " Num Contrat "])
def test_a_column_is_known_by_its_other_names_however_they_are_spelt(header: str) -> None:
    (block,) = read(f"{header};floor\nC1;2\n")
    assert block.table.to_pylist() == [{"contract_id": "C1", "floor": "2"}]


def test_case_accents_and_signs_between_words_do_not_matter() -> None:
    assert folded("Date d\u2019Effet") == folded("DATE_D EFFET") == "date_d_effet"


def test_a_column_the_file_may_lack_holds_nothing() -> None:
    (block,) = read("contract_id;other\nC1;x\nC2;\n")
    assert block.table.to_pydict() == {"contract_id": ["C1", "C2"], "floor": [None, None]}


def test_a_column_the_file_may_lack_is_nothing_in_lines_read_one_by_one_too() -> None:
    blocks = read('contract_id;other\nC1;"two\nlines"\nC2;"x" y\nC3;z\n')
    rows = [row for block in blocks for row in block.table.to_pylist()]
    assert {"contract_id": "C1", "floor": None} in rows


def test_a_column_it_may_not_lack_is_asked_for() -> None:
    with pytest.raises(InputRefusedError, match="the column 'contract_id' is missing"):
        read("reference;floor\nR1;1\n")


def test_two_names_of_one_column_in_one_header_are_refused() -> None:
    with pytest.raises(InputRefusedError, match="two columns are called 'contract_id'"):
        read("num_contrat;bail\nC1;C2\n")


def test_without_other_names_a_header_is_taken_as_it_is_written() -> None:
    with pytest.raises(InputRefusedError, match="'contract_id' is missing"):
        read("CONTRACT_ID;floor\nC1;1\n", CsvFormat())


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"aliases": {"from": ["debut"], "starts_on": ["Début"]}}, "would mean"),
        ({"optional": ["x"], "header": False, "columns": ["x"]}, "for csv files with a header"),
    ],
)
def test_names_that_cannot_be_told_apart_are_refused_when_the_file_is_applied(settings: dict, told: str) -> None:
    with pytest.raises(ValidationError, match=told):
        FileFeed.model_validate({"files": "f.csv", **settings})
