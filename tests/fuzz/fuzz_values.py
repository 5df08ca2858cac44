"""Mutations of one cell: dates, amounts, numbers, codes and texts as strange exports write them."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from random import Random
from typing import Any

from fuzz_cases import PLAIN, TEXT, Case, case_of, mutation
from fuzz_goldens import WIDTHS, Form, Golden, csv_line, fixed_line, json_row, text_bytes, xml_row
from fuzz_text import edited, index_of, some, without

_ARABIC = str.maketrans("0123456789", "٠١٢٣٤٥٦٧٨٩")
_FULL = str.maketrans("0123456789", "０１２３４５６７８９")


def row_line(form: Form, cells: dict[str, str]) -> str:
    """A row's line; a text in JSON stays a text, whatever it looks like."""
    match form.kind:
        case "csv":
            return csv_line(form, list(cells.values()))
        case "fixed":
            return fixed_line(cells)
        case "xml":
            return xml_row(cells)
        case _:
            return json_row(cells)


def with_cell(gold: Golden, rng: Random, column: str, text: str) -> tuple[bytes, int, int] | None:
    """The file with one cell changed, its line and its place; None where the form cannot hold the text."""
    form = gold.form
    if form.kind == "fixed" and len(text) > WIDTHS[column]:
        return None
    if form.name == "csv-bare" and ("|" in text or "\n" in text or "\r" in text):
        return None
    place = some(gold, rng)
    cells = {**gold.cells[place], column: text}
    try:
        return edited(gold, place, row_line(form, cells)), gold.line_of(place), place
    except UnicodeEncodeError:
        return None


def bad_value(gold: Golden, rng: Random, column: str, text: str, field: str) -> Case | None:
    found = with_cell(gold, rng, column, text)
    if found is None:
        return None
    data, line, _ = found
    control = rng.choice(("count", "none"))
    return case_of(gold, data, rows=without(gold, line), bad=[line], field=field, control=control)


def good_value(gold: Golden, rng: Random, column: str, text: str, field: str, value: Any) -> Case | None:
    found = with_cell(gold, rng, column, text)
    if found is None:
        return None
    data, line, _ = found
    rows = gold.expected | {line: gold.expected[line] | {field: value}}
    return case_of(gold, data, rows=rows, control=rng.choice(("count", "none")))


# --- dates ------------------------------------------------------------------------------------------------------------


def written(form: Form, year: int, month: int, day: int) -> str:
    return f"{year:04d}-{month:02d}-{day:02d}" if form.iso else f"{day:02d}/{month:02d}/{year:04d}"


_NO_DATES: tuple[Callable[[Form], str], ...] = (
    lambda form: written(form, 2026, 2, 31),
    lambda form: written(form, 2025, 2, 29),
    lambda form: written(form, 1900, 2, 29),
    lambda form: written(form, 2026, 4, 31),
    lambda form: written(form, 2026, 13, 15),
    lambda form: written(form, 2026, 1, 32),
    lambda form: written(form, 2026, 0, 10),
    lambda form: written(form, 2026, 10, 0),
    lambda form: written(form, 0, 0, 0),
    lambda form: written(form, 9999, 99, 99),
    lambda form: "15/01/2026" if form.iso else "2026-01-15",
    lambda form: "26-01-15" if form.iso else "15/01/26",
    lambda form: written(form, 2026, 1, 15).replace("0", "O"),
    lambda form: written(form, 2026, 1, 15).replace("1", "l"),
    lambda form: written(form, 2026, 1, 15).translate(_ARABIC),
    lambda form: written(form, 2026, 1, 15).translate(_FULL),
    lambda form: written(form, 2026, 1, 15) + " 00:00",
    lambda form: written(form, 2026, 1, 15)[:-1] + "?",
    lambda form: "15 janv. 2026",
    lambda form: "46037",
    lambda form: "20260115",
    lambda form: "-" + written(form, 2026, 1, 15),
    lambda form: "NULL",
    lambda form: "1/2",
)


@mutation("date: none there is", *PLAIN)
def _no_date(gold: Golden, rng: Random) -> Case | None:
    column, field = rng.choice((("EFFET", "starts_on"), ("FIN", "ends_on")))
    return bad_value(gold, rng, column, rng.choice(_NO_DATES)(gold.form), field)


@mutation("date: outside the calendar", *PLAIN)
def _outside(gold: Golden, rng: Random) -> Case | None:
    year, month, day = rng.choice(((1, 1, 1), (1899, 12, 31), (2200, 1, 1), (9999, 12, 31), (1753, 1, 1)))
    column, field = ("EFFET", "starts_on") if year < 1900 else ("FIN", "ends_on")
    return bad_value(gold, rng, column, written(gold.form, year, month, day), field)


