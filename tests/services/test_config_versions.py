"""A landlord's file has a past: numbered versions, refusals that say what changed meanwhile, export, rollback."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

import pytest
from pydantic import SecretStr

from hub.config import LandlordConfig, read_landlord
from hub.errors import ConflictError, NotFoundError, PluginError, SetupError
from hub.ports import CallSource, Capabilities, ConnectorSettings, ErpConnector, Feed, Finding, Pull, Spool, setting
from hub.records import Batch, Stream
from hub.services.apply_config import Applied, apply_config, plan_config
from hub.services.config_versions import export_config, list_versions, rollback_config
from hub.store.engine import make_engine, scope
from hub.store.handles import Engine
from hub.store.landlord_rows import live_config
from hub.store.roles import Role
from hub.store.schedule_rows import list_schedules
from hub.store.vault import Vault, get_secrets
from hub.testing.fakes import FakeClock

LILAS = "les-lilas"
FILE = """\
# Les Lilas, our own words.
[landlord]
slug = "les-lilas"
name = "Les Lilas"
time_zone = "Europe/Paris"

[connectors.erp]
plugin = "pond"
host = "erp.example.org"      # asked of the vendor
token = { env = "POND_TOKEN" }

[feeds.sites]
connector = "erp"
stream = "sites"
schedule = "daily 04:30"
"""
SECRETS = {"POND_TOKEN": "s3cret-value", "POND_PIN": "0000-pin"}


class PondSettings(ConnectorSettings):
    host: str = setting("Where the ERP answers")
    token: SecretStr = setting("Issued in Pond")
    pin: SecretStr | None = setting("Issued in Pond", default=None)


class Pond(CallSource[PondSettings]):
    name: ClassVar[str] = "pond"
    settings_model = PondSettings
    capabilities = Capabilities(pull={Stream.SITES: Pull()})

    def check(self, feeds: Sequence[Feed]) -> Iterator[Finding]:
        yield Finding("look", True)

    def pull(self, feed: Feed, cursor: str | None, spool: Spool) -> Iterator[Batch]:
        yield Batch([])


class Shelf:
    """The registry, as far as config asks."""

    def __init__(self, *known: type[ErpConnector[Any]]) -> None:
        self.known = {one.name: one for one in known}

    def connector(self, name: str) -> type[ErpConnector[Any]]:
        if name not in self.known:
            raise PluginError(f"there is no connector {name!r}", hint="pip install it again")
        return self.known[name]


@dataclass
class Office:
    """Where operators work: a database, a folder of files."""

    engine: Engine
    folder: Path
    vault: Vault = field(default_factory=lambda: Vault(b"k" * 32))
    clock: FakeClock = field(default_factory=FakeClock)
    shelf: Shelf = field(default_factory=lambda: Shelf(Pond))

    def read(self, text: str) -> LandlordConfig:
        path = self.folder / "les-lilas.toml"
        path.write_text(text, encoding="utf-8")
        return read_landlord(path, self.shelf, environ=SECRETS)

    async def apply(self, text: str, **how: Any) -> Applied:
        return await apply_config(self.engine, self.vault, self.clock, self.read(text), **how)

    async def rollback(self, version: int, **how: Any) -> Applied:
        return await rollback_config(self.engine, self.vault, self.clock, self.shelf, LILAS, version, **how)

    async def live(self) -> LandlordConfig:
        async with scope(self.engine, LILAS) as conn:
            stored = await live_config(conn, landlord=LILAS)
        assert stored is not None
        return LandlordConfig.from_json(stored.config, self.shelf)

    async def history(self) -> list[tuple[int, str, str]]:
        versions = await list_versions(self.engine, LILAS)
        return [(one.version, one.applied_by, one.origin) for one in versions]


@pytest.fixture
async def office(fresh_database: Any, tmp_path: Path) -> AsyncIterator[Office]:
    engine = make_engine(fresh_database.url_for(Role.SYNC), Role.SYNC)
    yield Office(engine, tmp_path)
    await engine.dispose()


def at(hour: str) -> str:
    return FILE.replace("04:30", hour)


async def test_editing_and_applying_a_plain_file_needs_no_ceremony(office: Office) -> None:
    numbers = [(await office.apply(at(hour), by="marie")).version for hour in ("04:30", "05:00", "05:00", "06:00")]
    assert numbers == [1, 2, 2, 3]
    assert await office.history() == [(3, "marie", "file"), (2, "marie", "file"), (1, "marie", "file")]


async def test_a_version_says_who_when_and_why(office: Office) -> None:
    await office.apply(FILE, by="marie", note="first night")
    (version,) = await list_versions(office.engine, LILAS)
    assert (version.applied_by, version.note, version.applied_at) == ("marie", "first night", office.clock.now())


async def test_an_exported_file_is_the_landlords_own_with_its_base_on_top(office: Office) -> None:
    await office.apply(FILE)
    await office.apply(at("05:00"))
    assert (await export_config(office.engine, LILAS)).text == "# base: version 2\n" + at("05:00")
    assert (await export_config(office.engine, LILAS, version=1)).text == "# base: version 1\n" + FILE


async def test_a_changed_comment_is_no_new_version_and_is_exported_all_the_same(office: Office) -> None:
    await office.apply(FILE)
    reworded = FILE.replace("our own words", "better words")
    assert (await office.apply(reworded)).version == 1
    assert (await export_config(office.engine, LILAS)).text == "# base: version 1\n" + reworded


async def test_a_file_made_from_an_older_version_is_refused_with_what_changed_since(office: Office) -> None:
    await office.apply(FILE, by="marie")
    exported = (await export_config(office.engine, LILAS)).text
    await office.apply(at("05:00"), by="paul")
    mine = exported.replace("erp.example.org", "erp2.example.org")
    with pytest.raises(ConflictError) as caught:
        await office.apply(mine, by="marie")
    told = str(caught.value)
    assert "version 2 by paul of 20 November 2026 03:30 UTC is in force" in told
    assert "this file was made from version 1" in told
    assert '-feeds[sites].schedule = "daily 04:30"; +feeds[sites].schedule = "daily 05:00"' in told
    assert "--force" in told
    assert await office.live() == office.read(at("05:00"))


async def test_a_refused_file_changes_no_secret_and_no_schedule(office: Office) -> None:
    await office.apply(FILE)
    exported = (await export_config(office.engine, LILAS)).text
    await office.apply(at("05:00"))
    with pytest.raises(ConflictError):
        await office.apply(exported.replace("04:30", "06:00").replace("[feeds", 'pin = { env = "POND_PIN" }\n[feeds'))
    async with scope(office.engine, LILAS) as conn:
        assert [one.name for one in await list_schedules(conn)] == ["daily 05:00"]
        assert set(await get_secrets(conn, office.vault, landlord=LILAS)) == {("erp", "token")}


async def test_a_file_that_says_its_base_is_applied_when_that_is_in_force(office: Office) -> None:
    await office.apply(FILE)
    exported = (await export_config(office.engine, LILAS)).text
    assert (await office.apply(exported.replace("04:30", "05:00"))).version == 2
    assert [origin for _, _, origin in await office.history()] == ["export", "file"]


async def test_force_replaces_whatever_is_in_force_and_shows_the_difference(office: Office) -> None:
    await office.apply(FILE)
    await office.apply(at("05:00"))
    applied = await office.apply("# base: version 1\n" + at("06:00"), force=True)
    assert applied.version == 3
    assert applied.diff == ('-feeds[sites].schedule = "daily 05:00"', '+feeds[sites].schedule = "daily 06:00"')


async def test_a_plain_file_does_not_undo_a_rollback_it_does_not_know_of(office: Office) -> None:
    await office.apply(FILE)
    await office.apply(at("05:00"))
    await office.rollback(1, by="paul")
    with pytest.raises(
        ConflictError, match=r"version 3 by paul .* does not say that it was made from it; changed since"
    ):
        await office.apply(at("06:00"))
    assert (await office.apply(at("06:00"), force=True)).version == 4
    assert (await office.apply(at("07:00"))).version == 5


async def test_a_plain_file_brought_back_in_step_with_a_rollback_goes_on_from_there(office: Office) -> None:
    await office.apply(FILE)
    await office.apply(at("05:00"))
    await office.rollback(1)
    assert (await office.apply(FILE)).version == 3
    assert (await office.apply(at("06:00"))).version == 4


async def test_a_dry_run_says_that_the_file_would_be_refused(office: Office) -> None:
    await office.apply(FILE)
    await office.apply(at("05:00"))
    planned = await plan_config(office.engine, office.read("# base: version 1\n" + at("06:00")))
    assert [line for line in planned.warnings if "made from version 1" in line and "--force" in line]
    assert (await office.history())[0][0] == 2


async def test_replacing_a_colleagues_version_is_said(office: Office) -> None:
    await office.apply(FILE, by="paul")
    applied = await office.apply(at("05:00"), by="marie")
    assert [line for line in applied.warnings if "it replaces version 1 by paul" in line]
    assert not (await office.apply(at("06:00"), by="marie")).warnings


async def test_of_two_operators_at_once_one_is_told_what_the_other_did(office: Office) -> None:
    await office.apply(FILE)
    mine, yours = office.read(at("05:00")), office.read(at("06:00"))
    tried = await asyncio.gather(
        apply_config(office.engine, office.vault, office.clock, mine, by="marie"),
        apply_config(office.engine, office.vault, office.clock, yours, by="paul"),
        return_exceptions=True,
    )
    refused = [one for one in tried if isinstance(one, ConflictError)]
    assert [one.version for one in tried if isinstance(one, Applied)] == [2]
    assert len(refused) == 1
    assert "version 1 was when you began" in str(refused[0])
    assert "schedule" in str(refused[0])


async def test_a_rollback_puts_an_old_version_in_force_as_a_new_one(office: Office) -> None:
    await office.apply(FILE)
    await office.apply(at("05:00"))
    applied = await office.rollback(1, by="marie")
    assert (applied.version, applied.diff) == (
        3,
        ('-feeds[sites].schedule = "daily 05:00"', '+feeds[sites].schedule = "daily 04:30"'),
    )
    assert await office.live() == office.read(FILE)
    async with scope(office.engine, LILAS) as conn:
        assert [one.name for one in await list_schedules(conn)] == ["daily 04:30"]
    newest = (await list_versions(office.engine, LILAS))[0]
    assert (newest.applied_by, newest.origin, newest.note) == ("marie", "rollback", "back to version 1")


async def test_a_rollback_to_what_is_in_force_changes_nothing(office: Office) -> None:
    await office.apply(FILE)
    applied = await office.rollback(1)
    assert (applied.version, applied.changed) == (1, False)
    assert await office.history() == [(1, "", "file")]


async def test_a_dry_rollback_shows_and_writes_nothing(office: Office) -> None:
    await office.apply(FILE)
    await office.apply(at("05:00"))
    assert (await office.rollback(1, dry_run=True)).changed
    assert (await office.history())[0][0] == 2


async def test_a_rollback_to_a_version_whose_plugin_is_gone_names_both_versions(office: Office) -> None:
    await office.apply(FILE)
    await office.apply(at("05:00"))
    office.shelf = Shelf()
    with pytest.raises(SetupError) as caught:
        await office.rollback(1)
    assert "version 1 cannot be put in force, version 2 stays: there is no connector 'pond'" in caught.value.message
    assert caught.value.hint == "pip install it again"
    assert (await office.history())[0][0] == 2


async def test_a_rollback_that_needs_a_secret_no_longer_stored_says_which(office: Office) -> None:
    await office.apply(FILE.replace("[feeds", 'pin = { env = "POND_PIN" }\n[feeds'))
    await office.apply(FILE)
    with pytest.raises(SetupError, match="version 2 stays: the secret pin of connector erp is not stored"):
        await office.rollback(1)


async def test_a_rollback_keeps_the_secrets_the_newer_version_needs(office: Office) -> None:
    await office.apply(FILE)
    await office.apply(FILE.replace("[feeds", 'pin = { env = "POND_PIN" }\n[feeds'))
    assert [(await office.rollback(version)).version for version in (1, 2)] == [3, 4]


async def test_a_version_that_never_was_is_not_found(office: Office) -> None:
    await office.apply(FILE)
    for asked in (office.rollback(9), export_config(office.engine, LILAS, version=9)):
        with pytest.raises(NotFoundError, match="no version 9"):
            await asked
    with pytest.raises(NotFoundError, match="no landlord nobody"):
        await list_versions(office.engine, "nobody")


async def test_no_secret_is_kept_with_a_version(office: Office) -> None:
    await office.apply(FILE, by="marie")
    async with scope(office.engine, LILAS) as conn:
        stored = await live_config(conn, landlord=LILAS)
    assert "s3cret" not in repr(stored)
