"""Golden files: the same invented contracts written in every form the hub reads, with what must be read from them."""

from __future__ import annotations

import gzip
import io
import json
import re
import zipfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Decimal
from functools import cache
from random import Random
from typing import Any
from xml.sax.saxutils import escape

COLUMNS = ("NUM", "REF", "CLIENT", "ETAT", "LIBELLE", "EFFET", "FIN", "JOUR", "DEPOT")
FIELDS = (
    "external_id", "reference", "customer_ref", "status", "erp_code", "erp_label", "starts_on", "ends_on", "due_day",
    "deposit_cents",
)  # fmt: skip
STATES = {"A": "upcoming", "V": "current", "C": "under_notice", "R": "ended"}
WIDTHS = {
    "NUM": 10, "REF": 12, "CLIENT": 8, "ETAT": 4, "LIBELLE": 40, "EFFET": 10, "FIN": 10, "JOUR": 3, "DEPOT": 14,
}  # fmt: skip
_LABELS = (
    "Bail en cours", "Bail résilié", "Congé reçu le 3", "Signé, à venir", "Œuvre d’habitat", "Loué 450 €", "Côté cour",
    "Être à l'heure", "Á revoir", "ÍLE", "Nº 12 (ancien)",
)  # fmt: skip
_WIDE_LABELS = ("Łódź", "Ζωή", "契約", "🏠 maison", "e\u0301te\u0301", "a\u200bb")
NAME = "F_20261120"
Row = dict[str, Any]
Cells = dict[str, str]


def encodes(text: str, encoding: str) -> bool:
    """Whether the encoding has all of the text's characters."""
    try:
        text.encode(encoding)
    except UnicodeEncodeError:
        return False
    return True


@dataclass(frozen=True)
class Contract:
    """What an ERP holds of one contract; amounts in cents."""

    number: str
    reference: str
    customer: str | None
    state: str
    label: str
    starts: date
    ends: date | None
    due_day: int | None
    deposit: int | None

    @property
    def row(self) -> Row:
        """The canonical row the hub must make of it."""
        values = (
            self.number, self.reference, self.customer, STATES[self.state], self.state, self.label, self.starts,
            self.ends, self.due_day, self.deposit,
        )  # fmt: skip
        return dict(zip(FIELDS, values, strict=True))


@dataclass(frozen=True)
class Form:
    """How a file is written, and the feed that reads it. `header`: lines before the first row."""

    name: str
    kind: str  # csv, fixed, xml, json
    encoding: str = "utf-8"
    delimiter: str = ";"
    quote: bool = True
    newline: str = "\n"
    iso: bool = True
    header: int = 0
    packed: str = "none"
    suffix: str = "csv"
    own: dict[str, Any] = field(default_factory=dict)

    @property
    def decimal(self) -> str:
        return "." if self.iso else ","

    @property
    def date_format(self) -> str:
        return "%Y-%m-%d" if self.iso else "%d/%m/%Y"

    @property
    def labels(self) -> Sequence[str]:
        return [text for text in (*_LABELS, *_WIDE_LABELS) if encodes(text, self.encoding)]

    def table(self, *, sums: bool) -> dict[str, Any]:
        """The feed as a landlord's file describes it."""
        keys: dict[str, Any] = {"decimal": self.decimal, "file": "FICHIER"} | (
            {"sums": {"DEPOT": "DEPOT"}} if sums else {}
        )
        return {
            "stream": "contracts",
            "files": f"in/F_{{date:%Y%m%d}}.{self.suffix}",
            "control": "{stem}.ctl",
            "control_keys": keys,
            "compression": self.packed,
            "encoding": self.encoding,
            "format": {"fixed": "fixed_width", "json": "json_lines"}.get(self.kind, self.kind),
            "fields": self._fields(),
            **self.own,
        }

    def _fields(self) -> dict[str, Any]:
        source = "path" if self.kind in ("xml", "json") else "column"
        return {
            "external_id": {source: "NUM"},
            "reference": {source: "REF"},
            "customer_ref": {source: "CLIENT"},
            "status": {source: "ETAT", "codes": STATES},
            "erp_label": {source: "LIBELLE"},
            "starts_on": {source: "EFFET", "date": self.date_format},
            "ends_on": {source: "FIN", "date": self.date_format},
            "due_day": {source: "JOUR"},
            "deposit": {source: "DEPOT", "decimal": self.decimal},
        }

    def day(self, day: date | None) -> str:
        return day.strftime(self.date_format) if day else ""

    def amount(self, cents: int | None) -> str:
        return "" if cents is None else f"{cents / 100:.2f}".replace(".", self.decimal)

    def cells(self, one: Contract) -> Cells:
        values = (
            one.number, one.reference, one.customer or "", one.state, one.label, self.day(one.starts),
            self.day(one.ends), "" if one.due_day is None else str(one.due_day), self.amount(one.deposit),
        )  # fmt: skip
        return dict(zip(COLUMNS, values, strict=True))


