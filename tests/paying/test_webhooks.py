"""Webhooks over HTTP: what is forged, altered, stale, foreign or repeated changes nothing."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator, Mapping
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qsl, urlencode

import pytest

from hub.domain.payment_events import EventKind, PaymentEvent
from hub.domain.payments import PaymentState
from hub.paying.parts import open_provider
from hub.ports import RawRequest, WebhookRefusedError
from hub.sandbox.payments.lyra import _signed_fields
from hub.store.engine import scope
from hub.store.payment_rows import find_by_reference
from payment_providers.lyra.signature import sign

RIVES, TILLEULS = "rives-doise", "cite-des-tilleuls"
FORGED = 5_000


def one_bit_changes(body: bytes) -> Iterator[bytes]:
    """Every text that differs in one bit."""
    for place in range(len(body)):
        for bit in range(8):
            yield body[:place] + bytes([body[place] ^ (1 << bit)]) + body[place + 1 :]


async def paid(
    house: Any, tenant: Any, amount: str = "12.00", landlord: str = RIVES
) -> tuple[dict[str, Any], bytes, Any]:
    """A payment somebody paid on Lyra's page, and its notification, which has not come yet."""
    started = await house.start(tenant, amount)
    reference = started["payment"]["reference"]
    house.act(reference, landlord=landlord)
    body, headers = house.ipn(reference, landlord)
    return started["payment"], body, headers


async def judge_all(house: Any, means: str, bodies: Iterator[bytes], headers: Mapping[str, str]) -> dict[str, int]:
    """What the provider makes of each, as the worker that judges the inbox asks it: reasons of refusals, counted."""
    config = await house.config()
    counts: dict[str, int] = {}
    lower = {name.lower(): value for name, value in headers.items()}
    async with open_provider(house.paying, config, means) as provider:
        for body in bodies:
            raw = RawRequest("webhook", body, lower, {}, house.clock.now())
            try:
                about = provider.parse_webhook(provider.verify_webhook(raw))
                reason = f"taken {[one.reference for one in about]}"
            except WebhookRefusedError as refused:
                reason = refused.reason
            counts[reason] = counts.get(reason, 0) + 1
    return counts


@pytest.mark.timeout(900)
async def test_every_one_bit_change_of_a_notification_is_refused_or_says_the_same(house: Any, rich: Any) -> None:
    """All of them are judged as the worker judges; every 97th also comes over HTTP, through the inbox."""
    payment, body, headers = await paid(house, rich)
    before, changes = house.digest(), list(one_bit_changes(body))
    counts = await judge_all(house, "card", iter(changes), headers)
    same = f"taken {[payment['reference']]}"
    assert sum(counts.values()) == len(body) * 8
    # `%2F` and `%2f`, `+` and blank: the same text written otherwise, and so the same signed content.
    assert {reason for reason in counts if reason.startswith("taken")} <= {same}
    assert counts.get(same, 0) < len(changes) / 50
    for changed in changes[::97]:
        assert (await house.tell(changed, headers)).status_code == 200
    await house.work()
    refused = [reason for state, reason in await house.inbox() if state == "refused"]
    assert len(refused) >= len(changes[::97]) * 0.95
    if len(refused) == len(changes[::97]):
        assert house.digest() == before
    held = await house.payment(payment)
    assert held.state in (PaymentState.ACTION_REQUIRED, PaymentState.AUTHORIZED)
    assert held.amount_cents == 1_200


async def test_every_one_bit_change_of_a_dummy_webhook_is_refused(house: Any, rich: Any) -> None:
    payment = await house.insert(rich, {rich.account: 1_200}, "pretend")
    reference = (await house.payment(payment)).reference
    event = PaymentEvent("x", EventKind.CAPTURED, house.clock.now(), "tx", 1_200)
    body, headers = house.dummy_webhook(reference, event)
    counts = await judge_all(house, "pretend", one_bit_changes(body), headers)
    assert counts == {"bad_signature": len(body) * 8}
    stamp = headers["x-dummy-timestamp"]
    for place in range(len(stamp)):
        for bit in range(8):
            other = stamp[:place] + chr(ord(stamp[place]) ^ (1 << bit)) + stamp[place + 1 :]
            if other.isprintable() and other.isascii():
                told = {**headers, "x-dummy-timestamp": other}
                assert (await judge_all(house, "pretend", iter([body]), told)) == {"bad_signature": 1}


