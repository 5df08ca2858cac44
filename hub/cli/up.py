"""Running a hub: all of it on one machine, or one process at a time."""

from __future__ import annotations

import asyncio
import http.client
import os
import sys
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from hub.cli.progress import Story
    from hub.config import Settings
    from hub.embedded.supervisor import Supervisor

DATABASE = "housing_hub"
DataDir = Annotated[
    Path | None,
    typer.Option(help="Where embedded servers, logs, keys and files live.", envvar="HOUSING_HUB_DATA_DIR"),
]
Port = Annotated[int | None, typer.Option(help="The API's port.", min=1, max=65535)]
Host = Annotated[str | None, typer.Option(help="The API's address.")]


def register(app: typer.Typer) -> None:
    """Add the commands that run processes."""
    for command in (up, api, worker, scheduler, migrate):
        app.command()(command)


def up(data_dir: DataDir = None, port: Port = None, host: Host = None) -> None:
    """Run a whole hub on this machine; Ctrl-C stops everything.

    API, worker and scheduler, and PostgreSQL and Valkey too where no URL is given.
    """
    from hub.cli.progress import Story
    from hub.embedded.ports import require_port
    from hub.embedded.supervisor import StoppedError, Supervisor

    story, settings = Story(), settings_with(data_dir=data_dir, port=port, host=host)
    with Supervisor(settings.data_dir, say=story.say) as hub, suppress(StoppedError):
        require_port(settings.host, settings.port)
        environment = start_servers(hub, story, settings)
        start_processes(hub, story, environment)
        story.say(f"{api_url(settings.host, settings.port)} answers; logs are in {shown(settings.data_dir / 'logs')}")
        story.say("Ctrl-C stops everything")
        hub.run()


def api(port: Port = None, host: Host = None) -> None:
    """Run the API alone."""
    import uvicorn

    from hub.config.logs import configure_logs
    from hub.embedded.ports import require_port

    settings = settings_with(port=port, host=host)
    require_port(settings.host, settings.port)
    configure_logs(settings.log_level)
    # Access logs would hold people's links; the API writes its own lines.
    uvicorn.run(
        "tenant_api.asgi:create_app",
        factory=True,
        host=settings.host,
        port=settings.port,
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=5,
    )


def worker() -> None:
    """Run a worker alone: it does the jobs. The broker wakes it, or its own polling."""
    become("hub.worker")


def scheduler() -> None:
    """Run the scheduler alone: it makes due schedules into jobs. Two of them are harmless."""
    become("hub.worker", "scheduler")


def migrate(
    admin_url: Annotated[
        str | None, typer.Option(help="A PostgreSQL URL that may create roles.", envvar="HOUSING_HUB_ADMIN_URL")
    ] = None,
) -> None:
    """Make the database and its roles where missing, bring its tables up to date; once per release, harmless twice.

    Which database: the one HOUSING_HUB_DATABASE_URL names, else the one in the administrator's URL.
    """
    from hub.cli.output import console
    from hub.errors import SettingsError
    from hub.store.engine import database_name
    from hub.store.provision import provision

    named = settings_with().database_url
    settings = settings_with(database_url=admin_url or named)
    if not settings.database_url:
        raise SettingsError("no database is named", hint="give --admin-url, or set HOUSING_HUB_DATABASE_URL")
    database = database_name(named) if named else None
    asyncio.run(provision(settings.database_url, database=database, master_key=settings.load_master_key()))
    console.print(f"the database {database or database_name(settings.database_url) or ''} is ready")


