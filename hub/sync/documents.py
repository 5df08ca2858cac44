"""Documents' files: taken from what was fetched, encrypted, and tied to their documents in the applying transaction."""

from __future__ import annotations

from collections.abc import Sequence

from hub.errors import HubError, InputRefusedError, StorageError
from hub.records import Reject
from hub.store.blob_rows import DocumentContent, DocumentToFile, documents_to_file, put_document_files
from hub.store.handles import Connection
from hub.store.vault import DataKey
from hub.sync.parts import FeedTask, Reading
from hub.sync.threads import in_thread

MEDIA_TYPES = {b"%PDF-": "application/pdf", b"\x89PNG": "image/png", b"\xff\xd8\xff": "image/jpeg"}
_AT_ONCE = 50
"""Few enough that a slow store takes them well within the time a transaction may ask nothing."""


async def keep_documents(task: FeedTask, reading: Reading, conn: Connection) -> list[Reject]:
    """Store the file of every document this run brought or changed. A file that is missing or is not what it should be
    is a reject: the document is listed all the same, without a file."""
    if reading.open_document is None:
        return []
    rejects: list[Reject] = []
    key = await task.parts.vault.sealing_key(conn, landlord=task.landlord, now=task.now())
    wanted = await documents_to_file(conn, landlord=task.landlord, source=task.config.connector, run_id=task.run_id)
    for start in range(0, len(wanted), _AT_ONCE):
        some = wanted[start : start + _AT_ONCE]
        contents, refused = await in_thread(_store_all, task, reading, key, some)
        rejects += refused
        await put_document_files(conn, landlord=task.landlord, contents=contents, run_id=task.run_id, now=task.now())
    return rejects


def _store_all(
    task: FeedTask, reading: Reading, key: DataKey, wanted: Sequence[DocumentToFile]
) -> tuple[list[DocumentContent], list[Reject]]:
    contents, refused = [], []
    for one in wanted:
        try:
            contents.append(_store(task, reading, key, one))
        except StorageError:
            raise  # our own trouble, not the document's
        except HubError as error:
            refused.append(_no_file(one, error))
    return contents, refused


def _no_file(one: DocumentToFile, error: HubError) -> Reject:
    return Reject("NO_FILE", error.message, line=one.line, field="file_name", file=one.file, excerpt=one.file_name)


def _store(task: FeedTask, reading: Reading, key: DataKey, one: DocumentToFile) -> DocumentContent:
    if reading.open_document is None:
        raise InputRefusedError("this input holds no files")
    with reading.open_document(one.file_name) as stream:
        start = stream.read(8)
        media_type = next((kind for magic, kind in MEDIA_TYPES.items() if start.startswith(magic)), None)
        if media_type is None:
            raise InputRefusedError(f"{one.file_name} is no PDF, PNG or JPEG", hint="only these are served to tenants")
        stream.seek(0)
        return DocumentContent(one.id, media_type, task.parts.blobs.put(key, stream))
