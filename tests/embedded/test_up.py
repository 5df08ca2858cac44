"""`housing-hub up` and its neighbours, as far as they go without the rest of the hub."""

from __future__ import annotations

import os
import re
import socket
from collections.abc import Iterator
from pathlib import Path
from unittest.mock import patch

import psycopg
import pytest
import typer
from typer.testing import CliRunner

from hub.cli import up
from hub.cli.progress import Story
from hub.embedded.lock import DataDirLock
from hub.embedded.postgres import EmbeddedPostgres
from hub.embedded.running import announce
from hub.embedded.supervisor import Supervisor
from hub.errors import HubError, SettingsError, SetupError

KEY = "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY="


@pytest.fixture(autouse=True)
def environment_of_its_own() -> Iterator[None]:
    with patch.dict(os.environ):
        for name in [name for name in os.environ if name.startswith("HOUSING_HUB_")]:
            del os.environ[name]
        yield


def failure(*argv: str) -> HubError:
    """The error a command line ends with."""
    app = typer.Typer()
    up.register(app)
    error = CliRunner().invoke(app, list(argv)).exception
    assert isinstance(error, HubError), error
    return error


def test_a_taken_port_is_refused_before_anything_is_started(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        error = failure("up", "--data-dir", str(tmp_path), "--port", str(taken.getsockname()[1]))

    assert isinstance(error, SetupError)
    assert "--port" in error.hint
    assert not (tmp_path / "postgres").exists()


def test_a_second_hub_on_the_same_folder_is_refused(tmp_path: Path) -> None:
    with DataDirLock(tmp_path):
        error = failure("up", "--data-dir", str(tmp_path))
    assert f"pid {os.getpid()}" in error.message


def test_migrate_without_a_database_says_how_to_name_one() -> None:
    error = failure("migrate")
    assert isinstance(error, SettingsError)
    assert "--admin-url" in error.hint


def test_migrate_makes_the_database_its_url_names(pg_server: EmbeddedPostgres) -> None:
    os.environ["HOUSING_HUB_MASTER_KEY"] = KEY
    os.environ["HOUSING_HUB_DATABASE_URL"] = pg_server.url("named_by_its_url", "")
    app = typer.Typer()
    up.register(app)
    done = CliRunner().invoke(app, ["migrate", "--admin-url", pg_server.url()])
    assert "named_by_its_url is ready" in done.output, done.exception
    with psycopg.connect(pg_server.url("named_by_its_url").replace("+psycopg", "")) as conn:
        assert conn.execute("select count(*) from landlord").fetchone() == (0,)


def test_up_on_a_given_database_starts_nothing_until_that_is_prepared(
    pg_server: EmbeddedPostgres, template_db: str, tmp_path: Path
) -> None:
    os.environ["HOUSING_HUB_MASTER_KEY"] = KEY
    os.environ["HOUSING_HUB_DATABASE_URL"] = pg_server.url("postgres", "")
    os.environ["HOUSING_HUB_BROKER_URL"] = "redis://127.0.0.1:1"
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    error = failure("up", "--data-dir", str(tmp_path), "--port", str(port))
    assert isinstance(error, SetupError)
    assert "housing-hub migrate" in error.hint
    assert not list(tmp_path.glob("logs/*.log")), "neither servers nor processes"
    assert not (tmp_path / "postgres").exists()


def test_the_servers_are_started_prepared_and_announced_without_a_superuser(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    story = Story()
    with Supervisor(tmp_path, say=story.say) as hub:
        environment = up.start_servers(hub, story, up.settings_with(data_dir=tmp_path))
        os.environ["HOUSING_HUB_DATA_DIR"] = str(tmp_path)
        up.reach_running_hub()

        assert "postgres@" not in environment["HOUSING_HUB_DATABASE_URL"]
        assert environment["HOUSING_HUB_BROKER_URL"].startswith("redis+socket://")
        assert {name: os.environ[name] for name in environment} == environment
    assert re.search(r"PostgreSQL \(embedded, .*\) +up +\d", capsys.readouterr().out)


def test_a_command_beside_a_named_database_takes_nothing_from_a_running_hub(tmp_path: Path) -> None:
    os.environ |= {"HOUSING_HUB_DATA_DIR": str(tmp_path), "HOUSING_HUB_DATABASE_URL": "postgresql://elsewhere/hub"}
    announce(tmp_path, {"HOUSING_HUB_DATABASE_URL": "postgresql:///here", "HOUSING_HUB_BROKER_URL": "redis://here"})

    up.reach_running_hub()

    assert os.environ["HOUSING_HUB_DATABASE_URL"] == "postgresql://elsewhere/hub"
    assert "HOUSING_HUB_BROKER_URL" not in os.environ
