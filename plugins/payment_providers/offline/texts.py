"""Texts with placeholders: what is said where the landlord wrote nothing of its own."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from typing import Literal

Means = Literal["transfer", "cheque", "eficash", "tip_sepa"]
Text = Mapping[str, str]

_PLACE = re.compile(r"\{([a-z_]+)(?::(\d{1,2}))?\}")
WORDS = ("amount", "reference", "accounts", "customer", "beneficiary", "iban", "bic", "address")
"""What texts may hold in braces."""
CODE_WORDS = ("reference", "account", "customer", "cents")
"""What a barcode may hold; `{cents:8}`: filled up with zeros to eight places."""

TITLES: Mapping[Means, Text] = {
    "transfer": {"fr": "Virement bancaire", "en": "Bank transfer"},
    "cheque": {"fr": "Chèque", "en": "Cheque"},
    "eficash": {"fr": "Espèces au bureau de poste (Eficash)", "en": "Cash at the post office (Eficash)"},
    "tip_sepa": {"fr": "TIP SEPA", "en": "TIP SEPA slip"},
}
TEXTS: Mapping[Means, Text] = {
    "transfer": {
        "fr": "Faites un virement de {amount} à {beneficiary}, IBAN {iban}, en indiquant la référence {reference}.",
        "en": "Transfer {amount} to {beneficiary}, IBAN {iban}, with the reference {reference}.",
    },
    "cheque": {
        "fr": "Envoyez un chèque de {amount} à l'ordre de {beneficiary} à : {address}. "
        "Écrivez la référence {reference} au dos.",
        "en": "Send a cheque for {amount}, payable to {beneficiary}, to: {address}. "
        "Write the reference {reference} on the back.",
    },
    "eficash": {
        "fr": "Payez {amount} en espèces dans un bureau de poste avec ce code-barres (ou l'avis d'échéance) "
        "et une pièce d'identité. Référence : {reference}.",
        "en": "Pay {amount} in cash at a post office with this barcode (or the rent notice) and an identity document. "
        "Reference: {reference}.",
    },
    "tip_sepa": {
        "fr": "Datez et signez le TIP SEPA au bas de l'avis d'échéance et renvoyez-le à : {address}. "
        "Montant : {amount}. Référence : {reference}.",
        "en": "Date and sign the TIP SEPA slip at the foot of the rent notice and return it to: {address}. "
        "Amount: {amount}. Reference: {reference}.",
    },
}


def unknown_places(text: str, known: Collection[str]) -> list[str]:
    """The placeholders of a text that nothing fills."""
    return [name for name, _ in _PLACE.findall(text) if name not in known]


def filled(text: str, values: Mapping[str, str]) -> str:
    """The text with its placeholders filled; `{name:8}` with zeros before, to eight places."""
    return _PLACE.sub(lambda place: values[place[1]].rjust(int(place[2] or 0), "0"), text)


def used(text: str) -> set[str]:
    """The placeholders of a text."""
    return {name for name, _ in _PLACE.findall(text)}


def amount(cents: int, language: str) -> str:
    """Euros as they are written in a language."""
    euros, rest = divmod(cents, 100)
    if language == "fr":
        return f"{euros:,}".replace(",", "\u202f") + f",{rest:02d}\u00a0€"
    return f"€{euros:,}.{rest:02d}"
