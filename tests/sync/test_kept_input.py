"""What is kept: raw input as it came, and documents' files, each sealed with its landlord's own key."""

from __future__ import annotations

import io
import tarfile
import zipfile
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from hub.errors import SetupError
from hub.store.blob_rows import get_blob, get_document_file
from hub.store.engine import scope

SOAP, SFTP = "rives-doise", "cite-des-tilleuls"


async def opened(house: Any, slug: str, blob_id: Any, *, key_of: str | None = None) -> bytes:
    """A blob's plain content, opened with its landlord's key, or with another's."""
    parts = house.parts
    async with scope(parts.engine, slug) as conn:
        blob = await get_blob(conn, blob_id)
    async with scope(parts.engine, key_of or slug) as conn:
        key = await parts.vault.data_key(conn, landlord=key_of or slug, key_id=blob.facts.key_id)
    with parts.blobs.open(replace(key, landlord=slug), blob.facts.path) as stream:
        return bytes(stream.read())


async def test_raw_input_is_kept_to_the_byte(home: Any) -> None:
    artifacts = await home.rows(SFTP, "select name, blob_id from artifact order by name")
    assert len({row.name for row in artifacts}) > 13

    for row in artifacts:
        assert (home.sandbox.root / row.name).read_bytes() == await opened(home, SFTP, row.blob_id), row.name


async def test_the_replies_of_a_call_source_are_kept_in_order(home: Any) -> None:
    (row,) = await home.rows(SOAP, "select blob_id from artifact where feed = 'units'")

    with tarfile.open(fileobj=io.BytesIO(await opened(home, SOAP, row.blob_id))) as archive:
        names = archive.getnames()
        first = archive.extractfile(names[0]).read()
    assert sorted(names) == names
    assert len(names) > 2, "the residences' list, then the units of each"
    assert b"<Residence>" in first


async def test_raw_input_lies_encrypted_and_opens_with_no_other_landlords_key(home: Any) -> None:
    (row,) = await home.rows(SFTP, "select blob_id from artifact where feed = 'persons'")
    plain = await opened(home, SFTP, row.blob_id)
    some_name = plain.splitlines()[0][14:30].strip()
    assert some_name in plain
    for path in (home.folder / "data" / "blobs").rglob("*"):
        assert path.is_dir() or some_name not in path.read_bytes()

    with pytest.raises(SetupError, match="another key"):
        await opened(home, SFTP, row.blob_id, key_of=SOAP)


async def test_raw_input_expires_and_documents_do_not(home: Any) -> None:
    rows = await home.rows(SFTP, "select purpose, expires_at - created_at as kept from blob")

    assert {("raw", 30), ("document", None)} == {(row.purpose, row.kept and row.kept.days) for row in rows}


async def test_a_documents_file_is_the_one_in_the_bundle(home: Any) -> None:
    packed: dict[str, bytes] = {}
    for path in (home.sandbox.root / "avis").glob("PDF_*.zip"):
        with zipfile.ZipFile(path) as archive:
            packed |= {name: archive.read(name) for name in archive.namelist()}
    documents = await home.rows(SFTP, "select id, file_name from document")
    assert {row.file_name for row in documents} == set(packed)

    for row in documents[:12]:
        async with scope(home.parts.engine, SFTP) as conn:
            held = await get_document_file(conn, row.id)
        assert "application/pdf" == held.media_type
        assert packed[row.file_name] == await opened(home, SFTP, held.blob.id)


def rewrite_bundle(house: Any, leave_out: str | None) -> Path:
    """The newest bundle again, with or without one of its files; its index as written an hour later."""
    index = max((house.sandbox.root / "avis").glob("INDEX_*.csv"))
    bundle = index.with_name(index.name.replace("INDEX", "PDF")).with_suffix(".zip")
    kept = bundle.with_suffix(".whole")
    if not kept.exists():
        kept.write_bytes(bundle.read_bytes())
    with zipfile.ZipFile(kept) as whole, zipfile.ZipFile(bundle, "w") as written:
        for name in whole.namelist():
            if name != leave_out:
                written.writestr(name, whole.read(name))
    return index


async def test_a_file_missing_from_its_bundle_is_told_and_the_document_listed_without_it(
    open_house: Any, stack: Any, open_sandbox: Any, tmp_path: Path
) -> None:
    house = await open_house(stack, tmp_path, open_sandbox())
    await house.apply(SFTP)
    index = max((house.sandbox.root / "avis").glob("INDEX_*.csv"))
    header, first, *_ = index.read_text("cp1252").splitlines()
    missing = first.split(";")[header.split(";").index("FICHIER")]
    rewrite_bundle(house, missing)

    run = await house.sync(SFTP)

    assert "done" == run.state
    (row,) = await house.quarantine(SFTP, "documents")
    assert ("NO_FILE", f"avis/{index.name}", 2, "file_name") == (row.code, row.file, row.line, row.field)
    assert missing in row.message
    without = (
        "select file_name from document d where not exists (select from document_file f where f.document_id = d.id)"
    )
    assert [(missing,)] == await house.rows(SFTP, without)

    # The index comes again, as it does within a month, and with it what was missing.
    rewrite_bundle(house, None)
    *lines, last = index.read_text("cp1252").splitlines()
    index.write_text("\r\n".join([*lines, last.replace("Avis d'échéance", "Avis")]) + "\r\n", "cp1252", newline="")
    house.clock.instant = datetime(2026, 11, 21, 20, tzinfo=UTC)
    assert "done" == (await house.sync(SFTP, "documents")).state
    assert [] == await house.rows(SFTP, without)
    assert [] == await house.quarantine(SFTP, "documents")


async def test_raw_input_goes_after_its_thirty_days_and_documents_stay(home: Any) -> None:
    folder = home.folder / "data" / "blobs" / SFTP
    files = sum(path.is_file() for path in folder.rglob("*"))
    ((raw,),) = await home.rows(SFTP, "select count(*) from blob where purpose = 'raw'")
    home.clock.move(days=29)
    await home.sync(SFTP, "sites")
    assert [(raw,)] == await home.rows(SFTP, "select count(*) from blob where purpose = 'raw'")

    home.clock.move(days=2)
    await home.sync(SFTP, "sites")

    assert [(0,)] == await home.rows(SFTP, "select count(*) from blob where purpose = 'raw'")
    assert files - raw == sum(path.is_file() for path in folder.rglob("*"))
    assert [] == await home.rows(
        SFTP, "select 1 from document d where not exists (select from document_file f where f.document_id = d.id)"
    )
