"""The mapping language as a landlord writes it: what a rule may say.

A rule says where a field's text comes from (exactly one source), how the text is tidied, and how it is read::

    source    "COL" · {column} · {path} · {const} · {concat = […]} · {first = […]} · {debit, credit}
    tidied    trim, squeeze, null, regex, replace, upper, lower, pad_left: in this order
    read as   codes, unknown (kinds, texts) · date, month_start, month_end (dates) · decimal, thousands, sum, rate,
              negate, flag, debit_values, credit_values (amounts) · decimal, thousands, multiply (whole numbers) ·
              true_values, false_values (flags) · default (all)
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from difflib import get_close_matches
from typing import Annotated, Any, TypeVar

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

Path = tuple[str | int, ...]


@dataclass(frozen=True, slots=True)
class Flaw:
    """Something wrong in a mapping: where in the feed (`("fields", "kind", "codes")`), what, and what to do."""

    path: Path
    message: str
    hint: str = ""


def _as_column(value: object) -> object:
    return {"column": value} if isinstance(value, str) else value


def _as_const(value: object) -> object:
    return {"const": value} if isinstance(value, str) else value


def _as_list(value: object) -> object:
    return [value] if isinstance(value, str) else value


def _constant(value: object) -> str | int | bool:
    if isinstance(value, date):
        return value.isoformat()
    if not isinstance(value, str | int):  # pydantic tells a ValueError to the landlord, a TypeError it lets through
        raise ValueError(  # noqa: TRY004
            'a constant is a text, a whole number, a date or true/false: write amounts as text ("12.50")'
        )
    return value


Constant = Annotated[Any, AfterValidator(_constant)]
Texts = Annotated[tuple[str, ...], BeforeValidator(_as_list)]
_Name = Annotated[str, Field(min_length=1)]


class _Table(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class TextRule(_Table):
    """Where a text comes from and how it is tidied. Blank always means nothing."""

    column: _Name | None = None
    path: _Name | None = None
    const: Constant = None
    concat: tuple[Annotated[TextRule, BeforeValidator(_as_const)], ...] | None = None
    first: tuple[Annotated[TextRule, BeforeValidator(_as_column)], ...] | None = None
    skip_blank: bool = False
    trim: bool = True
    squeeze: bool = False
    null: Texts = ()
    regex: str | None = None
    replace: dict[str, str] = Field(default_factory=dict)
    upper: bool = False
    lower: bool = False
    pad_left: Annotated[int, Field(ge=1, le=120)] | None = None
    pad_with: Annotated[str, Field(min_length=1, max_length=1)] = "0"

    @property
    def sources(self) -> tuple[str, ...]:
        """The sources this rule names: exactly one in a sound rule."""
        return tuple(name for name in ("column", "path", "const", "concat", "first") if getattr(self, name) is not None)

    @property
    def name(self) -> str:
        """What to call the source in a message."""
        if self.column or self.path:
            return self.column or self.path or ""
        return next((part.name for part in (*(self.concat or ()), *(self.first or ())) if part.name), "")


_Column = Annotated[TextRule, BeforeValidator(_as_column)]


class Rule(TextRule):
    """A rule for one field: a text, and how it is read."""

    debit: _Column | None = None
    credit: _Column | None = None
    flag: _Column | None = None
    debit_values: Texts = ("D",)
    credit_values: Texts = ("C",)
    negate: bool = False
    sum: bool = False
    rate: _Column | None = None
    decimal: str = "."
    thousands: Texts | None = None
    multiply: int = 1
    date: Texts = ("%Y-%m-%d",)
    month_start: bool = False
    month_end: bool = False
    codes: dict[str, str] = Field(default_factory=dict)
    unknown: str = "quarantine"
    true_values: Texts = ("true", "1")
    false_values: Texts = ("false", "0")
    default: Constant = None

    @property
    def two_sided(self) -> bool:
        """Whether the amount stands in a debit and a credit column."""
        return self.debit is not None or self.credit is not None


class Condition(_Table):
    """A row is kept when its text is among `in`, not among `not_in`, matches a pattern, is (or is not) blank."""

    column: _Name | None = None
    path: _Name | None = None
    among: Texts | None = Field(default=None, alias="in")
    not_in: Texts | None = None
    matches: str | None = None
    blank: bool | None = None

    @property
    def tests(self) -> int:
        return sum(test is not None for test in (self.among, self.not_in, self.matches, self.blank))


def read_rules(fields: Mapping[str, object], flaws: list[Flaw]) -> dict[str, Rule]:
    """The sound rules by target name; what is not sound is added to `flaws`."""
    read = {target: _read(Rule, _as_column(value), ("fields", target), flaws) for target, value in fields.items()}
    return {target: rule for target, rule in read.items() if rule is not None}


def read_conditions(keep: object, flaws: list[Flaw]) -> list[Condition]:
    """The conditions of a feed's `keep`, all of which a row must meet."""
    if not isinstance(keep, list | tuple):
        flaws.append(Flaw(("keep",), "keep is not a list", 'write keep = [{ column = "STATUT", in = ["ACT"] }]'))
        return []
    read = [_read(Condition, value, ("keep", place), flaws) for place, value in enumerate(keep)]
    return [condition for condition in read if condition is not None]


_Model = TypeVar("_Model", bound=_Table)


def _read(model: type[_Model], value: object, path: Path, flaws: list[Flaw]) -> _Model | None:
    if not isinstance(value, Mapping):
        flaws.append(Flaw(path, "is neither a column name nor a table", 'write { column = "NAME" }'))
        return None
    try:
        return model.model_validate(dict(value))
    except ValidationError as error:
        flaws.extend(_flaw(model, path, dict(found)) for found in error.errors(include_input=False, include_url=False))
        return None


def _flaw(model: type[_Table], path: Path, found: dict[str, Any]) -> Flaw:
    loc: Path = found["loc"]
    option = ".".join(str(part) for part in loc)
    if found["type"] != "extra_forbidden":
        return Flaw((*path, *loc), f"{option}: {found['msg'].removeprefix('Value error, ')}")
    known = [info.alias or name for name, info in (model if len(loc) == 1 else TextRule).model_fields.items()]
    near = get_close_matches(str(loc[-1]), known, 1)
    return Flaw(
        (*path, *loc),
        f'unknown option "{option}"',
        f'did you mean "{near[0]}"?' if near else f"known are {', '.join(known)}",
    )
