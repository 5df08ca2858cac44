"""What a landlord's file says about its contract with Lyra, or with a bank that sells it under its own name."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import Field, SecretStr, model_validator

from hub.ports import ProviderSettings, setting

Digits = Annotated[str, Field(pattern=r"^\d{1,12}$")]


class LyraSettings(ProviderSettings):
    """A shop of one bank. Keys differ between TEST and PRODUCTION: `mode` says which these are."""

    endpoint: str = setting(
        "Where the REST API answers, as the bank's documentation says", example="https://api.payzen.eu"
    )
    script_endpoint: str | None = setting(
        "Where the page's script comes from, with the embedded form",
        default=None,
        example="https://static.payzen.eu",
    )
    shop_id: Digits = setting("The shop's number (back office, Settings › Shop › REST API keys)", example="69876357")
    password: SecretStr = setting("The REST password of this mode; notifications are signed with it")
    hmac_key: SecretStr = setting("The HMAC-SHA-256 key of this mode; what the browser brings back is signed with it")
    public_key: str = setting("The public key of this mode, for the embedded form", default="")
    mode: Literal["TEST", "PRODUCTION"] = setting("Which of the two keys these are")
    form: Literal["redirect", "embedded"] = setting(
        "redirect: the bank's own page; embedded: its form inside the page of the tenant area", default="redirect"
    )
    seconds: int = setting("The longest a call may take, in seconds", default=25, ge=1, le=120)
    report_url: str | None = setting(
        "Where the remittance report lies as CSV; {since} stands for the first day wanted", default=None
    )
    report_folder: Path | None = setting("Or the folder of this machine it is dropped in (*.csv)", default=None)

    @model_validator(mode="after")
    def _embedded_complete(self) -> Self:
        if self.form == "embedded" and not (self.public_key and self.script_endpoint):
            raise ValueError('form = "embedded" needs public_key and script_endpoint')
        if self.report_url and self.report_folder:
            raise ValueError("give report_url or report_folder, not both")
        return self
