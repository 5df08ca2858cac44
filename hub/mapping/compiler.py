"""From the TOML of `[feeds.X.fields]` and `keep` to a compiled `Mapper`, or to everything that is wrong with it."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from difflib import get_close_matches
from hashlib import sha256

import polars as pl

from hub.errors import MappingError, Where
from hub.mapping.judge import condition_flaws, rule_flaws
from hub.mapping.mapper import Mapper
from hub.mapping.rules import Condition, Flaw, Path, Rule, read_conditions, read_rules
from hub.mapping.texts import Workbench, kept, text
from hub.mapping.values import Fault, Target, target
from hub.records import CanonicalRecord, FieldSpec, field_specs

LANGUAGE = 1
"""Part of every fingerprint: raise it when the same mapping would read the same file otherwise."""

Locate = Callable[[Path], int | None]


def _nowhere(_: Path) -> int | None:
    return None


def compile_mapping(
    record: type[CanonicalRecord],
    fields: Mapping[str, object],
    *,
    keep: Sequence[object] = (),
    where: Where | None = None,
    locate: Locate = _nowhere,
) -> Mapper:
    """Compile a feed's mapping. Raises MappingError: the one thing wrong, or all of them, a line each."""
    mapper, problems = try_mapping(record, fields, keep=keep, where=where, locate=locate)
    if mapper is not None:
        return mapper
    if len(problems) == 1:
        raise problems[0]
    raise MappingError(
        "\n".join([f"{len(problems)} things are wrong with the mapping", *map(str, problems)]), where=where
    )


def try_mapping(
    record: type[CanonicalRecord],
    fields: Mapping[str, object],
    *,
    keep: Sequence[object] = (),
    where: Where | None = None,
    locate: Locate = _nowhere,
) -> tuple[Mapper | None, list[MappingError]]:
    """The compiled mapping, or everything wrong with it. `locate` gives the line of `("fields", "kind", "codes")`."""
    flaws: list[Flaw] = []
    rules, conditions = read_rules(fields, flaws), read_conditions(keep, flaws)
    specs = {spec.mapping_name: spec for spec in field_specs(record)}
    flaws += _name_flaws(record, fields, specs)
    for name, rule in rules.items():
        flaws += rule_flaws(specs[name], rule) if name in specs else ()
    for place, condition in enumerate(conditions):
        flaws += condition_flaws(condition, ("keep", place))
    if flaws:
        return None, [_error(flaw, where or Where(), locate) for flaw in flaws]
    feed = where.feed if where and where.feed else record.stream.value
    return _compiled(record, rules, conditions, specs, feed), []


def _name_flaws(
    record: type[CanonicalRecord], fields: Mapping[str, object], specs: Mapping[str, FieldSpec]
) -> list[Flaw]:
    """Targets the stream does not have, and required ones that are not mapped."""
    flaws = [
        Flaw(("fields", name), f"{record.stream} has no field {name!r}", _suggestion(name, specs))
        for name in fields
        if name not in specs
    ]
    return flaws + [
        Flaw(("fields",), f"{name} is not mapped, and {record.stream} cannot do without it", f"add {name} = {{ … }}")
        for name, spec in specs.items()
        if spec.required and name not in fields
    ]


def _suggestion(name: str, specs: Mapping[str, FieldSpec]) -> str:
    if name.removesuffix("_cents") in specs:
        return f"write {name.removesuffix('_cents')}: a file gives amounts, the hub makes cents of them"
    near = get_close_matches(name, specs, 1)
    return f"did you mean {near[0]!r}?" if near else f"it has {', '.join(specs)}"


def _error(flaw: Flaw, where: Where, locate: Locate) -> MappingError:
    fields = flaw.path[:1] == ("fields",)
    name = str(flaw.path[1]) if fields and len(flaw.path) > 1 else "keep" if not fields else None
    return MappingError(flaw.message, hint=flaw.hint, where=replace(where, line=locate(flaw.path), field=name))


def _compiled(
    record: type[CanonicalRecord],
    rules: Mapping[str, Rule],
    conditions: Sequence[Condition],
    specs: Mapping[str, FieldSpec],
    feed: str,
) -> Mapper:
    bench = Workbench()
    # In the record's order, whatever the file's: the first fault of a row is the same for the same mapping.
    targets = [
        _named(target(spec, rules[name], bench), rules[name], feed) for name, spec in specs.items() if name in rules
    ]
    targets += _erp_code(record, rules, specs, bench)
    keep = pl.all_horizontal([kept(condition, bench) for condition in conditions]) if conditions else None
    return Mapper(record, bench.names, _fingerprint(record, rules, conditions), tuple(targets), bench.steps, keep)


def _named(made: Target, rule: Rule, feed: str) -> Target:
    """The target with the landlord's own names in its messages."""
    name = made.spec.mapping_name
    source = rule.name or " and ".join(part.name for part in (rule.debit, rule.credit) if part is not None)
    names = {"{source}": source, "{field}": name, "{key}": f"[feeds.{feed}.fields.{name}]"}

    def filled(fault: Fault) -> Fault:
        message = fault.message
        for mark, value in names.items():
            message = message.replace(mark, value)
        return replace(fault, message=message)

    return replace(made, faults=tuple(map(filled, made.faults)))


def _erp_code(
    record: type[CanonicalRecord], rules: Mapping[str, Rule], specs: Mapping[str, FieldSpec], bench: Workbench
) -> list[Target]:
    """The ERP's own code, kept beside our kind unless the landlord maps it himself."""
    rule = rules.get(record.coded or "")
    if rule is None or not rule.codes or "erp_code" in rules or "erp_code" not in specs:
        return []
    return [Target(specs["erp_code"], text(rule, bench), ())]


def _fingerprint(record: type[CanonicalRecord], rules: Mapping[str, Rule], conditions: Sequence[Condition]) -> str:
    """sha256 of what the mapping does: two ways of writing the same rules have one fingerprint."""
    canonical = {
        "language": LANGUAGE,
        "stream": record.stream.value,
        "fields": {name: _canonical(rule) for name, rule in rules.items()},
        "keep": [condition.model_dump(mode="json", exclude_defaults=True) for condition in conditions],
    }
    return sha256(json.dumps(canonical, sort_keys=True, ensure_ascii=False).encode()).hexdigest()


def _canonical(rule: Rule) -> dict[str, object]:
    return rule.model_dump(mode="json", exclude_defaults=True)
