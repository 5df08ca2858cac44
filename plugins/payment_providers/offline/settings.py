"""What a landlord's file says about a way to pay away from the screen."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from hub.ports import ProviderSettings, setting
from payment_providers.offline.texts import CODE_WORDS, TEXTS, TITLES, WORDS, Means, Text, unknown_places, used


def _iban(text: str) -> str:
    """The IBAN without blanks, its check digits and (in France) its RIB key proved. The error does not repeat it."""
    from schwifty import IBAN
    from schwifty.exceptions import SchwiftyException

    try:
        return str(IBAN(text, validate_bban=True).compact)
    except SchwiftyException:
        raise ValueError("no valid IBAN: a digit is wrong, or one is missing") from None


def _bic(text: str) -> str:
    from schwifty import BIC
    from schwifty.exceptions import SchwiftyException

    try:
        return str(BIC(text).compact)
    except SchwiftyException:
        raise ValueError("no valid BIC") from None


Iban = Annotated[str, AfterValidator(_iban)]
Bic = Annotated[str, AfterValidator(_bic)]


class OfflineSettings(ProviderSettings):
    """One means. A landlord that offers several writes one table for each."""

    means: Means = setting("transfer, cheque, eficash (cash at the post office) or tip_sepa")
    title: dict[str, str] = setting("What the tenant chooses, by language", default={}, example={"fr": "Virement"})
    text: dict[str, str] = setting(
        f"What the tenant is told, by language; may hold {', '.join(f'{{{word}}}' for word in WORDS)}",
        default={},
        example={"fr": "Virez {amount} avec la référence {reference}."},
    )
    reference: Literal["account", "customer", "payment"] = setting(
        "What the ERP recognises the money by: the account's number, the customer's, or this payment's own",
        default="account",
    )
    structured: bool = setting(
        "Write it as a structured reference (RF…, ISO 11649), which banks check; always so in the QR code", default=True
    )
    beneficiary: str = setting("Whose account it is, or whom a cheque is payable to", default="", max_length=70)
    iban: Iban | None = setting("The account transfers go to", default=None, repr=False)
    bic: Bic | None = setting("Its BIC, where banks want one", default=None)
    address: str = setting("Where cheques and slips are sent", default="")
    barcode: str = setting(
        f"What the barcode for the counter holds, as agreed with La Banque Postale: digits, and "
        f"{', '.join(f'{{{word}}}' for word in CODE_WORDS)}; {{cents:8}} fills up with zeros",
        default="",
    )
    largest_cents: int = setting("The largest payment taken this way, in cents", default=99_999_999, gt=0)
    days: Annotated[int, Field(ge=1, le=120)] = setting("How long the tenant has, in days", default=30)

    @model_validator(mode="after")
    def _complete(self) -> Self:
        if self.means == "transfer" and not (self.iban and self.beneficiary):
            raise ValueError('means = "transfer" needs iban and beneficiary')
        if self.means == "eficash" and not self.barcode:
            raise ValueError('means = "eficash" needs barcode')
        for name in ("beneficiary", "iban", "address"):
            wanted = any(name in used(text) for text in self.texts.values())
            if wanted and not getattr(self, name):
                raise ValueError(f"the text for the tenant speaks of {{{name}}}: write {name}")
        return self

    @model_validator(mode="after")
    def _places_known(self) -> Self:
        for text in (*self.title.values(), *self.text.values()):
            if wrong := unknown_places(text, WORDS):
                raise ValueError(f"{{{wrong[0]}}} is not known in a text: there are {', '.join(WORDS)}")
        if wrong := unknown_places(self.barcode, CODE_WORDS):
            raise ValueError(f"{{{wrong[0]}}} is not known in a barcode: there are {', '.join(CODE_WORDS)}")
        return self

    @property
    def titles(self) -> Text:
        return {**TITLES[self.means], **self.title}

    @property
    def texts(self) -> Text:
        return {**TEXTS[self.means], **self.text}

    @property
    def lifetime(self) -> timedelta:
        return timedelta(days=self.days)
