"""Payments that need a person, in words: what status, summary and messages say alike."""

from __future__ import annotations

from typing import Final

from hub.store.payment_troubles import Troubles

_TEXTS: Final = {
    "review": "payments in review",
    "unresolved": "payments whose end nobody knows",
    "posting_refused": "payments the ERP refused",
    "posting_unknown": "payments the ERP may have or not",
    "posting_ambiguous": "payments that several ledger entries might show",
    "posting_overdue": "payments not in the ledger after {days} days",
    "refund_waits": "payments with a refund that waits for a second person",
    "job_given_up": "payments whose work was given up on",
}


def trouble_texts(landlord: str, troubles: Troubles, *, alert_days: int) -> list[tuple[str, str]]:
    """Each trouble with the command that shows it. Jobs are not told: `jobs dead` speaks of all there are."""
    found = [
        (f"{_TEXTS[reason].format(days=alert_days)}: {count:,}", f"housing-hub payments list {landlord} --stuck")
        for reason, count in troubles.payments.items()
    ]
    if troubles.suspense:
        found.append(
            (f"lines of remittances in suspense: {troubles.suspense:,}", f"housing-hub suspense list {landlord}")
        )
    return found


def trouble_lines(landlord: str, troubles: Troubles, *, alert_days: int) -> list[str]:
    """The same for a message, jobs included."""
    told = trouble_texts(landlord, troubles, alert_days=alert_days)
    if troubles.dead_jobs:
        told.append((f"jobs of payments given up: {troubles.dead_jobs:,}", f"housing-hub jobs dead {landlord}"))
    shown = dict.fromkeys(command for _, command in told)
    return [*(f"  {text}" for text, _ in told), *(f"See: {command}" for command in shown)]
