"""Mutations of bytes and lines: truncation, encodings, line endings, cells too many or too few."""

from __future__ import annotations

import codecs
from collections.abc import Sequence
from random import Random

from fuzz_cases import CSV, PLAIN, TEXT, Case, case_of, mutation
from fuzz_goldens import Golden, Row, csv_line, fixed_line, text_bytes


def without(gold: Golden, *lines: int) -> dict[int, Row]:
    """The good rows but those on these lines."""
    return {line: row for line, row in gold.expected.items() if line not in lines}


def some(gold: Golden, rng: Random) -> int:
    """The place of a row, the first and last ones more often than others."""
    last = len(gold.contracts) - 1
    return rng.choice((0, last, rng.randint(0, last), rng.randint(0, last)))


def index_of(gold: Golden, place: int) -> int:
    """Where a row's line stands among the file's lines."""
    return place + (2 if gold.form.kind == "xml" else gold.form.header)


def edited(gold: Golden, place: int, line: str) -> bytes:
    lines = list(gold.lines)
    lines[index_of(gold, place)] = line
    return text_bytes(gold.form, lines)


def spans(gold: Golden) -> list[tuple[int, int]]:
    """The bytes of each line, its newline not counted."""
    at, found = 0, []
    for line in gold.lines:
        size = len(line.encode(gold.form.encoding))
        found.append((at, at + size))
        at += size + len(gold.form.newline)
    return found


# --- truncation -------------------------------------------------------------------------------------------------------


@mutation("truncated: nothing is left", *PLAIN)
def _nothing(gold: Golden, rng: Random) -> Case:
    return case_of(gold, b"", rows={}, whole=True, control=rng.choice(("honest", "count", "none")))


@mutation("truncated: in the header", *PLAIN)
def _in_header(gold: Golden, rng: Random) -> Case:
    end = spans(gold)[0][1]
    return case_of(gold, gold.content[: rng.randrange(1, end)], rows={}, whole=True)


@mutation("truncated: in the header, without control file", "csv-1252", "csv-utf8", "xml")
def _in_header_alone(gold: Golden, rng: Random) -> Case:
    end = spans(gold)[0][1]
    return case_of(gold, gold.content[: rng.randrange(1, end)], rows={}, whole=True, control="none")


@mutation("truncated: after the header", *CSV, "xml")
def _after_header(gold: Golden, rng: Random) -> Case:
    end = spans(gold)[gold.form.header + (gold.form.kind == "xml")][0]
    return case_of(gold, gold.content[:end], rows={}, whole=True, control=rng.choice(("honest", "count", "none")))


@mutation("truncated: in the middle of a row", *PLAIN)
def _in_row(gold: Golden, rng: Random) -> Case:
    start, end = spans(gold)[index_of(gold, some(gold, rng))]
    return case_of(gold, gold.content[: rng.randrange(start + 1, end)], whole=True)


@mutation("truncated: in the middle of a row, without control file", *PLAIN)
def _in_row_alone(gold: Golden, rng: Random) -> Case | None:
    start, end = spans(gold)[index_of(gold, some(gold, rng))]
    # What is cut of the last cell cannot be known to have been there: up to the delimiter before it.
    last = end - 1
    if gold.form.kind == "csv":
        sign = gold.form.delimiter.encode()
        last = gold.content.rindex(sign, start, end)
    return case_of(gold, gold.content[: rng.randrange(start + 1, last)], whole=True, control="none")


