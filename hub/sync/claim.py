"""Claim a raw input by its content and the mapping's version, and keep it encrypted so that it can be read again."""

from __future__ import annotations

import asyncio
import shutil
import tarfile
from collections.abc import Callable, Sequence
from datetime import timedelta
from pathlib import Path

from hub.errors import HubError, InputRefusedError
from hub.ports import Spooled
from hub.store.artifact_rows import ArtifactClaim, Seen, claim_artifact, mark_artifact
from hub.store.blob_rows import add_blob
from hub.store.blobs import BlobFacts
from hub.store.vault import DataKey
from hub.sync.parts import FeedTask, SyncParts, log
from hub.sync.spool import FolderSpool
from hub.sync.threads import in_thread


async def claim(task: FeedTask, seen: Seen, path: Path, beside: Sequence[Spooled] = ()) -> ArtifactClaim:
    """What is known of this content. If it is still to be read ("claimed") it is kept first, so that nothing read is
    ever unrepeatable; `beside` are the companions it cannot be read without."""
    async with task.transaction() as conn:
        claimed = await claim_artifact(conn, landlord=task.landlord, seen=seen, run_id=task.run_id, now=task.now())
    if claimed.state != "applied" and claimed.blob_id is None:
        await _keep_raw(task, seen, path, beside)
    return claimed


async def refuse(
    task: FeedTask, seen: Sequence[Seen], error: InputRefusedError, put_aside: Callable[[], None] | None = None
) -> HubError:
    """Note that claimed inputs are refused as a whole, and then have them put aside; gives the error with the file's
    name in it. What they are refused for is more than that they could not be moved: the latter is only logged."""
    async with task.transaction() as conn:
        for one in seen:
            await mark_artifact(conn, landlord=task.landlord, seen=one, state="refused")
    if put_aside is not None:
        try:
            await in_thread(put_aside)
        except HubError as trouble:
            log.warning("a refused file could not be put aside: %s", trouble.message)
    return error.at(file=seen[0].name)


async def _keep_raw(task: FeedTask, seen: Seen, path: Path, beside: Sequence[Spooled]) -> None:
    parts, now = task.parts, task.now()
    async with task.transaction() as conn:
        key = await parts.vault.sealing_key(conn, landlord=task.landlord, now=now)
    facts = [await asyncio.to_thread(_store, parts, key, path)]
    if beside:
        packed = await asyncio.to_thread(pack, beside, path.with_name(f"{path.name}.beside.tar"))
        facts.append(await asyncio.to_thread(_store, parts, key, packed))
        packed.unlink()
    expires = now + timedelta(days=parts.raw_days)
    async with task.transaction() as conn:
        added = [
            await add_blob(conn, landlord=task.landlord, purpose="raw", facts=one, now=now, expires_at=expires)
            for one in facts
        ]
        blob_id, beside_id = (*added, None)[:2]
        await mark_artifact(
            conn, landlord=task.landlord, seen=seen, state="claimed", blob_id=blob_id, beside_id=beside_id
        )


def _store(parts: SyncParts, key: DataKey, path: Path) -> BlobFacts:
    with path.open("rb") as stream:
        return parts.blobs.put(key, stream)


def pack(files: Sequence[Spooled], into: Path) -> Path:
    """Spooled files as one, in order, without times or owners: the replies of a pull, or a file's companions."""
    with tarfile.open(into, "w") as archive:
        for number, file in enumerate(files, start=1):
            entry = tarfile.TarInfo(f"{number:06d}-{file.name}")
            entry.size = file.path.stat().st_size
            with file.open() as stream:
                archive.addfile(entry, stream)
    return into


def unpack(packed: Path, spool: FolderSpool) -> list[Spooled]:
    """What `pack` made one of, in the spool again, in its order."""
    with tarfile.open(packed) as archive:
        for entry in archive:
            content, name = archive.extractfile(entry), entry.name.partition("-")[2]
            if content is not None:
                with spool.create(name) as sink:
                    shutil.copyfileobj(content, sink)
    return spool.files
