"""The bank's list of card remittances (*remises carte*): what was captured on a day arrives the day after."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable
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
    found = [
        (_paid_on(one), payment, one)
        for payment in payments
        for one in payment.transactions
        if one.status == "captured" and _paid_on(one) >= since
    ]
    found.sort(key=lambda row: (row[0], row[2].captured_at or 0.0, row[2].id))
    text = io.StringIO()
    rows = csv.writer(text, delimiter=";", lineterminator="\r\n")
    rows.writerow(COLUMNS)
    rows.writerows(_row(paid_on, payment, one) for paid_on, payment, one in found)
    return text.getvalue()


def _paid_on(one: Transaction) -> str:
    return (date.fromisoformat(one.captured_on) + timedelta(days=1)).isoformat()


def _row(paid_on: str, payment: Payment, one: Transaction) -> tuple[str, ...]:
    is_debit = one.kind == "debit"
    gross, fee = (one.cents, fee_cents(one.cents)) if is_debit else (-one.cents, 0)
    return (
        f"R{paid_on.replace('-', '')}",
        paid_on,
        "PAIEMENT" if is_debit else "REMBOURSEMENT",
        payment.reference,
        one.id,
        one.auth,
        one.captured_on,
        _amount(gross),
        _amount(fee),
        _amount(gross - fee),
        payment.currency,
    )


def _amount(cents: int) -> str:
    whole, rest = divmod(abs(cents), 100)
    return f"{'-' if cents < 0 else ''}{whole},{rest:02d}"