@mutation("date: the end before the beginning", *PLAIN)
def _out_of_order(gold: Golden, rng: Random) -> Case | None:
    return bad_value(gold, rng, "FIN", written(gold.form, 2009, 12, 31), "starts_on")


@mutation("date: written short, or with blanks", *PLAIN)
def _short_date(gold: Golden, rng: Random) -> Case | None:
    day = date(2009, rng.randint(1, 9), rng.randint(1, 9))
    short = f"{day.year}-{day.month}-{day.day}" if gold.form.iso else f"{day.day}/{day.month}/{day.year}"
    text = rng.choice((short, f" {short}", f"{short} ", f"\u00a0{short}"))
    return good_value(gold, rng, "EFFET", text, "starts_on", day)


@mutation("date: the first and the last of the calendar, 29 February", *PLAIN)
def _edges(gold: Golden, rng: Random) -> Case | None:
    if rng.random() < 0.3:
        return good_value(gold, rng, "FIN", written(gold.form, 2199, 12, 31), "ends_on", date(2199, 12, 31))
    day = rng.choice((date(1900, 1, 1), date(2008, 2, 29), date(2000, 2, 29), date(1970, 1, 1), date(1999, 12, 31)))
    return good_value(gold, rng, "EFFET", written(gold.form, day.year, day.month, day.day), "starts_on", day)


# --- amounts and numbers ----------------------------------------------------------------------------------------------

_NO_AMOUNTS = (
    "4{d}5{d}0", "450{d}005", "1e3", "NaN", "inf", "-", "+", "--5", "5-5", "(5", "5)", "-(5)", "12 34{d}00",
    "cinq", "0x10", "{o}50{d}00{o}", "1{o}234{d}50", "450{o}00", "5 % ", "#N/A", "#REF!", "1'234{d}50", "$5", "5EURO",
)  # fmt: skip


@mutation("amount: none there is", *PLAIN)
def _no_amount(gold: Golden, rng: Random) -> Case | None:
    sign = gold.form.decimal
    text = rng.choice(_NO_AMOUNTS).format(d=sign, o="." if sign == "," else ",")
    return bad_value(gold, rng, "DEPOT", text, "deposit_cents")


@mutation("amount: too large", *PLAIN)
def _too_large(gold: Golden, rng: Random) -> Case | None:
    digits = rng.choice((12, 13, 14, 18, 19, 20, 38, 39, 40, 400, 5_000))
    text = "9" * digits + gold.form.decimal + "00"
    if digits < 14:
        text = "9" * (digits + 3)
    return bad_value(gold, rng, "DEPOT", text, "deposit_cents")


@mutation("amount: digits of other scripts", "csv-utf8", "json", "xml")
def _digits(gold: Golden, rng: Random) -> Case | None:
    column, field, text = rng.choice((("DEPOT", "deposit_cents", "450.00"), ("JOUR", "due_day", "5")))
    return bad_value(gold, rng, column, text.translate(rng.choice((_ARABIC, _FULL))), field)


_AMOUNTS = (
    ("+5{d}00", 500), ("5{d}00-", -500), ("-5{d}00", -500), ("(5{d}00)", -500), ("5{d}00 €", 500), ("EUR 5", 500),
    ("{d}50", 50), ("5{d}", 500), ("5{d}000", 500), ("0", 0), ("-0{d}00", 0), ("00012{d}30", 1230),
    ("\u22125{d}00", -500),
    (" 5{d}5 ", 550), ("99999999{d}99", 9_999_999_999),
)  # fmt: skip
_GROUPED = (
    ("1 234{d}50", 123_450),
    ("1\u00a0234{d}50", 123_450),
    ("1\u202f234{d}5", 123_450),
    ("12 345 678", 1_234_567_800),
)


@mutation("amount: written in another way", *PLAIN)
def _amount(gold: Golden, rng: Random) -> Case | None:
    sign = gold.form.decimal
    text, cents = rng.choice(_AMOUNTS + (_GROUPED if sign == "," else ()))
    return good_value(gold, rng, "DEPOT", text.format(d=sign), "deposit_cents", cents)


@mutation("amount: groups of three where no blank is expected", "csv-utf8", "json", "xml")
def _grouped(gold: Golden, rng: Random) -> Case | None:
    return bad_value(gold, rng, "DEPOT", rng.choice(_GROUPED)[0].format(d="."), "deposit_cents")


@mutation("number: none there is", *PLAIN)
def _no_number(gold: Golden, rng: Random) -> Case | None:
    text = rng.choice(("5.5", "V", "5 5", "1e1", "5,0", "0x5", "??", "5.", "5..", "9" * 30, "9" * 400, str(2**53)))
    if text == "5.":
        text = "5.."
    return bad_value(gold, rng, "JOUR", text, "due_day")


