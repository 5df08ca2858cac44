"""Control files (*fichiers de contrôle*): what a sender says it sent, compared with what arrived."""

from __future__ import annotations

import codecs
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal

import polars as pl
import pyarrow as pa

from hub.errors import InputRefusedError, Where
from hub.formats.text import known_encoding
from hub.records import Reject

KEY_VALUE = r"^\s*(?P<key>[^=:#;\s][^=:;]*?)\s*[=:;]\s*(?P<value>.*?)\s*$"
_SPACES = re.compile(r"[\s\u00a0\u202f']")
_MAX_BYTES = 256 * 1024


@dataclass(frozen=True, slots=True)
class Control:
    """What a control file says: values that are numbers, and the others as text (dates, hashes), by key."""

    numbers: dict[str, Decimal]
    texts: dict[str, str] = field(default_factory=dict)
    file: str = ""

    def number(self, key: str) -> Decimal:
        """Raises InputRefusedError when the key is not there or no number."""
        if key not in self.numbers:
            raise self._lacks("number", key)
        return self.numbers[key]

    def text(self, key: str) -> str:
        """A value that is no number. Raises InputRefusedError when the key is not there."""
        if key not in self.texts:
            raise self._lacks("text", key)
        return self.texts[key]

    def count(self, key: str) -> int:
        """A number of lines. Raises InputRefusedError also when it is not whole or below nought."""
        number = self.number(key)
        if number < 0 or number != number.to_integral_value():
            raise InputRefusedError(
                f"the control file says {key} = {_plain(number)}, which is no number of lines",
                hint="ask for the file and its control file again",
                where=Where(file=self.file, field=key),
            )
        return int(number)

    def _lacks(self, what: str, key: str) -> InputRefusedError:
        known = ", ".join([*self.numbers, *self.texts])[:300] or "nothing"
        return InputRefusedError(
            f"the control file gives no {what} {key!r}, but {known}",
            hint="correct the feed's control settings",
            where=Where(file=self.file, field=key),
        )


def read_control(
    content: bytes, *, file: str = "", pattern: str = KEY_VALUE, encoding: str = "cp1252", decimal: str = ","
) -> Control:
    """Reads one `KEY=value` a line (or what the groups `key` and `value` of `pattern` find); other lines mean nothing.

    Numbers may have a decimal comma (or `decimal`) and spaces between thousands. Raises InputRefusedError for a file
    that is too large, undecodable, or gives a key twice with different values.
    """
    if len(content) > _MAX_BYTES:
        raise InputRefusedError("the file is too large for a control file", where=Where(file=file))
    try:
        text = content.removeprefix(codecs.BOM_UTF8).decode(known_encoding(encoding))
    except UnicodeDecodeError:
        raise InputRefusedError(f"the control file is not {encoding}", where=Where(file=file)) from None
    found: dict[str, str] = {}
    for match in re.finditer(pattern, text, re.MULTILINE):
        key, value = match["key"].strip(), match["value"].strip()
        if found.setdefault(key, value) != value:
            raise InputRefusedError(f"the control file gives {key!r} twice", where=Where(file=file, field=key))
    numbers = {key: number for key, value in found.items() if (number := _number(value, decimal)) is not None}
    return Control(numbers, {key: value for key, value in found.items() if key not in numbers}, file)


def add_up(column: pa.ChunkedArray | pa.Array, *, decimal: str = ",") -> Decimal:
    """The exact sum of a text column of amounts; empty cells and what is no number count nothing."""
    texts = pl.Series(column).cast(pl.String).str.replace_all(_SPACES.pattern, "")
    if decimal != ".":
        frame = texts.alias("text").to_frame()
        text, plain = pl.col("text"), pl.col("text").str.replace_all(".", "", literal=True)
        pointed = pl.when(text.str.contains(decimal, literal=True)).then(plain).otherwise(text)
        texts = frame.select(pointed.str.replace(decimal, ".", literal=True)).to_series()
    whole = r"^[+-]?[0-9]{1,24}(\.[0-9]{0,6})?$"
    amounts = texts.filter(texts.str.contains(whole)).str.strip_prefix("+").cast(pl.Decimal(38, 6))
    return Decimal(amounts.sum() or 0).normalize() + 0


def disagreement(
    control: Control,
    *,
    rows: int,
    count_key: str | None = None,
    sums: Mapping[str, Decimal] | None = None,
    rejects: tuple[Reject, ...] | list[Reject] = (),
) -> str | None:
    """What the control file says otherwise, in a sentence for a person, or None when it agrees.

    `rows`: data rows found, refused ones included, a cut last line not; `sums`: control key → what the file adds up to.
    """
    cut = next((reject.line for reject in rejects if reject.code == "CUT"), None)
    if count_key is not None and (said := control.number(count_key)) != rows:
        ends = f" and ends in the middle of line {cut} → it was cut in transfer" if cut else ""
        return f"the control file says {_plain(said)} lines; the file holds {rows}{ends}"
    for key, total in (sums or {}).items():
        if (said := control.number(key)) != total:
            return f"the control file says {key} = {_plain(said)}; the file adds up to {_plain(total)}"
    return f"the file ends in the middle of line {cut} → it was cut in transfer" if cut else None


def _plain(number: Decimal) -> str:
    return f"{number:f}"


def _number(text: str, decimal: str) -> Decimal | None:
    plain = _SPACES.sub("", text)
    if decimal in plain and decimal != ".":
        plain = plain.replace(".", "").replace(decimal, ".")
    return Decimal(plain) if re.fullmatch(r"[+-]?[0-9]+(\.[0-9]*)?", plain) else None
