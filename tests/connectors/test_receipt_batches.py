"""Payments entered as receipt batches, the way Yardi takes them: posted once, at whatever step it breaks off."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import connector_postings as postings
import pytest
from connector_postings import FIRST, HASTY, TODAY, batch, booked, paid

from erp_connectors.soap import SoapConnector
from hub.errors import HubError, MisconfiguredError, RetryableError
from hub.ports import PostingBatch, PostingResult, Push
from hub.sandbox import Landlord, Sandbox, truth_of
from hub.sandbox.lakeside_ledger import still_due
from hub.sandbox.mischief import Order
from hub.testing.bench import Bench

YARDI: Landlord = "lakeside-homes"
STEPS = ("OpenReceiptBatch_DepositDate", "AddReceiptsToBatch", "ReviewReceiptBatch", "PostReceiptBatch")
SECOND = "HH0000000002"


@pytest.fixture
def erp(tmp_path: Path) -> Iterator[Sandbox]:
    with Sandbox(tmp_path / "world", contracts=24, today=TODAY) as sandbox:
        yield sandbox


@pytest.fixture
def bench(bench_of: Callable[..., Bench], erp: Sandbox) -> Bench:
    return bench_of(YARDI, erp)


def receipt(reference: str = FIRST, cents: int = 12_345, **changes: Any) -> PostingBatch:
    return batch(paid(YARDI, reference, cents, **changes))


def post(bench: Bench, what: PostingBatch | None = None) -> list[PostingResult]:
    return postings.post(bench, what or receipt())


def find(bench: Bench, what: PostingBatch | None = None) -> list[PostingResult]:
    return postings.find(bench, what or receipt())


def open_ones(erp: Sandbox) -> list[str]:
    return [one.description for one in erp.lakeside.batches._open.values()]


def rent_called(erp: Sandbox) -> int:
    """What is due of the tenant's charges on the first of December, before anybody paid."""
    erp.advance(days=11)
    due = sum(still_due(erp.world(YARDI).entries["t0000001"]).values())
    assert due > 0
    return due


def test_it_says_that_it_posts_in_batches(bench: Bench) -> None:
    assert SoapConnector.push_of(bench.check_settings(bench.settings)) == Push(batch=True, read_back=True)


def test_check_builds_every_call_of_both_services_and_sends_nothing(bench: Bench, erp: Sandbox) -> None:
    with bench.open() as connector:
        told = {one.step: one for one in connector.check(())}
    assert told["posting"].ok, told["posting"]
    assert told["WSDL"].detail.count("sha256") == 2
    assert not booked(erp, YARDI)
    assert not open_ones(erp)


def test_a_receipt_is_posted_and_seen_in_the_ledger_and_in_what_is_due(bench: Bench, erp: Sandbox) -> None:
    due = rent_called(erp)

    [result] = post(bench, receipt(cents=due))

    assert result.outcome == "posted"
    ledger = next(feed for feed in bench.feeds if feed.name == "ledger")
    [seen] = [row for row in bench.harvest(ledger).rows if row["payment_ref"] == FIRST]
    assert (seen["external_id"], seen["amount_cents"], seen["kind"]) == (
        f"Payment-{result.erp_ref}",
        -due,
        "payment_card",
    )
    accounts = next(feed for feed in bench.feeds if feed.name == "accounts")
    [account] = [row for row in bench.harvest(accounts).rows if row["external_id"] == "t0000001"]
    assert account["balance_cents"] == 0


def test_a_receipt_is_reversed(bench: Bench, erp: Sandbox) -> None:
    [first] = post(bench)
    back = receipt(
        SECOND, 12_345, kind="reversal", reverses=FIRST, reverses_erp_ref=first.erp_ref, reason="charged_back"
    )

    assert post(bench, batch(*back.postings, number=2))[0].outcome == "posted"
    assert booked(erp, YARDI) == [(FIRST, -12_345), (SECOND, 12_345)]
    again = receipt("HH0000000003", 1, kind="reversal", reverses=FIRST, reason="refunded")
    [refused] = post(bench, batch(*again.postings, number=3))
    assert (refused.outcome, refused.terminal) == ("refused", True)
    assert "already been reversed" in refused.message


def test_one_refused_receipt_does_not_hold_the_others(bench: Bench, erp: Sandbox) -> None:
    what = batch(paid(YARDI), paid(YARDI, SECOND, account_ref="t9999999"), paid(YARDI, "HH0000000003"))

    results = post(bench, what)

    assert [(one.reference, one.outcome) for one in results] == [
        (FIRST, "posted"),
        (SECOND, "refused"),
        ("HH0000000003", "posted"),
    ]
    assert results[1].terminal
    assert len(booked(erp, YARDI)) == 2
    assert not open_ones(erp)


