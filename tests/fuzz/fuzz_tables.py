"""Mutations of delimited files as tables: quoting, headers, permuted columns, very many of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from random import Random

from fuzz_cases import CSV, QUOTED, Case, case_of, mutation
from fuzz_goldens import COLUMNS, Golden, csv_cell, csv_line, text_bytes
from fuzz_text import edited, index_of, some, without

NAMED = QUOTED


def raw_label(gold: Golden, rng: Random, raw: Callable[[str], str], *, last: bool = False) -> tuple[bytes, int]:
    """The file with the label of a row written by hand, and its line."""
    place = len(gold.contracts) - 1 if last else rng.randrange(len(gold.contracts) - 1)
    cells = [csv_cell(gold.form, text) for text in gold.cells[place].values()]
    cells[4] = raw(gold.cells[place]["LIBELLE"].replace('"', "").replace(gold.form.delimiter, ""))
    return edited(gold, place, gold.form.delimiter.join(cells)), gold.line_of(place)


def _named(gold: Golden, rng: Random, raw: Callable[[str], str]) -> Case:
    data, line = raw_label(gold, rng, raw)
    return case_of(gold, data, rows=without(gold, line), bad=[line], control=rng.choice(("count", "none")))


@mutation("quotes: one that does not close", *QUOTED)
def _unbalanced(gold: Golden, rng: Random) -> Case:
    """With the control file at hand it is refused or named. Without it a later quote could close it."""
    data, line = raw_label(gold, rng, lambda text: f'"{text}')
    return case_of(gold, data, rows=without(gold, line), bad=[line], control="count")


@mutation("quotes: one that does not close on the last line", *QUOTED)
def _unbalanced_last(gold: Golden, rng: Random) -> Case:
    data, line = raw_label(gold, rng, lambda text: f'"{text}', last=True)
    return case_of(gold, data, rows=without(gold, line), bad=[line], control=rng.choice(("count", "none")))


@mutation("quotes: closed in the middle of a cell", *QUOTED)
def _closed_early(gold: Golden, rng: Random) -> Case:
    return _named(
        gold, rng, rng.choice((lambda text: f'"{text}"x', lambda text: f'"{text}" ', lambda text: f'"a"{text}"'))
    )


@mutation("quotes: in the middle of an unquoted cell", *QUOTED)
def _in_the_middle(gold: Golden, rng: Random) -> Case:
    """A quote means something only where a cell begins."""
    text = rng.choice(('ab"cd', 'ab""cd', '5" 3/4', 'dit "Le Grand"', "l'\"un"))
    data, line = raw_label(gold, rng, lambda _: text)
    rows = gold.expected | {line: gold.expected[line] | {"erp_label": text}}
    return case_of(gold, data, rows=rows, control=rng.choice(("honest", "none")))


@mutation("quotes: doubled, around everything, around nothing", *QUOTED)
def _quoted(gold: Golden, rng: Random) -> Case:
    raw, text = rng.choice(
        (
            ('"dit ""Le Grand"""', 'dit "Le Grand"'),
            ('""""', '"'),
            ('""', None),
            (f'"{gold.form.delimiter}"', gold.form.delimiter),
            ('"""a"""', '"a"'),
            ('" a "', "a"),
        )
    )
    data, line = raw_label(gold, rng, lambda _: raw)
    rows = gold.expected | {line: gold.expected[line] | {"erp_label": text}}
    return case_of(gold, data, rows=rows, control=rng.choice(("honest", "none")))


@mutation("quotes: around all cells", *QUOTED)
def _all_quoted(gold: Golden, rng: Random) -> Case:
    lines = [csv_line(gold.form, COLUMNS, always=True)]
    lines += [csv_line(gold.form, list(row.values()), always=True) for row in gold.cells]
    return case_of(gold, text_bytes(gold.form, lines), control=rng.choice(("honest", "none")))


