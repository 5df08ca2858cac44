"""Mutations of XML and JSON lines: what is not well-formed, what is hostile, and what only looks otherwise."""

from __future__ import annotations

import json
from random import Random

from fuzz_cases import Case, case_of, mutation
from fuzz_goldens import Golden, text_bytes, xml_row
from fuzz_text import edited, index_of, some, without

_ROOT = '<?xml version="1.0" encoding="utf-8"?>'


def _xml(gold: Golden, rows: list[str], *, head: str = _ROOT, root: str = "Contrats") -> bytes:
    return "\n".join([head, f"<{root}>", *rows, f"</{root.split()[0]}>", ""]).encode()


def _broken(gold: Golden, rng: Random, line: str) -> Case:
    place = some(gold, rng)
    return case_of(gold, edited(gold, place, line), whole=True, control=rng.choice(("honest", "count", "none")))


@mutation("xml: not well-formed", "xml")
def _malformed(gold: Golden, rng: Random) -> Case:
    line = gold.lines[index_of(gold, some(gold, rng))]
    return _broken(
        gold,
        rng,
        rng.choice(
            (
                line.replace("</Contrat>", "", 1),
                line.replace("<NUM>", "<NUM", 1),
                line.replace("</NUM>", "</NOM>", 1),
                line.replace("<REF>", "<REF>a & b", 1),
                line.replace("<REF>", "<REF>a < b", 1),
                line.replace("<REF>", "<REF>&nbsp;", 1),
                line.replace("<REF>", "<REF>&#1;", 1),
                line.replace("<REF>", "<REF>&#xD800;", 1),
                line.replace("<REF>", "<REF>\x01", 1),
                line.replace("<REF>", "<REF>]]>", 1),
                line.replace("<Contrat>", '<Contrat a="1" a="2">', 1),
                line.replace("<Contrat>", "<Contrat a=1>", 1),
                line.replace("<Contrat>", "<x:Contrat>", 1).replace("</Contrat>", "</Contrat>"),
                line.replace("<REF>", "<REF><![CDATA[", 1),
                line.replace("<REF>", "<REF><!-- ", 1),
                line + "</Contrats><Contrats>",
            )
        ),
    )


@mutation("xml: something after the end", "xml")
def _after_end(gold: Golden, rng: Random) -> Case:
    more = rng.choice((b"<Contrats/>", b"FIN", gold.content[40:], b"\0", b"</Contrats>"))
    return case_of(gold, gold.content + more, whole=True, control="none")


@mutation("xml: nothing but blanks and comments around", "xml")
def _around(gold: Golden, rng: Random) -> Case:
    return case_of(gold, gold.content + rng.choice((b"\n\n  ", b"<!-- fin -->", b"<?fin oui?>")))


@mutation("xml: document types and entities", "xml")
def _doctype(gold: Golden, rng: Random) -> Case:
    bomb = '<!ENTITY a "aaaaaaaaaa">' + "".join(
        f'<!ENTITY {name} "{f"&{before};" * 10}">' for before, name in zip("abcdefgh", "bcdefghi", strict=True)
    )
    doctype, used = rng.choice(
        (
            ("<!DOCTYPE Contrats>", ""),
            (f"<!DOCTYPE Contrats [{bomb}]>", "&i;"),
            ('<!DOCTYPE Contrats [<!ENTITY x SYSTEM "file:///etc/passwd">]>', "&x;"),
            ('<!DOCTYPE Contrats SYSTEM "http://127.0.0.1:9/x.dtd">', ""),
            ('<!DOCTYPE Contrats [<!ENTITY % x SYSTEM "http://127.0.0.1:9/x.dtd"> %x;]>', ""),
            ('<!DOCTYPE Contrats [<!ENTITY x "y">]>', "&x;"),
        )
    )
    rows = list(gold.lines[2:-1])
    rows[0] = rows[0].replace("<REF>", f"<REF>{used}", 1)
    return case_of(gold, _xml(gold, rows, head=f"{_ROOT}{doctype}"), whole=True, control=rng.choice(("honest", "none")))


