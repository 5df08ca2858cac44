"""Stripe Checkout: card payments on Stripe's page. Needs the extra: `pip install "housing-hub[stripe]"`."""

from __future__ import annotations

from typing import Any

from hub.hookspecs import hookimpl
from hub.ports import PaymentProvider
from payment_providers.stripe.provider import StripeProvider

HUB_API = (1, 1)


@hookimpl
def register_payment_providers() -> list[type[PaymentProvider[Any]]]:
    """This plugin brings one provider."""
    return [StripeProvider]
