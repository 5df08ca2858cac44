"""What `rekey` tells a person: every problem with its line and what to do, and a verdict that is true."""

from __future__ import annotations

from typing import get_args

import pytest

from hub.cli import rekey
from hub.services.rekey import Rekeyed
from hub.store.rekey_rows import Code, KeyProblem, KindCount

COUNTS = (KindCount("account", 12, 1, 0), KindCount("rent_notice", 0, 0, 36))


def told(capsys: pytest.CaptureFixture[str], done: Rekeyed, *, dry_run: bool = False) -> list[str]:
    rekey._print(done, old="erp", new="neu", dry_run=dry_run)
    return [" ".join(line.split()) for line in capsys.readouterr().out.splitlines()]


def test_every_kind_of_problem_has_a_sentence_with_its_line_and_what_to_do() -> None:
    for code in get_args(Code):
        sentence = rekey._sentence(KeyProblem(code, 7, "C1", "C2"), "erp", "neu")
        assert sentence.startswith("line 7: C1 "), code
        assert " → " in sentence, code


def test_a_refused_map_says_that_nothing_was_changed(capsys: pytest.CaptureFixture[str]) -> None:
    lines = told(capsys, Rekeyed(COUNTS, problems=(KeyProblem("UNKNOWN", 3, "C9"),)))
    assert "✗ line 3: C9 is no key of erp that is known here → correct the line, or --skip-unknown" in lines
    assert lines[-1] == "1 line of the map cannot be followed: nothing was changed"


def test_what_was_done_and_what_would_be_are_told_apart(capsys: pytest.CaptureFixture[str]) -> None:
    done = Rekeyed(COUNTS, moved={"accounts": 13, "ledger_entries": 186})
    lines = told(capsys, done)
    assert "account 12 1 0" in lines
    assert "rent notice 0 0 36" in lines
    assert lines[-1] == "12 keys added, 199 rows handed over to neu"
    assert told(capsys, done, dry_run=True)[-1].startswith("12 keys would be added")
    assert told(capsys, Rekeyed((COUNTS[1],)))[-1] == "all of it is so already: nothing was changed"
