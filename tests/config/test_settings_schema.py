"""Stored settings outlive their plugin's version: older ones are migrated in memory, newer ones refused."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, ClassVar

import pytest
from pydantic import SecretStr

from hub.config import LandlordConfig, read_landlord
from hub.errors import SettingsError
from hub.ports import (
    CallSource,
    Capabilities,
    ConnectorSettings,
    ErpConnector,
    Feed,
    FeedSettings,
    Finding,
    Pull,
    Spool,
    setting,
)
from hub.records import Batch, Stream

FILE = """\
[landlord]
slug = "les-lilas"
name = "Les Lilas"
time_zone = "Europe/Paris"

[connectors.erp]
plugin = "lake"
address = "erp.example.org:8443"
password = { env = "LAKE_PASSWORD" }

[feeds.sites]
connector = "erp"
stream = "sites"
table = "SITES"
"""


class OldSettings(ConnectorSettings):
    address: str = setting("host:port")
    password: SecretStr = setting("The password")


class OldFeed(FeedSettings):
    table: str = setting("The table")


class Old(CallSource[Any]):
    name: ClassVar[str] = "lake"
    settings_model = OldSettings
    feed_settings_model = OldFeed
    capabilities = Capabilities(pull={Stream.SITES: Pull()})

    def check(self, feeds: Sequence[Feed]) -> Iterator[Finding]:
        yield Finding("look", True)

    def pull(self, feed: Feed, cursor: str | None, spool: Spool) -> Iterator[Batch]:
        yield Batch([])


class NewSettings(ConnectorSettings):
    schema_version = 3
    host: str = setting("The host")
    port: int = setting("The port")
    token: SecretStr = setting("The password, under its new name")

    @classmethod
    def migrate(cls, settings: dict[str, Any], from_version: int) -> dict[str, Any]:
        if from_version == 1:
            host, _, port = settings.pop("address").partition(":")
            settings |= {"host": host, "port": int(port)}
        token = settings.pop("password")
        return {**settings, "token": token}


class NewFeed(FeedSettings):
    schema_version = 2
    tables: list[str] = setting("The tables")

    @classmethod
    def migrate(cls, settings: dict[str, Any], from_version: int) -> dict[str, Any]:
        return {"tables": [settings["table"]]}


class New(Old):
    settings_model = NewSettings
    feed_settings_model = NewFeed


class Shelf:
    """The registry of an installation that has one version of the plugin."""

    def __init__(self, connector: type[ErpConnector[Any]]) -> None:
        self.installed = connector

    def connector(self, name: str) -> type[ErpConnector[Any]]:
        return self.installed


def stored(tmp_path: Path, connector: type[ErpConnector[Any]] = Old, text: str = FILE) -> str:
    path = tmp_path / "les-lilas.toml"
    path.write_text(text, encoding="utf-8")
    return read_landlord(path, Shelf(connector), environ={"LAKE_PASSWORD": "s3cret"}).to_json()


def opened(content: str, connector: type[ErpConnector[Any]]) -> LandlordConfig:
    """What the hub makes of a stored configuration, its secrets by the names they are stored under."""
    config = LandlordConfig.from_json(content, Shelf(connector))
    return config.with_secrets({("erp", "password"): SecretStr("s3cret"), ("erp", "token"): SecretStr("s3cret")})


def test_a_stored_config_remembers_the_version_of_its_settings(tmp_path: Path) -> None:
    content = json.loads(stored(tmp_path))
    assert (content["connectors"]["erp"]["schema"], content["feeds"][0]["schema"]) == (1, 1)


def test_older_settings_are_migrated_in_memory_with_their_secret(tmp_path: Path) -> None:
    content = stored(tmp_path)
    config = opened(content, New)
    settings = config.build_settings("erp")
    assert isinstance(settings, NewSettings)
    assert (settings.host, settings.port, settings.token.get_secret_value()) == ("erp.example.org", 8443, "s3cret")
    assert config.build_feed("sites").settings == NewFeed(tables=["SITES"])
    assert config.to_json() == content


def test_settings_stored_without_a_version_are_of_the_first(tmp_path: Path) -> None:
    content = json.loads(stored(tmp_path))
    del content["connectors"]["erp"]["schema"], content["feeds"][0]["schema"]
    assert opened(json.dumps(content), New).build_feed("sites").settings == NewFeed(tables=["SITES"])


def test_newer_settings_are_refused_naming_both_versions(tmp_path: Path) -> None:
    text = FILE.replace('address = "erp.example.org:8443"\npassword', 'host = "h"\nport = 1\ntoken')
    content = stored(tmp_path, New, text.replace('table = "SITES"', 'tables = ["SITES"]'))
    config = opened(content, Old)
    with pytest.raises(SettingsError, match=r"connector erp: .* are of version 3, .* knows up to 1 → install"):
        config.build_settings("erp")
    with pytest.raises(SettingsError, match=r"feed sites: .* are of version 2, .* knows up to 1"):
        config.build_feed("sites")


def test_a_plugin_without_migration_refuses_older_settings(tmp_path: Path) -> None:
    class Bare(ConnectorSettings):
        schema_version = 3
        host: str = setting("The host")

    class Plugin(New):
        settings_model = Bare

    with pytest.raises(SettingsError, match="version 3 does not take over settings of version 1 → apply") as caught:
        opened(stored(tmp_path), Plugin).build_settings("erp")
    assert caught.value.where.landlord == "les-lilas"


@pytest.mark.parametrize(
    ("fault", "told"), [(lambda: 1 / 0, "ZeroDivisionError"), (lambda: None, "it gave a NoneType")]
)
def test_a_migration_that_fails_is_told_without_a_value(tmp_path: Path, fault: Any, told: str) -> None:
    class Faulty(NewSettings):
        @classmethod
        def migrate(cls, settings: dict[str, Any], from_version: int) -> dict[str, Any]:
            return fault()  # type: ignore[no-any-return]  # the fault of a plugin

    class Plugin(New):
        settings_model = Faulty

    with pytest.raises(SettingsError, match=f"could not migrate settings of version 1 to 3: {told}") as caught:
        opened(stored(tmp_path), Plugin).build_settings("erp")
    assert "s3cret" not in str(caught.value)


def test_what_a_migration_leaves_wrong_is_told_like_a_wrong_file(tmp_path: Path) -> None:
    content = stored(tmp_path)

    class Careless(NewFeed):
        @classmethod
        def migrate(cls, settings: dict[str, Any], from_version: int) -> dict[str, Any]:
            return settings

    class Plugin(New):
        feed_settings_model = Careless

    with pytest.raises(SettingsError, match="feed sites: tables Field required → correct the landlord's file"):
        opened(content, Plugin).build_feed("sites")