@mutation("quotes: a newline inside", *QUOTED)
def _newline_inside(gold: Golden, rng: Random) -> Case:
    """Well quoted, and no text of one line: the row is named by its first line, those after it keep theirs."""
    data, line = raw_label(gold, rng, lambda text: f'"a{rng.choice(["", chr(13)])}\n{text}"')
    rows = {at + (at > line): row for at, row in gold.expected.items() if at != line}
    return case_of(gold, data, rows=rows, bad=[line], field="erp_label", control=rng.choice(("count", "none")))


@mutation("quotes: mean nothing here", "csv-bare")
def _meaningless(gold: Golden, rng: Random) -> Case:
    text = rng.choice(('"', '"a', 'a"', '"a"b', '""'))
    place = some(gold, rng)
    line = gold.line_of(place)
    cells = {**gold.cells[place], "LIBELLE": text}
    rows = gold.expected | {line: gold.expected[line] | {"erp_label": text}}
    return case_of(gold, edited(gold, place, "|".join(cells.values())), rows=rows)


@mutation("quotes: a cell of a megabyte that never closes", *QUOTED)
def _huge_cell(gold: Golden, rng: Random) -> Case:
    size = rng.choice((1_200_000, 2_500_000))
    filling = rng.choice(("x" * 80 + "\n", "x", "a;b,c\n"))
    data, line = raw_label(gold, rng, lambda _: '"' + filling * (size // len(filling)))
    return case_of(gold, data, rows=without(gold, line), bad=[line], control="count")


# --- headers ----------------------------------------------------------------------------------------------------------


def headed(gold: Golden, names: Sequence[str], rows: Sequence[Sequence[str]] | None = None) -> bytes:
    """The file under another header, with other cells if given."""
    body = gold.lines[1:] if rows is None else [csv_line(gold.form, row) for row in rows]
    return text_bytes(gold.form, [csv_line(gold.form, names), *body])


def _changed(rng: Random, change: Callable[[str], str]) -> tuple[list[str], int]:
    names = list(COLUMNS)
    at = rng.randrange(len(names))
    names[at] = change(names[at])
    return names, at


@mutation("header: a column renamed", *NAMED)
def _renamed(gold: Golden, rng: Random) -> Case:
    names, _ = _changed(
        rng, rng.choice((lambda n: n + "_2", str.lower, lambda n: "X" + n, lambda n: n[:-1], lambda n: ""))
    )
    return case_of(gold, headed(gold, names), whole=True, control=rng.choice(("honest", "none")))


@mutation("header: a column missing", *NAMED)
def _missing(gold: Golden, rng: Random) -> Case:
    gone = rng.randrange(len(COLUMNS))
    rows = [[text for at, text in enumerate(row.values()) if at != gone] for row in gold.cells]
    names = [name for at, name in enumerate(COLUMNS) if at != gone]
    return case_of(gold, headed(gold, names, rows), whole=True, control=rng.choice(("count", "none")))


@mutation("header: a column twice", *NAMED)
def _doubled(gold: Golden, rng: Random) -> Case:
    names, at = _changed(rng, str)
    other = rng.choice([name for name in COLUMNS if name != names[at]])
    names = [*names, other]
    rows = [[*row.values(), "x"] for row in gold.cells]
    return case_of(gold, headed(gold, names, rows), whole=True, control=rng.choice(("count", "none")))


@mutation("header: one name too many or too few", *NAMED)
def _short_header(gold: Golden, rng: Random) -> Case:
    """Every row has the wrong number of cells then, or a column is missing."""
    names = [*COLUMNS, "PLUS"] if rng.random() < 0.5 else list(COLUMNS[:-1])
    lines = frozenset(gold.expected)
    return case_of(gold, headed(gold, names), rows={}, bad=lines, control="count")


@mutation("header: none", *NAMED)
def _none(gold: Golden, rng: Random) -> Case:
    return case_of(gold, text_bytes(gold.form, gold.lines[1:]), whole=True, control=rng.choice(("honest", "none")))


@mutation("header: again in the middle of the file", *NAMED)
def _again(gold: Golden, rng: Random) -> Case:
    place = some(gold, rng)
    lines = list(gold.lines)
    lines.insert(index_of(gold, place), lines[0])
    number = gold.line_of(place)
    rows = {at + (at >= number): row for at, row in gold.expected.items()}
    return case_of(gold, text_bytes(gold.form, lines), rows=rows, bad=[number], control="none")


@mutation("header: blanks and quotes around the names", *NAMED)
def _blanks(gold: Golden, rng: Random) -> Case:
    around = rng.choice((" {} ", "{} ", "\t{}", '"{}"', '" {}"', "{}\u00a0"))
    names = gold.form.delimiter.join(around.format(name) for name in COLUMNS)
    return case_of(gold, text_bytes(gold.form, [names, *gold.lines[1:]]), control=rng.choice(("honest", "none")))


@mutation("header: unknown columns", *NAMED)
def _unknown(gold: Golden, rng: Random) -> Case:
    at = rng.randint(0, len(COLUMNS))
    extra = rng.choice(("", "DIVERS", "num"))
    names = [*COLUMNS[:at], extra, *COLUMNS[at:]]
    rows = [[*list(row.values())[:at], rng.choice(("", "x", "é")), *list(row.values())[at:]] for row in gold.cells]
    return case_of(gold, headed(gold, names, rows), control=rng.choice(("honest", "none")))


@mutation("header: columns permuted with their cells", *NAMED)
def _permuted(gold: Golden, rng: Random) -> Case:
    order = rng.sample(COLUMNS, len(COLUMNS))
    rows = [[row[name] for name in order] for row in gold.cells]
    return case_of(gold, headed(gold, order, rows), control=rng.choice(("honest", "none")))


@mutation("header: columns permuted without their cells", *NAMED)
def _permuted_alone(gold: Golden, rng: Random) -> Case:
    """Where a date, a code or a number comes to stand under another kind of name, each row is named."""
    names = list(COLUMNS)
    left, right = rng.choice(((3, 5), (0, 5), (3, 4), (5, 4), (1, 5), (3, 1)))
    names[left], names[right] = names[right], names[left]
    return case_of(
        gold, headed(gold, names), rows={}, bad=frozenset(gold.expected), control=rng.choice(("honest", "none"))
    )


@mutation("header: ten thousand columns", *NAMED)
def _very_many(gold: Golden, rng: Random) -> Case | None:
    if len(gold.contracts) > 1000:
        return None
    many = rng.choice((500, 3_000, 10_000))
    names = [*COLUMNS, *(f"C{at}" for at in range(many))]
    rows = [[*row.values(), *[""] * many] for row in gold.cells]
    if rng.random() < 0.5:
        return case_of(gold, headed(gold, names), rows={}, bad=frozenset(gold.expected), control="none")
    return case_of(gold, headed(gold, names, rows))


@mutation("header: quotes that do not close", *QUOTED)
def _broken_header(gold: Golden, rng: Random) -> Case:
    names = list(COLUMNS)
    at = rng.randrange(len(names))
    names[at] = '"' + names[at]
    header = gold.form.delimiter.join(names)
    return case_of(gold, text_bytes(gold.form, [header, *gold.lines[1:]]), whole=True)


@mutation("delimiter: another one", *CSV)
def _delimiter(gold: Golden, rng: Random) -> Case:
    other = rng.choice([sign for sign in ";,|\t" if sign != gold.form.delimiter])
    form = replace(gold.form, delimiter=other)
    lines = [csv_line(form, list(row.values())) for row in gold.cells]
    head = csv_line(form, COLUMNS) if gold.form.quote else gold.lines[0]
    data = text_bytes(form, [head, *lines])
    return case_of(gold, data, rows={}, bad=frozenset(gold.expected), control="count")
