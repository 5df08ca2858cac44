"""What is wrong with a rule that reads well: options that contradict each other or do not fit the field."""

from __future__ import annotations

from collections.abc import Iterator
from difflib import get_close_matches

from hub.mapping.dates import format_flaw, has_day
from hub.mapping.rules import Condition, Flaw, Path, Rule, TextRule
from hub.mapping.texts import pattern_flaw
from hub.mapping.values import literal
from hub.records import FieldSpec

_READING = {
    "date": ("date", "month_start", "month_end"),
    "cents": (
        *("decimal", "thousands", "sum", "rate", "negate"),
        *("debit", "credit", "flag", "debit_values", "credit_values"),
    ),
    "int": ("decimal", "thousands", "multiply"),
    "bool": ("true_values", "false_values"),
    "enum": ("codes", "unknown"),
    "text": ("codes", "unknown"),
}
_ALL_READING = {option for options in _READING.values() for option in options}
_OF_ONE_TEXT = {"squeeze", "regex", "replace", "upper", "lower", "pad_left", "flag"}
_CALLED = {"cents": "an amount", "enum": "a kind", "int": "a whole number", "bool": "a flag"}


def rule_flaws(spec: FieldSpec, rule: Rule) -> Iterator[Flaw]:
    """Everything wrong with the rule of one field."""
    path: Path = ("fields", spec.mapping_name)
    yield from _source_flaws(rule, path)
    yield from _text_flaws(rule, path)
    yield from _unfit_options(spec, rule, path)
    yield from _literal_flaws(spec, rule, path)
    match spec.column.type:
        case "date":
            yield from _date_flaws(rule, path)
        case "cents" | "int":
            yield from _number_flaws(rule, path)
        case "text" | "enum":
            yield from _code_flaws(spec, rule, path)


def condition_flaws(condition: Condition, path: Path) -> Iterator[Flaw]:
    """Everything wrong with one condition of `keep`."""
    if (condition.column is None) == (condition.path is None):
        yield Flaw(path, "names no column", 'write { column = "STATUT", in = ["ACT"] }')
    if condition.tests != 1:
        yield Flaw(path, "needs exactly one test", "give one of in, not_in, matches, blank")
    if condition.matches is not None and (reason := pattern_flaw(condition.matches)):
        yield Flaw((*path, "matches"), f"the pattern cannot be used: {reason}")


def _source_flaws(rule: Rule, path: Path) -> Iterator[Flaw]:
    if rule.two_sided:
        yield from _two_sided_flaws(rule, path)
        yield from (flaw for name in ("debit", "credit") for flaw in _side_flaws(getattr(rule, name), (*path, name)))
        return
    yield from _one_source(rule, path)
    if rule.flag is not None:
        yield from _side_flaws(rule.flag, (*path, "flag"))
    if rule.rate is not None:
        yield from _side_flaws(rule.rate, (*path, "rate"))
    if rule.sum:
        yield from _sum_flaws(rule, path)


def _sum_flaws(rule: Rule, path: Path) -> Iterator[Flaw]:
    if rule.path is None:
        yield Flaw((*path, "sum"), "sum needs a path", 'write { path = "Charge/BalanceDue", sum = true }')
    for option in sorted(rule.model_fields_set & _OF_ONE_TEXT):
        yield Flaw((*path, option), f"sum excludes {option}", "each amount is read as it stands")


def _two_sided_flaws(rule: Rule, path: Path) -> Iterator[Flaw]:
    if rule.debit is None or rule.credit is None:
        lacking = "debit" if rule.debit is None else "credit"
        yield Flaw(path, f"{lacking} is missing", "an amount in two columns names both debit and credit")
    if rule.sources:
        yield Flaw((*path, rule.sources[0]), f"debit and credit exclude {rule.sources[0]}", "give one or the other")
    if rule.flag is not None:
        yield Flaw((*path, "flag"), "debit and credit exclude flag", "give one or the other")
    for option in sorted(rule.model_fields_set & {"sum", "rate"}):
        yield Flaw((*path, option), f"debit and credit exclude {option}", "keep one of them")


def _side_flaws(rule: TextRule | None, path: Path) -> Iterator[Flaw]:
    if rule is not None:
        yield from _one_source(rule, path)
        yield from _text_flaws(rule, path)


