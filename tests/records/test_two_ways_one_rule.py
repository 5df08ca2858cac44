"""A row valid one way is valid the other: the pydantic model and the columnar gate hold the same rules."""

from __future__ import annotations

from datetime import date
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from hub.domain.money import MAX_CENTS
from hub.records import RECORDS, Batch, FieldSpec, Stream, arrow_schema, check_batch, field_specs

EDGES = ["", " ", "x ", "\u2003x", "a\tb", "\x00", "\x85", "\u200b", "\ufeff", "é", "x" * 60, "x" * 61, "œ" * 301]


def values_of(spec: FieldSpec) -> st.SearchStrategy[Any]:
    match spec.column.type:
        case "text":
            usual = st.text("abcé 0'-/", min_size=1, max_size=8).map(str.strip).filter(bool)
            odd = st.text(st.characters(exclude_categories=["Cs"]), max_size=4) | st.sampled_from(EDGES)
            return st.one_of(usual, usual, usual, odd)
        case "enum":
            return st.sampled_from([*spec.kinds, *spec.kinds, "rents"])
        case "cents":
            return st.integers(-(10**6), 10**6) | st.sampled_from([MAX_CENTS, -MAX_CENTS, MAX_CENTS - 1, 2**63 - 1])
        case "int":
            return st.integers(-50, 50) | st.sampled_from([2**53, -(2**53), 2**53 - 1])
        case "date":
            near = st.dates(date(2018, 1, 1), date(2018, 1, 9))
            return near | near | st.sampled_from([date.min, date.max, date(1899, 12, 31), date(1900, 1, 1)])
        case "bool":
            return st.booleans()


def rows_of(specs: tuple[FieldSpec, ...]) -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries(
        {spec.name: values_of(spec) if spec.required else st.none() | values_of(spec) for spec in specs}
    )


def accepted(record: Any, row: dict[str, Any]) -> dict[str, Any] | None:
    try:
        model = record(**{name: value for name, value in row.items() if value is not None})
    except ValidationError:
        return None
    return dict(model)


@pytest.mark.parametrize("stream", list(Stream))
def test_a_row_is_accepted_one_way_exactly_when_it_is_the_other_way(stream: Stream) -> None:
    record, specs = RECORDS[stream], field_specs(RECORDS[stream])

    @settings(max_examples=60, deadline=None)
    @given(
        st.lists(rows_of(specs) | st.fixed_dictionaries({s.name: st.none() | values_of(s) for s in specs}), max_size=6)
    )
    def same(rows: list[dict[str, Any]]) -> None:
        table = pa.Table.from_pylist(rows, schema=arrow_schema(record))
        checked = check_batch(record, Batch(table, lines=range(len(rows))))
        models = [accepted(record, row) for row in rows]
        good = [place for place, model in enumerate(models) if model is not None]
        assert checked.lines is not None
        assert checked.lines.to_pylist() == good
        assert sorted(reject.line or 0 for reject in checked.rejects) == sorted(set(range(len(rows))) - set(good))
        assert checked.table.to_pylist() == [models[place] for place in good]

    same()
