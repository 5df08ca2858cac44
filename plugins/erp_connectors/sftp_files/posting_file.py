"""A payment file as bytes: the same batch gives the same bytes, whenever it is written."""

from __future__ import annotations

import csv
import io
from posixpath import basename
from typing import Any

from erp_connectors.posting_values import Codes, lookup, values_of, values_of_batch
from erp_connectors.sftp_files.patterns import Found
from erp_connectors.sftp_files.posting_settings import FilePosting
from erp_connectors.template import fill
from hub.errors import SettingsError
from hub.ports import PostingBatch


def path_of(settings: FilePosting, batch: PostingBatch) -> str:
    """Where the file of a batch lies."""
    return _text(settings.file, values_of_batch(batch))


def control_path(settings: FilePosting, path: str) -> str | None:
    return Found(path).fill(settings.control.file) if settings.control else None


def content_of(settings: FilePosting, batch: PostingBatch) -> bytes:
    """The file. Raises SettingsError for a value that it cannot be written with."""
    codes = Codes(settings.methods, settings.kinds, settings.reasons)
    rows = [
        [_text(column.value, values_of(batch, posting, codes)) for column in settings.columns]
        for posting in batch.postings
    ]
    head = [[column.name for column in settings.columns]] if settings.header else []
    text = io.StringIO()
    writer = csv.writer(
        text,
        delimiter=settings.delimiter,
        quotechar=settings.quote or None,
        quoting=csv.QUOTE_MINIMAL if settings.quote else csv.QUOTE_NONE,
        lineterminator=settings.newline,
    )
    try:
        writer.writerows([*head, *rows])
    except csv.Error:
        raise SettingsError(
            "a payment file without quotes cannot hold a value with its delimiter", hint="choose another delimiter"
        ) from None
    if settings.trailer is not None:
        text.write(_text(settings.trailer, _whole(settings, batch)) + settings.newline)
    return _encoded(text.getvalue(), settings)


def control_content(settings: FilePosting, batch: PostingBatch) -> bytes:
    lines = settings.control.lines if settings.control else ()
    whole = _whole(settings, batch)
    return _encoded("".join(_text(line, whole) + settings.newline for line in lines), settings)


def _whole(settings: FilePosting, batch: PostingBatch) -> dict[str, Any]:
    received = [one.amount_cents if one.kind == "payment" else -one.amount_cents for one in batch.postings]
    return {
        **values_of_batch(batch),
        "rows": len(received),
        "total": sum(map(abs, received)),
        "net": sum(received),
        "file": basename(path_of(settings, batch)),
    }


def _text(template: str, values: dict[str, Any]) -> str:
    filled = fill(template, lookup(values))
    return "" if filled is None else str(filled)


def _encoded(text: str, settings: FilePosting) -> bytes:
    try:
        return text.encode(settings.encoding)
    except UnicodeEncodeError:
        raise SettingsError(
            f"a payment file in {settings.encoding} cannot hold a character of what it is to tell",
            hint="leave out the column, or choose another encoding",
        ) from None
