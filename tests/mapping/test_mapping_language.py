"""What a landlord can write in `[feeds.X.fields]`, option by option, and what each row becomes."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hub.errors import InputRefusedError, PluginError, Where
from hub.mapping import Mapper, compile_mapping
from hub.records import (
    Batch,
    ContractRecord,
    LedgerEntryRecord,
    PartyRecord,
    PersonRecord,
    SiteRecord,
    UnitRecord,
    check_batch,
)

LEDGER: dict[str, Any] = {
    "external_id": {"column": "NUM"},
    "account_ref": {"const": "A1"},
    "posted_on": {"const": "2018-06-26"},
    "kind": {"const": "rent"},
    "label": {"const": "x"},
    "amount": {"const": 0},
}


def run(mapper: Mapper, **columns: Sequence[str | None]) -> Batch:
    rows = len(next(iter(columns.values())))
    table = pa.table({name: pa.array(values, pa.string()) for name, values in columns.items()})
    return mapper.map(table, lines=pa.array(range(2, rows + 2), pa.int64()), file="F.csv")


def ledger(rule: object, target: str, *values: str | None, **more: Sequence[str | None]) -> Batch:
    """One ledger field mapped by one rule from the column X."""
    mapper = compile_mapping(LedgerEntryRecord, LEDGER | {target: rule}, where=Where(feed="ledger"))
    return run(mapper, NUM=[f"E{place}" for place, _ in enumerate(values)], X=list(values), **more)


def got(batch: Batch, name: str) -> list[object]:
    assert isinstance(batch.rows, pa.Table)
    return batch.rows.column(name).to_pylist()  # type: ignore[no-any-return]


def label(rule: object, *values: str | None) -> list[object]:
    return got(ledger(rule, "label", *values), "label")


# --- the seven lines of the tenant guide -------------------------------------------------------------------------

GUIDE = [
    ("APL 02/18 05/18", "108,20", ""),
    ("LOG 004473 03/18", "", "27,74"),
    ("LOG 004473 04/18", "", "27,74"),
    ("LOG 004473 05/18", "", "27,74"),
    ("LOG 004473 06/18", "238,57 €", ""),
    ("APL 06/18", "", "191,95"),
    ("Chèque bancaire", "", "43,86"),
]


def test_the_tenant_guides_lines_get_their_amounts_lots_and_periods() -> None:
    fields = {
        "external_id": "NUM",
        "account_ref": "CPT",
        "posted_on": {"column": "DT", "date": "%d/%m/%Y"},
        "amount": {"debit": "DEBIT", "credit": "CREDIT", "decimal": ","},
        "kind": {
            "column": "LIB",
            "regex": r"^(\pL+)",
            "codes": {"LOG": "rent", "APL": "housing_aid", "Chèque": "payment_cheque"},
        },
        "label": "LIB",
        "unit_ref": {"column": "LIB", "regex": r"^LOG (\d+)"},
        "period_from": {"column": "LIB", "regex": r"(\d\d/\d\d)", "date": "%m/%y", "month_start": True},
        "period_to": {"column": "LIB", "regex": r"(\d\d/\d\d)$", "date": "%m/%y", "month_end": True},
    }
    batch = run(
        compile_mapping(LedgerEntryRecord, fields),
        NUM=[str(place) for place in range(7)],
        CPT=["  0004711  "] * 7,
        DT=["26/06/2018"] * 6 + ["10/07/2018"],
        LIB=[line[0] for line in GUIDE],
        DEBIT=[line[1] for line in GUIDE],
        CREDIT=[line[2] for line in GUIDE],
    )
    assert batch.rejects == []
    assert got(batch, "amount_cents") == [10820, -2774, -2774, -2774, 23857, -19195, -4386]
    assert got(batch, "account_ref") == ["0004711"] * 7
    assert got(batch, "unit_ref") == [None, "004473", "004473", "004473", "004473", None, None]
    assert got(batch, "erp_code") == ["APL", "LOG", "LOG", "LOG", "LOG", "APL", "Chèque"]
    assert got(batch, "period_from")[0] == date(2018, 2, 1)
    assert got(batch, "period_to")[0] == date(2018, 5, 31)
    assert got(batch, "period_from")[6] is None
    assert check_batch(LedgerEntryRecord, batch).rejects == []


# --- texts ------------------------------------------------------------------------------------------------------


def test_padded_values_are_trimmed_and_blank_is_nothing() -> None:
    batch = ledger("X", "document_ref", " 12\n   ", "\u00a0", None)
    assert got(batch, "document_ref") == ["12", None, None]


@pytest.mark.parametrize(
    ("rule", "value", "expected"),
    [
        ({"column": "X", "squeeze": True}, "a \n\t  b", "a b"),
        ({"column": "X", "upper": True}, "é", "É"),
        ({"column": "X", "lower": True}, "É", "é"),
        ({"column": "X", "replace": {"REGUL": "Régularisation", "_": " "}}, "REGUL_2024", "Régularisation 2024"),
        ({"column": "X", "pad_left": 6}, "4473", "004473"),
        ({"column": "X", "pad_left": 4, "pad_with": "."}, "7", "...7"),
        ({"column": "X", "regex": r"\d+"}, "LOG 12 x", "12"),
        ({"column": "X", "regex": r"(\w+) (\w+)"}, "LOG 12", "LOG"),
        ({"column": "X", "regex": r"(\w+) (?P<value>\w+)"}, "LOG 12", "12"),
        ({"path": "X"}, "v", "v"),
        ({"concat": [{"column": "X"}, " - ", {"column": "X", "lower": True}]}, "A", "A - a"),
        ({"first": [{"column": "NOWHERE"}, "X"]}, "v", "v"),
        ({"first": [{"column": "X", "null": ["?"]}, {"const": "none"}]}, "?", "none"),
        ({"column": "X", "null": "-", "default": "Sans libellé"}, "-", "Sans libellé"),
        ({"column": "X", "codes": {"V": "Virement"}, "unknown": "keep"}, "V", "Virement"),
        ({"column": "X", "codes": {"V": "Virement"}, "unknown": "keep"}, "W", "W"),
    ],
)
def test_a_text_is_tidied_as_asked(rule: object, value: str, expected: str) -> None:
    mapper = compile_mapping(LedgerEntryRecord, LEDGER | {"label": rule})
    assert got(run(mapper, NUM=["1"], X=[value], NOWHERE=[None]), "label") == [expected]


def test_gluing_gives_nothing_when_a_part_is_blank_unless_asked_to_skip_it() -> None:
    parts = [{"column": "X"}, "/", {"column": "NUM"}]
    assert got(ledger({"concat": parts}, "document_ref", "", "a"), "document_ref") == [None, "a/E1"]
    skipping = {"concat": [{"column": "NUM"}, {"column": "X"}], "skip_blank": True}
    assert got(ledger(skipping, "document_ref", "", "a"), "document_ref") == ["E0", "E1a"]


def test_a_column_may_be_called_like_a_pattern() -> None:
    mapper = compile_mapping(LedgerEntryRecord, LEDGER | {"label": "^.*$", "document_ref": "*"})
    batch = run(mapper, **{"NUM": ["1"], "^.*$": ["a"], "*": ["b"]})
    assert (got(batch, "label"), got(batch, "document_ref")) == (["a"], ["b"])


# --- amounts ----------------------------------------------------------------------------------------------------

COMMA = {"column": "X", "decimal": ","}


@pytest.mark.parametrize(
    ("rule", "text", "cents"),
    [
        ("X", "238.57", 23857),
        ("X", "-238.57", -23857),
        ("X", "+5", 500),
        ("X", "238.57-", -23857),
        ("X", "(238.57)", -23857),
        ("X", "\u2212238.57", -23857),
        ("X", ".5", 50),
        ("X", "-.50", -50),
        ("X", "5.", 500),
        ("X", "12.3400", 1234),
        ("X", "£1.20", 120),
        ("X", "EUR 1.20", 120),
        ("X", "-0.00", 0),
        (COMMA, "1 238,57 €", 123857),
        (COMMA, "1\u00a0238,57", 123857),
        (COMMA, "1\u202f238\u202f000,5", 123800050),
        (COMMA, "- 27,74", -2774),
        ({"column": "X", "decimal": ",", "thousands": ["."]}, "1.238,57", 123857),
        ({"column": "X", "thousands": [",", "'"]}, "1'238,000.57", 123800057),
        ({"column": "X", "negate": True}, "10", -1000),
    ],
)
def test_an_amount_is_read_exactly(rule: object, text: str, cents: int) -> None:
    batch = ledger(rule, "amount", text)
    assert (batch.rejects, got(batch, "amount_cents")) == ([], [cents])


@pytest.mark.parametrize(
    ("rule", "text"),
    [
        ("X", "1.234"),
        ("X", ".234"),
        ("X", "1,50"),
        ("X", "1 000.00"),
        ("X", "1e3"),
        ("X", "."),
        ("X", "-"),
        ("X", "--1"),
        ("X", "-1-"),
        ("X", "(1"),
        ("X", "٣"),
        ("X", "1.2.3"),
        ("X", "99999999999999999999"),
        (COMMA, "12.50"),
        (COMMA, "12 34,00"),
        (COMMA, "1 2345,00"),
        ({"column": "X", "decimal": ",", "thousands": ["."]}, "12.50"),
    ],
)
def test_what_is_not_surely_an_amount_is_refused(rule: object, text: str) -> None:
    (reject,) = ledger(rule, "amount", text).rejects
    assert (reject.code, reject.field, reject.excerpt, reject.line) == ("BAD_AMOUNT", "amount_cents", text, 2)
    assert "[feeds.ledger.fields.amount].decimal" in reject.message


@settings(max_examples=200, deadline=None)
@given(st.sampled_from(".,"), st.lists(st.text("0123456789-+(). ,€", max_size=9), min_size=1, max_size=20))
def test_amounts_agree_with_exact_decimal_arithmetic(decimal: str, texts: list[str]) -> None:
    batch = ledger({"column": "X", "decimal": decimal, "default": "0"}, "amount", *texts)
    refused = {reject.line for reject in batch.rejects}
    read = [text for place, text in enumerate(texts) if place + 2 not in refused]
    assert got(batch, "amount_cents") == [int(oracle(text, decimal) * 100) for text in read]


@settings(max_examples=100, deadline=None)
@given(st.integers(-(10**12), 10**12))
def test_an_amount_as_a_person_writes_it_is_never_refused(cents: int) -> None:
    french = f"{abs(cents) // 100:,}".replace(",", "\u00a0") + f",{abs(cents) % 100:02} €"
    batch = ledger(COMMA, "amount", ("-" if cents < 0 else "") + french)
    assert (batch.rejects, got(batch, "amount_cents")) == ([], [cents])


def oracle(text: str, decimal: str) -> Decimal:
    bare = text.strip().replace("€", "").replace(" ", "").replace(decimal, ".")
    minus = bare[:1] in ("-", "(") or bare[-1:] == "-"
    return Decimal(bare.strip("-+()") or "0") * (-1 if minus else 1)


def test_debit_less_credit_is_the_amount_and_neither_is_missing() -> None:
    rule = {"debit": "X", "credit": "CREDIT", "decimal": ","}
    batch = ledger(rule, "amount", "10,00", "", "0,00", "", "x", CREDIT=["", "3,50", "3,50", " ", ""])
    assert got(batch, "amount_cents") == [1000, -350, -350]
    assert [(reject.code, reject.line) for reject in batch.rejects] == [("MISSING", 5), ("BAD_AMOUNT", 6)]
    assert batch.rejects[0].message.startswith("X and CREDIT is blank")


def test_a_flag_column_gives_the_sign_and_a_strange_flag_is_refused() -> None:
    rule = {"column": "X", "flag": "SENS", "debit_values": ["D", "DEB"], "credit_values": "C"}
    batch = ledger(rule, "amount", "1", "2", "3", "4", SENS=["D", "C", "Q", None])
    assert got(batch, "amount_cents") == [100, -200]
    assert [reject.message.split(" → ")[0] for reject in batch.rejects] == [
        'SENS "Q" says neither debit nor credit',
        'SENS "" says neither debit nor credit',
    ]


def test_areas_in_square_metres_become_whole_square_decimetres() -> None:
    fields = {"external_id": "X", "site_ref": "X", "kind": {"const": "dwelling"}, "lot_number": "X"}
    area = {"column": "M2", "decimal": ",", "multiply": 100}
    batch = run(compile_mapping(UnitRecord, fields | {"area_dm2": area}), X=["a", "b", "c"], M2=["65,3", "", "1,005"])
    assert got(batch, "area_dm2") == [6530, None]
    assert [reject.code for reject in batch.rejects] == ["BAD_NUMBER"]


# --- dates ------------------------------------------------------------------------------------------------------


def test_null_sentinels_are_no_dates_and_impossible_dates_are_refused() -> None:
    rule = {"column": "X", "date": "%d/%m/%Y", "null": ["00/00/0000", "01/01/0001"]}
    batch = ledger(rule, "value_on", "26/06/2018", "00/00/0000", "", "31/02/2018", "1/7/2018", "26/06/18")
    assert got(batch, "value_on") == [date(2018, 6, 26), None, None, date(2018, 7, 1)]
    assert [(reject.code, reject.excerpt) for reject in batch.rejects] == [
        ("BAD_DATE", "31/02/2018"),
        ("BAD_DATE", "26/06/18"),
    ]


@pytest.mark.parametrize(
    ("form", "text", "expected"),
    [
        (["%Y-%m-%d", "%d-%m-%Y"], "04-04-2013", date(2013, 4, 4)),
        ("%Y%m%d", "20260201", date(2026, 2, 1)),
        ("%d%m%y", "010226", date(2026, 2, 1)),
        ("%Y-%m-%dT%H:%M:%S", "2011-03-21T00:00:00", date(2011, 3, 21)),
        ("%Y%j", "2026032", date(2026, 2, 1)),
    ],
)
def test_dates_come_in_many_forms(form: object, text: str, expected: date) -> None:
    assert got(ledger({"column": "X", "date": form}, "value_on", text), "value_on") == [expected]


@pytest.mark.parametrize(("form", "text"), [("%Y%m%d", "2026021"), ("%d/%m/%Y", "01/02/12026"), ("%d/%m/%Y", "1/2/26")])
def test_no_digit_of_a_date_is_guessed(form: str, text: str) -> None:
    assert [reject.code for reject in ledger({"column": "X", "date": form}, "value_on", text).rejects] == ["BAD_DATE"]


# --- kinds and flags --------------------------------------------------------------------------------------------

CODES = {"column": "X", "codes": {"LOC": "rent", "APL": "housing_aid"}}


def test_an_unknown_code_names_the_table_to_mend() -> None:
    batch = ledger(CODES, "kind", "LOC", "RGL2", " APL ")
    assert (got(batch, "kind"), got(batch, "erp_code")) == (["rent", "housing_aid"], ["LOC", "APL"])
    (reject,) = batch.rejects
    assert reject.message == 'X "RGL2" is in no code table → add it to [feeds.ledger.fields.kind].codes'
    assert (reject.code, reject.line, reject.file, reject.field) == ("UNKNOWN_CODE", 3, "F.csv", "kind")
    assert isinstance(batch.lines, pa.Array)
    assert batch.lines.to_pylist() == [2, 4]


def test_an_unknown_code_may_be_given_a_kind_and_keeps_its_own_name() -> None:
    batch = ledger(CODES | {"unknown": "other"}, "kind", "RGL2")
    assert (got(batch, "kind"), got(batch, "erp_code")) == (["other"], ["RGL2"])


def test_a_column_may_hold_our_kinds_already() -> None:
    batch = ledger("X", "kind", "rent", "loyer")
    assert got(batch, "kind") == ["rent"]
    assert "codes = { … }" in batch.rejects[0].message


def test_a_mapped_erp_code_is_the_landlords_own() -> None:
    mapper = compile_mapping(LedgerEntryRecord, LEDGER | {"kind": CODES, "erp_code": "NUM"})
    assert got(run(mapper, NUM=["9"], X=["LOC"]), "erp_code") == ["9"]


def test_flags_are_read_by_their_values_and_default_when_blank() -> None:
    fields = {"contract_ref": "X", "person_ref": "X", "role": {"const": "holder"}}
    rule = {"column": "F", "true_values": ["O"], "false_values": ["N"]}
    mapper = compile_mapping(PartyRecord, fields | {"is_solidary": rule})
    checked = check_batch(PartyRecord, run(mapper, X=["a", "b", "c", "d"], F=["o", "N", "", "?"]))
    assert checked.table.column("is_solidary").to_pylist() == [True, False, False]
    assert [reject.code for reject in checked.rejects] == ["BAD_FLAG"]


# --- rows -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("condition", "ids"),
    [
        ({"column": "X", "in": ["ACT", "SOR"]}, ["0", "1"]),
        ({"column": "X", "not_in": "ACT"}, ["1", "2", "3"]),
        ({"column": "X", "matches": "^.{3}$"}, ["0", "1", "2"]),
        ({"path": "X", "blank": True}, ["3"]),
        ({"column": "X", "blank": False}, ["0", "1", "2"]),
    ],
)
def test_only_the_rows_asked_for_are_kept_and_the_others_counted(condition: object, ids: list[str]) -> None:
    mapper = compile_mapping(LedgerEntryRecord, LEDGER, keep=[condition])
    batch = run(mapper, NUM=["0", "1", "2", "3"], X=["ACT ", "SOR", "FUT", None])
    assert (got(batch, "external_id"), batch.skipped, batch.rejects) == (ids, 4 - len(ids), [])


def test_a_row_that_is_not_kept_is_never_refused() -> None:
    mapper = compile_mapping(LedgerEntryRecord, LEDGER | {"amount": "NUM"}, keep=[{"column": "X", "in": ["y"]}])
    assert run(mapper, NUM=["broken"], X=["n"]).rejects == []


def test_a_row_with_several_faults_is_one_reject_by_the_first_field() -> None:
    mapper = compile_mapping(LedgerEntryRecord, {"amount": "X"} | LEDGER | {"posted_on": "X", "amount": "X"})
    assert [reject.field for reject in run(mapper, NUM=["1"], X=["?"]).rejects] == ["posted_on"]


def test_a_blank_required_value_is_missing() -> None:
    (reject,) = run(compile_mapping(LedgerEntryRecord, LEDGER), NUM=[""]).rejects
    assert (reject.code, reject.field) == ("MISSING", "external_id")
    assert reject.message.startswith("NUM is blank, and external_id is required")


def test_a_persons_value_never_reaches_a_message() -> None:
    fields = {"external_id": "ID", "family_name": "NOM", "birth_date": {"column": "NE", "date": "%d/%m/%Y"}}
    (reject,) = run(compile_mapping(PersonRecord, fields), ID=["P"], NOM=["Hugo"], NE=["26/02/1802x"]).rejects
    assert reject.excerpt == "99/99/9999x"
    assert "1802" not in repr(reject)


def test_a_missing_column_refuses_the_file_and_names_the_closest() -> None:
    mapper = compile_mapping(ContractRecord, _contract("STATUS"))
    with pytest.raises(InputRefusedError, match=r"there is no column 'STATUS'.*did you mean 'STATUT'"):
        run(mapper, REF=["1"], STATUT=["x"])


def test_a_column_that_is_only_somewhat_alike_is_not_guessed() -> None:
    with pytest.raises(InputRefusedError, match="has the file's layout changed"):
        run(compile_mapping(ContractRecord, _contract("ETAT")), REF=["1"], STATUT=["x"], LIB_ETAT=["y"])


def test_a_column_of_numbers_is_the_plugins_fault() -> None:
    mapper = compile_mapping(LedgerEntryRecord, LEDGER)
    with pytest.raises(PluginError, match="column 'NUM' comes as Float64"):
        mapper.map(pa.table({"NUM": [1.5]}), lines=pa.array([1]))


def test_an_empty_table_and_a_column_without_values_are_fine() -> None:
    mapper = compile_mapping(SiteRecord, {"external_id": "A", "name": "A", "line1": "B"})
    empty = mapper.map(pa.table({"A": pa.array([], pa.string()), "B": pa.nulls(0)}), lines=pa.array([], pa.int64()))
    assert len(empty.rows) == 0
    assert got(run(mapper, A=["x"], B=[None]), "line1") == [None]


def _contract(status: str) -> dict[str, Any]:
    return {
        "external_id": "REF",
        "reference": "REF",
        "status": {"column": status, "codes": {"x": "current"}},
        "starts_on": {"const": "2020-01-01"},
    }
