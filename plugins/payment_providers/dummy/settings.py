"""What a landlord's file says about the dummy provider."""

from __future__ import annotations

from typing import Literal

from pydantic import SecretStr

from hub.ports import ProviderSettings, setting

Scenario = Literal["settles", "declines", "hangs", "twice", "early", "late", "asks", "refuses", "abandons"]

BY_CENTS: dict[int, Scenario] = {
    1: "declines",
    2: "hangs",
    3: "twice",
    4: "early",
    5: "late",
    6: "asks",
    7: "refuses",
    8: "abandons",
}
"""What the cents of an amount make of its payment (12.02 € hangs); all others settle at once."""


class DummySettings(ProviderSettings):
    """No money moves, whatever is written here."""

    scenario: Scenario | Literal["by_amount"] = setting(
        "What becomes of every payment; by_amount: the cents say it (01 declines, 02 hangs, 03 twice, 04 early, "
        "05 late, 06 asks, 07 refuses, 08 abandons, others settle)",
        default="by_amount",
    )
    webhook_key: SecretStr | None = setting(
        "Key of the webhooks a test signs; without it all of them are refused", default=None
    )

    def scenario_of(self, amount_cents: int) -> Scenario:
        """What becomes of a payment of this amount."""
        if self.scenario != "by_amount":
            return self.scenario
        return BY_CENTS.get(amount_cents % 100, "settles")
