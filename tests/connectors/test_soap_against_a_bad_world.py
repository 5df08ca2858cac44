"""The SOAP connector when the ERP refuses, hangs, drips, changes or answers nonsense."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from hub.errors import DeadlineError, HubError, MisconfiguredError, RetryableError, SettingsError, TerminalError
from hub.ports import Feed
from hub.sandbox import Sandbox
from hub.testing.bench import Bench
from hub.testing.fakes import LOCAL_NETWORK, FolderSpool
from hub.wire import VendoredWsdl

SLUG = "rives-doise"


@pytest.fixture
def faults(sandbox: Sandbox) -> Iterator[object]:
    """The server's misbehaviour, ended with the test."""
    kept = replace(sandbox.soap.faults)
    yield sandbox.soap.faults
    sandbox.soap.faults = kept


def pull(bench: Bench, feed: Feed | None = None, **network: float) -> list[dict[str, object]]:
    with bench.open(network=replace(LOCAL_NETWORK, **network)) as connector:
        connector.wsdl()  # pinned at set-up, long before the night
        batches = connector.pull(feed or bench.feeds[0], None, FolderSpool(bench.folder / "spool"))
        return [row for batch in batches for row in batch.rows.to_pylist()]


def test_an_unknown_site_is_for_a_person(sandbox, bench_of):
    bench = bench_of(SLUG, sandbox, only="units", for_each={"name": "site", "values": ["R9998"]})
    with pytest.raises(MisconfiguredError, match=r"ListerLots answered: .*Acces non autorise a la residence"):
        pull(bench)


def test_a_site_without_rows_is_empty_and_the_others_still_come(sandbox, bench_of):
    alone = pull(bench_of(SLUG, sandbox, only="units", for_each={"name": "site", "values": ["R0001"]}))
    both = pull(bench_of(SLUG, sandbox, only="units", for_each={"name": "site", "values": ["R9999", "R0001"]}))
    assert both == alone != []


def test_a_loop_that_cannot_be_listed_is_not_taken_for_no_sites(sandbox, bench_of, faults):
    faults.busy = 1
    with pytest.raises(RetryableError, match="ListerResidences answered: Serveur occupe"):
        pull(bench_of(SLUG, sandbox, only="units"))


def test_a_busy_server_is_tried_again_later(sandbox, bench_of, faults):
    faults.busy = 1
    bench = bench_of(SLUG, sandbox, only="contracts")
    with pytest.raises(RetryableError, match="Serveur occupe"):
        pull(bench)
    assert pull(bench)


def test_a_fault_of_the_server_is_tried_again_later(sandbox, bench_of, faults):
    bench = bench_of(SLUG, sandbox, only="contracts")
    faults.fault = True
    with pytest.raises(RetryableError):
        pull(bench)


def test_a_server_that_never_answers_is_left_in_time(sandbox, bench_of, faults):
    bench = bench_of(SLUG, sandbox, only="contracts")
    pull(bench)
    faults.hang = True
    start = time.monotonic()
    with pytest.raises(DeadlineError):
        pull(bench, total_seconds=1.0, read_seconds=0.5)
    assert time.monotonic() - start < 5


def test_a_server_that_drips_is_left_in_time(sandbox, bench_of, faults):
    bench = bench_of(SLUG, sandbox, only="contracts")
    pull(bench)
    faults.drip_seconds = 0.3
    start = time.monotonic()
    with pytest.raises(DeadlineError):
        pull(bench, total_seconds=1.0, read_seconds=0.9)
    assert time.monotonic() - start < 5


def test_a_reply_beyond_its_size_is_refused(sandbox, bench_of):
    with pytest.raises(TerminalError, match="larger than the limit"):
        pull(bench_of(SLUG, sandbox, only="ledger"), max_bytes=60_000)


def test_a_wrong_argument_is_told_with_the_operations_signature(sandbox, bench_of):
    bench = bench_of(SLUG, sandbox, only="contracts", arguments={"Pagge": "{page}"})
    with pytest.raises(SettingsError) as caught:
        pull(bench)
    assert "Pagge" in caught.value.message
    assert "Page" in caught.value.hint


def test_a_delta_without_cursor_is_told_before_any_call(sandbox, bench_of):
    bench = bench_of(SLUG, sandbox, only="contracts", mode="delta")
    with pytest.raises(SettingsError, match="needs a cursor"):
        pull(bench)


