"""The installation's settings come from the environment; what is wrong is named by its variable."""

from __future__ import annotations

import base64
import os
from pathlib import Path

import pytest

from hub.config import Settings
from hub.errors import SettingsError, SetupError


@pytest.fixture(autouse=True)
def _bare_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(os.environ):
        if name.startswith("HOUSING_HUB_"):
            monkeypatch.delenv(name)


def test_without_any_variable_a_hub_runs_for_production_on_this_machine() -> None:
    settings = Settings()
    assert (settings.profile, settings.host, settings.port) == ("production", "127.0.0.1", 8000)
    assert settings.plugins == ("soap", "sftp_files", "dummy", "lyra", "payfip", "offline", "systempay_form", "stripe")
    assert settings.public_url == "http://127.0.0.1:8000"
    assert settings.blob_url == f"file://{Path('.housing-hub/blobs').absolute()}"


def test_variables_are_typed_and_what_is_given_comes_before_them(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("HOUSING_HUB_PORT", "9000")
    monkeypatch.setenv("HOUSING_HUB_HOST", "::1")
    monkeypatch.setenv("HOUSING_HUB_PLUGINS", "soap, lake,")
    monkeypatch.setenv("HOUSING_HUB_BROKER_URL", "")
    settings = Settings(data_dir=tmp_path, host="0.0.0.0")
    assert (settings.port, settings.host, settings.plugins, settings.broker_url) == (
        9000,
        "0.0.0.0",
        ("soap", "lake"),
        None,
    )
    assert Settings(data_dir=tmp_path).public_url == "http://[::1]:9000"


def test_no_url_and_no_key_shows_in_a_repr(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOUSING_HUB_DATABASE_URL", "postgresql://u:hunter2@h/d")
    monkeypatch.setenv("HOUSING_HUB_BROKER_URL", "redis://:hunter2@h")
    monkeypatch.setenv("HOUSING_HUB_BLOB_URL", "s3://k:hunter2@b")
    monkeypatch.setenv("HOUSING_HUB_MASTER_KEY", "hunter2")
    assert "hunter2" not in repr(Settings())
    assert "hunter2" not in str(Settings())


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("HOUSING_HUB_PORT", "no", "HOUSING_HUB_PORT: Input should be a valid integer"),
        ("HOUSING_HUB_PROFILE", "demo", "HOUSING_HUB_PROFILE: Input should be 'developer' or 'production'"),
        (
            "HOUSING_HUB_DATABSE_URL",
            "x",
            "HOUSING_HUB_DATABSE_URL is no setting → did you mean HOUSING_HUB_DATABASE_URL?",
        ),
    ],
)
def test_a_wrong_variable_is_named(monkeypatch: pytest.MonkeyPatch, name: str, value: str, said: str) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(SettingsError) as caught:
        Settings()
    assert said in str(caught.value)


def test_a_variable_with_our_prefix_that_is_someone_elses_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOUSING_HUB_POSTGRES_BIN", "/usr/lib/postgresql")
    assert Settings().database_url is None


def test_the_master_key_is_made_once_for_a_hub_with_its_own_servers(tmp_path: Path) -> None:
    key = Settings(data_dir=tmp_path).load_master_key()
    assert len(key) == 32
    assert Settings(data_dir=tmp_path).load_master_key() == key
    assert Settings(data_dir=tmp_path, database_url="postgresql://h/d").load_master_key() == key


def test_several_machines_must_be_given_one_master_key(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="HOUSING_HUB_MASTER_KEY_FILE"):
        Settings(data_dir=tmp_path, database_url="postgresql://h/d").load_master_key()
    assert not (tmp_path / "master.key").exists()


def test_a_master_key_may_be_given_in_the_environment_or_a_file(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    text = base64.b64encode(bytes(range(32))).decode()
    monkeypatch.setenv("HOUSING_HUB_MASTER_KEY", text)
    assert Settings().load_master_key() == bytes(range(32))
    monkeypatch.setenv("HOUSING_HUB_MASTER_KEY", "short")
    with pytest.raises(SetupError, match="32 bytes"):
        Settings().load_master_key()
    monkeypatch.delenv("HOUSING_HUB_MASTER_KEY")
    file = tmp_path / "key"
    file.write_text(text)
    file.chmod(0o600)
    assert Settings(master_key_file=file, data_dir=tmp_path).load_master_key() == bytes(range(32))