@mutation("number: written in another way", *PLAIN)
def _number(gold: Golden, rng: Random) -> Case | None:
    text, value = rng.choice((("05", 5), ("+5", 5), ("5.0", 5), (" 5", 5), ("0", 0), ("-1", -1), ("5.", 5)))
    return good_value(gold, rng, "JOUR", text, "due_day", value)


# --- codes and texts --------------------------------------------------------------------------------------------------


@mutation("code: unknown", *PLAIN)
def _unknown_code(gold: Golden, rng: Random) -> Case | None:
    return bad_value(gold, rng, "ETAT", rng.choice(("Z", "v", "VV", "V.", "0", "É")), "status")


@mutation("blank: what is required", *PLAIN)
def _blank(gold: Golden, rng: Random) -> Case | None:
    column, field = rng.choice(
        (("NUM", "external_id"), ("REF", "reference"), ("ETAT", "status"), ("EFFET", "starts_on"))
    )
    return bad_value(gold, rng, column, rng.choice(("", " ", "   ", "\u00a0")), field)


@mutation("blank: what may be", *PLAIN)
def _may_be_blank(gold: Golden, rng: Random) -> Case | None:
    column, field = rng.choice(
        (("CLIENT", "customer_ref"), ("FIN", "ends_on"), ("JOUR", "due_day"), ("DEPOT", "deposit_cents"))
    )
    return good_value(gold, rng, column, rng.choice(("", "  ", "\u00a0 ")), field, None)


@mutation("text: control characters", *TEXT)
def _control(gold: Golden, rng: Random) -> Case | None:
    sign = rng.choice("\x01\x07\x08\x0b\x0c\x1b\x1f\x7f\t")
    column, field = rng.choice((("LIBELLE", "erp_label"), ("NUM", "external_id"), ("REF", "reference")))
    return bad_value(gold, rng, column, f"ab{sign}cd", field)


@mutation("text: control characters that XML allows", "xml")
def _control_xml(gold: Golden, rng: Random) -> Case | None:
    return bad_value(gold, rng, "LIBELLE", f"ab{rng.choice(chr(127) + chr(0x85) + chr(9))}cd", "erp_label")


@mutation("text: too long", "csv-1252", "csv-utf8", "csv-bare", "json", "xml")
def _too_long(gold: Golden, rng: Random) -> Case | None:
    column, field, longest = rng.choice(
        (("LIBELLE", "erp_label", 300), ("NUM", "external_id", 120), ("REF", "reference", 60))
    )
    size = rng.choice((longest + 1, longest * 2, 10_000, 400_000))
    return bad_value(gold, rng, column, "x" * size, field)


_TEXTS = (
    "x" * 300, "NULL", "None", "nan", "N/A", "\\N", "\\.", "\\x41", "'; drop table contract; --", "=1+1", "@SUM(A1)",
    "%s %d %n", "{0}", "${HOME}", "<script>", "&amp;", "a--b", "#", "0", "true", "-0.0", "L'Œuvre", "a\u00a0b", "''",
    "x\u2028y\u2029z", "a\u200bb", "\u202egauche", "🏚️🔑", "ﬁ", "e\u0301", "\ufeffz", "ǅ",
    "𝒳" * 20,
)  # fmt: skip


@mutation("text: strange, and a text all the same", *PLAIN)
def _text(gold: Golden, rng: Random) -> Case | None:
    text = rng.choice(_TEXTS)
    blanks = rng.choice(("", " ", "\u00a0"))
    return good_value(gold, rng, "LIBELLE", blanks + text + blanks, "erp_label", text)


@mutation("key: the same row twice", *PLAIN)
def _twin(gold: Golden, rng: Random) -> Case:
    """Reading keeps both; the store settles twins."""
    place = some(gold, rng)
    lines = list(gold.lines)
    end = len(gold.lines) - (gold.form.kind == "xml")
    lines.insert(end, gold.lines[index_of(gold, place)])
    count = len(gold.contracts) + 1
    rows = gold.expected | {gold.line_of(count - 1): gold.contracts[place].row}
    return case_of(gold, text_bytes(gold.form, lines), rows=rows, count=count, control="count")


@mutation("rows: in another order", *PLAIN)
def _reordered(gold: Golden, rng: Random) -> Case:
    order = list(range(len(gold.contracts)))
    rng.shuffle(order)
    head = gold.form.header + 2 * (gold.form.kind == "xml")
    body = [gold.lines[index_of(gold, place)] for place in order]
    tail = gold.lines[index_of(gold, len(order) - 1) + 1 :]
    rows = {gold.line_of(at): gold.contracts[place].row for at, place in enumerate(order)}
    return case_of(gold, text_bytes(gold.form, [*gold.lines[:head], *body, *tail]), rows=rows)
