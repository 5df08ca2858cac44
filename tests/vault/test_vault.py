"""The vault: what is sealed for one place opens nowhere else."""

from __future__ import annotations

import os
import stat
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from pathlib import Path

import pytest
from pydantic import SecretStr
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from hub.errors import SetupError
from hub.store.vault import (
    DataKey,
    Vault,
    decode_master_key,
    get_secrets,
    load_master_key,
    load_or_create_master_key,
    open_sealed,
    put_secrets,
    seal,
)

RIVES, MASTER = "rives-doise", bytes(range(32))
KEY = DataKey(RIVES, 1, bytes(32))


def test_a_secret_opens_where_it_was_sealed() -> None:
    sealed = seal(KEY, connector="erp", field="password", plaintext="mot de passe é")
    assert b"mot de passe" not in sealed
    assert open_sealed(KEY, connector="erp", field="password", sealed=sealed) == "mot de passe é"
    assert sealed != seal(KEY, connector="erp", field="password", plaintext="mot de passe é"), "never the same twice"


@pytest.mark.parametrize(
    ("key", "connector", "field"),
    [
        (KEY, "erp", "token"),
        (KEY, "bank", "password"),
        (DataKey("cite-des-tilleuls", 1, bytes(32)), "erp", "password"),
        (DataKey(RIVES, 2, bytes(31) + b"\x01"), "erp", "password"),
    ],
)
def test_a_secret_moved_to_another_place_does_not_open(key: DataKey, connector: str, field: str) -> None:
    sealed = seal(KEY, connector="erp", field="password", plaintext="s3cret-w0rd")
    with pytest.raises(SetupError) as caught:
        open_sealed(key, connector=connector, field=field, sealed=sealed)
    assert "master key" in str(caught.value)
    assert "s3cret" not in str(caught.value)


@pytest.mark.parametrize("place", [0, 1, 12, 13, -1])
def test_a_changed_byte_anywhere_is_noticed(place: int) -> None:
    sealed = bytearray(seal(KEY, connector="erp", field="password", plaintext="secret"))
    sealed[place] ^= 1
    with pytest.raises(SetupError):
        open_sealed(KEY, connector="erp", field="password", sealed=bytes(sealed))


@pytest.mark.parametrize("sealed", [b"", b"\x01", b"\x01" + bytes(12), b"\x02" + bytes(40)])
def test_what_is_no_sealed_secret_is_refused(sealed: bytes) -> None:
    with pytest.raises(SetupError):
        open_sealed(KEY, connector="erp", field="password", sealed=sealed)


def test_a_data_key_does_not_show_its_bytes() -> None:
    assert "secret" not in repr(KEY)


def test_the_master_key_file_is_made_once_for_its_owner_alone(tmp_path: Path) -> None:
    path = tmp_path / "data" / "master.key"
    with ThreadPoolExecutor(8) as pool:
        keys = set(pool.map(lambda _: load_or_create_master_key(path), range(16)))
    assert len(keys) == 1
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [file.name for file in path.parent.iterdir()] == ["master.key"]
    assert load_master_key(path) in keys


def test_a_master_key_file_open_to_others_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "master.key"
    load_or_create_master_key(path)
    path.chmod(0o640)
    with pytest.raises(SetupError, match="chmod 600"):
        load_master_key(path)


def test_a_missing_master_key_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(SetupError, match=r"nowhere\.key cannot be read"):
        load_master_key(tmp_path / "nowhere.key")


@pytest.mark.parametrize("text", ["", "short", "not base64 at all!", "AAAA", "é" * 44])
def test_what_is_no_master_key_is_refused_without_being_shown(text: str) -> None:
    with pytest.raises(SetupError) as caught:
        decode_master_key(text)
    assert str(caught.value).startswith("the master key is not 32 bytes in base64")
    assert not text or text not in str(caught.value)


async def test_a_landlords_first_data_key_is_made_and_kept(conn: AsyncConnection, now: datetime) -> None:
    vault = Vault(MASTER)
    made = await vault.sealing_key(conn, landlord=RIVES, now=now)
    assert (made.id, len(made.secret)) == (1, 32)
    assert await Vault(MASTER).sealing_key(conn, landlord=RIVES, now=now) == made
    assert await vault.data_key(conn, landlord=RIVES, key_id=1) == made
    stored = (await conn.execute(text("select wrapped from landlord_key"))).scalar_one()
    assert made.secret not in bytes(stored)


async def test_a_newer_data_key_seals_while_the_older_still_opens(conn: AsyncConnection, now: datetime) -> None:
    vault = Vault(MASTER)
    older = await vault.sealing_key(conn, landlord=RIVES, now=now)
    await put_secrets(conn, vault, landlord=RIVES, secrets={("erp", "password"): SecretStr("a")}, now=now)
    await vault._make_key(conn, RIVES, 2, now)
    newer = await vault.sealing_key(conn, landlord=RIVES, now=now)
    assert (older.id, newer.id) == (1, 2)
    assert older.secret != newer.secret
    assert (await get_secrets(conn, vault, landlord=RIVES))["erp", "password"] == SecretStr("a")


async def test_another_master_key_opens_nothing_and_says_what_to_do(conn: AsyncConnection, now: datetime) -> None:
    await Vault(MASTER).sealing_key(conn, landlord=RIVES, now=now)
    with pytest.raises(SetupError, match="HOUSING_HUB_MASTER_KEY"):
        await Vault(os.urandom(32)).sealing_key(conn, landlord=RIVES, now=now)


async def test_a_missing_data_key_is_named(conn: AsyncConnection) -> None:
    with pytest.raises(SetupError, match="data key 7 of the landlord is missing"):
        await Vault(MASTER).data_key(conn, landlord=RIVES, key_id=7)


async def test_secrets_are_kept_in_step_with_the_landlords_file(conn: AsyncConnection, now: datetime) -> None:
    vault = Vault(MASTER)
    password, token = ("erp", "password"), ("erp", "token")

    async def put(**values: str) -> list[tuple[str, str]]:
        secrets = {("erp", name): SecretStr(value) for name, value in values.items()}
        return await put_secrets(conn, vault, landlord=RIVES, secrets=secrets, now=now)

    assert await put(password="one", token="two") == [password, token]
    assert await put(password="one", token="two") == []
    assert await put(password="other", token="two") == [password]
    assert await put(token="two") == [password]
    assert await get_secrets(conn, vault, landlord=RIVES) == {token: SecretStr("two")}
    assert await get_secrets(conn, vault, landlord=RIVES, connector="bank") == {}


async def test_a_secret_that_stays_the_same_writes_nothing(conn: AsyncConnection, now: datetime) -> None:
    vault, secrets = Vault(MASTER), {("erp", "password"): SecretStr("one")}
    await put_secrets(conn, vault, landlord=RIVES, secrets=secrets, now=now)
    before = (await conn.execute(text("select sealed from connector_secret"))).scalar_one()
    await put_secrets(conn, vault, landlord=RIVES, secrets=secrets, now=now)
    assert (await conn.execute(text("select sealed from connector_secret"))).scalar_one() == before
