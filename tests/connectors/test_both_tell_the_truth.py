"""What the connectors deliver is what the sandbox says it holds: counts, sums, order, and the tenant guide's lines."""

from __future__ import annotations

import hashlib
from collections import Counter, defaultdict
from datetime import date
from typing import Any

import pytest

from hub.records import Stream

FRENCH = ["rives-doise", "cite-des-tilleuls"]
SLUGS = [*FRENCH, "lakeside-homes"]
# The seven lines of the tenant guide, newest first as it prints them: date, label, debit, credit.
GUIDE = [
    ("2018-07-10", "Chèque bancaire", None, 4386),
    ("2018-06-26", "APL 06/18", None, 19195),
    ("2018-06-26", "LOG 004473 06/18", 23857, None),
    ("2018-06-26", "LOG 004473 05/18", None, 2774),
    ("2018-06-26", "LOG 004473 04/18", None, 2774),
    ("2018-06-26", "LOG 004473 03/18", None, 2774),
    ("2018-06-26", "APL 02/18 05/18", 10820, None),
]


def by_account(rows: list[dict[str, Any]]) -> dict[str, list[dict[str, Any]]]:
    accounts: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for row in sorted(rows, key=lambda row: (row["posted_on"], row["source_sequence"])):
        accounts[row["account_ref"]].append(row)
    return accounts


@pytest.mark.parametrize("slug", FRENCH)
def test_the_tenant_guides_seven_lines_come_through_with_amounts_signs_and_order(slug, sandbox, bench_of):
    bench = bench_of(slug, sandbox, only="ledger")
    account = sandbox.truth(slug)["guide"]["account"]
    lines = by_account(bench.harvest(bench.feeds[0]).rows)[account][-7:]
    newest_first = [(row["posted_on"].isoformat(), row["label"], row["amount_cents"]) for row in reversed(lines)]
    assert newest_first == [(day, label, debit if debit else -(credit or 0)) for day, label, debit, credit in GUIDE]
    assert [row["posted_on"] for row in lines] == [date(2018, 6, 26)] * 6 + [date(2018, 7, 10)]


@pytest.mark.parametrize("seed", [1, 7])
@pytest.mark.parametrize("slug", SLUGS)
def test_counts_sums_and_order_are_those_of_the_sandbox(slug, seed, open_sandbox, bench_of):
    sandbox = open_sandbox(seed=seed)
    bench, truth = bench_of(slug, sandbox), sandbox.truth(slug)
    harvests = {feed.stream: bench.harvest(feed) for feed in bench.feeds}
    expected = {stream: count for stream, count in truth["counts"].items() if Stream(stream) in harvests}
    assert {stream.value: len(harvest.rows) for stream, harvest in harvests.items()} == expected
    entries = by_account(harvests[Stream.LEDGER_ENTRIES].rows)
    sums = {account: sum(row["amount_cents"] for row in rows) for account, rows in entries.items()}
    assert sums == {account: cents for account, cents in truth["ledger"]["by_account"].items() if account in sums}
    assert sum(sums.values()) == truth["ledger"]["sum_cents"]
    codes = Counter(row["erp_code"] for rows in entries.values() for row in rows)
    assert codes == truth["ledger"]["by_code"]
    assert digest(entries) == truth["order_digest"]
    balances = {row["external_id"]: row["balance_cents"] for row in harvests[Stream.ACCOUNTS].rows}
    assert balances == {account: told["balance_cents"] for account, told in truth["balances"].items()}


def digest(entries: dict[str, list[dict[str, Any]]]) -> str:
    text = "".join(
        f"{account}\t{row['posted_on']}\t{row['source_sequence']}\t{row['label']}\t{row['amount_cents']}\n"
        for account in sorted(entries)
        for row in entries[account]
    )
    return hashlib.sha256(text.encode()).hexdigest()


def test_the_two_lines_nobody_can_read_are_named_with_file_line_field_and_code(sandbox, bench_of):
    bench = bench_of("cite-des-tilleuls", sandbox, only="ledger")
    rejects = bench.harvest(bench.feeds[0]).rejects
    places = [(reject.file, reject.line, reject.excerpt) for reject in rejects]
    assert places == [
        (told["file"], told["line"], told["value"]) for told in sandbox.truth("cite-des-tilleuls")["quarantined_lines"]
    ]
    assert [(reject.field, reject.code) for reject in rejects] == [("kind", "UNKNOWN_CODE"), ("posted_on", "BAD_DATE")]
    assert "[feeds.ledger.fields.kind]" in rejects[0].message


@pytest.mark.parametrize("slug", SLUGS)
def test_a_day_later_the_connectors_deliver_the_new_truth(slug, open_sandbox, bench_of):
    sandbox = open_sandbox()
    bench = bench_of(slug, sandbox, only="ledger")
    ledger = bench.feeds[0]
    first = bench.harvest(ledger)
    sandbox.advance(days=12)
    bench.clock.move(days=12)
    second = bench.harvest(ledger, cursor=first.cursor)
    known = {row["external_id"]: row for row in first.rows} | {row["external_id"]: row for row in second.rows}
    assert len(known) > len(first.rows)
    assert digest(by_account(list(known.values()))) == sandbox.truth(slug)["order_digest"]
    if slug != "cite-des-tilleuls":
        assert len(second.rows) < len(first.rows), "a delta asks for what is new, with its overlap"
