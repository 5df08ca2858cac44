"""A worker process for tests: the real one, which may die at a given point. Its one argument is JSON."""

from __future__ import annotations

import json
import os
import signal
import sys
from typing import Any

from hub.sync import apply, feed
from hub.sync.parts import FeedTask, Reading
from hub.worker.__main__ import main


def die_after(task: FeedTask, asked: dict[str, Any]) -> None:
    if task.feed.name == asked.get("die_after"):
        os.kill(os.getpid(), signal.SIGKILL)


def changed_apply(asked: dict[str, Any]) -> Any:
    async def apply_reading(task: FeedTask, reading: Reading) -> None:
        if asked.get("checkpoint_first"):
            # The mistake the one transaction is there to prevent.
            async with task.transaction() as conn:
                await apply._settle_claims(task, reading, conn)
                await apply._move_checkpoint(task, reading, conn)
        await apply.apply_reading(task, reading)
        die_after(task, asked)

    return apply_reading


if __name__ == "__main__":
    feed.apply_reading = changed_apply(json.loads(sys.argv[1]))
    sys.exit(main([]))
