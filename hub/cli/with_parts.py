"""An event loop with the operator's parts in it: what a command runs its work in."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from hub.bootstrap import OperatorParts

T = TypeVar("T")


def run_with_parts(work: Callable[[OperatorParts], Coroutine[Any, Any, T]]) -> T:
    """Do some work with the operator's parts, in a loop of its own."""

    async def main() -> T:
        async with _parts() as parts:
            return await work(parts)

    return asyncio.run(main())


@asynccontextmanager
async def _parts() -> AsyncIterator[OperatorParts]:
    from hub.bootstrap import build_operator
    from hub.config import Settings
    from hub.worker.bell import make_bell

    settings = Settings()
    parts = build_operator(settings, bell=make_bell(settings.broker_url))
    try:
        yield parts
    finally:
        await parts.close()
