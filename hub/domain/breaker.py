"""When an ERP is left alone: after failures one upon the other, for a while, then one trial says whether it is back."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Final, Literal

from hub.errors import BreakerOpenError

BreakerState = Literal["closed", "open", "half_open"]

FAILURES: Final = 3
"""So many failures without an answer between them open it."""
FIRST_PAUSE: Final = timedelta(minutes=1)
LONGEST_PAUSE: Final = timedelta(minutes=30)


@dataclass(frozen=True, slots=True)
class Breaker:
    """The breaker of one connector. Closed: calls pass. Open: none passes before `open_until`. Half open: one trial.

    `trips`: how often it opened since it was last closed; each pause is twice the one before, up to half an hour.
    `opened_at`: when the outage began.
    """

    state: BreakerState = "closed"
    failures: int = 0
    trips: int = 0
    open_until: datetime | None = None
    opened_at: datetime | None = None
    last_error_code: str | None = None

    def holds(self, now: datetime) -> bool:
        """Whether nothing may be called now."""
        return self.state == "open" and self.open_until is not None and now < self.open_until

    def tried(self, now: datetime) -> Breaker:
        """Somebody is about to call: once its pause is over an open breaker lets a trial pass."""
        return replace(self, state="half_open") if self.state == "open" and not self.holds(now) else self

    def failed(self, code: str, now: datetime, *, at_least: timedelta = timedelta()) -> Breaker:
        """A call got no answer. `at_least`: how long the far side asked to be left alone."""
        failures = self.failures + 1
        if self.state == "closed" and failures < FAILURES:
            return replace(self, failures=failures, last_error_code=code)
        pause = max(min(FIRST_PAUSE * 2 ** min(self.trips, 10), LONGEST_PAUSE), at_least)
        return Breaker("open", failures, self.trips + 1, now + pause, self.opened_at or now, code)

    def answered(self) -> Breaker:
        """The far side answered, whatever it said."""
        return Breaker()


def refusal(held: Breaker, landlord: str, connector: str) -> BreakerOpenError:
    """An open breaker in words: "the breaker of erp is open until 04:52 UTC, opened by DEADLINE"."""
    until = f"{held.open_until.astimezone(UTC):%H:%M} UTC" if held.open_until else "later"
    return BreakerOpenError(
        f"the breaker of {connector} is open until {until}, opened by {held.last_error_code}",
        hint="nothing to do: it goes on by itself once the ERP answers; "
        f"`housing-hub connectors reset {landlord} {connector}` tries at once",
    )
