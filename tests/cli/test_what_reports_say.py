"""The lines a person reads: what a run brought, what a file changes, and how they stand below each other."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

from hub.cli import operate, quarantine
from hub.cli.operate import plugins
from hub.cli.progress import Story, short, timed
from hub.cli.reports import figures, print_applied, print_finding, print_run, print_runs, problems
from hub.domain.breaker import Breaker
from hub.ports import Finding
from hub.services.apply_config import Applied
from hub.store.quarantine_rows import QuarantinedRow
from hub.store.run_rows import FeedRun, Run

NOW = datetime(2026, 11, 20, 4, 30, tzinfo=UTC)
FILE = Applied("les-lilas", 1, ("+a = 1",), feeds=13, connectors=1, is_new=True, secrets=("erp.password",))


def run(*reports: FeedRun, state: Any = "done") -> Run:
    feeds = tuple(report.feed for report in reports)
    return Run(7, "operator", None, feeds, 1, state, NOW, NOW, NOW, feed_runs=reports)


def feed(name: str, stream: str, state: Any = "applied", **counts: Any) -> FeedRun:
    return FeedRun(name, stream, state, **counts)


def test_a_first_night_tells_what_is_new_and_which_feeds_refused_lines() -> None:
    night = run(
        feed("persons", "persons", added=400),
        feed("contracts", "contracts", added=287),
        feed("ledger", "ledger_entries", added=15_912, quarantined=2),
    )
    assert figures(night) == "new: contracts 287, ledger 15,912   quarantined: ledger 2"


def test_a_later_night_tells_what_moved_and_not_what_stayed() -> None:
    night = run(
        feed("contracts", "contracts", changed=3, unchanged=284, missing=1),
        feed("ledger", "ledger_entries", added=37, unchanged=900),
    )
    assert figures(night) == "new: ledger 37   changed: contracts 3   missing: contracts 1"


def test_two_feeds_of_one_stream_count_together() -> None:
    assert figures(run(*(feed(name, "ledger_entries", added=20) for name in ("old", "new")))) == "new: ledger 40"


def test_rows_nobody_asks_about_are_told_where_they_are_all_there_is() -> None:
    assert figures(run(feed("persons", "persons", changed=3), feed("units", "units", changed=2))) == (
        "changed: other rows 5"
    )


def test_a_night_without_news_says_so() -> None:
    assert figures(run(feed("contracts", "contracts", "unchanged"), feed("units", "units", unchanged=9))) == (
        "nothing new"
    )


def test_feeds_that_did_not_arrive_are_named() -> None:
    skipped = [feed(f"feed{number}", "units", "skipped") for number in range(5)]
    assert figures(run(feed("contracts", "contracts", "refused"), *skipped, state="failed")) == (
        "refused: contracts   skipped: feed0, feed1, feed2 and 2 more"
    )


def test_a_run_that_could_not_begin_says_where_its_reason_is(capsys: pytest.CaptureFixture[str]) -> None:
    (line,) = problems("les-lilas", run(state="failed"))
    print_run("les-lilas", run(state="failed"), {}, as_json=False)

    assert "housing-hub jobs dead les-lilas" in line
    assert line in capsys.readouterr().out


def applied(capsys: pytest.CaptureFixture[str], one: Applied, *, dry_run: bool = False) -> list[str]:
    print_applied([one], dry_run=dry_run, as_json=False)
    return capsys.readouterr().out.splitlines()


def test_a_new_landlord_is_counted_and_not_listed_setting_by_setting(capsys: pytest.CaptureFixture[str]) -> None:
    (line,) = applied(capsys, FILE)
    assert line.split("  ")[1] == "apply les-lilas: 13 feeds, 1 connector"
    assert line.endswith("new, version 1")
    assert applied(capsys, FILE, dry_run=True)[0].endswith("would be new")


def test_a_changed_landlord_is_told_setting_by_setting_up_to_a_screen(capsys: pytest.CaptureFixture[str]) -> None:
    changed = replace(FILE, version=2, is_new=False, diff=tuple(f"+s{number} = 1" for number in range(50)))
    head, *lines = applied(capsys, changed)
    assert head.endswith("changed, version 2")
    assert lines[:40] == [f"    +s{number} = 1" for number in range(40)]
    assert lines[40:] == ["    … and 10 more lines: --json shows all", "    secret erp.password changed"]


def test_a_landlord_that_changes_nothing_takes_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    (line,) = applied(capsys, replace(FILE, diff=(), secrets=(), is_new=False))
    assert line.endswith("unchanged, version 1")


def test_a_finding_begins_with_its_mark(capsys: pytest.CaptureFixture[str]) -> None:
    print_finding("erp", Finding("a step with a name longer than most", True, "seen"))
    print_finding("erp", Finding("log in", False, "refused", "check the password"))
    good, bad, hint = capsys.readouterr().out.splitlines()
    assert good.startswith("  ✓ erp")
    assert bad.startswith("  ✗ erp")
    assert hint.strip() == "→ check the password"


def test_times_stand_below_each_other(capsys: pytest.CaptureFixture[str]) -> None:
    with Story().step("PostgreSQL", "up"):
        pass
    lines = [capsys.readouterr().out.rstrip("\n"), f"  {timed('sync les-lilas', 12.3)}", f"  {timed('x', 3.21)}"]
    assert {len(line) for line in lines} == {82}
    assert lines[1].endswith(" 12 s")
    assert lines[2].endswith(" 3.2 s")


def test_a_long_path_keeps_its_end() -> None:
    assert short("a/b") == "a/b"
    long = short(f"/home/{'x' * 100}/.housing-hub", room=20)
    assert long == "…xxxxxx/.housing-hub"
    assert len(long) == 20


def test_a_sample_that_is_not_there_is_a_wrong_command_line(tmp_path: Path) -> None:
    app = typer.Typer()
    operate.register(app)
    answer = CliRunner().invoke(app, ["preview", "les-lilas", "ledger", "--file", str(tmp_path / "none.csv")])
    assert answer.exit_code == 2
    assert "none.csv" in re.sub(r"[\s│]", "", answer.output), "wherever the line was wrapped"


def test_feeds_that_stand_still_for_one_reason_are_told_together(capsys: pytest.CaptureFixture[str]) -> None:
    down = FeedRun("sites", "sites", "failed", error="the server stopped answering", hint="wait")
    left = [
        FeedRun(name, name, "skipped", error="not tried: the server stopped answering", hint="wait")
        for name in ("units", "persons", "contracts", "parties")
    ]
    night = run(down, *left, state="failed")

    assert problems("les-lilas", night) == [
        "sites failed: the server stopped answering",
        "  → wait",
        "units, persons, contracts and 1 more skipped: not tried: the server stopped answering",
        "  → wait",
    ]
    print_run("les-lilas", night, {"parties": NOW}, as_json=False)
    shown = capsys.readouterr().out
    assert shown.count("not tried") == 1
    assert "  parties           skipped    as units; tenants see data as of 20 November 2026 04:30 UTC\n" in shown


def test_a_run_that_waits_for_its_erp_says_that_it_goes_on_by_itself(capsys: pytest.CaptureFixture[str]) -> None:
    down = run(FeedRun("sites", "sites", "failed", error="no answer"), state="failed")

    print_run("les-lilas", down, {}, waits_for={"erp": Breaker("open", 3, 1, NOW, NOW, "DEADLINE")}, as_json=False)

    shown = capsys.readouterr().out
    assert "It goes on by itself: erp is tried again at 04:30:00 UTC" in shown
    assert "housing-hub connectors reset les-lilas erp" in shown
    assert "Once put right" not in shown


def test_a_run_that_goes_on_says_what_it_is_at(capsys: pytest.CaptureFixture[str]) -> None:
    at_work = run(feed("sites", "sites", added=3), FeedRun("units", "units", "reading", started_at=NOW))
    print_runs([("les-lilas", replace(at_work, state="running"))], as_json=False)
    assert "reading units since 04:30:00" in capsys.readouterr().out


@pytest.mark.parametrize(("found", "more"), [(2, True), (1, False)])
def test_a_full_page_of_refused_lines_says_that_there_may_be_more(
    found: int, more: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = [
        QuarantinedRow(number, 1, "ledger", "ECR.csv", number, "kind", "UNKNOWN_CODE", "no such code", "NVX", NOW)
        for number in range(1, found + 1)
    ]
    monkeypatch.setattr(quarantine, "run_with_parts", lambda work: rows)
    app = typer.Typer()
    quarantine.register(app)
    app.command()(plugins)

    said = CliRunner().invoke(app, ["quarantine", "list", "les-lilas", "--limit", "2"])

    assert said.exit_code == 0
    assert ("… the first 2: --limit shows more" in said.output) is more
    assert (
        "--limit" not in CliRunner().invoke(app, ["quarantine", "list", "les-lilas", "--limit", "2", "--json"]).output
    )
