"""A payment's story for people: event by event in the landlord's time, and what to do next in the end."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from itertools import groupby
from typing import TYPE_CHECKING, Final
from zoneinfo import ZoneInfo

from hub.cli.payment_steps import next_steps
from hub.domain.money import to_decimal
from hub.domain.payment_events import EventKind

if TYPE_CHECKING:
    from hub.paying.story import PostingStory, Story
    from hub.store.payment_rows import HeardRow

Moment = tuple[datetime, str]
_ACTS: Final = {
    "accepted": "let stand what came",
    "said_paid": "said that it was paid",
    "said_not_paid": "said that nobody paid",
    "asked": "had the provider asked",
    "reposted": "had it posted again",
    "said_absent": "said that the ERP does not have it",
    "said_there": "said that the ERP has it",
    "tied": "said which entry shows it",
    "assigned": "assigned a line of a remittance",
}


def money(cents: int, currency: str = "EUR") -> str:
    """`1,234.50 EUR`."""
    return f"{to_decimal(cents):,} {currency}"


def story_text(story: Story) -> list[str]:
    """The story line by line. No name stands in it."""
    zone = ZoneInfo(story.time_zone)
    lines = [*_head(story, zone), ""]
    for day, moments in groupby(sorted(_moments(story), key=lambda one: one[0]), key=lambda one: _day(one[0], zone)):
        lines.append(f"  {day}")
        lines += [f"    {when.astimezone(zone):%H:%M:%S}  {what}" for when, what in moments]
    lines += [line for one in story.postings for line in _posting(one, zone)]
    lines += [_settled(story, place) for place in range(len(story.settled))]
    return [*lines, "", *next_steps(story)]


def _head(story: Story, zone: ZoneInfo) -> Iterator[str]:
    held = story.payment
    reason = f" ({held.reason})" if held.reason else ""
    yield f"Payment {held.reference} of {story.landlord}: {held.state.value}{reason}"
    until = f"may be paid until {held.expires_at.astimezone(zone):%d %B %H:%M}, times of {story.time_zone}"
    yield f"  {money(held.amount_cents, held.currency)} by {held.method} with {held.provider}, {until}"
    for part in story.parts:
        contracts = f", contract {', '.join(part.contracts)}" if part.contracts else ""
        yield f"  {money(part.amount_cents, held.currency):>18}  for {part.kind} account {part.number}{contracts}"
    if story.shares:
        shown = ", ".join(
            f"{one.entry.kind} of {one.entry.posted_on} {to_decimal(one.amount_cents):,}"
            if one.entry
            else f"opening balance {to_decimal(one.amount_cents):,}"
            for one in story.shares[:4]
        )
        more = f" and {len(story.shares) - 4} more" if len(story.shares) > 4 else ""
        yield f"  settles ({story.allocation}): {shown}{more}"
    if held.gross_cents:
        yield f"  {_sums(story)}"


def _sums(story: Story) -> str:
    held = story.payment
    sums = (
        ("came", held.gross_cents),
        ("captured", held.captured_cents),
        ("given back", held.refunded_cents),
        ("charged back", held.lost_cents),
        ("contested", held.contested_cents),
    )
    return ", ".join(f"{name} {to_decimal(cents):,}" for name, cents in sums if cents)


def _moments(story: Story) -> Iterator[Moment]:
    held = story.payment
    yield held.created_at, "begun by the tenant"
    yield from (_heard(one) for one in story.events)
    for hook in story.webhooks:
        name = "the browser came back" if hook.channel == "return" else "a webhook came"
        yield hook.received_at, f"{name}: {hook.state}{f' ({hook.reason})' if hook.reason else ''}"
    for act in story.acts:
        about = f" ({act.subject})" if act.subject else ""
        yield act.done_at, f"{act.done_by} {_ACTS[act.what]}{about}{f': {act.why}' if act.why else ''}"
    for one in story.refunds:
        yield one.asked_at, f"{one.asked_by} asked to give back {money(one.amount_cents, held.currency)}: {one.why}"
        if one.decided_at is not None:
            word = "rejected" if one.state == "rejected" else "approved"
            yield one.decided_at, f"{one.decided_by} {word} the refund"
    for told in story.told:
        if told.kind.startswith("posting."):
            code = f" ({told.data['code']})" if told.data.get("code") else ""
            yield told.happened_at, f"{told.kind.replace('.', ' ')}: {told.data.get('posting', '')}{code}"


def _heard(row: HeardRow) -> Moment:
    event = row.event
    cents = "" if event.amount_cents is None else f" {money(event.amount_cents, event.currency)}"
    by = f", told by {row.told_by}" if row.told_by else ""
    reason = f" ({event.reason})" if event.reason else ""
    ref = f" {event.ref}" if event.ref and event.kind is not EventKind.CLEARED else ""
    return row.heard_at, f"{event.kind.value}{cents}{reason}{ref}, by {row.channel}{by}"


def _posting(one: PostingStory, zone: ZoneInfo) -> Iterator[str]:
    row = one.posting
    sign = "" if row.kind == "payment" else "reversal of "
    erp = f", ERP {row.erp_ref}" if row.erp_ref else ""
    why = f" {row.code}: {row.message}".rstrip(": ") if row.code or row.message else ""
    shown = f", entry of {one.entry.posted_on}" if one.entry else ""
    yield (
        f"  posting {row.reference}: {sign}{to_decimal(row.amount_cents):,} to {row.connector}, account "
        f"{one.account_number}: {row.state}{erp}{shown}{why}"
    )
    if row.state in ("refused", "unknown") or row.candidates:
        for entry in one.candidates:
            yield f"      might be entry {entry.external_id} of {entry.posted_on}, {entry.kind}"


def _settled(story: Story, place: int) -> str:
    one = story.settled[place]
    fee = f" less {to_decimal(one.line.fee_cents):,} fee" if one.line.fee_cents else ""
    return (
        f"  remittance {one.remittance.ref} of {one.remittance.paid_on}, line {one.line.line}: {one.line.kind} "
        f"{to_decimal(one.line.gross_cents):,}{fee}, {one.line.state}"
    )


def _day(when: datetime, zone: ZoneInfo) -> str:
    return f"{when.astimezone(zone):%d %B %Y}"
