"""The vault: a landlord's secrets and files are sealed with its own data key, and that key with the installation's.

AES-256-GCM throughout; what a ciphertext belongs to is bound in as associated data, so that one moved to another
landlord, connector or field does not open. A key has an id: a new one can be made while the old still opens.
"""

from __future__ import annotations

import base64
import binascii
import contextlib
import os
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from pydantic import SecretStr
from sqlalchemy import delete, select
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.ext.asyncio import AsyncConnection

from hub.errors import SetupError, Where
from hub.store.tables import connector_secret, landlord_key

KEY_BYTES: Final = 32
_NONCE_BYTES: Final = 12
_FORMAT: Final = b"\x01"
_WRONG_KEY: Final = "give the hub the master key it was set up with (HOUSING_HUB_MASTER_KEY or its file)"

SecretName = tuple[str, str]
"""(connector, field)"""


@dataclass(frozen=True, slots=True)
class DataKey:
    """A landlord's key, unwrapped. Its bytes never appear in a text."""

    landlord: str
    id: int
    secret: bytes = field(repr=False)


def decode_master_key(text: str) -> bytes:
    """32 bytes from their base64. SetupError when it is something else."""
    with contextlib.suppress(binascii.Error, ValueError):
        key = base64.b64decode(text.strip(), validate=True)
        if len(key) == KEY_BYTES:
            return key
    raise SetupError(
        "the master key is not 32 bytes in base64",
        hint="make one: python -c 'import base64, os; print(base64.b64encode(os.urandom(32)).decode())'",
    )


def load_master_key(path: Path) -> bytes:
    """The key in a file only its owner may read. SetupError when it is missing, open to others or no key."""
    try:
        mode, text = path.stat().st_mode, path.read_text(encoding="ascii", errors="replace")
    except OSError as error:
        raise SetupError(f"the master key file {path} cannot be read: {error.strerror}", hint=_WRONG_KEY) from error
    if mode & 0o077:
        raise SetupError(f"the master key file {path} is open to other users", hint=f"chmod 600 {path}")
    return decode_master_key(text)


def load_or_create_master_key(path: Path) -> bytes:
    """The key in `path`, made there once (mode 0600) when there is none. Two processes starting at once get one key."""
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        fresh = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
        _write_private(fresh, base64.b64encode(secrets.token_bytes(KEY_BYTES)) + b"\n")
        with contextlib.suppress(FileExistsError):
            os.link(fresh, path)  # unlike a rename, never replaces the key another process has just made
        fresh.unlink()
    return load_master_key(path)


class Vault:
    """Holds the master key, and with it unwraps the landlords' data keys.

    It remembers none of them: a key made in a transaction that is rolled back must not be used again.
    """

    def __init__(self, master_key: bytes) -> None:
        self._master = AESGCM(master_key)

    async def sealing_key(self, conn: AsyncConnection, *, landlord: str, now: datetime) -> DataKey:
        """The landlord's newest data key; the first is made here.

        Before a file is encrypted with it, commit: a key that is rolled back opens nothing.
        """
        newest = select(landlord_key.c.key_id).where(landlord_key.c.landlord_id == landlord)
        newest = newest.order_by(landlord_key.c.key_id.desc()).limit(1)
        key_id = (await conn.execute(newest)).scalar_one_or_none()
        if key_id is None:
            key_id = 1
            await self._make_key(conn, landlord, key_id, now)
        return await self.data_key(conn, landlord=landlord, key_id=key_id)

    async def data_key(self, conn: AsyncConnection, *, landlord: str, key_id: int) -> DataKey:
        """One of the landlord's data keys. SetupError when it is missing or the master key is another."""
        mine = (landlord_key.c.landlord_id == landlord, landlord_key.c.key_id == key_id)
        wrapped = (await conn.execute(select(landlord_key.c.wrapped).where(*mine))).scalar_one_or_none()
        if wrapped is None:
            raise SetupError(
                f"data key {key_id} of the landlord is missing",
                hint="restore the table landlord_key from the backup the data came from",
                where=Where(landlord=landlord),
            )
        bound = _bound("data key", landlord, str(key_id))
        return DataKey(landlord, key_id, _open(self._master, bytes(wrapped), bound, Where(landlord=landlord)))

    async def _make_key(self, conn: AsyncConnection, landlord: str, key_id: int, now: datetime) -> None:
        wrapped = _seal(self._master, secrets.token_bytes(KEY_BYTES), _bound("data key", landlord, str(key_id)))
        row = {"landlord_id": landlord, "key_id": key_id, "wrapped": wrapped, "created_at": now}
        # Another transaction may be making it too: the one that commits first wins, for both.
        await conn.execute(upsert(landlord_key).values(row).on_conflict_do_nothing())


