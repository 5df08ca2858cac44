"""The hub's own gate behind every connector: each row is judged by the rules of its record, in whole columns."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from difflib import get_close_matches
from functools import cache

import polars as pl
import pyarrow as pa
import pyarrow.compute as pc
from pydantic import ValidationError

from hub.domain.money import MAX_CENTS
from hub.errors import PluginError
from hub.records.batch import Batch, Reject
from hub.records.excerpt import excerpt
from hub.records.fields import FieldSpec, arrow_schema, field_specs
from hub.records.streams import CanonicalRecord
from hub.records.types import FIRST_DATE, LAST_DATE

_TEXT_LAYOUTS = (pa.string(), pa.large_string(), pa.string_view())
# The white space and control characters of `hub.records.types._clean`, as Rust's regular expressions name them.
_UNCLEAN = r"^\s|\s$|[\p{Cc}]"


@dataclass(frozen=True, slots=True)
class CheckedBatch:
    """Rows that keep every rule of their record, and the rejects of all the others.

    `table` has the record's whole Arrow schema, defaults filled in; `lines` has the table's length, or is None.
    """

    table: pa.Table
    lines: pa.Array | None
    rejects: list[Reject]
    cursor: str | None = None
    file: str | None = None
    skipped: int = 0


@dataclass(frozen=True, slots=True)
class _Rule:
    """One rule of one field: `broken` is true (or null, meaning false) where a row breaks it."""

    field: FieldSpec
    code: str
    message: str
    broken: pl.Expr
    beside: str | None = None


def check_batch(record: type[CanonicalRecord], batch: Batch) -> CheckedBatch:
    """Judge a batch. Raises PluginError where the connector broke the form itself: a column unknown, of a wrong type
    or missing, a foreign record, line numbers of another length."""
    rows, lines, rejects = _as_table(record, batch)
    broken = _broken(record, rows)
    if broken is not None:
        rejects += _rejects(record, rows, lines, broken, batch.file)
        kept = pc.invert(broken.to_arrow())
        rows, lines = rows.filter(kept), None if lines is None else lines.filter(kept)
    return CheckedBatch(rows, lines, [*batch.rejects, *rejects], batch.cursor, batch.file, batch.skipped)


def to_table(record: type[CanonicalRecord], rows: Sequence[CanonicalRecord]) -> pa.Table:
    """Records in columns, with the record's Arrow schema. Raises what pyarrow raises on values no model would hold."""
    schema = arrow_schema(record)
    columns = [
        pa.array([getattr(row, spec.name) for row in rows], schema.field(spec.name).type)
        for spec in field_specs(record)
    ]
    return pa.Table.from_arrays(columns, schema=schema)


def _as_table(record: type[CanonicalRecord], batch: Batch) -> tuple[pa.Table, pa.Array | None, list[Reject]]:
    """The batch in columns of the record's own types, with its lines, and the rows no column could hold."""
    lines = _lines(batch)
    if isinstance(batch.rows, pa.Table):
        return _completed(record, batch.rows), lines, []
    for row in batch.rows:
        if not isinstance(row, record):
            raise PluginError(
                f"a batch of {record.stream} holds a {type(row).__name__}",
                hint=f"yield {record.__name__} objects, or an Arrow table",
            )
    good, rejects = _valid_only(record, batch.rows, lines, batch.file)
    kept = [batch.rows[place] for place in good]
    return to_table(record, kept), None if lines is None else lines.take(pa.array(good, pa.int64())), rejects


def _lines(batch: Batch) -> pa.Array | None:
    if batch.lines is None:
        return None
    lines = pa.array(batch.lines, pa.int64()) if isinstance(batch.lines, Sequence) else batch.lines.cast(pa.int64())
    if len(lines) != len(batch.rows):
        raise PluginError(
            f"a batch has {len(batch.rows)} rows and {len(lines)} line numbers",
            hint="give one line number per row, or none at all",
        )
    return lines


def _valid_only(
    record: type[CanonicalRecord], rows: Sequence[CanonicalRecord], lines: pa.Array | None, file: str | None
) -> tuple[list[int], list[Reject]]:
    """The places of the rows a column can hold. A model is valid unless it was made past its validation."""
    good: list[int] = []
    rejects: list[Reject] = []
    for place, row in enumerate(rows):
        try:
            record.model_validate(dict(row))
            good.append(place)
        except ValidationError as error:
            line = None if lines is None else lines[place].as_py()
            rejects.append(_refused_by_model(record, error, line, file))
    return good, rejects


def _refused_by_model(
    record: type[CanonicalRecord], error: ValidationError, line: int | None, file: str | None
) -> Reject:
    first = error.errors(include_input=False, include_url=False)[0]
    name = str(first["loc"][0]) if first["loc"] else None
    return Reject("BAD_TYPE", f"{name or record.__name__} {first['msg']}", line=line, field=name, file=file)


def _completed(record: type[CanonicalRecord], table: pa.Table) -> pa.Table:
    """The table with every column of the schema in its order and type, and defaults for nulls."""
    specs, schema = field_specs(record), arrow_schema(record)
    _refuse_unknown(record, table)
    arrays = [_column(record, spec, schema.field(spec.name).type, table) for spec in specs]
    completed = pa.Table.from_arrays(arrays, schema=schema)
    try:
        completed.validate(full=True)
    except pa.ArrowInvalid as error:
        raise PluginError(f"an Arrow table of {record.stream} is not valid", hint="build it with pyarrow") from error
    return completed


