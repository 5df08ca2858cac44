"""Every batch a connector yields passes one gate: what the gate lets through and what it says of the rest."""

from __future__ import annotations

from datetime import date
from typing import Any

import pyarrow as pa
import pytest

from hub.domain.kinds import EntryKind
from hub.errors import PluginError
from hub.records import (
    Batch,
    CheckedBatch,
    ContractRecord,
    LedgerEntryRecord,
    PersonRecord,
    Reject,
    SiteRecord,
    arrow_schema,
    check_batch,
    to_table,
)


def ledger(**changes: list[Any]) -> pa.Table:
    columns: dict[str, list[Any]] = {
        "external_id": ["E1", "E2"],
        "account_ref": ["A1", "A1"],
        "posted_on": [date(2018, 6, 26), date(2018, 7, 10)],
        "kind": ["rent", "payment_cheque"],
        "label": ["LOG 004473 06/18", "Chèque bancaire"],
        "amount_cents": [23857, -4386],
    }
    columns |= changes
    schema = arrow_schema(LedgerEntryRecord)
    return pa.table({name: pa.array(values, schema.field(name).type) for name, values in columns.items()})


def numbers(checked: CheckedBatch) -> list[int]:
    assert checked.lines is not None
    return checked.lines.to_pylist()  # type: ignore[no-any-return]


def only_reject(record: type, batch: Batch) -> Reject:
    (reject,) = check_batch(record, batch).rejects
    return reject


def test_a_good_table_passes_with_its_whole_schema_and_its_defaults() -> None:
    checked = check_batch(LedgerEntryRecord, Batch(ledger(), lines=[2, 3], cursor="c", file="ECR.csv"))
    assert checked.table.schema == arrow_schema(LedgerEntryRecord)
    assert checked.table.column("source_sequence").to_pylist() == [0, 0]
    assert checked.table.column("unit_ref").to_pylist() == [None, None]
    assert (checked.rejects, numbers(checked), checked.cursor) == ([], [2, 3], "c")


def test_a_null_where_a_field_has_a_default_takes_the_default() -> None:
    sites = pa.table({"external_id": ["S1"], "name": ["Les Tilleuls"], "kind": pa.array([None], pa.string())})
    assert check_batch(SiteRecord, Batch(sites)).table.column("kind").to_pylist() == ["site"]


@pytest.mark.parametrize(
    ("changes", "code", "field"),
    [
        ({"label": [None, "x"]}, "MISSING", "label"),
        ({"label": ["y" * 301, "x"]}, "TOO_LONG", "label"),
        ({"label": ["a\x00b", "x"]}, "BAD_TEXT", "label"),
        ({"label": ["", "x"]}, "BAD_TEXT", "label"),
        ({"label": ["x\u00a0", "x"]}, "BAD_TEXT", "label"),
        ({"kind": ["loyer", "rent"]}, "BAD_KIND", "kind"),
        ({"amount_cents": [10**13, 1]}, "OUT_OF_RANGE", "amount_cents"),
        ({"posted_on": [date(1, 1, 1), date(2018, 1, 1)]}, "OUT_OF_RANGE", "posted_on"),
        (
            {"period_from": [date(2018, 6, 2), None], "period_to": [date(2018, 6, 1), None]},
            "DATES_OUT_OF_ORDER",
            "period_from",
        ),
    ],
)
def test_a_bad_row_is_one_reject_and_the_good_row_stays(changes: dict[str, list[Any]], code: str, field: str) -> None:
    checked = check_batch(LedgerEntryRecord, Batch(ledger(**changes), lines=[7, 8], file="ECR.csv"))
    (reject,) = checked.rejects
    assert (reject.code, reject.field, reject.line, reject.file) == (code, field, 7, "ECR.csv")
    assert checked.table.column("external_id").to_pylist() == ["E2"]
    assert numbers(checked) == [8]


def test_a_row_with_several_faults_is_still_one_reject() -> None:
    batch = Batch(ledger(label=[None, "x"], kind=["?", "rent"], amount_cents=[10**15, 1]))
    assert only_reject(LedgerEntryRecord, batch).field == "kind"


def test_a_persons_name_is_outlined_in_the_reject() -> None:
    people = pa.table({"external_id": ["P1"], "family_name": ["Le Goff "]})
    reject = only_reject(PersonRecord, Batch(people))
    assert reject.excerpt == "Xx Xxxx "
    assert "Goff" not in repr(reject)