def seal(key: DataKey, *, connector: str, field: str, plaintext: str) -> bytes:
    """One secret of a connector, sealed."""
    return _seal(AESGCM(key.secret), plaintext.encode(), _bound("secret", key.landlord, connector, field))


def open_sealed(key: DataKey, *, connector: str, field: str, sealed: bytes) -> str:
    """The secret again. SetupError when it was sealed for another place or with another key."""
    where = Where(landlord=key.landlord, field=f"connectors.{connector}.{field}")
    return _open(AESGCM(key.secret), sealed, _bound("secret", key.landlord, connector, field), where).decode()


async def put_secrets(
    conn: AsyncConnection, vault: Vault, *, landlord: str, secrets: Mapping[SecretName, SecretStr], now: datetime
) -> list[SecretName]:
    """Keep exactly these secrets, writing only what differs; gives the names that were added, changed or removed."""
    held = await get_secrets(conn, vault, landlord=landlord)
    changed = [name for name, value in secrets.items() if held.get(name) != value]
    vanished = sorted(held.keys() - secrets.keys())
    if changed:
        key = await vault.sealing_key(conn, landlord=landlord, now=now)
        for name in changed:
            await _put_secret(conn, key, name, secrets[name], now)
    for connector, field_name in vanished:
        at = (connector_secret.c.connector == connector, connector_secret.c.field == field_name)
        await conn.execute(delete(connector_secret).where(connector_secret.c.landlord_id == landlord, *at))
    return changed + vanished


async def get_secrets(
    conn: AsyncConnection, vault: Vault, *, landlord: str, connector: str | None = None
) -> dict[SecretName, SecretStr]:
    """The landlord's secrets (of one connector, where named), opened."""
    table = connector_secret.c
    statement = select(table.connector, table.field, table.key_id, table.sealed).where(table.landlord_id == landlord)
    if connector is not None:
        statement = statement.where(table.connector == connector)
    found: dict[SecretName, SecretStr] = {}
    for row in (await conn.execute(statement)).all():
        key = await vault.data_key(conn, landlord=landlord, key_id=row.key_id)
        opened = open_sealed(key, connector=row.connector, field=row.field, sealed=bytes(row.sealed))
        found[row.connector, row.field] = SecretStr(opened)
    return found


async def _put_secret(conn: AsyncConnection, key: DataKey, name: SecretName, value: SecretStr, now: datetime) -> None:
    connector, field_name = name
    sealed = seal(key, connector=connector, field=field_name, plaintext=value.get_secret_value())
    values = {"key_id": key.id, "sealed": sealed, "updated_at": now}
    row = {"landlord_id": key.landlord, "connector": connector, "field": field_name, **values}
    statement = upsert(connector_secret).values(row)
    await conn.execute(
        statement.on_conflict_do_update(index_elements=["landlord_id", "connector", "field"], set_=values)
    )


def _bound(*parts: str) -> bytes:
    """Associated data: each part with its length, so that no two lists of parts give the same bytes."""
    encoded = [part.encode() for part in ("housing-hub", *parts)]
    return b"".join(len(part).to_bytes(4, "big") + part for part in encoded)


def _seal(cipher: AESGCM, plaintext: bytes, bound: bytes) -> bytes:
    nonce = secrets.token_bytes(_NONCE_BYTES)
    return _FORMAT + nonce + cipher.encrypt(nonce, plaintext, _FORMAT + bound)


def _open(cipher: AESGCM, sealed: bytes, bound: bytes, where: Where) -> bytes:
    nonce, rest = sealed[1 : 1 + _NONCE_BYTES], sealed[1 + _NONCE_BYTES :]
    if sealed[:1] == _FORMAT and len(nonce) == _NONCE_BYTES:
        with contextlib.suppress(InvalidTag):
            return cipher.decrypt(nonce, rest, _FORMAT + bound)
    raise SetupError("what is sealed here does not open with the hub's master key", hint=_WRONG_KEY, where=where)


def _write_private(path: Path, content: bytes) -> None:
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