def _refuse_unknown(record: type[CanonicalRecord], table: pa.Table) -> None:
    known = [spec.name for spec in field_specs(record)]
    for name in table.column_names:
        fault = "unknown" if name not in known else "given twice" if table.column_names.count(name) > 1 else None
        if fault:
            near = get_close_matches(name, known, 1)
            raise PluginError(
                f"a table of {record.stream} has a column {name!r} that is {fault}",
                hint=f"did you mean {near[0]!r}?" if near else f"its columns are {', '.join(known)}",
            )


def _column(
    record: type[CanonicalRecord], spec: FieldSpec, wanted: pa.DataType, table: pa.Table
) -> pa.ChunkedArray | pa.Array:
    if spec.name not in table.column_names:
        if spec.required:
            raise PluginError(f"a table of {record.stream} lacks the column {spec.name!r}", hint="it is required")
        values = pa.nulls(table.num_rows, wanted)
    else:
        values = _typed(record, spec, wanted, table.column(spec.name))
    return values if spec.default is None else pc.fill_null(values, pa.scalar(spec.default, wanted))


def _typed(
    record: type[CanonicalRecord], spec: FieldSpec, wanted: pa.DataType, values: pa.ChunkedArray
) -> pa.ChunkedArray:
    """Exact types; only a text's memory layout, or a column without any value, may differ."""
    if values.type == wanted:
        return values
    if pa.types.is_null(values.type) or (wanted == pa.string() and values.type in _TEXT_LAYOUTS):
        return values.cast(wanted)
    raise PluginError(
        f"column {spec.name!r} of {record.stream} is {values.type}, not {wanted}",
        hint=f"cast it to {wanted} before yielding the batch",
    )


def _broken(record: type[CanonicalRecord], rows: pa.Table) -> pl.Series | None:
    """Which rows break a rule, or None if none does."""
    frame = pl.DataFrame(rows)
    mask = frame.select(pl.any_horizontal([rule.broken for rule in _rules(record)]).fill_null(False)).to_series()
    return mask if mask.any() else None


def _rejects(
    record: type[CanonicalRecord], rows: pa.Table, lines: pa.Array | None, broken: pl.Series, file: str | None
) -> list[Reject]:
    """One reject per broken row, for the first rule it breaks."""
    mask, rules = broken.to_arrow(), _rules(record)
    bad = pl.DataFrame(rows.filter(mask))
    numbers = [None] * len(bad) if lines is None else lines.filter(mask).to_pylist()
    first = pl.coalesce([pl.when(rule.broken).then(place) for place, rule in enumerate(rules)])
    columns: dict[str, list[object]] = {}
    about = bad.get_column(record.concerns).to_list() if record.concerns else [None] * len(bad)
    return [
        replace(_reject(rules[place], bad, columns, row, line, file), about=about[row])
        for row, (place, line) in enumerate(zip(bad.select(first).to_series(), numbers, strict=True))
    ]


def _reject(
    rule: _Rule, bad: pl.DataFrame, columns: dict[str, list[object]], row: int, line: int | None, file: str | None
) -> Reject:
    def value(name: str) -> object:
        if name not in columns:
            columns[name] = bad.get_column(name).to_list()
        return columns[name][row]

    seen = value(rule.field.name)
    if rule.beside is not None:
        seen = f"{seen} > {value(rule.beside)}"
    return Reject(
        rule.code,
        f"{rule.field.name} {rule.message}",
        line=line,
        field=rule.field.name,
        file=file,
        excerpt=excerpt(seen, personal=rule.field.column.personal),
    )


@cache
def _rules(record: type[CanonicalRecord]) -> tuple[_Rule, ...]:
    """The rules of a record, field by field, the same as its pydantic model's."""
    specs = {spec.name: spec for spec in field_specs(record)}
    rules = [rule for spec in specs.values() for rule in _field_rules(spec)]
    for first, second in record.ordered:
        late = pl.col(first) > pl.col(second)
        rules.append(_Rule(specs[first], "DATES_OUT_OF_ORDER", f"lies after {second}", late, beside=second))
    return tuple(rules)


def _field_rules(spec: FieldSpec) -> list[_Rule]:
    rules = _value_rules(spec, pl.col(spec.name))
    if spec.required:
        rules.insert(0, _Rule(spec, "MISSING", "is required and has no value", pl.col(spec.name).is_null()))
    return rules


def _value_rules(spec: FieldSpec, value: pl.Expr) -> list[_Rule]:
    match spec.column.type:
        case "text":
            return _text_rules(spec, value)
        case "enum":
            allowed = ", ".join(spec.kinds)
            return [_Rule(spec, "BAD_KIND", f"is none of {allowed}", ~value.is_in(spec.kinds))]
        case "cents":
            inside = value.is_between(-MAX_CENTS, MAX_CENTS, closed="none")
            return [_Rule(spec, "OUT_OF_RANGE", "is too large for an amount in cents: is its unit right?", ~inside)]
        case "int":
            inside = value.is_between(-(2**53), 2**53, closed="none")
            return [_Rule(spec, "OUT_OF_RANGE", "is too large for a whole number", ~inside)]
        case "date":
            message = f"lies outside {FIRST_DATE.year}-{LAST_DATE.year}: map sentinel dates to null"
            return [_Rule(spec, "OUT_OF_RANGE", message, ~value.is_between(FIRST_DATE, LAST_DATE))]
        case "bool":
            return []


def _text_rules(spec: FieldSpec, value: pl.Expr) -> list[_Rule]:
    rules = [
        _Rule(
            spec,
            "BAD_TEXT",
            "is empty, has blanks around it or holds a control character: trim it, and use null for nothing",
            (value == "") | value.str.contains(_UNCLEAN),
        )
    ]
    if spec.column.max_length is not None:
        too_long = value.str.len_chars() > spec.column.max_length
        rules.append(_Rule(spec, "TOO_LONG", f"has more than {spec.column.max_length} characters", too_long))
    return rules
