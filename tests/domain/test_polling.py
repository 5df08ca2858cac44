"""When a payment is looked at again."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hub.domain.payments import PaymentState
from hub.domain.polling import GRACE, next_check, not_beyond

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


def test_an_open_payment_is_looked_at_when_it_ends_and_when_that_is_over() -> None:
    ends = NOW + 30 * MINUTE
    late = next_check(PaymentState.ACTION_REQUIRED, 4, now=NOW)
    assert late is not None and late > ends
    assert not_beyond(late, ends, now=NOW) == ends
    assert not_beyond(late, ends, now=ends) == ends + GRACE
    assert not_beyond(NOW + MINUTE, ends, now=NOW) == NOW + MINUTE


def test_one_that_could_not_be_ended_is_looked_at_again_soon() -> None:
    ends = NOW - timedelta(hours=1)
    assert not_beyond(NOW + timedelta(days=1), ends, now=NOW) == NOW + 5 * MINUTE