def resigned(house: Any, change: Any, reference: str, landlord: str = RIVES) -> bytes:
    """The notification of a payment with its content changed and signed anew, as only the provider could."""
    body, _ = house.ipn(reference, landlord)
    answer = json.loads(dict(parse_qsl(body.decode()))["kr-answer"])
    change(answer)
    shop = house.sandbox.payments.book.shops[f"{landlord}/lyra"]
    return urlencode(_signed_fields(json.dumps(answer), shop.secrets["password"], "password")).encode()


def _without(*path: Any) -> Any:
    def change(answer: Any) -> None:
        inner = answer
        for key in path[:-1]:
            inner = inner[key]
        del inner[path[-1]]

    return change


def _with(value: Any, *path: Any) -> Any:
    def change(answer: Any) -> None:
        inner = answer
        for key in path[:-1]:
            inner = inner[key]
        inner[path[-1]] = value

    return change


FIRST = ("transactions", 0)
UNSOUND = {
    "no order": _without("orderDetails"),
    "no order id": _without("orderDetails", "orderId"),
    "no mode": _without("orderDetails", "mode"),
    "no shop": _without("shopId"),
    "no transactions": _without("transactions"),
    "an empty list of transactions": _with([], "transactions"),
    "transactions that are no list": _with({"0": {}}, "transactions"),
    "no uuid": _without(*FIRST, "uuid"),
    "no status": _without(*FIRST, "detailedStatus"),
    "no amount": _without(*FIRST, "amount"),
    "no currency": _without(*FIRST, "currency"),
    "no time": _without(*FIRST, "creationDate"),
    "a time that is none": _with("yesterday", *FIRST, "creationDate"),
    "an amount as text": _with("1200", *FIRST, "amount"),
    "an amount with a fraction": _with(12.5, *FIRST, "amount"),
    "a negative amount": _with(-1, *FIRST, "amount"),
    "an amount that is true": _with(True, *FIRST, "amount"),
    "an order id of another kind": _with(7, "orderDetails", "orderId"),
    "another shop": _with("69876502", "shopId"),
    "the other mode": _with("PRODUCTION", "orderDetails", "mode"),
}


@pytest.mark.parametrize("change", UNSOUND.values(), ids=UNSOUND)
async def test_a_signed_notification_with_an_unsound_field_is_refused(house: Any, rich: Any, change: Any) -> None:
    payment, _, headers = await paid(house, rich)
    before = house.digest()
    await house.tell(resigned(house, change, payment["reference"]), headers)
    await house.work()
    ((state, reason),) = await house.inbox()
    assert (state, reason in ("missing_field", "other_shop", "other_mode")) == ("refused", True), reason
    assert house.digest() == before


async def test_a_message_of_an_unknown_status_says_nothing_by_itself(house: Any, rich: Any) -> None:
    """Signed and sound, but lying: what counts is what Lyra answers when it is asked."""
    payment, _, headers = await paid(house, rich)
    body = resigned(house, _with("BANANA", *FIRST, "detailedStatus"), payment["reference"])
    await house.tell(body, headers)
    await house.work()
    assert (await house.payment(payment)).state is PaymentState.AUTHORIZED


@pytest.mark.timeout(900)
async def test_forged_replayed_stale_and_foreign_webhooks_change_nothing(house: Any, rich: Any, neighbour: Any) -> None:
    """Five thousand of them, over HTTP: all that is written is the inbox."""
    payment, genuine, headers = await paid(house, rich)
    await house.tell(genuine, headers)
    await house.work()
    foreign, theirs, _ = await paid(house, neighbour, landlord=TILLEULS)
    unpaid = await house.insert(rich, {rich.account: 700}, "pretend")
    reference = (await house.payment(unpaid)).reference
    before, inbox = house.digest(), len(await house.inbox())
    dice = random.Random(5)
    for number in range(FORGED):
        body, more, means = forgery(house, number, dice, genuine, theirs, reference)
        assert (await house.tell(body, {**headers, **more}, means)).status_code == 200
        if number % 500 == 499:
            await house.work()
    await house.work()
    assert house.digest() == before
    states = [state for state, _ in (await house.inbox())[inbox:]]
    assert len(states) >= FORGED * 7 // 8  # a replay that waits already is kept once
    assert set(states) <= {"refused", "applied"}
    assert (await house.payment(payment)).state is PaymentState.AUTHORIZED
    assert (await house.payment(foreign, TILLEULS)).state is PaymentState.ACTION_REQUIRED


