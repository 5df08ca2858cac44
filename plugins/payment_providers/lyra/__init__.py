"""Lyra REST V4: PayZen, Systempay (Caisse d'Épargne, Banque Populaire), Scellius, Sogecommerce, each at its address."""

from __future__ import annotations

from typing import Any

from hub.hookspecs import hookimpl
from hub.ports import PaymentProvider
from payment_providers.lyra.provider import LyraProvider

HUB_API = (1, 1)


@hookimpl
def register_payment_providers() -> list[type[PaymentProvider[Any]]]:
    """This plugin brings one provider."""
    return [LyraProvider]
