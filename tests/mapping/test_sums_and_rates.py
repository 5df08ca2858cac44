"""Amounts made of several places (`sum`), and amounts that are a share of another (`rate`)."""

from __future__ import annotations

from typing import Any

import pyarrow as pa
import pytest

from hub.errors import MappingError
from hub.formats import BETWEEN
from hub.mapping import compile_mapping
from hub.records import AccountRecord, Batch, PriceComponentRecord

SUM: dict[str, Any] = {"path": "Charge/Due", "sum": True}
VAT: dict[str, Any] = {"path": "Amount", "rate": {"path": "Comment", "regex": r"rate=([\d.]+)"}}


def summed(*texts: str | None, **options: Any) -> Batch:
    mapper = compile_mapping(AccountRecord, {"external_id": "Id", "number": "Id", "balance": {**SUM, **options}})
    assert mapper.columns == ("Id", "Charge/Due[*]")
    ids = [str(number) for number in range(len(texts))]
    table = pa.table({"Id": ids, "Charge/Due[*]": pa.array(texts, pa.string())})
    return mapper.map(table, lines=pa.array(range(1, len(texts) + 1)))


def balances(batch: Batch) -> list[int | None]:
    return batch.rows.column("balance_cents").to_pylist()


def test_all_amounts_at_a_path_are_added_up_to_the_cent():
    batch = summed(BETWEEN.join(["650.00", " 12.5 ", "-0.01", "(3.00)"]), "0.10", BETWEEN.join(["0.10"] * 3))
    assert balances(batch) == [65_949, 10, 30]


def test_blank_and_sentinel_amounts_count_for_nothing():
    assert balances(summed(BETWEEN.join(["", "5.00", "n/a"]), null=["n/a"])) == [500]


def test_no_amount_at_all_is_nothing_or_the_default():
    assert balances(summed(None, "")) == [None, None]
    assert balances(summed(None, "1.00", default="0.00")) == [0, 100]


def test_one_amount_that_cannot_be_read_refuses_the_row_and_shows_the_amounts():
    batch = summed(BETWEEN.join(["650.00", "12,50"]), "1.00")
    assert balances(batch) == [100]
    (reject,) = batch.rejects
    assert (reject.code, reject.line, reject.excerpt) == ("BAD_AMOUNT", 1, "650.00 + 12,50")


def test_amounts_of_a_sum_are_read_like_any_other():
    assert balances(summed(BETWEEN.join(["1 650,00", "0,5"]), decimal=",")) == [165_050]


@pytest.mark.parametrize(
    ("rule", "said"),
    [
        ({"column": "DUE", "sum": True}, "sum needs a path"),
        ({**SUM, "regex": "x"}, "sum excludes regex"),
        ({"debit": "D", "credit": "C", "sum": True}, "debit and credit exclude sum"),
    ],
)
def test_a_sum_that_cannot_be_is_told_when_the_file_is_applied(rule, said):
    with pytest.raises(MappingError, match=said):
        compile_mapping(AccountRecord, {"external_id": "Id", "number": "Id", "balance": rule})


def vat(*rows: tuple[str, str | None]) -> Batch:
    fields = {"external_id": "Id", "contract_ref": "Id", "kind": {"const": "parking_rent"}, "label": "Id"}
    mapper = compile_mapping(PriceComponentRecord, {**fields, "amount": {"path": "Amount"}, "vat": VAT})
    ids = [str(number) for number in range(len(rows))]
    amounts, comments = [row[0] for row in rows], pa.array([row[1] for row in rows], pa.string())
    table = pa.table({"Id": ids, "Amount": amounts, "Comment": comments})
    return mapper.map(table, lines=pa.array(range(1, len(rows) + 1)))


def test_a_share_of_an_amount_is_rounded_like_a_tax_away_from_nought():
    packed = "tax=true;rate=0.130000"
    batch = vat(("100.00", packed), ("55.50", packed), ("0.50", packed), ("-0.50", packed), ("4.04", packed))
    # 13 % of 0.50 is 6.5 cents, of 4.04 52.52 cents
    assert batch.rows.column("vat_cents").to_pylist() == [1_300, 722, 7, -7, 53]


def test_no_rate_is_no_share():
    assert vat(("100.00", None), ("100.00", "tax=false")).rows.column("vat_cents").to_pylist() == [None, None]


def test_a_rate_that_cannot_be_read_refuses_the_row():
    (reject,) = vat(("100.00", "rate=0.1.3")).rejects
    assert (reject.code, reject.field, reject.excerpt) == ("BAD_NUMBER", "vat_cents", "0.1.3")
