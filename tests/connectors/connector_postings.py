"""Postings for the tests of all connectors, and what comes of them at a sandbox."""

from __future__ import annotations

from datetime import date
from typing import Any

from hub.ports import Posting, PostingBatch, PostingResult
from hub.sandbox import Landlord, Sandbox
from hub.testing.bench import Bench
from hub.wire.policy import NetworkPolicy

TODAY = date(2026, 11, 20)
HASTY = NetworkPolicy(
    private_hosts=frozenset({"127.0.0.1"}), allow_http=True, total_seconds=1.5, connect_seconds=1, read_seconds=1
)
ACCOUNTS = {"rives-doise": "K000001", "cite-des-tilleuls": "C411000001", "lakeside-homes": "t0000001"}
FIRST = "HH0000000001"


def paid(landlord: str, reference: str = FIRST, cents: int = 12_345, **changes: Any) -> Posting:
    """A payment on the account that is worth showing."""
    given = {
        "reference": reference,
        "kind": "payment",
        "account_ref": ACCOUNTS[landlord],
        "account_number": ACCOUNTS[landlord],
        "amount_cents": cents,
        "paid_on": TODAY,
        "method": "payment_card",
        "site_ref": "heron" if landlord == "lakeside-homes" else "",
        **changes,
    }
    return Posting(**given)


def batch(*postings: Posting, number: int = 1) -> PostingBatch:
    return PostingBatch(number, TODAY, postings)


def post(bench: Bench, what: PostingBatch) -> list[PostingResult]:
    with bench.open(network=HASTY) as connector:
        return list(connector.post(what))


def find(bench: Bench, what: PostingBatch) -> list[PostingResult]:
    with bench.open(network=HASTY) as connector:
        return list(connector.find_postings(what))


def booked(erp: Sandbox, landlord: Landlord) -> list[tuple[str, int]]:
    return [(one.reference, one.cents) for one in erp.bookings.of(landlord)]