_CSV = Form("csv-1252", "csv", "cp1252", newline="\r\n", iso=False, header=1, own={"delimiter": ";"})
FORMS: dict[str, Form] = {
    form.name: form
    for form in (
        _CSV,
        Form("csv-utf8", "csv", delimiter=",", header=1, own={"delimiter": ","}),
        Form(
            "csv-bare", "csv", "latin-1", "|", quote=False, iso=False, newline="\r\n", header=1,
            own={
                "delimiter": "|", "quote": "", "header": False, "columns": COLUMNS, "skip_lines": 1,
                "skip_prefixes": ["FIN|"],
            },
        ),
        Form(
            "fixed", "fixed", "cp1252", iso=False, newline="\r\n", suffix="txt",
            own={"positions": {
                name: (1 + sum(list(WIDTHS.values())[:place]), sum(list(WIDTHS.values())[: place + 1]))
                for place, name in enumerate(COLUMNS)
            }},
        ),
        Form("xml", "xml", suffix="xml", own={"rows": "Contrat"}),
        Form("json", "json", suffix="jsonl"),
        Form("gzip", "csv", "cp1252", newline="\r\n", iso=False, header=1, packed="gzip", suffix="csv.gz"),
        Form("zip", "csv", "cp1252", newline="\r\n", iso=False, header=1, packed="zip", suffix="zip"),
    )
}  # fmt: skip
for _name in ("gzip", "zip"):
    FORMS[_name].own["control"] = "{folder}/F_{date:%Y%m%d}.ctl"


def invent(form: Form, count: int, seed: int) -> list[Contract]:
    """`count` contracts whose texts the form's encoding has."""
    rng = Random(f"golden/{seed}/{form.name}/{count}")
    return [_contract(form, rng, place) for place in range(count)]


def _contract(form: Form, rng: Random, place: int) -> Contract:
    starts = date(2010, 1, 1) + timedelta(days=rng.randrange(5800))
    label = rng.choice(form.labels)
    if form.kind != "fixed" and form.name != "csv-bare" and rng.random() < 0.2:
        label = rng.choice((f'{label}; suite, "bis"', f'"{label}"', f"{label} <&> é", f"{label};"))
    return Contract(
        number=f"CT{place + 1:06d}",
        reference=f"L/{place + 1:04d}/01",
        customer=f"{rng.randrange(10**6):06d}" if rng.random() < 0.8 else None,
        state=rng.choice("AVVVVCR"),
        label=label,
        starts=starts,
        ends=starts + timedelta(days=rng.randrange(1, 3000)) if rng.random() < 0.3 else None,
        due_day=rng.choice((1, 5, 10, None)),
        deposit=rng.choice((None, 0, 45_000, rng.randrange(1, 200_000))),
    )


# --- writing ----------------------------------------------------------------------------------------------------------


def csv_cell(form: Form, text: str, *, always: bool = False) -> str:
    if form.quote and (always or any(sign in text for sign in (form.delimiter, '"', "\n", "\r"))):
        return '"' + text.replace('"', '""') + '"'
    return text