@mutation("xml: too deep, too wide, too large", "xml")
def _too_much(gold: Golden, rng: Random) -> Case:
    rows = list(gold.lines[2:-1])
    place = rng.randrange(len(rows))
    inside = rng.choice(
        (
            "<a>" * 5_000 + "</a>" * 5_000,
            "<a>" * 300 + "x" + "</a>" * 300,
            "<a " + " ".join(f'b{at}="1"' for at in range(5_000)) + "/>",
            "<LONG>" + "x" * 17_000_000 + "</LONG>",
            f'<a b="{"x" * 11_000_000}"/>',
        )
    )
    if inside.startswith("<a b"):
        rows[place] = rows[place].replace("<Contrat>", "<Contrat " + inside[3:-2] + ">", 1)
    else:
        rows[place] = rows[place].replace("<NUM>", inside + "<NUM>", 1)
    return case_of(gold, _xml(gold, rows), whole=True)


@mutation("xml: another encoding than declared", "xml")
def _declared(gold: Golden, rng: Random) -> Case | None:
    """A declared encoding counts; bytes that are none of it are refused."""
    text = "\n".join(gold.lines) + "\n"
    narrow = "".join(sign if ord(sign) < 256 else "é" for sign in text)
    if rng.random() < 0.5:
        return case_of(gold, narrow.replace("<Contrats>", "<Contrats>é").encode("latin-1"), whole=True, control="none")
    if narrow != text:
        keep = [place for place, one in enumerate(gold.contracts) if all(ord(sign) < 256 for sign in one.label)]
        rows = [gold.lines[index_of(gold, place)] for place in keep]
        expected = {gold.first + at: gold.contracts[place].row for at, place in enumerate(keep)}
        head = _ROOT.replace("utf-8", rng.choice(("iso-8859-1", "latin1")))
        data = _xml(gold, rows, head=head).decode().encode("latin-1")
        return case_of(gold, data, rows=expected, control="count", count=len(keep))
    return None


@mutation("xml: written otherwise, the same document", "xml")
def _otherwise(gold: Golden, rng: Random) -> Case:
    way = rng.randrange(6)
    if way == 0:
        root = 'Contrats xmlns="http://tempuri.org/"'
        return case_of(gold, _xml(gold, list(gold.lines[2:-1]), root=root))
    if way == 1:
        rows = [row.replace("<", "<x:").replace("<x:/", "</x:") for row in gold.lines[2:-1]]
        return case_of(gold, _xml(gold, rows, root='Contrats xmlns:x="urn:x"'))
    if way == 2:
        rows = [xml_row(dict(rng.sample(list(cells.items()), len(cells)))) for cells in gold.cells]
        return case_of(gold, _xml(gold, rows))
    if way == 3:
        rows = [row.replace("<REF>", "<!-- x --><REF><!-- y -->", 1) for row in gold.lines[2:-1]]
        return case_of(gold, _xml(gold, rows))
    if way == 4:
        rows = [row.replace("<REF>L/", "<REF><![CDATA[L/]]>", 1) for row in gold.lines[2:-1]]
        return case_of(gold, _xml(gold, rows))
    rows = [row.encode("ascii", "xmlcharrefreplace").decode() for row in gold.lines[2:-1]]
    return case_of(gold, _xml(gold, rows, head=_ROOT.replace("utf-8", "us-ascii")))


@mutation("xml: a required element missing or renamed", "xml")
def _element_gone(gold: Golden, rng: Random) -> Case:
    place = some(gold, rng)
    name, field = rng.choice((("NUM", "external_id"), ("REF", "reference"), ("ETAT", "status"), ("EFFET", "starts_on")))
    line, number = gold.lines[index_of(gold, place)], gold.line_of(place)
    other = rng.choice((name.lower(), f"{name}_2"))
    changed = line.replace(f"<{name}>", f"<{other}>").replace(f"</{name}>", f"</{other}>")
    return case_of(
        gold, edited(gold, place, changed), rows=without(gold, number), bad=[number], field=field, control="count"
    )


@mutation("xml: the row element renamed", "xml")
def _row_renamed(gold: Golden, rng: Random) -> Case:
    text = gold.content.decode().replace("Contrat>", "contrat>")
    return case_of(gold, text.encode(), whole=True, control=rng.choice(("honest", "none")))


# --- JSON lines -------------------------------------------------------------------------------------------------------