def test_the_wsdl_is_fetched_once_and_a_touched_copy_is_refused(sandbox, bench_of):
    bench = bench_of(SLUG, sandbox, only="contracts")
    pull(bench)
    (pinned,) = bench.folder.glob("own/wsdl/service.wsdl")
    pinned.write_bytes(pinned.read_bytes() + b"<!-- -->")
    with bench.open() as connector, pytest.raises(MisconfiguredError, match=r"service\.wsdl"):
        list(connector.pull(bench.feeds[0], None, FolderSpool(bench.folder / "spool")))


def test_check_tells_a_wsdl_that_changed_since_it_was_pinned(sandbox, bench_of):
    bench = bench_of(SLUG, sandbox, only="contracts")
    with bench.open() as connector:
        pin_another(connector.services[0].folder, connector.wsdl())
        last = list(connector.check(bench.feeds))[-1]
    assert (last.step, last.ok) == ("WSDL", False)
    assert "another WSDL" in last.detail
    assert "ask the vendor" in last.hint


def pin_another(folder: Path, wsdl: VendoredWsdl) -> None:
    """As if the service had shown something else when it was set up."""
    older = wsdl.contents["service.wsdl"] + b"\n"
    (folder / "service.wsdl").write_bytes(older)
    lock = json.loads((folder / "wsdl.lock.json").read_text())
    lock["files"]["service.wsdl"] = hashlib.sha256(older).hexdigest()
    (folder / "wsdl.lock.json").write_text(json.dumps(lock))


def test_check_shows_the_hash_of_the_wsdl_and_rows_of_each_feed(sandbox, bench_of):
    bench = bench_of(SLUG, sandbox)
    with bench.open() as connector:
        findings = {finding.step: finding for finding in connector.check(bench.feeds)}
        digest = connector.wsdl().digest
    assert digest in findings["WSDL"].detail
    assert findings["feed contracts"].detail == "ListerContrats gave 20 rows"
    assert all(finding.ok for finding in findings.values())


def test_check_names_an_operation_the_wsdl_does_not_have(sandbox, bench_of):
    bench = bench_of(SLUG, sandbox, only="contracts", operation="ListerContrat")
    with bench.open() as connector:
        last = list(connector.check(bench.feeds))[-1]
    assert (last.step, last.ok) == ("operations", False)
    assert "ListerContrat" in last.detail
    assert "ListerContrats" in last.hint


def test_windows_and_pages_give_the_same_ledger_as_one_call(sandbox, bench_of):
    whole = {row["external_id"]: row for row in pull(bench_of(SLUG, sandbox, only="ledger"))}
    arguments = {"DepuisLe": "{from}", "JusquAu": "{to}", "Jeton": "{token}"}
    window = {"days": 180, "start": "2010-01-01"}
    pieces = pull(bench_of(SLUG, sandbox, only="ledger", arguments=arguments, window=window))
    assert len(pieces) == len({row["external_id"] for row in pieces}), "a day asked for twice"
    assert {row["external_id"]: row for row in pieces} == whole


def test_small_pages_give_the_same_contracts_as_large_ones(sandbox, bench_of):
    large = pull(bench_of(SLUG, sandbox, only="contracts"))
    changes = {"arguments": {"Page": "{page}", "TaillePage": 7}, "pages": {"by": "page", "size": 7}}
    assert pull(bench_of(SLUG, sandbox, only="contracts", **changes)) == large
    by_number = {"arguments": {"Page": "{page}", "TaillePage": 7}, "pages": {"by": "page", "path": "NombrePages"}}
    assert pull(bench_of(SLUG, sandbox, only="contracts", **by_number)) == large


def test_a_service_that_ignores_the_page_number_does_not_turn_for_ever(sandbox, bench_of):
    changes = {"arguments": {"Page": 1, "TaillePage": 10}, "pages": {"by": "page", "size": 10}}
    with pytest.raises(TerminalError, match="the same page again"):
        pull(bench_of(SLUG, sandbox, only="contracts", **changes))


def test_a_plain_http_service_needs_the_landlords_word(sandbox, bench_of):
    bench = bench_of(SLUG, sandbox, only="contracts")
    with bench.open(network=replace(LOCAL_NETWORK, allow_http=False)) as connector:
        with pytest.raises(HubError, match="plain http"):
            list(connector.pull(bench.feeds[0], None, FolderSpool(bench.folder / "spool")))
        first = next(iter(connector.check(bench.feeds)))
    assert not first.ok
    assert "allow_http" in first.hint
