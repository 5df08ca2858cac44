"""What a landlord's file says about its shop."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, SecretStr

from hub.ports import ProviderSettings, setting


class SystempayFormSettings(ProviderSettings):
    """A shop with the form contract. Its signature must be set to HMAC-SHA-256 in the back office: SHA-1 is refused."""

    page: str = setting("Where the form is posted", default="https://paiement.systempay.fr/vads-payment/")
    site_id: Annotated[str, Field(pattern=r"^\d{8}$")] = setting("The shop's number, eight digits", example="12345678")
    key: SecretStr = setting("The key of this mode (back office, Settings › Shop › Certificates)")
    mode: Literal["TEST", "PRODUCTION"] = setting("Which of the two keys this is")
