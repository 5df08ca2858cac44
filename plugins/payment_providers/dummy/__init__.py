"""A payment provider that moves no money, for front-end teams and tests: the amount's cents say what happens."""

from __future__ import annotations

from typing import Any

from hub.hookspecs import hookimpl
from hub.ports import PaymentProvider
from payment_providers.dummy.provider import DummyProvider

HUB_API = (1, 1)


@hookimpl
def register_payment_providers() -> list[type[PaymentProvider[Any]]]:
    """This plugin brings one provider."""
    return [DummyProvider]
