"""PayFiP, by which the public treasury takes payments for local public bodies: card or direct debit on its page."""

from __future__ import annotations

from typing import Any

from hub.hookspecs import hookimpl
from hub.ports import PaymentProvider
from payment_providers.payfip.provider import PayfipProvider

HUB_API = (1, 1)


@hookimpl
def register_payment_providers() -> list[type[PaymentProvider[Any]]]:
    """This plugin brings one provider."""
    return [PayfipProvider]
