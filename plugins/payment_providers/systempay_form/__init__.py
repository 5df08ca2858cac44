"""The older form of Systempay and PayZen (`vads_*` fields a browser posts), for landlords still on that contract."""

from __future__ import annotations

from typing import Any

from hub.hookspecs import hookimpl
from hub.ports import PaymentProvider
from payment_providers.systempay_form.provider import SystempayFormProvider

HUB_API = (1, 1)


@hookimpl
def register_payment_providers() -> list[type[PaymentProvider[Any]]]:
    """This plugin brings one provider."""
    return [SystempayFormProvider]
