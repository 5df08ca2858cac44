"""Ways to pay that happen away from the screen: TIP SEPA, cash at the post office, cheque, bank transfer."""

from __future__ import annotations

from typing import Any

from hub.hookspecs import hookimpl
from hub.ports import PaymentProvider
from payment_providers.offline.provider import OfflineProvider

HUB_API = (1, 1)


@hookimpl
def register_payment_providers() -> list[type[PaymentProvider[Any]]]:
    """This plugin brings one provider."""
    return [OfflineProvider]
