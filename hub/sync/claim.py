"""Claim a raw input by its content and the mapping's version, and keep it encrypted so that it can be read again."""

from __future__ import annotations

import asyncio
import tarfile
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path

from hub.errors import HubError, InputRefusedError
from hub.ports import Spooled
from hub.store.artifact_rows import ArtifactClaim, Seen, claim_artifact, mark_artifact
from hub.store.blob_rows import add_blob
from hub.sync.parts import FeedTask


async def claim(task: FeedTask, seen: Seen, path: Path) -> ArtifactClaim:
    """What is known of this content. If it is still to be read ("claimed") it is kept first, so that nothing read is
    ever unrepeatable."""
    async with task.transaction() as conn:
        claimed = await claim_artifact(conn, landlord=task.landlord, seen=seen, run_id=task.run_id, now=task.now())
    if claimed.state != "applied" and claimed.blob_id is None:
        await _keep_raw(task, seen, path)
    return claimed


async def refuse(task: FeedTask, seen: Sequence[Seen], error: InputRefusedError) -> HubError:
    """Note that claimed inputs are refused as a whole; gives the error with the file's name in it."""
    async with task.transaction() as conn:
        for one in seen:
            await mark_artifact(conn, landlord=task.landlord, seen=one, state="refused")
    return error.at(file=seen[0].name)


async def _keep_raw(task: FeedTask, seen: Seen, path: Path) -> None:
    parts, now = task.parts, task.now()
    async with task.transaction() as conn:
        key = await parts.vault.sealing_key(conn, landlord=task.landlord, now=now)
    with path.open("rb") as stream:
        facts = await asyncio.to_thread(parts.blobs.put, key, stream)
    expires = now + timedelta(days=parts.raw_days)
    async with task.transaction() as conn:
        blob_id = await add_blob(conn, landlord=task.landlord, purpose="raw", facts=facts, now=now, expires_at=expires)
        await mark_artifact(conn, landlord=task.landlord, seen=seen, state="claimed", blob_id=blob_id)


def pack(replies: Sequence[Spooled], into: Path) -> Path:
    """The replies of one pull as one file, in order, without times or owners."""
    with tarfile.open(into, "w") as archive:
        for number, reply in enumerate(replies, start=1):
            entry = tarfile.TarInfo(f"{number:06d}-{Path(reply.name).name}")
            entry.size = reply.path.stat().st_size
            with reply.open() as stream:
                archive.addfile(entry, stream)
    return into
