"""The short form of `make fuzz`: every kind of malformed file once, twenty snapshots, twenty nights, twenty uploads."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from fuzz_cases import MUTATIONS, case_of, make_case
from fuzz_files import run_files
from fuzz_goldens import golden, text_bytes
from fuzz_guard import run_guard
from fuzz_hub import Hub, open_hub
from fuzz_nights import run_nights
from fuzz_reading import read, verdict
from fuzz_uploads import run_names, run_uploads

from hub.sync.collect import Collected, collect

SEED = 20261120


@pytest.fixture
async def hub(fresh_database: Any, tmp_path: Path) -> AsyncIterator[Hub]:
    async with open_hub(fresh_database.url, tmp_path) as opened:
        yield opened


def test_every_kind_of_malformed_file_is_refused_or_named_or_read_as_it_is() -> None:
    tally = run_files(SEED, range(len(MUTATIONS)))

    assert [] == [f"case {one.index}, {one.kind}, {one.form}: {one.fault}" for one in tally.faults]
    assert len({one.kind for one in tally.judged}) > 0.9 * len(MUTATIONS)
    assert {True, False} == {one.detectable for one in tally.judged}


def test_the_same_seed_makes_the_same_files() -> None:
    assert [make_case(7, index) for index in range(40)] == [make_case(7, index) for index in range(40)]
    assert make_case(7, 3).data != make_case(8, 3).data


def test_a_verdict_goes_red_for_a_row_too_few_a_line_not_named_and_a_cut_file_that_is_read(tmp_path: Path) -> None:
    cases = [make_case(SEED, index) for index in range(60)]
    benign = next(case for case in cases if not case.detectable)
    named = next(case for case in cases if case.bad and case.rows)
    cut = next(case for case in cases if case.whole)
    assert [None] * 3 == [verdict(case, read(case, tmp_path)) for case in (benign, named, cut)]

    fewer = replace(benign, rows=dict(list(benign.rows.items())[1:]))
    other = replace(named, bad=named.bad | {10**6})
    taken = read(benign, tmp_path)
    assert "too many" in (verdict(fewer, read(fewer, tmp_path)) or "")
    assert "not named" in (verdict(other, read(other, tmp_path)) or "")
    assert "cut or lies" in (verdict(cut, taken) or "")


def test_without_the_look_at_the_control_file_or_with_rejects_swallowed_it_goes_red(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    cases = [make_case(SEED, index) for index in range(80)]
    gold = golden("csv-1252", 40, SEED)
    cut = case_of(gold, text_bytes(gold.form, gold.lines[:-1]), whole=True)
    assert verdict(cut, read(cut, tmp_path)) is None
    named = [case for case in cases if case.bad and not case.whole][:3]
    assert named

    monkeypatch.setattr("erp_connectors.sftp_files.reading.disagreement", lambda *_, **__: None)
    assert "cut or lies" in (verdict(cut, read(cut, tmp_path)) or "")

    monkeypatch.setattr("fuzz_reading.collect", lambda record, batches, path: _deaf(collect(record, batches, path)))
    assert all("not named" in (verdict(case, read(case, tmp_path)) or "") for case in named)


def _deaf(collected: Collected) -> Collected:
    collected.rejects.clear()
    return collected


async def test_malformed_files_through_whole_nights_change_only_what_was_read(hub: Hub) -> None:
    nights = await run_nights(hub, SEED, 6)

    assert [] == nights.faults
    assert 6 == nights.count


async def test_bad_snapshots_sent_twice_are_held_once_and_ordinary_nights_never(hub: Hub) -> None:
    tally = await run_guard(hub, SEED, bad=20, nights=20, size=300)

    assert ([], []) == (tally.faults, tally.false_holds)
    assert (15, 0) == (tally.holds, tally.closed), "five of the twenty are empty: refused, not held"
    assert (20, 5) == (tally.nights, tally.said["empty: refused"])


async def test_without_its_rules_the_guard_lets_contracts_go(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hub.sync.guard.judge_snapshot", lambda *_, **__: [])
    tally = await run_guard(hub, SEED, bad=4, nights=0, size=100)
    assert tally.faults
    assert tally.closed > 0


def test_files_read_while_they_are_written_are_read_whole(tmp_path: Path) -> None:
    tally = run_uploads(tmp_path, SEED, 20)

    assert (20, [], 0) == (tally.whole, tally.partial, tally.too_early)
    assert tally.looks_at_unfinished > 0


def test_without_the_wait_for_files_to_stand_still_partial_reads_show(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("erp_connectors.sftp_files.looks.Looks.unchanged", lambda *_: True)
    tally = run_uploads(tmp_path, SEED, 40)
    assert tally.partial or tally.too_early > 0


async def test_one_content_under_three_names_is_applied_once(hub: Hub) -> None:
    tally = await run_names(hub, SEED, 2)

    assert [] == tally.faults
    assert (2, 2) == (tally.applied, tally.artifacts)
