"""From a rule to one field's column: its value, and what can be wrong with a row, as polars expressions."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal, InvalidOperation
from math import log10

import polars as pl

from hub.domain.money import to_cents
from hub.mapping.dates import dates
from hub.mapping.numbers import RATE_PLACES, SPACES, scaled, share
from hub.mapping.rules import Rule, TextRule
from hub.mapping.texts import Workbench, every, text
from hub.records import FieldSpec

Once = Callable[[pl.Expr], pl.Expr]


@dataclass(frozen=True, slots=True)
class Fault:
    """One way a row can be refused. `{source}` and `{key}` in `message` are filled in when the mapping is compiled,
    `{seen}` with the excerpt of `shown` for each row."""

    code: str
    message: str
    broken: pl.Expr
    shown: pl.Expr | None = None


@dataclass(frozen=True, slots=True)
class Target:
    """One field: how its value is computed, and the faults to look for, in order. `raw` is its text before reading."""

    spec: FieldSpec
    value: pl.Expr
    faults: tuple[Fault, ...]
    raw: pl.Expr | None = None


def target(spec: FieldSpec, rule: Rule, bench: Workbench) -> Target:
    """Compile a sound rule (see `hub.mapping.judge`) for a field."""
    if rule.const is not None:
        return Target(spec, _fixed(spec, rule.const), ())
    if rule.two_sided:
        return _two_sided(spec, rule, bench)
    if rule.sum:
        (raw, value), code, message = _summed(rule, bench), "BAD_AMOUNT", _BAD_AMOUNT
    else:
        raw = text(rule, bench)
        value, code, message = _read(spec, rule, raw, bench)
    value = bench.once(value)
    faults = [Fault(code, message, raw.is_not_null() & value.is_null(), raw)] if code else []
    if rule.rate is not None:
        value, fault = _shared(rule.rate, value, bench)
        faults.append(fault)
    if rule.flag is not None:
        value, fault = _flagged(rule, rule.flag, value, raw, bench)
        faults.append(fault)
    if rule.negate:
        value = -value
    return _completed(spec, rule, Target(spec, value, tuple(faults), raw))


def literal(spec: FieldSpec, value: str | int | bool) -> object:
    """A constant of the landlord's as the field's own value. Raises ValueError saying what is expected."""
    match spec.column.type:
        case "text":
            return str(value)
        case "bool" if isinstance(value, bool):
            return value
        case "enum" if value in spec.kinds:
            return value
        case "int" if isinstance(value, int) and not isinstance(value, bool):
            return value
        case "date" if isinstance(value, str):
            return date.fromisoformat(value)
        case "cents" if not isinstance(value, bool):
            try:
                return int(to_cents(Decimal(value)))
            except InvalidOperation:
                raise ValueError(f"{value!r} is no amount") from None
    expected = {"enum": f"one of {', '.join(spec.kinds)}", "bool": "true or false", "int": "a whole number"}
    raise ValueError(f"{value!r} is not {expected.get(spec.column.type, f'a {spec.column.type}')}")


def _fixed(spec: FieldSpec, value: str | int | bool) -> pl.Expr:
    return pl.lit(literal(spec, value), pl.Int64 if spec.column.type in ("cents", "int") else None)


def _completed(spec: FieldSpec, rule: Rule, made: Target) -> Target:
    """Nothing at the source is the rule's default, or else a fault where the field is required."""
    raw = pl.lit(None) if made.raw is None else made.raw
    if rule.default is not None:
        return Target(
            spec, pl.when(raw.is_null()).then(_fixed(spec, rule.default)).otherwise(made.value), made.faults, raw
        )
    if not spec.required:
        return made
    message = "{source} is blank, and {field} is required → mend the source, or give {key} a default"
    return Target(spec, made.value, (Fault("MISSING", message, raw.is_null()), *made.faults), made.raw)


def _read(spec: FieldSpec, rule: Rule, raw: pl.Expr, bench: Workbench) -> tuple[pl.Expr, str, str]:
    """The value read from its text, with the code and message for a text that cannot be read."""
    match spec.column.type:
        case "text" | "enum":
            return _coded(spec, rule, raw)
        case "date":
            value = dates(raw, rule.date, month_start=rule.month_start, month_end=rule.month_end)
            form = " or ".join(rule.date)
            return (
                value,
                "BAD_DATE",
                f'{{source}} "{{seen}}" is no date of the form {form} → see {{key}}.date and .null',
            )
        case "cents":
            return _amount(rule, raw, bench.once), "BAD_AMOUNT", _BAD_AMOUNT
        case "int":
            value = _scaled(rule, raw, round(log10(rule.multiply)), bench.once)
            return value, "BAD_NUMBER", '{source} "{seen}" is no whole number → see {key}.decimal and .multiply'
        case "bool":
            folded = raw.str.to_lowercase()
            yes, no = (folded.is_in([v.lower() for v in values]) for values in (rule.true_values, rule.false_values))
            value = pl.when(yes).then(True).when(no).then(False)
            return (
                value,
                "BAD_FLAG",
                '{source} "{seen}" is neither yes nor no → add it to {key}.true_values or .false_values',
            )


