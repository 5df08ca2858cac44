"""The bank's list of card remittances (*remises carte*): what was captured on a day arrives the day after."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator
from datetime import date, timedelta

from hub.sandbox.payments.model import Payment, Transaction

COLUMNS = (
    "REMISE",
    "DATE_REMISE",
    "TYPE",
    "ORDER_ID",
    "UUID",
    "NUM_AUTO",
    "DATE_CAPTURE",
    "MONTANT_BRUT",
    "COMMISSION",
    "MONTANT_NET",
    "DEVISE",
)


def fee_cents(cents: int) -> int:
    """0.35 % and five cents, of what came in."""
    return 5 + (cents * 35 + 5_000) // 10_000


def remittance_csv(payments: Iterable[Payment], *, since: str = "") -> str:
    """`;`, decimal comma, CRLF, one header line; rows by day of remittance, which is `since` or later."""
    found = [row for payment in payments for row in _rows(payment) if row[1] >= since]
    found.sort(key=lambda row: row[1])
    text = io.StringIO()
    rows = csv.writer(text, delimiter=";", lineterminator="\r\n")
    rows.writerow(COLUMNS)
    rows.writerows(found)
    return text.getvalue()


def _rows(payment: Payment) -> Iterator[tuple[str, ...]]:
    for one in payment.transactions:
        if one.status == "captured" and one.kind == "debit":
            yield _row("PAIEMENT", payment, one, one.captured_on, one.cents, fee_cents(one.cents))
        elif one.status == "captured":
            yield _row("REMBOURSEMENT", payment, one, one.captured_on, -one.cents)
    for dispute in payment.disputes:
        (debit,) = (one for one in payment.transactions if one.id == dispute.transaction)
        yield _row("IMPAYE", payment, debit, dispute.opened_on, -dispute.cents)
        if dispute.status == "won":
            yield _row("IMPAYE", payment, debit, dispute.closed_on, dispute.cents)


def _row(kind: str, payment: Payment, one: Transaction, on: str, gross: int, fee: int = 0) -> tuple[str, ...]:
    paid_on = (date.fromisoformat(on) + timedelta(days=1)).isoformat()
    return (
        f"R{paid_on.replace('-', '')}",
        paid_on,
        kind,
        payment.reference,
        one.id,
        one.auth,
        on,
        _amount(gross),
        _amount(fee),
        _amount(gross - fee),
        payment.currency,
    )


def _amount(cents: int) -> str:
    whole, rest = divmod(abs(cents), 100)
    return f"{'-' if cents < 0 else ''}{whole},{rest:02d}"