def forgery(
    house: Any, number: int, dice: random.Random, genuine: bytes, theirs: bytes, reference: str
) -> tuple[bytes, dict[str, str], str]:
    """One of eight kinds."""
    event = PaymentEvent(f"f{number}", EventKind.CAPTURED, house.clock.now(), "tx", 700)
    body, told = house.dummy_webhook(reference, event)
    match number % 8:
        case 0:  # altered
            place = dice.randrange(len(genuine))
            return (
                genuine[:place] + bytes([genuine[place] ^ (1 << dice.randrange(8))]) + genuine[place + 1 :],
                {},
                "card",
            )
        case 1:  # replayed as it was
            return genuine, {}, "card"
        case 2:  # another landlord's, signed by it
            return theirs + b"&n=%d" % number, {}, "card"
        case 3:  # signed with a guess
            fields = dict(parse_qsl(genuine.decode()))
            fields["kr-hash"] = sign(fields["kr-answer"], f"guess-{number}")
            return urlencode(fields).encode(), {}, "card"
        case 4:  # unsigned
            return body + b" " * number, {}, "pretend"
        case 5:  # stale
            house.clock.instant -= timedelta(minutes=10)
            try:
                stale, old = house.dummy_webhook(reference, event)
            finally:
                house.clock.instant += timedelta(minutes=10)
            return stale, old, "pretend"
        case 6:  # signed with another landlord's key
            foreign, theirs_told = house.dummy_webhook(reference, event, TILLEULS)
            return foreign, theirs_told, "pretend"
    return dice.randbytes(200), told, "pretend"


async def test_a_webhook_of_a_payment_nobody_made_waits_a_day_and_is_refused(house: Any) -> None:
    event = PaymentEvent("x", EventKind.CAPTURED, house.clock.now(), "tx", 700)
    body, headers = house.dummy_webhook("A" * 16, event)
    before = house.digest()
    await house.tell(body, headers, "pretend")
    await house.work()
    assert await house.inbox() == [("parked", "unknown_payment")]
    await house.pass_time(hours=23)
    assert await house.inbox() == [("parked", "unknown_payment")]
    await house.pass_time(hours=25)
    assert await house.inbox() == [("refused", "unknown_payment")]
    ((sealed, tries),) = await house.rows("select sealed, tries from payment_webhook")
    assert (sealed, tries > 3) == (None, True)
    assert house.digest() == before


async def test_a_webhook_that_beats_our_commit_is_heard_once_the_payment_is_there(house: Any, rich: Any) -> None:
    started = await house.start(rich, "12.06", "pretend")  # paid from the first look on
    held = await house.payment(started["payment"])
    assert held.state is PaymentState.ACTION_REQUIRED
    with house.admin() as conn:
        conn.execute("update payment set reference = 'HIDDEN' where id = %s", [held.id])
    event = PaymentEvent("x", EventKind.CAPTURED, house.clock.now(), "tx", 1_206)
    body, headers = house.dummy_webhook(held.reference, event)
    await house.tell(body, headers, "pretend")
    await house.work()
    assert await house.inbox() == [("parked", "unknown_payment")]
    with house.admin() as conn:
        conn.execute("update payment set reference = %s where id = %s", [held.reference, held.id])
    await house.pass_time(seconds=3)
    assert await house.inbox() == [("applied", "")]
    assert (await house.payment(held.id)).state is PaymentState.SUCCEEDED
    assert len(await house.postings(held.id)) == 1


async def test_another_landlords_notification_is_refused_and_means_nothing_there(house: Any, rich: Any) -> None:
    payment, body, headers = await paid(house, rich)
    before = house.digest()
    await house.tell(body, headers, landlord=TILLEULS)
    await house.work()
    assert await house.inbox(TILLEULS) == [("refused", "bad_signature")]
    assert house.digest() == before
    assert (await house.payment(payment)).state is PaymentState.ACTION_REQUIRED


async def test_a_test_payment_is_never_believed_on_a_live_shop(house: Any, rich: Any, apply: Any) -> None:
    """The message of another mode is refused, and an order of another mode is for a person to look at."""
    payment, body, headers = await paid(house, rich)
    await apply(house, RIVES, lambda text: text.replace('mode = "TEST"', 'mode = "PRODUCTION"'))
    await house.tell(body, headers)
    await house.work()
    assert await house.inbox() == [("refused", "other_mode")]
    await house.come_back(payment["reference"])
    await house.work()
    held = await house.payment(payment)
    assert (held.state, held.reason, held.gross_cents) == (PaymentState.REVIEW, "other_mode", 0)
    assert await house.postings(held.id) == []