def test_a_birth_date_is_outlined_in_the_reject() -> None:
    people = pa.table(
        {"external_id": ["P1"], "family_name": ["Goff"], "birth_date": pa.array([date(1802, 2, 26)], pa.date32())}
    )
    assert only_reject(PersonRecord, Batch(people)).excerpt == "9999-99-99"


def test_an_iban_in_a_label_is_outlined_in_the_reject() -> None:
    reject = only_reject(LedgerEntryRecord, Batch(ledger(label=["VIR FR76 3000 6000 0112 3456 7890 189 ", "x"])))
    assert reject.excerpt == "VIR XX99 9999 9999 9999 9999 9999 999 "


@pytest.mark.parametrize(
    ("table", "said"),
    [
        (ledger().append_column("amount", pa.array([1, 2])), "did you mean 'amount_cents'"),
        (ledger().append_column("label", pa.array(["a", "b"])), "'label' that is given twice"),
        (ledger().drop_columns(["label"]), "lacks the column 'label'"),
        (
            ledger().drop_columns(["amount_cents"]).append_column("amount_cents", pa.array([1.0, 2.0])),
            "column 'amount_cents' of ledger_entries is double, not int64",
        ),
        (
            ledger().drop_columns(["label"]).append_column("label", pa.array([1, 2])),
            "column 'label' of ledger_entries is int64, not string",
        ),
    ],
)
def test_a_table_of_the_wrong_form_names_its_column(table: pa.Table, said: str) -> None:
    with pytest.raises(PluginError, match="ledger_entries") as caught:
        check_batch(LedgerEntryRecord, Batch(table))
    assert said in str(caught.value)


def test_line_numbers_of_another_length_are_refused() -> None:
    with pytest.raises(PluginError, match="2 rows and 3 line numbers"):
        check_batch(LedgerEntryRecord, Batch(ledger(), lines=[1, 2, 3]))


def test_text_of_another_memory_layout_is_the_same_text() -> None:
    table = pa.table({name: ledger().column(name) for name in ledger().column_names if name != "label"})
    table = table.append_column("label", ledger().column("label").cast(pa.large_string()))
    assert check_batch(LedgerEntryRecord, Batch(table)).table.schema == arrow_schema(LedgerEntryRecord)


def test_text_that_is_not_utf8_never_gets_past_the_gate() -> None:
    broken = pa.Array.from_buffers(
        pa.string(), 2, [None, pa.py_buffer(b"\0\0\0\0\1\0\0\0\2\0\0\0"), pa.py_buffer(b"\xff\xfe")]
    )
    with pytest.raises(PluginError, match="not valid"):
        check_batch(LedgerEntryRecord, Batch(ledger().drop_columns(["label"]).append_column("label", broken)))


def entry(**changes: object) -> LedgerEntryRecord:
    values: dict[str, object] = {
        "external_id": "E1",
        "account_ref": "A1",
        "posted_on": date(2018, 6, 26),
        "kind": EntryKind.RENT,
        "label": "LOG 004473 06/18",
        "amount_cents": 23857,
    }
    return LedgerEntryRecord(**(values | changes))  # type: ignore[arg-type]


def test_records_become_the_same_table_as_columns() -> None:
    rows = [entry(), entry(external_id="E2", kind=EntryKind.RLS, amount_cents=-1)]
    checked = check_batch(LedgerEntryRecord, Batch(rows, lines=[1, 2]))
    assert checked.table == to_table(LedgerEntryRecord, rows)
    assert checked.table.column("kind").to_pylist() == ["rent", "rls"]


def test_a_record_made_past_its_validation_is_refused_alone() -> None:
    forged = LedgerEntryRecord.model_construct(**(dict(entry()) | {"amount_cents": 238.57}))
    checked = check_batch(LedgerEntryRecord, Batch([entry(), forged], lines=[4, 5]))
    (reject,) = checked.rejects
    assert (reject.code, reject.field, reject.line) == ("BAD_TYPE", "amount_cents", 5)
    assert numbers(checked) == [4]


def test_a_record_of_another_stream_is_the_plugins_fault() -> None:
    with pytest.raises(PluginError, match="a batch of contracts holds a LedgerEntryRecord"):
        check_batch(ContractRecord, Batch([entry()]))


def test_rejects_and_skipped_rows_of_the_connector_are_passed_on() -> None:
    before = Reject("CUT", "the line ends too early", line=9)
    checked = check_batch(LedgerEntryRecord, Batch(ledger(), rejects=[before], skipped=3))
    assert (checked.rejects, checked.skipped) == ([before], 3)


def test_an_empty_batch_is_an_empty_table() -> None:
    assert check_batch(LedgerEntryRecord, Batch([])).table.schema == arrow_schema(LedgerEntryRecord)