def test_each_property_has_a_batch_of_its_own(bench: Bench, erp: Sandbox) -> None:
    other = next(one for one in erp.world(YARDI).contracts if one.units[0].unit.startswith("lakeview/"))
    what = batch(paid(YARDI), paid(YARDI, SECOND, account_ref=other.id, site_ref="lakeview"))

    assert [one.outcome for one in post(bench, what)] == ["posted", "posted"]


@pytest.mark.parametrize("step", STEPS)
def test_broken_off_after_any_step_it_is_posted_once(bench: Bench, erp: Sandbox, step: str) -> None:
    erp.misbehave(YARDI, Order("post-twice"))
    erp.lakeside.faults.mute = frozenset([step])
    with pytest.raises(RetryableError):
        post(bench)
    erp.lakeside.faults.mute = frozenset()

    [found] = find(bench)
    assert found.outcome == ("posted" if step == "PostReceiptBatch" else "absent")
    assert post(bench)[0].outcome == "posted"
    assert booked(erp, YARDI) == [(FIRST, -12_345)]
    assert not open_ones(erp)


def test_a_batch_posted_between_the_question_and_the_second_try_is_not_posted_again(bench: Bench, erp: Sandbox) -> None:
    """A call that was given up on may still be done: here it is, right after the hub was told "absent"."""
    erp.misbehave(YARDI, Order("post-twice"))
    erp.lakeside.faults.mute = frozenset(["ReviewReceiptBatch"])
    with pytest.raises(RetryableError):
        post(bench)
    erp.lakeside.faults.mute = frozenset()
    assert find(bench)[0].outcome == "absent"
    [number] = erp.lakeside.batches._open
    erp.lakeside.batches.operations["PostReceiptBatch"](erp.lakeside.world, {"BatchId": str(number)})

    assert post(bench)[0].outcome == "posted"
    assert booked(erp, YARDI) == [(FIRST, -12_345)]


def test_a_refusal_at_the_end_cancels_the_batch(bench: Bench, erp: Sandbox) -> None:
    erp.lakeside.faults.says = {"PostReceiptBatch": "The post month is outside your allowable range for heron"}

    [result] = post(bench)

    assert (result.outcome, result.terminal) == ("refused", True)
    assert not open_ones(erp)
    assert not booked(erp, YARDI)


def test_a_batch_that_cannot_be_given_up_is_unknown(bench: Bench, erp: Sandbox) -> None:
    erp.lakeside.faults.says = {"PostReceiptBatch": "Error 7", "CancelReceiptBatch": "Batch 4001 is no longer open"}

    with pytest.raises(RetryableError, match="not known"):
        post(bench)


@pytest.mark.parametrize(("what", "terminal"), [("post-closed", True), ("post-locked", False)])
def test_refusals_are_results(bench: Bench, erp: Sandbox, what: str, terminal: bool) -> None:
    erp.misbehave(YARDI, Order(what))

    [result] = post(bench)

    assert (result.outcome, result.terminal) == ("refused", terminal)
    assert not open_ones(erp)


def test_the_same_receipt_in_another_batch_is_posted_already(bench: Bench, erp: Sandbox) -> None:
    post(bench)

    [result] = post(bench, batch(paid(YARDI), number=2))

    assert result.outcome == "posted"
    assert len(booked(erp, YARDI)) == 1


def test_a_property_out_of_reach_is_for_a_person(bench: Bench) -> None:
    with pytest.raises(MisconfiguredError):
        post(bench, receipt(site_ref="elsewhere"))


def test_a_wrong_database_is_never_read_as_not_posted(bench: Bench) -> None:
    wrong = {"arguments": bench.settings["arguments"] | {"Database": "another"}}
    with bench.open(wrong, network=HASTY) as connector, pytest.raises(HubError):
        connector.find_postings(receipt())


def test_nobody_pays_again_what_was_paid_from_outside(bench: Bench, erp: Sandbox) -> None:
    due = rent_called(erp) - erp.world(YARDI).contracts[0].aid_cents
    post(bench, receipt(cents=due))

    erp.advance(days=20)

    assert sum(entry.cents for entry in erp.world(YARDI).entries["t0000001"]) == 0
    assert erp.truth(YARDI) == truth_of(erp.folder, YARDI)
