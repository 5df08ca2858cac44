"""`[payments]` and `[providers.NAME]`: what tenants may pay, by which means, and how the ERP is told."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import InvalidOperation
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from hub.domain.allocation import STRATEGY
from hub.domain.kinds import AccountKind
from hub.domain.money import to_cents
from hub.domain.schedule import duration

OWN_WORDS = ("plugin", "network", "label", "note", "accounts", "fee", "enabled", "order")
"""The words of `[providers.NAME]` that are the hub's; all others are the provider's settings."""
MAX_AMOUNT = 99_999_999


def _amount(text: str) -> str:
    try:
        fits = 0 <= to_cents(text) <= MAX_AMOUNT
    except (ValueError, InvalidOperation):
        fits = False
    if not fits:
        raise ValueError(f'"{text}" is no amount → write one like "1.00"')
    return text


def _return_url(text: str) -> str:
    parts = urlsplit(text)
    local = parts.hostname in ("localhost", "127.0.0.1", "::1")
    if parts.scheme not in (("https", "http") if local else ("https",)) or not parts.hostname or parts.query:
        raise ValueError(f'"{text}" is no address to come back to → write one like "https://locataires.example.org/"')
    return text


def _wait(text: str) -> str:
    if not 0 < duration(text) <= 24 * 3600:
        raise ValueError(f'"{text}" is no wait of up to a day → write one like "15 minutes"')
    return " ".join(text.lower().split())


Amount = Annotated[str, AfterValidator(_amount)]
Texts = dict[Literal["fr", "en"], Annotated[str, Field(min_length=1, max_length=500)]]


class PaymentsTable(BaseModel):
    """`[payments]`. Amounts are texts with two decimals, in euros."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    erp: str | None = Field(default=None, description="the connector payments are posted to", examples=["erp"])
    post: Literal["authorized", "captured"] = Field(
        default="authorized", description="when the ERP is told: once promised, or once the money was captured"
    )
    minimum: Amount = "1.00"
    advance: Amount = Field(default="0.00", description="how much more than what is owed a tenant may pay")
    refund_limit: Amount = Field(default="150.00", description="refunds above it need a second person")
    allocation: Literal["fr_1342_10"] = STRATEGY
    return_urls: tuple[Annotated[str, AfterValidator(_return_url)], ...] = Field(
        default=(), max_length=20, description="where a front end may have the browser sent back to: these or below"
    )
    batch_every: Annotated[str, AfterValidator(_wait)] = Field(
        default="15 minutes", description="how often a connector that posts in batches gets one"
    )
    match_days: Annotated[int, Field(ge=0, le=30)] = Field(
        default=5, description="how far from the payment's day an entry without reference may lie"
    )
    alert_days: Annotated[int, Field(ge=1, le=90)] = Field(
        default=10, description="after how many days people are told of a posting no entry shows"
    )

    @property
    def minimum_cents(self) -> int:
        return to_cents(self.minimum)

    @property
    def advance_cents(self) -> int:
        return to_cents(self.advance)

    @property
    def refund_limit_cents(self) -> int:
        return to_cents(self.refund_limit)


class ProviderTable(BaseModel):
    """What the hub needs to know of a means of payment; the rest of its table is the plugin's."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    label: Texts = Field(default_factory=dict, description="what tenants see", examples=['{ fr = "Carte bancaire" }'])
    note: Texts = Field(default_factory=dict, description="what it costs and how long it takes")
    accounts: tuple[AccountKind, ...] = Field(
        default=(AccountKind.RENT, AccountKind.GARAGE), description="kinds of accounts its merchant contract takes"
    )
    fee: Amount = Field(default="0.00", description="what the tenant pays on top, elsewhere (Eficash)")
    enabled: bool = True
    order: int = Field(default=100, description="tenants see the lowest first")

    @property
    def fee_cents(self) -> int:
        return to_cents(self.fee)


@dataclass(frozen=True, slots=True)
class ProviderEntry:
    """`[providers.NAME]` as written: the plugin's settings hold secrets by reference."""

    name: str
    plugin: str
    settings: dict[str, Any]
    network: Any
    own: ProviderTable


@dataclass(frozen=True, slots=True)
class ProviderConfig:
    """A means of payment, judged. `settings` are public: where a secret belongs stands its reference."""

    name: str
    plugin: str
    settings: dict[str, Any]
    network: Any
    own: ProviderTable
    secret_fields: tuple[str, ...] = ()
    schema: int = 1

    @property
    def owner(self) -> str:
        """Under whose name its secrets and its memory are stored: no connector can be called so."""
        return owner_of(self.name)

    def plain(self) -> dict[str, Any]:
        """As it stands in the stored configuration."""
        return {
            "plugin": self.plugin,
            "settings": self.settings,
            "network": self.network.model_dump(mode="json", exclude_defaults=True),
            "own": self.own.model_dump(mode="json", exclude_defaults=True),
            "secret_fields": list(self.secret_fields),
            "schema": self.schema,
        }


def owner_of(provider: str) -> str:
    return f"provider.{provider}"


NO_PAYMENTS = PaymentsTable()