def csv_line(form: Form, cells: Sequence[str], *, always: bool = False) -> str:
    return form.delimiter.join(csv_cell(form, cell, always=always) for cell in cells)


def fixed_line(cells: Cells) -> str:
    return "".join(cells[name].ljust(width) for name, width in WIDTHS.items())


def xml_row(cells: Cells) -> str:
    inner = "".join(f"<{name}>{escape(text)}</{name}>" for name, text in cells.items() if text != "")
    return f"<Contrat>{inner}</Contrat>"


def json_row(cells: Cells) -> str:
    def value(name: str, text: str) -> str:
        is_number = name in ("JOUR", "DEPOT") and re.fullmatch(r"(0|[1-9][0-9]*)(\.[0-9]+)?", text, re.ASCII)
        return text if is_number else json.dumps(text or None, ensure_ascii=False)

    return "{" + ", ".join(f'"{name}": {value(name, text)}' for name, text in cells.items()) + "}"


def lines_of(form: Form, rows: Sequence[Cells]) -> list[str]:
    """The file's lines without their newlines; for XML a line a row between the root's tags."""
    match form.kind:
        case "csv":
            head = ["EXPORT 20/11/2026"] if form.name == "csv-bare" else [csv_line(form, COLUMNS)]
            return head + [csv_line(form, [row[name] for name in COLUMNS]) for row in rows]
        case "fixed":
            return [fixed_line(row) for row in rows]
        case "xml":
            return ['<?xml version="1.0" encoding="utf-8"?>', "<Contrats>", *map(xml_row, rows), "</Contrats>"]
        case _:
            return [json_row(row) for row in rows]


def text_bytes(form: Form, lines: Sequence[str], *, newline: str | None = None) -> bytes:
    """The lines as the form's file, not yet packed."""
    end = form.newline if newline is None else newline
    return "".join(f"{line}{end}" for line in lines).encode(form.encoding, "surrogatepass")


def pack(form: Form, content: bytes) -> bytes:
    """Gzipped or zipped where the form is."""
    if form.packed == "gzip":
        return gzip.compress(content, mtime=0)
    return zipped([("F.csv", content)]) if form.packed == "zip" else content


def zipped(files: Sequence[tuple[str, bytes]], change: Callable[[zipfile.ZipInfo], None] = lambda info: None) -> bytes:
    into = io.BytesIO()
    with zipfile.ZipFile(into, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files:
            info = zipfile.ZipInfo(name, (2026, 11, 20, 2, 0, 0))
            info.compress_type = zipfile.ZIP_DEFLATED
            change(info)
            archive.writestr(info, content)
    return into.getvalue()


def control_bytes(form: Form, count: int | str, total: Decimal | str | None = None) -> bytes:
    said = "" if total is None else f"DEPOT={str(total).replace('.', form.decimal)}\r\n"
    return f"FICHIER={NAME}.{form.suffix}\r\nLIGNES={count}\r\n{said}".encode("ascii")


@dataclass(frozen=True)
class Golden:
    """One good file of a form: its contracts, lines and bytes, and the canonical rows by the line each comes from."""

    form: Form
    contracts: tuple[Contract, ...]
    cells: tuple[Cells, ...]
    lines: tuple[str, ...]
    expected: dict[int, Row]

    @property
    def first(self) -> int:
        """The line of the first row (for XML, rows are counted)."""
        return self.form.header + 1

    @property
    def total(self) -> Decimal:
        return Decimal(sum(one.deposit or 0 for one in self.contracts)).scaleb(-2)

    def line_of(self, place: int) -> int:
        return self.first + place

    @property
    def content(self) -> bytes:
        return text_bytes(self.form, self.lines)


@cache
def golden(name: str, count: int, seed: int) -> Golden:
    """The golden file of a form."""
    form = FORMS[name]
    contracts = tuple(invent(form, count, seed))
    cells = tuple(form.cells(one) for one in contracts)
    expected = {form.header + 1 + place: one.row for place, one in enumerate(contracts)}
    return Golden(form, contracts, cells, tuple(lines_of(form, cells)), expected)