async def test_another_amount_than_asked_is_for_a_person_and_never_credited(house: Any, rich: Any) -> None:
    started = await house.start(rich)
    reference = started["payment"]["reference"]
    house.at_lyra(reference).cents = 1_100
    house.act(reference)
    body, headers = house.ipn(reference)
    balance = await house.figures(rich)
    await house.tell(body, headers)
    await house.work()
    held = await house.payment(started["payment"])
    assert (held.state, held.reason) == (PaymentState.REVIEW, "other_amount")
    assert await house.postings(held.id) == []
    assert (await house.figures(rich))[0] == balance[0]
    told = await house.rows("select kind, data from domain_event where subject = :it", it=f"payment:{held.id}")
    assert [(row.kind, row.data["reason"]) for row in told] == [("payment.review", "other_amount")]
    shown = await house.look(rich, started["payment"]["id"])
    assert (shown["state"], shown["reason"], shown["isOpen"]) == ("REVIEW", "other_amount", False)


@pytest.mark.parametrize("how", ["pay", "silent"])
async def test_with_webhooks_off_and_the_browser_closed_the_poller_settles(house: Any, rich: Any, how: Any) -> None:
    started = await house.start(rich)
    house.act(started["payment"]["reference"], how)
    await house.pass_time(minutes=2)
    held = await house.payment(started["payment"])
    assert (held.state, held.gross_cents) == (PaymentState.AUTHORIZED, 1_200)
    assert len(await house.postings(held.id)) == 1
    assert await house.inbox() == []


async def test_what_the_bank_decides_after_three_days_is_still_heard_without_any_webhook(house: Any, rich: Any) -> None:
    """The page's time is long over: who waits for the bank has not let it run out."""
    started = await house.start(rich, "12.05", "pretend")
    await house.pass_time(days=2)
    assert (await house.payment(started["payment"])).state is PaymentState.PROCESSING
    await house.pass_time(days=2)
    held = await house.payment(started["payment"])
    assert (held.state, held.gross_cents) == (PaymentState.SUCCEEDED, 1_205)


async def test_a_payment_the_bank_is_deciding_on_is_not_cancelled(
    house: Any, rich: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    started = await house.start(rich, "12.05", "pretend")
    cancel = "mutation ($id: ID!) { cancelPayment(id: $id) { state } }"
    monkeypatch.setattr("tenant_api.mutations._WAIT_SECONDS", 0.3)
    await house.ask(rich, cancel, id=started["payment"]["id"])
    assert (await house.payment(started["payment"])).state is PaymentState.PROCESSING
    await house.pass_time(days=4)
    assert (await house.payment(started["payment"])).gross_cents == 1_205


async def test_nobody_pays_and_the_account_is_free_again_within_minutes(house: Any, rich: Any) -> None:
    started = await house.start(rich)
    await house.pass_time(minutes=29)
    assert (await house.payment(started["payment"])).is_open
    await house.pass_time(minutes=4)
    held = await house.payment(started["payment"])
    assert held.state in (PaymentState.EXPIRED, PaymentState.CANCELED)  # the page was closed at the provider, by us
    assert (await house.start(rich, "13.00"))["__typename"] == "PaymentRedirect"


async def test_a_return_proves_nothing_and_leads_back_to_the_front_end(house: Any, rich: Any) -> None:
    started = await house.start(rich)
    reference = started["payment"]["reference"]
    answer = await house.come_back(reference)
    assert answer.status_code == 303
    assert answer.headers["location"] == f"https://locataires.example.org/espace/?payment={started['payment']['id']}"
    await house.work()
    assert (await house.payment(started["payment"])).state is PaymentState.ACTION_REQUIRED
    house.act(reference)
    await house.come_back(reference)
    await house.work()
    assert (await house.payment(started["payment"])).state is PaymentState.AUTHORIZED


async def test_a_webhook_for_a_means_or_landlord_that_is_not_there_is_not_kept(house: Any) -> None:
    for means, landlord in (("nothing", RIVES), ("card", "nobody")):
        assert (await house.tell(b"x", {}, means, landlord)).status_code == 404
    assert (await house.tell(b"x" * (1024 * 1024 + 1), {})).status_code == 413
    assert await house.inbox() == []


async def test_the_reference_is_found_by_its_own_landlord_only(house: Any, rich: Any) -> None:
    started = await house.start(rich)
    for landlord, found in ((RIVES, True), (TILLEULS, False)):
        async with scope(house.engine, landlord) as conn:
            assert (await find_by_reference(conn, started["payment"]["reference"]) is not None) is found