def _bad_line(gold: Golden, rng: Random, line: str, *, field: str | None = None) -> Case:
    place = rng.randrange(len(gold.contracts) - 1)
    number = gold.line_of(place)
    data = edited(gold, place, line)
    return case_of(
        gold, data, rows=without(gold, number), bad=[number], field=field, control=rng.choice(("count", "none"))
    )


@mutation("json: no object", "json")
def _no_object(gold: Golden, rng: Random) -> Case:
    line = gold.lines[rng.randrange(len(gold.lines))]
    return _bad_line(
        gold,
        rng,
        rng.choice(
            (
                line[:-1],
                line[1:],
                line + "}",
                line + ",",
                f"{line} {line}",
                f"[{line}]",
                line.replace('"', "'"),
                line.replace(", ", ",, ", 1),
                line[:-1] + ",}",
                line[:-1] + ', "X": 00.5}',
                line[:-1] + ', "X": }',
                line[:-1] + ', "X": "a\tb"}',
                line[:-1] + ', "X": "\\x41"}',
                line[:-1] + ', "X": undefined}',
                "// " + line,
                "null",
                '"NUM"',
                "3",
                "[]",
                "[" * 100_000,
                '{"a":' * 60_000,
                "{",
                "--",
            )
        ),
    )


@mutation("json: a value of another shape", "json")
def _shape(gold: Golden, rng: Random) -> Case:
    place = rng.randrange(len(gold.contracts) - 1)
    cells = json.loads(gold.lines[place], parse_float=str)
    key, value, field = rng.choice(
        (
            ("EFFET", {"jour": 1}, "starts_on"),
            ("EFFET", ["2026-01-01"], "starts_on"),
            ("EFFET", 20260101, "starts_on"),
            ("EFFET", True, "starts_on"),
            ("DEPOT", {}, "deposit_cents"),
            ("DEPOT", True, "deposit_cents"),
            ("DEPOT", float("nan"), "deposit_cents"),
            ("DEPOT", float("inf"), "deposit_cents"),
            ("DEPOT", 1e22, "deposit_cents"),
            ("ETAT", ["V"], "status"),
            ("NUM", None, "external_id"),
            ("NUM", "", "external_id"),
        )
    )
    cells[key] = value
    number = gold.line_of(place)
    data = edited(gold, place, json.dumps(cells, ensure_ascii=False))
    control = rng.choice(("count", "none"))
    return case_of(gold, data, rows=without(gold, number), bad=[number], field=field, control=control)


@mutation("json: signs no text may hold", "json")
def _escapes(gold: Golden, rng: Random) -> Case:
    place = rng.randrange(len(gold.contracts) - 1)
    cells = json.loads(gold.lines[place], parse_float=str)
    key = rng.choice(("LIBELLE", "NUM", "CLIENT"))
    cells[key] = "a@@b"
    escape = rng.choice(("\\u0000", "\\ud800", "\\udc00x", "\\udfff\\ud800", "\\u0001", "\\n", "\\u0085"))
    number = gold.line_of(place)
    data = edited(gold, place, json.dumps(cells, ensure_ascii=False).replace("@@", escape))
    control = rng.choice(("count", "none"))
    return case_of(gold, data, rows=without(gold, number), bad=[number], control=control)


@mutation("json: written otherwise, the same rows", "json")
def _same_json(gold: Golden, rng: Random) -> Case:
    way = rng.randrange(4)
    lines = []
    for line in gold.lines:
        cells = json.loads(line, parse_float=str)
        if way == 0:
            cells = dict(rng.sample(list(cells.items()), len(cells)))
        elif way == 1:
            cells |= {"INCONNU": {"a": [1, 2, {"b": None}]}, "": ""}
        elif way == 2:
            cells = {name: value for name, value in cells.items() if value is not None}
        separators = rng.choice(((",", ":"), (" , ", " : ")))
        lines.append(json.dumps(cells, ensure_ascii=way == 3, separators=separators))
    return case_of(
        gold, text_bytes(gold.form, [rng.choice(("", " ")) + line + rng.choice(("", "  ")) for line in lines])
    )


@mutation("json: one document instead of lines", "json")
def _document(gold: Golden, rng: Random) -> Case:
    rows = [json.loads(line, parse_float=str) for line in gold.lines]
    text = json.dumps(rows, ensure_ascii=False, indent=rng.choice((None, 2)))
    return case_of(gold, text.encode(), rows={}, whole=True)
