"""Whatever is heard of a payment, by whichever way and in whichever order, ends in one state and one entry an account.

The provider of this machine has a truth that only grows. Webhooks carry what was true when they were sent and may come
at any time, in any order, again and again; a look brings all of it.
"""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar
from uuid import UUID

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    consumes,
    multiple,
    precondition,
    rule,
    run_state_machine_as_test,
)

from hub.config import LandlordConfig
from hub.domain.payment_events import EventKind, PaymentEvent
from hub.domain.payments import Asked, PaymentState, Projection, project
from hub.paying.hear import hear
from hub.store.engine import make_engine, role_url, scope
from hub.store.payment_rows import add_events, events_of, get_payment
from hub.store.posting_rows import PostingRow, postings_of
from hub.store.roles import Role

INTERLEAVINGS = 1_000
NOON = datetime(2026, 11, 29, 12, tzinfo=UTC)
PARTS = (6_001, 2_502, 1_500)
AMOUNT = sum(PARTS)
K = EventKind
CHANNELS = st.sampled_from(["webhook", "return", "poll", "refund", "settlement"])


class Interleaving(RuleBasedStateMachine):
    """One payment for three accounts. `truth`: all that happened at the provider."""

    runner: ClassVar[asyncio.Runner]
    engine: ClassVar[Any]
    config: ClassVar[LandlordConfig]
    begin: ClassVar[Any]
    stories: ClassVar[set[str]] = set()
    counts: ClassVar[dict[str, int]] = {"examples": 0, "heard": 0}
    webhooks = Bundle("webhooks")

    def __init__(self) -> None:
        super().__init__()
        self.payment: UUID = self.runner.run(self.begin())
        self.truth: list[PaymentEvent] = []
        self.came_back = False
        self.counts["examples"] += 1

    # -- what happens at the provider --------------------------------------------------------------------------------

    def _happens(self, kind: EventKind, ref: str = "tx", amount: int | None = None) -> Any:
        at = NOON + timedelta(minutes=len(self.truth))
        self.truth.append(PaymentEvent(f"{ref}:{kind}", kind, at, ref, amount))
        return multiple(tuple(self.truth))

    def _has(self, kind: EventKind, ref: str = "") -> bool:
        return any(one.kind is kind and (not ref or one.ref == ref) for one in self.truth)

    @rule(target=webhooks, kind=st.sampled_from([K.STARTED, K.PROCESSING, K.ATTEMPT_REFUSED]))
    def is_seen(self, kind: EventKind) -> Any:
        return self._happens(kind) if not self._has(kind) else multiple()

    @precondition(lambda self: not self._has(K.AUTHORIZED))
    @rule(target=webhooks)
    def is_authorized(self) -> Any:
        return self._happens(K.AUTHORIZED, amount=AMOUNT)

    @precondition(lambda self: self._has(K.AUTHORIZED) and not self._has(K.CAPTURE_LOST) and not self._has(K.CAPTURED))
    @rule(target=webhooks)
    def is_captured(self) -> Any:
        return self._happens(K.CAPTURED, amount=AMOUNT)

    @precondition(lambda self: self._has(K.AUTHORIZED) and not self._has(K.CAPTURE_LOST) and not self._has(K.CAPTURED))
    @rule(target=webhooks)
    def is_lost_before_capture(self) -> Any:
        return self._happens(K.CAPTURE_LOST)

    @precondition(lambda self: self._has(K.CAPTURED) and self._left() > 0)
    @rule(target=webhooks, share=st.sampled_from([1, 33, 50, 100]))
    def is_refunded(self, share: int) -> Any:
        number = sum(one.kind is K.REFUNDED for one in self.truth)
        return self._happens(K.REFUNDED, f"re-{number}", max(1, self._left() * share // 100))

    @precondition(lambda self: self._has(K.REFUNDED, "re-0") and not self._has(K.REFUND_FAILED))
    @rule(target=webhooks)
    def is_not_refunded_after_all(self) -> Any:
        self.came_back = True
        return self._happens(K.REFUND_FAILED, "re-0")

    @precondition(lambda self: self._has(K.CAPTURED) and self._left() > 0 and not self._has(K.DISPUTE_OPENED))
    @rule(target=webhooks)
    def is_disputed(self) -> Any:
        return self._happens(K.DISPUTE_OPENED, "dp", self._left())

    @precondition(
        lambda self: self._has(K.DISPUTE_OPENED) and not self._has(K.DISPUTE_LOST) and not self._has(K.DISPUTE_WON)
    )
    @rule(target=webhooks, kind=st.sampled_from([K.DISPUTE_WON, K.DISPUTE_LOST]))
    def is_decided(self, kind: EventKind) -> Any:
        return self._happens(kind, "dp")

    def _left(self) -> int:
        found = project(Asked(AMOUNT), self.truth)
        return found.refundable_cents

    # -- what the hub hears ------------------------------------------------------------------------------------------

    @rule(told=webhooks, channel=CHANNELS)
    def is_told(self, told: tuple[PaymentEvent, ...], channel: Any) -> None:
        """A message of any age, and perhaps for the tenth time."""
        self._hear(told, channel)

    @rule(told=consumes(webhooks), channel=CHANNELS)
    def is_told_the_newest_fact_only(self, told: tuple[PaymentEvent, ...], channel: Any) -> None:
        self._hear(told[-1:], channel)

    @rule()
    def is_asked(self) -> None:
        self._hear(tuple(self.truth), "poll")

    def _hear(self, events: tuple[PaymentEvent, ...], channel: Any) -> None:
        self.counts["heard"] += 1
        self.runner.run(self._take_in(events, channel))

    async def _take_in(self, events: tuple[PaymentEvent, ...], channel: Any) -> None:
        async with scope(self.engine, self.config.slug) as conn:
            await hear(conn, self.config, self.payment, events, channel=channel, now=NOON)
            held = await get_payment(conn, self.payment)
            known = [row.event for row in await events_of(conn, self.payment)]
            postings = await postings_of(conn, self.payment)
        assert held is not None
        found = project(Asked(AMOUNT), known)
        shown = (held.state, held.gross_cents, held.captured_cents, held.refunded_cents, held.lost_cents)
        assert shown == (found.state, found.gross_cents, found.captured_cents, found.refunded_cents, found.lost_cents)
        check_postings(postings, found)

    def teardown(self) -> None:
        """In the end everything is heard."""
        self._hear(tuple(self.truth), "poll")
        found, postings = self.runner.run(self._end())
        assert found == project(Asked(AMOUNT), self.truth)
        paid = [one for one in postings if one.kind == "payment"]
        if not self.came_back:
            was_promised = self._has(K.AUTHORIZED) and bool(paid)
            assert len({one.account_id for one in paid}) == len(paid) == (len(PARTS) if was_promised else 0)
            assert bool(paid) or not found.gross_cents
        self.stories.add(found.state.value)

    async def _end(self) -> tuple[Projection, list[PostingRow]]:
        async with scope(self.engine, self.config.slug) as conn:
            known = [row.event for row in await events_of(conn, self.payment)]
            return project(Asked(AMOUNT), known), await postings_of(conn, self.payment)


def check_postings(postings: list[PostingRow], found: Projection) -> None:
    """Paid less taken back is what the landlord has, in all and never below nothing on an account."""
    if found.state is PaymentState.REVIEW:
        return
    assert sum(-one.signed_cents for one in postings) == found.net_cents
    by_account: dict[UUID, int] = {}
    for one in postings:
        by_account[one.account_id] = by_account.get(one.account_id, 0) - one.signed_cents
    assert all(cents >= 0 for cents in by_account.values())
    assert len({one.reference for one in postings}) == len(postings)
    paid = {one.id: one for one in postings if one.kind == "payment"}
    for one in postings:
        assert (one.reverses is None) == (one.kind == "payment")
        assert one.reverses is None or paid[one.reverses].account_id == one.account_id


@pytest.fixture
async def stage(house: Any, rich: Any) -> Any:
    """The landlord's configuration, the database, and three accounts to pay."""
    rows = await house.rows("select id from account order by id limit 3")
    return await house.config(), rich, [row.id for row in rows], house


@pytest.mark.timeout(1_500)
def test_a_thousand_interleavings_end_in_one_state_and_one_entry_an_account(stage: Any) -> None:
    config, tenant, accounts, house = stage
    with asyncio.Runner() as runner:
        engine = make_engine(role_url(house.settings.database_url, Role.SYNC, None), Role.SYNC)

        async def begin() -> UUID:
            made: UUID = await house.insert(tenant, dict(zip(accounts, PARTS, strict=True)), engine=engine)
            return made

        shared = {"runner": runner, "engine": engine, "config": config, "begin": staticmethod(begin)}
        machine = type("Machine", (Interleaving,), shared)
        how = settings(
            max_examples=INTERLEAVINGS,
            stateful_step_count=14,
            deadline=None,
            suppress_health_check=list(HealthCheck),
            database=None,
        )
        run_state_machine_as_test(machine, settings=how)
        runner.run(engine.dispose())
    assert Interleaving.counts["examples"] >= INTERLEAVINGS
    assert Interleaving.stories >= {"succeeded", "partially_refunded", "refunded", "disputed", "charged_back", "failed"}


async def test_the_same_confirmation_by_three_ways_at_once_makes_one_posting(house: Any, rich: Any) -> None:
    """On connections of their own, twenty times over."""
    config = await house.config()
    for _ in range(20):
        payment = await house.insert(rich, {rich.account: AMOUNT})
        facts = [
            PaymentEvent("tx:authorized", K.AUTHORIZED, NOON, "tx", AMOUNT),
            PaymentEvent("tx:captured", K.CAPTURED, NOON, "tx", AMOUNT),
        ]

        async def tell(channel: Any, payment: UUID = payment, facts: list[PaymentEvent] = facts) -> int:
            async with scope(house.engine, config.slug) as conn:
                return (await hear(conn, config, payment, facts, channel=channel, now=NOON)).news

        news = await asyncio.gather(*(tell(channel) for channel in ("webhook", "return", "poll") * 2))
        assert sorted(news) == [0, 0, 0, 0, 0, 2]
        assert [(one.kind, one.amount_cents) for one in await house.postings(payment)] == [("payment", AMOUNT)]
        told = await house.rows("select kind from domain_event where subject = :it", it=f"payment:{payment}")
        assert [row.kind for row in told] == ["payment.settled"]


class CutOffError(Exception):
    """The worker dies here."""


async def test_what_is_cut_off_before_the_commit_is_as_if_it_had_not_begun(
    house: Any, rich: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Wherever it dies between the provider's answer and the commit, a repetition does all of it once."""
    config, facts = await house.config(), [PaymentEvent("tx:captured", K.CAPTURED, NOON, "tx", AMOUNT)]

    async def die(*given: Any, **named: Any) -> None:
        raise CutOffError

    steps = ("add_events", "put_projection", "plan_postings", "_tell", "look_again")
    for step in steps:
        payment = await house.insert(rich, {rich.account: AMOUNT})
        before = house.digest()
        with monkeypatch.context() as patch:
            patch.setattr(f"hub.paying.hear.{step}", die)
            with pytest.raises(CutOffError):
                async with scope(house.engine, config.slug) as conn:
                    await hear(conn, config, payment, facts, channel="webhook", now=NOON)
        assert house.digest() == before
        async with scope(house.engine, config.slug) as conn:
            assert (await hear(conn, config, payment, facts, channel="webhook", now=NOON)).news == 1
        assert [one.amount_cents for one in await house.postings(payment)] == [AMOUNT]


@pytest.mark.parametrize("means", ["card", "pretend"])
async def test_a_worker_that_dies_after_the_provider_took_it_begins_nothing_twice(
    house: Any, rich: Any, monkeypatch: pytest.MonkeyPatch, means: str
) -> None:
    """The provider was called and its answer is lost: the same key again leads to the same payment."""
    calls = []

    async def die_once(*given: Any, **named: Any) -> Any:
        calls.append(1)
        raise CutOffError

    with monkeypatch.context() as patch:
        patch.setattr("hub.paying.start._keep", die_once)
        patch.setattr("tenant_api.mutations._WAIT_SECONDS", 0.1)
        pending = await house.start(rich, "13.00", means)
    assert calls
    assert pending["__typename"] == "PaymentPending"
    await house.pass_time(minutes=10)
    shown = await house.look(rich, pending["payment"]["id"])
    if means == "card":
        assert shown["state"] == "ACTION_REQUIRED"
        house.act(shown["reference"])  # there is one payment order to be paid, no more
        await house.come_back(shown["reference"])
        await house.work()
    held = await house.payment(pending["payment"])
    assert (held.gross_cents, len(await house.postings(held.id))) == (1_300, 1)


async def test_events_once_noted_are_never_rewritten(house: Any, rich: Any) -> None:
    payment = await house.insert(rich, {rich.account: AMOUNT})
    first = PaymentEvent("tx:captured", K.CAPTURED, NOON, "tx", AMOUNT)
    other = PaymentEvent("tx:captured", K.CAPTURED, NOON, "tx", 1)
    for one in (first, other):
        async with scope(house.engine, rich.landlord) as conn:
            await add_events(conn, landlord=rich.landlord, payment_id=payment, events=[one], channel="poll", now=NOON)
    assert await house.events(payment) == [first]
