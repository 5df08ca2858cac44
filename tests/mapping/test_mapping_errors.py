"""A mapping that cannot be compiled says everything that is wrong with it, at once, and where."""

from __future__ import annotations

from typing import Any

import pytest

from hub.errors import MappingError, Where
from hub.mapping import compile_mapping, try_mapping
from hub.records import ContractRecord, LedgerEntryRecord, PartyRecord, PersonRecord, UnitRecord

GOOD: dict[str, Any] = {
    "external_id": "NUM",
    "account_ref": "CPT",
    "posted_on": {"column": "DT", "date": "%d/%m/%Y"},
    "amount": {"debit": "DEBIT", "credit": "CREDIT", "decimal": ","},
    "kind": {"column": "CODE", "codes": {"LOC": "rent"}},
    "label": "LIB",
}


def problem(fields: dict[str, Any], record: type = LedgerEntryRecord, **options: Any) -> str:
    with pytest.raises(MappingError) as caught:
        compile_mapping(record, fields, **options)
    return str(caught.value)


@pytest.mark.parametrize(
    ("target", "rule", "said"),
    [
        ("labl", "LIB", "has no field 'labl' → did you mean 'label'?"),
        ("amount_cents", "MNT", "write amount: a file gives amounts"),
        ("label", {}, "names no source"),
        ("label", 3, "neither a column name nor a table"),
        ("label", {"colum": "LIB"}, 'unknown option "colum" → did you mean "column"?'),
        ("label", {"column": "LIB", "path": "Lib"}, "column and path exclude each other"),
        ("label", {"column": "LIB", "trim": "maybe"}, "trim: Input should be a valid boolean"),
        ("label", {"column": "LIB", "date": "%d"}, "date does not apply to a text"),
        ("label", {"column": "LIB", "regex": "(a"}, "pattern cannot be used: unclosed group"),
        ("label", {"column": "LIB", "regex": "(?=a)"}, "look-around"),
        ("label", {"column": "LIB", "upper": True, "lower": True}, "upper and lower exclude each other"),
        ("label", {"column": "LIB", "replace": {"": "x"}}, "an empty text cannot be replaced"),
        ("label", {"column": "LIB", "codes": {"a": "b"}, "unknown": "other"}, 'it is "quarantine" or "keep"'),
        ("label", {"concat": []}, "concat is empty"),
        ("label", {"concat": [{"colum": "LIB"}]}, 'unknown option "concat.0.colum" → did you mean "column"?'),
        ("label", {"first": ["A", {"column": "B", "regex": "["}]}, "pattern cannot be used"),
        ("label", {"const": 1.5}, 'write amounts as text ("12.50")'),
        ("label", {"const": "a", "codes": {"a": "b"}}, "const excludes codes"),
        ("kind", {"column": "C", "codes": {"LOC": "rents"}}, '"rents" is no kind the hub knows → did you mean "rent"?'),
        ("kind", {"column": "C", "codes": {"L": "rent"}, "unknown": "othr"}, 'did you mean "other"?'),
        ("kind", {"const": "loyer"}, "'loyer' is not one of rent"),
        ("amount", {"column": "M", "debit": "D", "credit": "C"}, "debit and credit exclude column"),
        ("amount", {"debit": "D"}, "credit is missing"),
        ("amount", {"debit": "D", "credit": "C", "flag": "S"}, "exclude flag"),
        ("amount", {"column": "M", "flag": {}}, "names no source"),
        ("amount", {"column": "M", "flag": "S", "debit_values": ["C"]}, "C is both debit and credit"),
        ("amount", {"column": "M", "decimal": ";"}, 'decimal is ";"'),
        ("amount", {"column": "M", "decimal": ",", "thousands": ","}, '"," cannot separate thousands'),
        ("amount", {"const": "1.234"}, "at most two decimal places"),
        ("amount", {"const": "a lot"}, "is no amount"),
        ("posted_on", {"column": "D", "date": "%d %B %Y"}, "%B is not understood"),
        ("posted_on", {"column": "D", "date": "%d/%m"}, "a date needs its year"),
        ("posted_on", {"column": "D", "date": "%m/%y"}, "has no day → add month_start = true or month_end = true"),
        ("posted_on", {"column": "D", "date": []}, "no date format is given"),
        ("posted_on", {"const": "31/12/2020"}, "const:"),
        ("source_sequence", {"column": "N", "multiply": 7}, "multiply is 7"),
        ("source_sequence", {"column": "N", "default": "1"}, "is not a whole number"),
    ],
)
def test_a_wrong_rule_is_named_with_what_to_do(target: str, rule: object, said: str) -> None:
    assert said in problem(GOOD | {target: rule})