def _one_source(rule: TextRule, path: Path) -> Iterator[Flaw]:
    if not rule.sources:
        yield Flaw(path, "names no source", 'write { column = "NAME" }, or { const = … }')
    if len(rule.sources) > 1:
        yield Flaw((*path, rule.sources[1]), f"{' and '.join(rule.sources)} exclude each other", "keep one of them")
    for name in ("concat", "first"):
        parts: tuple[TextRule, ...] | None = getattr(rule, name)
        if parts is not None and not parts:
            yield Flaw((*path, name), f"{name} is empty", "name at least one column")
        for place, part in enumerate(parts or ()):
            yield from _side_flaws(part, (*path, name, place))


def _text_flaws(rule: TextRule, path: Path) -> Iterator[Flaw]:
    if rule.regex is not None and (reason := pattern_flaw(rule.regex)):
        yield Flaw((*path, "regex"), f"the pattern cannot be used: {reason}")
    if "" in rule.replace:
        yield Flaw((*path, "replace"), "an empty text cannot be replaced", "use default for nothing")
    if rule.upper and rule.lower:
        yield Flaw((*path, "lower"), "upper and lower exclude each other", "keep one of them")


def _unfit_options(spec: FieldSpec, rule: Rule, path: Path) -> Iterator[Flaw]:
    kind = spec.column.type
    called = _CALLED.get(kind, f"a {kind}")
    for option in sorted(rule.model_fields_set & _ALL_READING - set(_READING[kind])):
        yield Flaw((*path, option), f"{option} does not apply to {called}", f"it may have {', '.join(_READING[kind])}")
    if rule.const is not None:
        for option in sorted(rule.model_fields_set & {*_ALL_READING, "default"}):
            yield Flaw((*path, option), f"const excludes {option}", "a constant is written as the field's own value")


def _literal_flaws(spec: FieldSpec, rule: Rule, path: Path) -> Iterator[Flaw]:
    for option in ("const", "default"):
        value = getattr(rule, option)
        if value is None:
            continue
        try:
            literal(spec, value)
        except ValueError as error:
            yield Flaw((*path, option), f"{option}: {error}", _nearest(str(value), spec.kinds))


def _date_flaws(rule: Rule, path: Path) -> Iterator[Flaw]:
    if not rule.date:
        yield Flaw((*path, "date"), "no date format is given", 'write date = "%d/%m/%Y"')
    for form in rule.date:
        if reason := format_flaw(form):
            yield Flaw((*path, "date"), f'date format "{form}": {reason}')
        elif not has_day(form) and not (rule.month_start or rule.month_end):
            yield Flaw(
                (*path, "date"), f'date format "{form}" has no day', "add month_start = true or month_end = true"
            )
    if rule.month_start and rule.month_end:
        yield Flaw((*path, "month_end"), "month_start and month_end exclude each other", "keep one of them")


def _number_flaws(rule: Rule, path: Path) -> Iterator[Flaw]:
    if rule.decimal not in (".", ","):
        yield Flaw((*path, "decimal"), f'decimal is "{rule.decimal}"', 'it is "." or ","')
    for mark in rule.thousands or ():
        if mark == rule.decimal or len(mark) != 1 or mark.isalnum() or mark in "+-()":
            yield Flaw(
                (*path, "thousands"), f'"{mark}" cannot separate thousands', "it is one sign, not the decimal one"
            )
    if rule.multiply not in (1, 10, 100, 1000):
        yield Flaw((*path, "multiply"), f"multiply is {rule.multiply}", "it is 1, 10, 100 or 1000")
    if rule.flag is not None and (both := set(rule.debit_values) & set(rule.credit_values)):
        yield Flaw((*path, "debit_values"), f"{', '.join(sorted(both))} is both debit and credit")


def _code_flaws(spec: FieldSpec, rule: Rule, path: Path) -> Iterator[Flaw]:
    if spec.column.type == "text":
        if rule.unknown not in ("quarantine", "keep"):
            yield Flaw((*path, "unknown"), f'unknown is "{rule.unknown}"', 'it is "quarantine" or "keep"')
        return
    for code, kind in rule.codes.items():
        if kind not in spec.kinds:
            yield Flaw((*path, "codes", code), f'"{kind}" is no {spec.name} the hub knows', _nearest(kind, spec.kinds))
    if rule.unknown != "quarantine" and rule.unknown not in spec.kinds:
        hint = f'it is "quarantine" or a kind: {_nearest(rule.unknown, spec.kinds)}'
        yield Flaw((*path, "unknown"), f'unknown is "{rule.unknown}"', hint)


def _nearest(word: str, kinds: tuple[str, ...]) -> str:
    near = get_close_matches(word, kinds, 1)
    return f'did you mean "{near[0]}"?' if near else f"known are {', '.join(kinds)}" if kinds else ""
