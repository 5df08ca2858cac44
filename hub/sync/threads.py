"""A plugin's blocking call, in a thread; whatever it raises comes back as an error the night survives."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from functools import partial
from typing import Final, ParamSpec, TypeVar

from hub.errors import PluginError

P = ParamSpec("P")
T = TypeVar("T")

# Threads that wait for an ERP are plenty: the loop's own few (six on two cores) would be held up by six that hang.
_THREADS: Final = ThreadPoolExecutor(64, thread_name_prefix="plugin")


async def in_thread(call: Callable[P, T], *given: P.args, **named: P.kwargs) -> T:
    """The call's result. PluginError for what a future cannot carry: a StopIteration would leave us waiting for ever
    (Python 3.11), a SystemExit would end the worker."""
    return await asyncio.get_running_loop().run_in_executor(
        _THREADS, copy_context().run, _guarded, partial(call, *given, **named)
    )


def _guarded(call: Callable[[], T]) -> T:
    try:
        return call()
    except BaseException as error:
        if isinstance(error, Exception) and not isinstance(error, StopIteration | StopAsyncIteration):
            raise
        raise PluginError(
            f"a plugin raised {type(error).__name__}", hint="report it to whoever wrote the plugin"
        ) from error
