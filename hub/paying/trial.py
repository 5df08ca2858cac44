"""Trying a landlord's means of payment, step by step; no payment is begun."""

from __future__ import annotations

from collections.abc import AsyncGenerator

from hub.config import LandlordConfig
from hub.errors import HubError
from hub.paying.parts import PayingParts, open_provider
from hub.ports import Finding
from hub.sync.threads import in_thread


async def check_providers(parts: PayingParts, config: LandlordConfig) -> AsyncGenerator[tuple[str, Finding], None]:
    """(provider, finding) one by one; a provider that cannot even be made is a finding too."""
    for name in config.providers:
        try:
            async with open_provider(parts, config, name) as provider:
                findings = provider.check()
                while (finding := await in_thread(next, findings, None)) is not None:
                    yield f"provider {name}", finding
        except HubError as error:
            yield f"provider {name}", Finding("set up", ok=False, detail=error.message, hint=error.hint)
