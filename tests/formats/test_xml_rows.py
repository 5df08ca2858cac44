from __future__ import annotations

import io

import pytest

from hub.errors import InputRefusedError, MappingError
from hub.formats import Rows, read_xml

DOCUMENT = b"""<r:Reponse xmlns:r="http://my-company.com/namespace" site="S1"><r:Contrats xmlns="urn:x">
  <Contrat id="C1" x:kind="bail" xmlns:x="urn:y"><Parties>
     <Partie role="T"><Nom>  DURAND
     </Nom></Partie><Partie role="C"><Nom/><Nom>LEROY</Nom></Partie></Parties>
     <Numero>0001</Numero><Adresse><Ville>Reims</Ville><Ville>Paris</Ville></Adresse></Contrat>
  <Contrat id="C2"><Numero>0002</Numero></Contrat>
</r:Contrats></r:Reponse>"""


def read(document: bytes, row_path: str, columns: list[str]) -> list[Rows]:
    return list(read_xml(io.BytesIO(document), row_path, columns, file="reply.xml"))


def test_children_attributes_and_nested_paths_become_columns() -> None:
    (rows,) = read(DOCUMENT, "Contrat", ["@id", "@kind", "Numero", "Adresse/Ville", "Adresse", "Loyer", "../../@site"])
    assert rows.table.to_pydict() == {
        "@id": ["C1", "C2"],
        "@kind": ["bail", None],
        "Numero": ["0001", "0002"],
        "Adresse/Ville": ["Reims", None],
        "Adresse": ["ReimsParis", None],
        "Loyer": [None, None],
        "../../@site": ["S1", "S1"],
    }
    assert rows.lines.to_pylist() == [1, 2]


def test_nested_rows_reach_up_to_what_stands_before_and_after_them() -> None:
    (rows,) = read(DOCUMENT, "Contrat/Parties/Partie", ["@role", "Nom", "../../Numero", "../../@id", "."])
    assert rows.table.to_pylist() == [
        {"@role": "T", "Nom": "DURAND", "../../Numero": "0001", "../../@id": "C1", ".": "DURAND"},
        {"@role": "C", "Nom": None, "../../Numero": "0001", "../../@id": "C1", ".": "LEROY"},
    ]


def test_many_rows_come_in_blocks_with_running_numbers() -> None:
    document = b"<r>" + b"".join(b"<e><n>%d</n></e>" % number for number in range(45_000)) + b"</r>"
    blocks = read(document, "e", ["n"])
    assert [block.table.num_rows for block in blocks] == [20_000, 20_000, 5_000]
    assert [line for block in blocks for line in block.lines.to_pylist()] == list(range(1, 45_001))
    assert blocks[-1].table["n"][-1].as_py() == "44999"


def test_no_row_is_no_block() -> None:
    assert read(b"<r/>", "Contrat", ["Numero"]) == []


@pytest.mark.parametrize("path", ["", "a//b", "a/../b", "@", "a/@b/c", "../a", "..", "../../a"])
def test_a_path_that_cannot_be_followed_is_a_mapping_error(path: str) -> None:
    with pytest.raises(MappingError):
        read(DOCUMENT, "Contrat", [path])


@pytest.mark.parametrize("path", ["", "/", "..", "Contrat/@id", "./Contrat"])
def test_a_row_path_is_made_of_names(path: str) -> None:
    with pytest.raises(MappingError, match="row path"):
        read(DOCUMENT, path, ["@id"])


def test_hostile_or_cut_xml_is_refused_by_file_name() -> None:
    for document in (DOCUMENT[:-30], b"<!DOCTYPE r [<!ENTITY x 'y'>]>" + DOCUMENT, b"<html><br></html>"):
        with pytest.raises(InputRefusedError, match=r"reply\.xml"):
            read(document, "Contrat", ["@id"])


ENTRIES = b"""<Property><Customer><ID>t1</ID><Entries><Charge><Detail><No>1</No><Due>5.00</Due></Detail></Charge>
</Entries><Entries><Payment Type="Check"><Detail><No>1</No></Detail></Payment></Entries>
<Entries><Charge><Detail><No>2</No><Due> 7.50
 </Due></Detail></Charge></Entries><Entries><Charge><Detail><Due/></Detail></Charge></Entries></Customer></Property>"""


def test_a_step_of_the_row_path_may_name_several_elements_and_a_row_knows_which_it_is_in() -> None:
    (rows,) = read(ENTRIES, "Customer/Entries/Charge|Payment/Detail", ["../name()", "../@Type", "No", "../../../ID"])
    assert [tuple(row.values()) for row in rows.table.to_pylist()] == [
        ("Charge", None, "1", "t1"),
        ("Payment", "Check", "1", "t1"),
        ("Charge", None, "2", "t1"),
        ("Charge", None, None, "t1"),
    ]


def test_the_element_that_repeats_may_have_several_names_too() -> None:
    (rows,) = read(b"<a><Unit>1</Unit><unit>2</unit><UNIT>3</UNIT></a>", "Unit|unit", [".", "name()"])
    assert rows.table.to_pydict() == {".": ["1", "2"], "name()": ["Unit", "unit"]}


def test_a_column_may_take_every_match_below_the_row() -> None:
    (rows,) = read(ENTRIES, "Customer", ["ID", "Entries/Charge/Detail/Due[*]", "Entries/Refund/Detail/Due[*]"])
    assert rows.table.to_pylist() == [
        {"ID": "t1", "Entries/Charge/Detail/Due[*]": "5.00\x1f7.50", "Entries/Refund/Detail/Due[*]": None}
    ]


@pytest.mark.parametrize("row_path", ["", "a//..", "Charge|", "a/@b", "a/|"])
def test_a_row_path_that_names_nothing_is_refused(row_path: str) -> None:
    with pytest.raises(MappingError, match="no list of element names"):
        read(ENTRIES, row_path, ["ID"])
