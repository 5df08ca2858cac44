"""The landlord files we ship are sound, and reading the environment alone stays cheap."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from pydantic import SecretStr

import hub.config
from hub.config import LandlordConfig, Settings, read_landlord
from hub.ports import Feed
from hub.records import Stream
from hub.registry import Registry

LANDLORDS = sorted((Path(__file__).parents[2] / "landlords").glob("*.toml"))


@pytest.mark.parametrize("file", LANDLORDS, ids=lambda file: file.name)
def test_a_shipped_file_is_sound_and_comes_back_from_the_database(file: Path) -> None:
    registry = Registry.load(Settings().plugins)
    landlord = read_landlord(file, registry, need_secrets=False)
    assert landlord.slug == file.stem
    assert landlord.warnings == []
    again = LandlordConfig.from_json(landlord.to_json(), registry)
    filled = again.with_secrets({name: SecretStr("x") for name in again.secret_names})
    assert [type(filled.build_settings(name)).__module__.split(".")[0] for name in filled.connectors] == [
        "erp_connectors"
    ]
    feeds = [filled.build_feed(feed.name) for feed in filled.feeds]
    assert all(isinstance(feed, Feed) and feed.mapper for feed in feeds)
    streams = [feed.stream for feed in feeds]
    assert streams == sorted(streams, key=list(Stream).index)


def test_the_settings_alone_load_neither_arrow_nor_polars() -> None:
    asked = "import sys, hub.config; hub.config.Settings(); print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", asked], capture_output=True, text=True, check=True).stdout.split()
    assert not {"polars", "pyarrow", "hub.mapping"} & set(loaded)


def test_every_public_name_is_there() -> None:
    assert [name for name in hub.config.__all__ if not hasattr(hub.config, name)] == []
    with pytest.raises(AttributeError, match="nonsense"):
        hub.config.nonsense  # noqa: B018
