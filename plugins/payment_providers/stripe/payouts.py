"""Stripe's payouts, each one credit on the landlord's bank account, with the balance transactions it is made of."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime, time
from typing import Any, Literal

from hub.errors import InputRefusedError
from hub.ports import Settlement, SettlementLine
from payment_providers.stripe.api import StripeApi
from payment_providers.stripe.events import cents, text

Kind = Literal["payment", "refund", "dispute", "fee", "other"]
_KINDS: Mapping[str, Kind] = {
    "charge": "payment",
    "payment": "payment",
    "refund": "refund",
    "payment_refund": "refund",
    "refund_failure": "refund",
    "payment_failure_refund": "refund",
    "stripe_fee": "fee",
    "application_fee": "fee",
}
_OWN = frozenset({"payout", "payout_cancel", "payout_failure"})


def settlements(api: StripeApi, since: date) -> Iterator[Settlement]:
    """Payouts that arrived on or after a day, oldest first. Raises InputRefusedError for one that does not add up."""
    first = int(datetime.combine(since, time.min, UTC).timestamp())
    found = [one for one in api.each("/v1/payouts", status="paid", arrival_date={"gte": first}) if _day(one) >= since]
    for payout in sorted(found, key=lambda one: (_day(one), text(one, "id"))):
        yield _settlement(api, payout)


def _settlement(api: StripeApi, payout: Mapping[str, Any]) -> Settlement:
    ident, net = text(payout, "id"), cents(payout)
    rows = api.each("/v1/balance_transactions", payout=ident, expand=["data.source"])
    lines = tuple(_line(row) for row in rows if row.get("type") not in _OWN)
    if sum(line.gross_cents - line.fee_cents for line in lines) != net:
        raise InputRefusedError(f"the payout {ident} is not what its lines add up to")
    return Settlement(ident, _day(payout), net, lines, text(payout, "currency").upper())


def _line(row: Mapping[str, Any]) -> SettlementLine:
    gross, fee = cents(row), cents(row, "fee")
    if fee < 0:
        gross, fee = gross - fee, 0
    source = row.get("source")
    about: Mapping[str, Any] = source if isinstance(source, Mapping) else {"id": source or ""}
    metadata = about.get("metadata")
    reference = str(metadata.get("reference") or "") if isinstance(metadata, Mapping) else ""
    made = datetime.fromtimestamp(cents(row, "created"), UTC).date()
    return SettlementLine(_kind(row), gross, fee, reference, str(about.get("id") or ""), made)


def _kind(row: Mapping[str, Any]) -> Kind:
    if str(row.get("reporting_category", "")).startswith("dispute"):
        return "dispute"
    return _KINDS.get(str(row.get("type")), "other")


def _day(payout: Mapping[str, Any]) -> date:
    return datetime.fromtimestamp(cents(payout, "arrival_date"), UTC).date()