def test_a_required_field_without_a_rule_is_named() -> None:
    assert "label is not mapped" in problem({name: rule for name, rule in GOOD.items() if name != "label"})


def test_a_flag_takes_no_option_of_a_date() -> None:
    fields = {"contract_ref": "A", "person_ref": "B", "role": {"const": "holder"}}
    assert "month_end does not apply to a flag" in problem(
        fields | {"is_solidary": {"column": "S", "month_end": True}}, PartyRecord
    )


@pytest.mark.parametrize(
    ("keep", "said"),
    [
        ("STATUT", "keep is not a list"),
        ([{"in": ["a"]}], "names no column"),
        ([{"column": "S"}], "exactly one test"),
        ([{"column": "S", "in": ["a"], "blank": True}], "exactly one test"),
        ([{"column": "S", "matches": "("}], "pattern cannot be used"),
        ([{"column": "S", "is": "a"}], 'unknown option "is" → known are column, path, in, not_in'),
    ],
)
def test_a_wrong_keep_is_named(keep: Any, said: str) -> None:
    assert said in problem(GOOD, keep=keep)


def test_everything_wrong_is_told_at_once_with_file_and_line() -> None:
    lines: dict[tuple[str | int, ...], int] = {
        ("fields",): 20,
        ("fields", "labl"): 31,
        ("fields", "kind", "codes", "LOC"): 33,
    }
    fields = {name: rule for name, rule in GOOD.items() if name != "label"}
    fields |= {"labl": "LIB", "kind": {"column": "C", "codes": {"LOC": "rents"}}}
    mapper, problems = try_mapping(
        LedgerEntryRecord,
        fields,
        where=Where(landlord="cite-des-tilleuls", feed="ledger", file="landlords/cite-des-tilleuls.toml"),
        locate=lambda path: lines.get(path),
    )
    assert mapper is None
    assert [error.where.line for error in problems] == [31, 20, 33]
    assert str(problems[0]) == (
        "cite-des-tilleuls, feed ledger, landlords/cite-des-tilleuls.toml, line 31, field labl: "
        "ledger_entries has no field 'labl' → did you mean 'label'?"
    )
    with pytest.raises(MappingError) as caught:
        compile_mapping(LedgerEntryRecord, fields, locate=lambda path: lines.get(path))
    assert str(caught.value).splitlines()[0] == "3 things are wrong with the mapping"


def test_two_ways_of_writing_one_mapping_have_one_fingerprint() -> None:
    plain = compile_mapping(LedgerEntryRecord, GOOD)
    same = dict(reversed((GOOD | {"label": {"column": "LIB", "trim": True}}).items()))
    other = GOOD | {"kind": {"column": "CODE", "codes": {"LOC": "other"}}}
    assert compile_mapping(LedgerEntryRecord, same).fingerprint == plain.fingerprint
    assert compile_mapping(LedgerEntryRecord, other).fingerprint != plain.fingerprint
    assert compile_mapping(LedgerEntryRecord, GOOD, keep=[{"column": "S", "in": "A"}]).fingerprint != plain.fingerprint


def test_each_source_column_is_listed_once_in_the_order_of_the_records_fields() -> None:
    fields = {"family_name": "NOM", "given_name": {"first": ["../Prenom", "NOM"]}, "external_id": "ID"}
    assert compile_mapping(PersonRecord, fields).columns == ("ID", "../Prenom", "NOM")


def test_the_columns_of_sides_flags_and_conditions_are_read_too() -> None:
    fields = GOOD | {"amount": {"column": "M", "flag": "SENS"}}
    columns = compile_mapping(LedgerEntryRecord, fields, keep=[{"column": "STATUT", "blank": False}]).columns
    assert {"M", "SENS", "STATUT"} <= set(columns)


def test_a_unit_needs_no_more_than_its_required_fields() -> None:
    fields = {"external_id": "A", "site_ref": "B", "kind": {"const": "dwelling"}, "lot_number": "C"}
    assert compile_mapping(UnitRecord, fields).record is UnitRecord
    assert "status is not mapped" in problem(
        {"external_id": "A", "reference": "A", "starts_on": {"const": "2020-01-01"}}, ContractRecord
    )
