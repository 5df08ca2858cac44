"""What to do next about a payment: a line for each reason why a person is needed, with the command."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

from hub.domain.money import to_decimal
from hub.domain.payments import OPEN, PaymentState

if TYPE_CHECKING:
    from hub.paying.story import Story
    from hub.store.posting_rows import PostingRow

_ENDED: Final = (PaymentState.FAILED, PaymentState.CANCELED, PaymentState.EXPIRED)


def next_steps(story: Story) -> list[str]:
    """The last lines of `payments show`."""
    steps = [*_decide(story), *_refunds(story), *_postings(story), *_jobs(story)]
    return ["Next:", *(f"  {step}" for step in steps)] if steps else [f"Next: {_by_itself(story)}"]


def _by_itself(story: Story) -> str:
    held = story.payment
    on_its_way = [one.posting for one in story.postings if one.posting.state not in ("reflected", "void")]
    if held.state in OPEN:
        return f"nothing; the provider is asked by itself. At once: {_command(story, 'check')}"
    if on_its_way:
        return f"nothing; {on_its_way[0].reference} is {on_its_way[0].state} and goes on by itself"
    if held.state in _ENDED:
        return f"nothing; no money came. If it did: {_command(story, 'resolve')} --paid --transaction … --reason …"
    return "nothing"


def _decide(story: Story) -> Iterator[str]:
    if "review" in story.needs:
        why = _WHY.get(story.payment.reason, "what came is not what was asked")
        yield f"{why}; the ERP is told nothing until somebody decides"
    if "unresolved" in story.needs:
        yield f"its time is over and nobody knows its end; ask once more: {_command(story, 'check')}"
    if not {"review", "unresolved"} & set(story.needs):
        return
    if "accept" in story.may_decide:
        yield f"it may stand as it came: {_command(story, 'resolve')} --accept --reason …"
        yield f"or give it back: {_command(story, 'refund')} --amount … --reason …"
    if "paid" in story.may_decide:
        paid = f"{_command(story, 'resolve')} --paid --transaction … --reason …"
        yield f"the provider's back office shows the money: {paid}"
    if "not_paid" in story.may_decide:
        yield f"it shows none: {_command(story, 'resolve')} --not-paid --reason …"


_WHY: Final = {
    "other_amount": "another amount came than was asked",
    "other_currency": "another currency came than was asked",
    "other_mode": "the provider speaks of test money where real money is meant, or the other way round",
    "other_shop": "the provider speaks of another shop",
    "paid_twice": "the tenant paid twice",
}


def _refunds(story: Story) -> Iterator[str]:
    for one in story.refunds:
        if one.state == "waits_for_second":
            yield (
                f"a second person (not {one.asked_by}) decides about the refund of {to_decimal(one.amount_cents):,}: "
                f"{_command(story, 'approve')}, or {_command(story, 'reject')}"
            )


def _postings(story: Story) -> Iterator[str]:
    for one in story.postings:
        row = one.posting
        again = f"housing-hub payments repost {story.landlord} {row.reference}"
        if row.state == "refused":
            yield f"the ERP refused {row.reference} ({row.code or 'no code'}): put it right there, then {again}"
        elif row.state == "unknown" and "posting_unknown" in story.needs:
            yield f"look for {row.reference} in the ERP, then {again} --absent, or --there"
        elif row.candidates and row.state not in ("reflected", "void"):
            yield f"several entries might be {row.reference}: {again} --entry NUMBER says which"
        elif "posting_overdue" in story.needs and row.state in ("posted", "sent", "pending", "unknown"):
            yield f"{_overdue(row)}; in the ledger under another number? {again} --entry NUMBER"


def _overdue(row: PostingRow) -> str:
    if row.state == "posted":
        return f"the ERP took {row.reference}, and no entry shows it: does the ledger's feed run?"
    return f"the ERP has not taken {row.reference} yet: does it answer (`housing-hub connectors list`)?"


def _jobs(story: Story) -> Iterator[str]:
    if "job_given_up" in story.needs:
        yield f"work on it was given up on: housing-hub jobs dead {story.landlord} says why; then jobs replay"


def _command(story: Story, verb: str) -> str:
    return f"housing-hub payments {verb} {story.landlord} {story.payment.reference}"
