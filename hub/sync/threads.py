"""A plugin's blocking call, in a thread; whatever it raises comes back as an error the night survives."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import partial
from typing import ParamSpec, TypeVar

from hub.errors import PluginError

P = ParamSpec("P")
T = TypeVar("T")


async def in_thread(call: Callable[P, T], *given: P.args, **named: P.kwargs) -> T:
    """The call's result. PluginError for what a future cannot carry: a StopIteration would leave us waiting for ever
    (Python 3.11), a SystemExit would end the worker."""
    return await asyncio.to_thread(_guarded, partial(call, *given, **named))


def _guarded(call: Callable[[], T]) -> T:
    try:
        return call()
    except BaseException as error:
        if isinstance(error, Exception) and not isinstance(error, StopIteration | StopAsyncIteration):
            raise
        raise PluginError(
            f"a plugin raised {type(error).__name__}", hint="report it to whoever wrote the plugin"
        ) from error