_BAD_AMOUNT = '{source} "{seen}" is no amount of at most two decimal places → see {key}.decimal and .thousands'


def _amount(rule: Rule, raw: pl.Expr, once: Once) -> pl.Expr:
    return _scaled(rule, raw, 2, once)


def _scaled(rule: Rule, raw: pl.Expr, places: int, once: Once) -> pl.Expr:
    return scaled(raw, places=places, decimal=rule.decimal, thousands=_thousands(rule), once=once)


def _summed(rule: Rule, bench: Workbench) -> tuple[pl.Expr, pl.Expr]:
    """All the amounts at a path, as they stand, and what they add up to; null where one of them cannot be read."""
    texts = every(rule, bench)
    amounts = bench.once(texts.list.eval(_amount(rule, pl.element(), _each)))
    sound = amounts.list.drop_nulls().list.len() == texts.list.len()
    return bench.once(texts.list.join(" + ")), pl.when(sound).then(amounts.list.sum())


def _each(expression: pl.Expr) -> pl.Expr:
    """Within a list nothing can be kept for later use."""
    return expression


def _shared(rule: TextRule, value: pl.Expr, bench: Workbench) -> tuple[pl.Expr, Fault]:
    """So much of the amount as another source says; nothing where it says nothing."""
    said = text(rule, bench)
    rate = bench.once(scaled(said, places=RATE_PLACES, decimal=".", thousands=(), once=bench.once))
    message = f'{rule.name} "{{seen}}" is no rate of at most {RATE_PLACES} decimal places → see {{key}}.rate'
    return bench.once(share(value, rate)), Fault("BAD_NUMBER", message, said.is_not_null() & rate.is_null(), said)


def _thousands(rule: Rule) -> Sequence[str]:
    if rule.thousands is not None:
        return rule.thousands
    return SPACES if rule.decimal == "," else ()


def _coded(spec: FieldSpec, rule: Rule, raw: pl.Expr) -> tuple[pl.Expr, str, str]:
    """A kind, or a text translated by a code table."""
    if rule.codes:
        known = raw.replace_strict(list(rule.codes), list(rule.codes.values()), default=None, return_dtype=pl.String)
        message = '{source} "{seen}" is in no code table → add it to {key}.codes'
        return _or_unknown(rule, raw, known), "UNKNOWN_CODE", message
    if spec.column.type == "text":
        return raw, "", ""
    own = pl.when(raw.is_in(spec.kinds)).then(raw)
    message = f'{{source}} "{{seen}}" is none of {", ".join(spec.kinds)} → give {{key}} a code table: codes = {{ … }}'
    return _or_unknown(rule, raw, own), "UNKNOWN_CODE", message


def _or_unknown(rule: Rule, raw: pl.Expr, known: pl.Expr) -> pl.Expr:
    if rule.unknown == "quarantine":
        return known
    instead = raw if rule.unknown == "keep" else pl.lit(rule.unknown)
    return pl.when(raw.is_not_null()).then(pl.coalesce([known, instead]))


def _flagged(rule: Rule, flag: TextRule, value: pl.Expr, raw: pl.Expr, bench: Workbench) -> tuple[pl.Expr, Fault]:
    """The amount with the sign its flag column gives; no flag, or a strange one, is a fault."""
    side = text(flag, bench)
    debit, credit = side.is_in(rule.debit_values), side.is_in(rule.credit_values)
    message = f'{flag.name} "{{seen}}" says neither debit nor credit → add it to {{key}}.debit_values or .credit_values'
    strange = raw.is_not_null() & ~(debit | credit).fill_null(False)
    return pl.when(debit).then(value).when(credit).then(-value), Fault(
        "UNKNOWN_CODE", message, strange, side.fill_null("")
    )


def _two_sided(spec: FieldSpec, rule: Rule, bench: Workbench) -> Target:
    """Debit less credit; one of the two must be there."""
    sides = [(part, text(part, bench)) for part in (rule.debit, rule.credit) if part is not None]
    amounts = [_amount(rule, raw, bench.once) for _, raw in sides]
    faults = tuple(
        Fault("BAD_AMOUNT", _BAD_AMOUNT.replace("{source}", part.name), raw.is_not_null() & amount.is_null(), raw)
        for (part, raw), amount in zip(sides, amounts, strict=True)
    )
    raw = pl.coalesce([found for _, found in sides])
    value = pl.when(raw.is_not_null()).then(amounts[0].fill_null(0) - amounts[1].fill_null(0))
    return _completed(spec, rule, Target(spec, -value if rule.negate else value, faults, raw))
