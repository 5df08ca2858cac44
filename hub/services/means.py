"""From a landlord's file to the means of payment its tenants are shown."""

from __future__ import annotations

from contextlib import suppress
from typing import Final

from hub.config import LandlordConfig
from hub.config.payment_tables import ProviderConfig
from hub.errors import SetupError
from hub.store.means_rows import Means, Policy

_LABELS: Final = {
    "card": {"fr": "Carte bancaire", "en": "Card"},
    "direct_debit": {"fr": "Prélèvement automatique", "en": "Direct debit"},
    "transfer": {"fr": "Virement", "en": "Bank transfer"},
    "cash": {"fr": "Espèces au bureau de poste (Eficash)", "en": "Cash at the post office (Eficash)"},
    "cheque": {"fr": "Chèque", "en": "Cheque"},
    "tip": {"fr": "TIP SEPA", "en": "SEPA payment slip (TIP)"},
    "test": {"fr": "Paiement fictif", "en": "Pretended payment"},
}
_NOTES: Final = {
    "redirect": {"fr": "Sans frais, pris en compte aussitôt.", "en": "No fee, taken into account at once."},
    "form": {"fr": "Sans frais, pris en compte aussitôt.", "en": "No fee, taken into account at once."},
    "embedded": {"fr": "Sans frais, pris en compte aussitôt.", "en": "No fee, taken into account at once."},
    "instructions": {
        "fr": "Pris en compte à réception par le bailleur, sous quelques jours.",
        "en": "Taken into account once the landlord has received it, within some days.",
    },
}


def policy_of(config: LandlordConfig) -> Policy | None:
    """What the landlord lets its tenants pay; None where it names no provider."""
    table = config.payments
    if not config.providers:
        return None
    return Policy(table.minimum_cents, table.advance_cents, table.allocation, table.return_urls)


def means_of(config: LandlordConfig) -> list[Means]:
    """One for each provider."""
    return [_means(config, one) for one in config.providers.values()]


def _means(config: LandlordConfig, one: ProviderConfig) -> Means:
    plugin = config.provider_class(one.name)
    able = plugin.capabilities
    with suppress(SetupError):  # a secret is missing: whoever calls the provider is told
        able = plugin.capabilities_of(config.build_provider_settings(one.name))
    answer = plugin.webhook_response()
    return Means(
        provider=one.name,
        position=one.own.order,
        method=able.methods[0],
        flow=able.flow,
        label=_LABELS[able.methods[0]] | dict(one.own.label.items()),
        note=_NOTES[able.flow] | dict(one.own.note.items()),
        fee_cents=one.own.fee_cents,
        accounts=tuple(kind.value for kind in one.own.accounts),
        least_cents=able.limits_cents[0],
        most_cents=able.limits_cents[1],
        lifetime_seconds=int(able.lifetime.total_seconds()),
        can_cancel=able.cancel,
        enabled=one.own.enabled,
        webhook=able.webhook,
        answer_status=answer.status,
        answer_type=answer.content_type,
        answer_body=answer.body,
    )
