"""What a landlord's file says about its Stripe account."""

from __future__ import annotations

from typing import Literal

from pydantic import SecretStr

from hub.ports import ProviderSettings, setting


class StripeSettings(ProviderSettings):
    """A restricted key is enough: write on Checkout Sessions and Refunds, read on what belongs to them and payouts."""

    secret_key: SecretStr = setting("The account's secret or restricted key (sk_… or rk_…) of this mode")
    webhook_secret: SecretStr = setting("The signing secret of the webhook endpoint (whsec_…)")
    mode: Literal["TEST", "PRODUCTION"] = setting("Which of the two modes the keys belong to")
    api_base: str = setting("Where the API answers", default="https://api.stripe.com")
    seconds: int = setting("The longest a call may take, in seconds", default=25, ge=1, le=120)