def start_servers(hub: Supervisor, story: Story, settings: Settings) -> dict[str, str]:
    """Start the embedded servers no URL is given for, prepare the database; the environment of the processes.

    SetupError when the database a URL is given for refuses us or is not prepared.
    """
    from hub.cli.progress import short
    from hub.embedded.running import announce

    environment = {
        "HOUSING_HUB_DATA_DIR": str(settings.data_dir.absolute()),
        "HOUSING_HUB_PROFILE": settings.profile,
        "HOUSING_HUB_PLUGINS": ",".join(settings.plugins),
        "HOUSING_HUB_HOST": settings.host,
        "HOUSING_HUB_PORT": str(settings.port),
        "HOUSING_HUB_PUBLIC_URL": settings.public_url,
    }
    if not settings.broker_url:
        with story.step(f"Valkey (embedded, {short(shown(settings.data_dir))})", "up") as step:
            broker = hub.start_valkey()
            step.result = "up" if broker else "none"
        environment |= {"HOUSING_HUB_BROKER_URL": broker} if broker else {}
    if not settings.database_url:
        with story.step(f"PostgreSQL (embedded, {short(shown(settings.data_dir))})", "up"):
            environment["HOUSING_HUB_DATABASE_URL"] = _start_database(hub, settings)
        announce(settings.data_dir, environment)
    else:
        hub.while_doing(lambda: asyncio.run(_require_database(settings)))
    return environment


def _start_database(hub: Supervisor, settings: Settings) -> str:
    """Start the embedded PostgreSQL and bring the hub's database in it up to date; its URL, which names no user."""
    from hub.store.provision import provision

    admin, key = hub.start_postgres(), settings.load_master_key()
    return hub.while_doing(lambda: asyncio.run(provision(admin, database=DATABASE, master_key=key)))


async def _require_database(settings: Settings) -> None:
    """Say once what every process would say again and again. A database that does not answer yet may still come."""
    from hub.bootstrap import engine_of
    from hub.errors import SetupError
    from hub.store.handles import StoreError
    from hub.store.provision import require_current_schema
    from hub.store.roles import Role
    from hub.store.troubles import explain

    engine = engine_of(settings, Role.DISPATCH, pool_size=1)
    try:
        await require_current_schema(engine)
    except StoreError as error:
        if isinstance(known := explain(error), SetupError):
            raise known from error
    finally:
        await engine.dispose()


def start_processes(hub: Supervisor, story: Story, environment: Mapping[str, str]) -> None:
    """Start API, worker and scheduler and wait until the API answers. SetupError when it does not within 60 s."""
    from hub.embedded.supervisor import Child

    python = (sys.executable, "-m")
    with story.step("API, worker, scheduler", "up"):
        hub.start(Child("api", (*python, "hub.cli", "api"), environment))
        hub.start(Child("worker", (*python, "hub.worker"), environment, grace=20))
        hub.start(Child("scheduler", (*python, "hub.worker", "scheduler"), environment))
        host, port = environment["HOUSING_HUB_HOST"], int(environment["HOUSING_HUB_PORT"])
        hub.wait(lambda: answers(host, port, "/healthz"), seconds=60, what="the API")


def answers(host: str, port: int, path: str) -> bool:
    """Whether an HTTP server there answers 200."""
    connection = http.client.HTTPConnection(host, port, timeout=2)
    try:
        connection.request("GET", path)
        return connection.getresponse().status == 200
    except OSError:
        return False
    finally:
        connection.close()


def reach_running_hub() -> None:
    """Let a command in another terminal find the embedded servers of the hub that runs on the data directory.

    What the environment says comes first: where it names a database, nothing is added.
    """
    from hub.embedded.running import running_on

    if "HOUSING_HUB_DATABASE_URL" not in os.environ:
        data_dir = Path(os.environ.get("HOUSING_HUB_DATA_DIR", ".housing-hub"))
        for name, value in (running_on(data_dir) or {}).items():
            os.environ.setdefault(name, value)


def shown(path: Path) -> str:
    """A path as a person standing here would write it."""
    return f"{path.relative_to(Path.cwd())}/" if path.is_relative_to(Path.cwd()) else str(path)


def api_url(host: str, port: int) -> str:
    """Where the API is found from this machine."""
    return f"http://{f'[{host}]' if ':' in host else host}:{port}"


def settings_with(**given: Path | int | str | None) -> Settings:
    """The settings, with what the command line said put before the environment."""
    from hub.config import Settings

    return Settings(**{name: value for name, value in given.items() if value is not None})


def become(module: str, *arguments: str) -> None:
    """Replace this process by another module of ours, so that signals reach it directly."""
    os.execv(sys.executable, [sys.executable, "-m", module, *arguments])  # noqa: S606  # no shell is wanted
