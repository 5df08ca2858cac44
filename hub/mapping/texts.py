"""From source columns to tidied texts, as polars expressions."""

from __future__ import annotations

import polars as pl

from hub.formats import BETWEEN, EVERY
from hub.mapping.rules import Condition, TextRule


class Workbench:
    """The source columns a mapping reads, and the results it needs more than once.

    Inside expressions sources are `s0`, `s1`… so that no column name of a landlord is ever taken for a pattern, and
    results `t0`, `t1`… which are computed step by step: polars itself would compute each anew wherever it is named.
    """

    def __init__(self) -> None:
        self._places: dict[str, int] = {}
        self._results: dict[bytes, pl.Expr] = {}
        self._steps: list[list[pl.Expr]] = []
        self._levels: dict[str, int] = {}

    @property
    def names(self) -> tuple[str, ...]:
        """The source columns, each once, in the order first named."""
        return tuple(self._places)

    @property
    def steps(self) -> tuple[tuple[pl.Expr, ...], ...]:
        """The results to compute, each step from the sources and the steps before it."""
        return tuple(tuple(step) for step in self._steps)

    def column(self, name: str) -> pl.Expr:
        """A source column."""
        return pl.col(f"s{self._places.setdefault(name, len(self._places))}")

    def once(self, expression: pl.Expr) -> pl.Expr:
        """The same value, computed once however often it is used."""
        key = expression.meta.serialize()
        if key not in self._results:
            level = max((self._levels.get(name, -1) + 1 for name in expression.meta.root_names()), default=0)
            name = f"t{len(self._results)}"
            self._steps += [[]] if level == len(self._steps) else []
            self._steps[level].append(expression.alias(name))
            self._levels[name], self._results[key] = level, pl.col(name)
        return self._results[key]


def text(rule: TextRule, bench: Workbench) -> pl.Expr:
    """The rule's text, null where there is nothing."""
    found = _source(rule, bench)
    if rule.trim:
        found = found.str.strip_chars()
    if rule.squeeze:
        found = found.str.replace_all(r"\s+", " ")
    return bench.once(_finished(rule, _unless(bench.once(found), *rule.null, "")))


def every(rule: TextRule, bench: Workbench) -> pl.Expr:
    """The texts at all places a path leads to, as a list without the blank ones; null where there are none."""
    found = bench.column(f"{rule.path}{EVERY}").str.split(BETWEEN)
    stripped = found.list.eval(pl.element().str.strip_chars())
    texts = bench.once(stripped.list.eval(pl.element().filter(~pl.element().is_in([*rule.null, ""]))))
    return bench.once(pl.when(texts.list.len() > 0).then(texts))


def kept(condition: Condition, bench: Workbench) -> pl.Expr:
    """Whether a row meets the condition; nothing counts as an empty text."""
    found = bench.column(condition.column or condition.path or "").str.strip_chars().fill_null("")
    if condition.among is not None:
        return found.is_in(condition.among)
    if condition.not_in is not None:
        return ~found.is_in(condition.not_in)
    if condition.matches is not None:
        return found.str.contains(condition.matches)
    return (found == "") == condition.blank


def pattern_flaw(pattern: str) -> str | None:
    """Why a regular expression cannot be used, or None. Matching takes linear time, hence no look-around."""
    try:
        pl.select(pl.lit("x").str.contains(pattern))
    except pl.exceptions.ComputeError as error:
        said = [line.removeprefix("error: ") for line in str(error).splitlines() if line.startswith("error: ")]
        return said[0] if said else "it is not understood"
    return None


def _source(rule: TextRule, bench: Workbench) -> pl.Expr:
    if rule.const is not None:
        return pl.lit(str(rule.const))
    if rule.concat is not None:
        return _joined(rule.concat, bench, skip_blank=rule.skip_blank)
    if rule.first is not None:
        return pl.coalesce([text(part, bench) for part in rule.first])
    return bench.column(rule.column or rule.path or "")


def _joined(parts: tuple[TextRule, ...], bench: Workbench, *, skip_blank: bool) -> pl.Expr:
    """Parts glued together, constants untrimmed; null when any part is (or when all are, with `skip_blank`)."""
    texts = [pl.lit(str(part.const)) if part.const is not None else text(part, bench) for part in parts]
    moving = [found for part, found in zip(parts, texts, strict=True) if part.const is None]
    joined = pl.concat_str(texts, ignore_nulls=skip_blank)
    return pl.when(pl.any_horizontal([found.is_not_null() for found in moving])).then(joined) if moving else joined


def _finished(rule: TextRule, found: pl.Expr) -> pl.Expr:
    if rule.regex is not None:
        found = _unless(found.str.extract(rule.regex, _group(rule.regex)), "")
    if rule.replace:
        found = _unless(found.str.replace_many(rule.replace), "")
    if rule.upper:
        found = found.str.to_uppercase()
    if rule.lower:
        found = found.str.to_lowercase()
    return found if rule.pad_left is None else found.str.pad_start(rule.pad_left, rule.pad_with)


def _group(pattern: str) -> int:
    """The group a pattern extracts: the one called `value`, else the first, else the whole match."""
    groups = pl.select(found=pl.lit("x").str.extract_groups(pattern)).schema["found"]
    names = [field.name for field in groups.fields] if isinstance(groups, pl.Struct) else []
    return names.index("value") + 1 if "value" in names else min(len(names), 1)


def _unless(found: pl.Expr, *nothings: str) -> pl.Expr:
    return pl.when(~found.is_in(nothings) if len(nothings) > 1 else found != nothings[0]).then(found)
