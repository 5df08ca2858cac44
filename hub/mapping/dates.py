"""Dates in the formats of an ERP's files, read exactly: 31/02 is no date, and no digit is guessed."""

from __future__ import annotations

import re
from collections.abc import Sequence

import polars as pl

# Names of months are not among them: they would be English ones.
_DIRECTIVES = {
    "Y": "[0-9]{4}",
    "y": "[0-9]{2}",
    "m": "[0-9]{1,2}",
    "d": "[0-9]{1,2}",
    "j": "[0-9]{1,3}",
    "H": "[0-9]{1,2}",
    "M": "[0-9]{1,2}",
    "S": "[0-9]{1,2}",
    "f": "[0-9]{1,9}",
    "%": "%",
}
_EXACT = {"m": "[0-9]{2}", "d": "[0-9]{2}", "j": "[0-9]{3}", "H": "[0-9]{2}", "M": "[0-9]{2}", "S": "[0-9]{2}"}
_TOKEN = re.compile(r"%(.)|([^%])", re.DOTALL)


def format_flaw(form: str) -> str | None:
    """Why a date format cannot be used, or None."""
    letters = re.findall(r"%(.?)", form)
    unknown = [letter for letter in letters if letter not in _DIRECTIVES]
    if unknown:
        return f"%{unknown[0]} is not understood: use %d %m %Y %y %j, and %H %M %S %f for a time to be dropped"
    if not {"Y", "y"} & set(letters) or not {"m", "j"} & set(letters):
        return "a date needs its year (%Y or %y) and its month (%m)"
    return None


def has_day(form: str) -> bool:
    """Whether the format says the day, or only the month."""
    return bool(re.search("%[dj]", form))


def dates(found: pl.Expr, formats: Sequence[str], *, month_start: bool = False, month_end: bool = False) -> pl.Expr:
    """The text's date by the first format that fits, else null; moved to its month's first or last day if asked."""
    read = pl.coalesce([_by(found, form) for form in formats])
    if month_start:
        return read.dt.month_start()
    return read.dt.month_end() if month_end else read


def _by(found: pl.Expr, form: str) -> pl.Expr:
    fits = found.str.contains(_guard(form))
    whole = found if has_day(form) else pl.concat_str(pl.lit("01 "), found)
    return pl.when(fits).then(whole.str.to_date(form if has_day(form) else f"%d {form}", strict=False))


def _guard(form: str) -> str:
    """The pattern of a format's texts. Where two numbers touch, both are full: "2026021" is not 1 February."""
    tokens = _TOKEN.findall(form)
    patterns = []
    for place, (letter, plain) in enumerate(tokens):
        touches = any(0 <= near < len(tokens) and tokens[near][0] for near in (place - 1, place + 1))
        directive = (_EXACT if touches else {}).get(letter) or _DIRECTIVES.get(letter, "")
        patterns.append(directive if letter else re.escape(plain))
    return f"^{''.join(patterns)}$"
