"""What telling people needs; `hub.bootstrap` fills it."""

from __future__ import annotations

from dataclasses import dataclass, field

from pydantic import SecretStr

from hub.domain.clock import Clock
from hub.registry import Registry
from hub.store.handles import Engine
from hub.store.vault import Vault
from hub.telling.metrics import FeedMetrics


@dataclass(frozen=True, slots=True)
class TellingParts:
    """`engine` is of `hub_sync`. `smtp_url`: `smtp://` (STARTTLS where offered) or `smtps://`; None sends no mail."""

    engine: Engine
    vault: Vault
    registry: Registry
    clock: Clock
    smtp_url: SecretStr | None = None
    mail_from: str = "housing-hub@localhost"
    metrics: FeedMetrics = field(default_factory=FeedMetrics)
