"""Messages name the line of a landlord's file: the locator follows TOML wherever a key may stand."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import pytest

from hub.config.lines import TomlLines

TEXT = '''\
# a comment = with an equals sign
top = 1
[landlord]
slug = "a"   # [not.a.table]

[connectors."odd name".network]
private_hosts = [
  "a",  # one ] bracket
  "b]",
]
text = """
[feeds.no]
key = 1
"""
raw = \'\'\'
x = "
\'\'\'

[feeds.ledger.fields]
amount = { debit = "D", credit = "C # }", null = ["{", '}'] }
kind.codes.LOC = "rent"
"quo.ted" = 2026-01-01

[[contact_points]]
name = "one"
[[contact_points]]
name = "two"
[contact_points.hours]
monday = ["08:00-12:00"]
'''


def test_the_text_is_toml() -> None:
    assert tomllib.loads(TEXT)["feeds"]["ledger"]["fields"]["kind"]["codes"]["LOC"] == "rent"


@pytest.mark.parametrize(
    ("path", "line"),
    [
        (("top",), 2),
        (("landlord",), 3),
        (("landlord", "slug"), 4),
        (("connectors", "odd name", "network"), 6),
        (("connectors", "odd name", "network", "private_hosts"), 7),
        (("connectors", "odd name", "network", "private_hosts", 1), 9),
        (("connectors", "odd name", "network", "text"), 11),
        (("connectors", "odd name", "network", "raw"), 15),
        (("feeds", "ledger", "fields"), 19),
        (("feeds", "ledger", "fields", "amount", "credit"), 20),
        (("feeds", "ledger", "fields", "amount", "unheard of"), 20),
        (("feeds", "ledger", "fields", "kind", "codes", "LOC"), 21),
        (("feeds", "ledger", "fields", "quo.ted"), 22),
        (("contact_points",), 24),
        (("contact_points", 0, "name"), 25),
        (("contact_points", 1), 26),
        (("contact_points", 1, "name"), 27),
        (("contact_points", 1, "hours", "monday"), 29),
        (("feeds", "no"), None),
        (("nowhere",), None),
        ((), None),
    ],
)
def test_a_key_is_found_on_its_line(path: tuple[str | int, ...], line: int | None) -> None:
    assert TomlLines(TEXT).find(path) == line


@pytest.mark.parametrize("file", sorted((Path(__file__).parents[2] / "landlords").glob("*.toml")), ids=lambda f: f.name)
def test_every_key_of_the_shipped_files_is_found_on_a_line_that_names_it(file: Path) -> None:
    text = file.read_text(encoding="utf-8")
    lines, rows = TomlLines(text), text.splitlines()

    def walk(value: Any, path: tuple[str | int, ...]) -> None:
        if path and isinstance(path[-1], str):
            line = lines.find(path)
            assert line is not None
            assert path[-1] in rows[line - 1]
        if isinstance(value, dict):
            for key, inner in value.items():
                walk(inner, (*path, key))
        if isinstance(value, list):
            for place, inner in enumerate(value):
                walk(inner, (*path, place))

    for name, value in tomllib.loads(text).items():
        if name not in ("connectors", "feeds", "providers"):  # a table above others need not be written out
            walk(value, (name,))
        else:
            for inner_name, inner in value.items():
                walk(inner, (name, inner_name))