@mutation("truncated: in the middle of a character", *PLAIN)
def _in_character(gold: Golden, rng: Random) -> Case | None:
    content = gold.content
    inner = [at for at in range(len(content) // 2, len(content)) if 0x80 <= content[at] < 0xC0]
    if gold.form.encoding != "utf-8" or not inner:
        return None
    return case_of(gold, content[: rng.choice(inner)], whole=True, control=rng.choice(("honest", "none")))


@mutation("truncated: between two rows", *PLAIN)
def _between_rows(gold: Golden, rng: Random) -> Case:
    start, _ = spans(gold)[index_of(gold, some(gold, rng))]
    cut = gold.content[: max(0, start - rng.choice((0, *range(1, len(gold.form.newline)))))]
    return case_of(gold, cut, whole=True, control=rng.choice(("honest", "count")))


@mutation("truncated: in the last cell", *CSV)
def _in_last_cell(gold: Golden, rng: Random) -> Case | None:
    """The sum knows, unless only noughts are lost."""
    place = len(gold.contracts) - 1
    text = gold.cells[place]["DEPOT"]
    if not text.strip("0,."):
        return None
    _, end = spans(gold)[index_of(gold, place)]
    kept = rng.randrange(len(text))
    same = text[:kept].rstrip("0,.") == text.rstrip("0,.") and gold.form.decimal in text[: kept + 1]
    rows = gold.expected if same else without(gold, gold.line_of(place))
    return case_of(gold, gold.content[: end - len(text) + kept], rows=rows, whole=not same)


@mutation("truncated: the last newline", *PLAIN)
def _last_newline(gold: Golden, rng: Random) -> Case:
    return case_of(gold, gold.content.removesuffix(gold.form.newline.encode()), control=rng.choice(("honest", "none")))


@mutation("truncated: before the trailer", "csv-bare")
def _trailer(gold: Golden, rng: Random) -> Case:
    """A trailer is no data: with it or without, the rows are the same; a row short, the control file tells."""
    trailer = f"FIN|{len(gold.contracts)}\r\n".encode()
    if rng.random() < 0.5:
        return case_of(gold, gold.content + trailer[: rng.randint(4, len(trailer))])
    start, _ = spans(gold)[-1]
    return case_of(gold, gold.content[:start] + trailer, whole=True, control="count")


@mutation("doubled: the file twice in one", *TEXT)
def _twice(gold: Golden, rng: Random) -> Case:
    return case_of(gold, gold.content * 2, whole=True, control="count")


# --- encodings --------------------------------------------------------------------------------------------------------


@mutation("encoding: UTF-16", *TEXT)
def _utf16(gold: Golden, rng: Random) -> Case:
    mark, codec = rng.choice(
        ((codecs.BOM_UTF16_LE, "utf-16-le"), (codecs.BOM_UTF16_BE, "utf-16-be"), (b"", "utf-16-le"), (b"", "utf-16-be"))
    )
    text = gold.content.decode(gold.form.encoding)
    if mark == b"" and gold.form.name in ("csv-bare", "fixed", "json"):
        # Without a mark and without a header, each line is named for its NUL bytes, or none fits.
        return case_of(gold, text.encode(codec), rows={}, whole=True)
    return case_of(gold, mark + text.encode(codec), whole=True, control=rng.choice(("honest", "none")))


@mutation("encoding: UTF-16 in XML", "xml")
def _utf16_xml(gold: Golden, rng: Random) -> Case:
    text = gold.content.decode().replace('encoding="utf-8"', 'encoding="utf-16"')
    return case_of(gold, text.encode("utf-16"))


@mutation("encoding: UTF-8 mark", *PLAIN)
def _mark(gold: Golden, rng: Random) -> Case:
    data = codecs.BOM_UTF8 + gold.content
    return case_of(gold, data, whole=gold.form.encoding != "utf-8", control=rng.choice(("honest", "none")))


@mutation("encoding: a line in another encoding", "csv-utf8", "json")
def _mixed(gold: Golden, rng: Random) -> Case | None:
    places = [place for place, one in enumerate(gold.contracts) if any(sign in one.label for sign in "éèàô")]
    if not places:
        return None
    place = rng.choice(places)
    lines = [line.encode() for line in gold.lines]
    try:
        lines[index_of(gold, place)] = gold.lines[index_of(gold, place)].encode("cp1252")
    except UnicodeEncodeError:
        return None
    end = gold.form.newline.encode()
    data = b"".join(line + end for line in lines)
    line = gold.line_of(place)
    return case_of(gold, data, rows=without(gold, line), bad=[line], control=rng.choice(("count", "none")))


@mutation("encoding: bytes the encoding does not have", "csv-1252", "fixed", "csv-utf8", "json", "gzip", "zip")
def _undefined(gold: Golden, rng: Random) -> Case:
    place = some(gold, rng)
    start, _ = spans(gold)[index_of(gold, place)]
    wide = (b"\xed\xa0\x80", b"\xc0\xaf", b"\xff", b"\xf8\x88\x80\x80\x80", b"\xe9", b"\xf4\x90\x80\x80")
    stray = rng.choice(wide if gold.form.encoding == "utf-8" else (b"\x81", b"\x8d", b"\x8f", b"\x90", b"\x9d"))
    at = start + 3
    data = gold.content[:at] + stray + gold.content[at + len(stray) * (gold.form.kind == "fixed") :]
    line = gold.line_of(place)
    return case_of(gold, data, rows=without(gold, line), bad=[line], control=rng.choice(("count", "none")))


@mutation("encoding: NUL bytes", *TEXT, "gzip", "zip")
def _nul(gold: Golden, rng: Random) -> Case:
    place = some(gold, rng)
    start, end = spans(gold)[index_of(gold, place)]
    at, size = rng.randrange(start + 2, end - 1), rng.choice((1, 2, 500))
    swallowed = size if gold.form.kind == "fixed" and size < 3 else 0
    at = min(at, end - swallowed)
    data = gold.content[:at] + b"\0" * size + gold.content[at + swallowed :]
    line = gold.line_of(place)
    return case_of(gold, data, rows=without(gold, line), bad=[line], control=rng.choice(("count", "none")))


@mutation("encoding: NUL bytes in XML", "xml")
def _nul_xml(gold: Golden, rng: Random) -> Case:
    start, end = spans(gold)[index_of(gold, some(gold, rng))]
    at = rng.randrange(start, end)
    return case_of(gold, gold.content[:at] + b"\0" + gold.content[at:], whole=True)


@mutation("encoding: encoded twice", "csv-1252", "csv-utf8", "json")
def _encoded_twice(gold: Golden, rng: Random) -> Case | None:
    """Read as it is written: a strange text is a text. What no encoding gives back, or control characters, is named."""
    place = some(gold, rng)
    label = gold.contracts[place].label
    narrow = rng.choice(("cp1252", "latin-1"))
    try:
        wrong = label.encode().decode(narrow)
        line = gold.lines[index_of(gold, place)].replace(*_both(gold, label, wrong))
        data = edited(gold, place, line)
    except UnicodeError:
        return None
    number = gold.line_of(place)
    if line == gold.lines[index_of(gold, place)]:
        return None
    if any(ord(sign) < 32 or 127 <= ord(sign) < 160 for sign in wrong):
        return case_of(gold, data, rows=without(gold, number), bad=[number], field="erp_label", control="count")
    rows = gold.expected | {number: gold.expected[number] | {"erp_label": wrong.strip()}}
    return case_of(gold, data, rows=rows, control="count")


def _both(gold: Golden, label: str, wrong: str) -> tuple[str, str]:
    """A label and what takes its place, as they stand in the line."""
    if gold.form.kind == "json":
        import json

        return json.dumps(label, ensure_ascii=False)[1:-1], json.dumps(wrong, ensure_ascii=False)[1:-1]
    return label.replace('"', '""'), wrong.replace('"', '""')


@mutation("encoding: end-of-file sign of old systems", "csv-1252", "csv-utf8", "fixed", "json")
def _ctrl_z(gold: Golden, rng: Random) -> Case:
    return case_of(gold, gold.content + b"\x1a", whole=True, control="none")


# --- lines ------------------------------------------------------------------------------------------------------------


@mutation("lines: other newlines", *PLAIN)
def _newlines(gold: Golden, rng: Random) -> Case:
    ends = rng.choice((["\n"], ["\r\n"], ["\n", "\r\n"]))
    data = "".join(line + rng.choice(ends) for line in gold.lines).encode(gold.form.encoding)
    return case_of(gold, data, control=rng.choice(("honest", "none")))


@mutation("lines: returns without newline", *TEXT)
def _returns(gold: Golden, rng: Random) -> Case:
    return case_of(gold, text_bytes(gold.form, gold.lines, newline="\r"), rows={}, whole=True)


@mutation("lines: a return in the middle of a line", "csv-1252", "csv-bare", "fixed")
def _one_return(gold: Golden, rng: Random) -> Case:
    place = some(gold, rng)
    cells = dict(gold.cells[place])
    cells["LIBELLE"] = cells["LIBELLE"][:2] + "\r" + cells["LIBELLE"][2:]
    text = cells["LIBELLE"]
    if gold.form.kind == "fixed":
        line = fixed_line({**cells, "LIBELLE": text[:40]})
    else:
        line = gold.form.delimiter.join([cells[name] for name in cells])
        if any(sign in text for sign in (gold.form.delimiter, '"')):
            line = csv_line(gold.form, list(cells.values()))
    number = gold.line_of(place)
    return case_of(gold, edited(gold, place, line), rows=without(gold, number), bad=[number], control="count")


@mutation("lines: empty ones between", *TEXT, "xml")
def _empty_lines(gold: Golden, rng: Random) -> Case:
    lines, rows, number = list(gold.lines[: gold.form.header]), {}, gold.form.header
    body = gold.lines[gold.form.header :]
    if gold.form.kind == "xml":
        return case_of(gold, text_bytes(gold.form, [line + "\n \n" * rng.randint(0, 2) for line in gold.lines]))
    for place, line in enumerate(body):
        empty = rng.choice((0, 0, 1, 3))
        lines += [""] * empty + [line]
        number += empty + 1
        rows[number] = gold.contracts[place].row
    return case_of(gold, text_bytes(gold.form, [*lines, "", ""]), rows=rows)


@mutation("lines: one of blanks", "csv-1252", "csv-utf8", "csv-bare", "fixed")
def _blanks(gold: Golden, rng: Random) -> Case:
    place = some(gold, rng)
    lines = list(gold.lines)
    at = index_of(gold, place)
    lines.insert(at, rng.choice(("  ", "\t", " " * 40, "-- fin de page --")))
    number = gold.line_of(place)
    rows = {line + (line >= number): row for line, row in gold.expected.items()}
    return case_of(gold, text_bytes(gold.form, lines), rows=rows, bad=[number], control="none")


@mutation("lines: too few cells", *CSV)
def _too_few(gold: Golden, rng: Random) -> Case:
    return _with_cells(gold, rng, lambda cells: cells[: rng.randrange(1, len(cells))])


@mutation("lines: too many cells", *CSV)
def _too_many(gold: Golden, rng: Random) -> Case:
    extra = rng.choice((1, 2, 50, 5_000))
    return _with_cells(gold, rng, lambda cells: [*cells[:4], *["x"] * extra, *cells[4:]])


def _with_cells(gold: Golden, rng: Random, change: object) -> Case:
    place = rng.randrange(len(gold.contracts) - 1)
    cells: Sequence[str] = change(list(gold.cells[place].values()))  # type: ignore[operator]  # a function of cells
    number = gold.line_of(place)
    data = edited(gold, place, csv_line(gold.form, cells))
    return case_of(gold, data, rows=without(gold, number), bad=[number], control=rng.choice(("count", "none")))


@mutation("lines: shifted by one cell", *CSV)
def _shifted(gold: Golden, rng: Random) -> Case:
    return _with_cells(gold, rng, lambda cells: ["", *cells[:-1]])


@mutation("lines: two cells of a line change places", *CSV)
def _swapped(gold: Golden, rng: Random) -> Case:
    left, right = rng.choice(((3, 5), (4, 5), (0, 5), (3, 4), (3, 8), (5, 7)))

    def swap(cells: list[str]) -> list[str]:
        cells[left], cells[right] = cells[right] or "-", cells[left]
        return cells

    return _with_cells(gold, rng, swap)


@mutation("lines: a line that never ends", "csv-1252", "csv-utf8", "csv-bare", "fixed", "json")
def _endless(gold: Golden, rng: Random) -> Case:
    size = rng.choice((1_100_000, 3_000_000, 9_000_000))
    place = rng.randrange(len(gold.contracts))
    lines = [line.encode(gold.form.encoding) for line in gold.lines[: index_of(gold, place)]]
    end = gold.form.newline.encode()
    data = b"".join(line + end for line in lines) + b"x" * size
    return case_of(gold, data, whole=True, control=rng.choice(("honest", "count")))


@mutation("fixed width: a line too short", "fixed")
def _short(gold: Golden, rng: Random) -> Case:
    place = rng.randrange(len(gold.contracts) - 1)
    line, number = gold.lines[place], gold.line_of(place)
    cut = line[: rng.randrange(1, len(line))]
    return case_of(gold, edited(gold, place, cut), rows=without(gold, number), bad=[number], control="none")


@mutation("fixed width: a character too many or too few", "fixed")
def _shifted_characters(gold: Golden, rng: Random) -> Case:
    place = rng.randrange(len(gold.contracts) - 1)
    line, number = gold.lines[place], gold.line_of(place)
    at = rng.randrange(40)
    moved = line[:at] + "x" + line[at:] if rng.random() < 0.5 else line[:at] + line[at + 1 :]
    return case_of(gold, edited(gold, place, moved), rows=without(gold, number), bad=[number], control="none")


@mutation("fixed width: UTF-8 where bytes were counted", "fixed")
def _utf8_in_fixed(gold: Golden, rng: Random) -> Case | None:
    places = [place for place, one in enumerate(gold.contracts) if not one.label.isascii()]
    if not places:
        return None
    place = rng.choice(places)
    number = gold.line_of(place)
    lines = [line.encode("cp1252") for line in gold.lines]
    lines[place] = gold.lines[place].encode()
    data = b"".join(line + b"\r\n" for line in lines)
    return case_of(gold, data, rows=without(gold, number), bad=[number], control="none")


@mutation("fixed width: more at the end of a line", "fixed")
def _longer(gold: Golden, rng: Random) -> Case:
    place = some(gold, rng)
    return case_of(gold, edited(gold, place, gold.lines[place] + rng.choice(("   ", " v2.1", "x" * 5000))))
