"""`make demo`: a whole hub with three invented landlords, synced over real SOAP and SFTP, until Ctrl-C."""

from __future__ import annotations

import json
import os
import shlex
import shutil
import sys
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from hub.cli.up import DataDir, api_url, settings_with, start_processes, start_servers
from hub.errors import SetupError

if TYPE_CHECKING:
    from hub.cli.progress import Story
    from hub.embedded.supervisor import Supervisor

HOST = "127.0.0.1"
# Each landlord's tenant worth showing: several contracts and accounts, a co-tenant, housing aid, a direct debit.
TENANTS = {"rives-doise": "T000001", "cite-des-tilleuls": "0000000001", "lakeside-homes": "t0000001"}
LANDLORDS = tuple(TENANTS)
_API_PORT = 8000
_USUAL_API = "http://127.0.0.1:8000"
_SANDBOX_PORTS = {"soap": 8771, "sftp": 8772, "lakeside": 8773, "payments": 8774}
_NOTED = "landlords/.shipped"
_ERPS = "sandbox: Rives d'Oise (SOAP), Tilleuls (SFTP), Lakeside (Yardi), payments"


def register(app: typer.Typer) -> None:
    """Add `demo`."""
    app.command()(demo)


def demo(
    data_dir: DataDir = None,
    port: Annotated[int, typer.Option(help="The API's port; the next free one is taken if it is not.")] = _API_PORT,
    contracts: Annotated[int | None, typer.Option(help="The size of each landlord's world.", min=10)] = None,
    advance_every: Annotated[int, typer.Option(help="Seconds until the next day at the landlords'.", min=10)] = 300,
) -> None:
    """Run a hub with three invented landlords. Their ERPs run beside it on this machine; Ctrl-C stops everything."""
    from hub.cli.progress import Story, show_cursor
    from hub.embedded.supervisor import StoppedError, Supervisor

    story, folder = Story(), (data_dir or Path(".housing-hub")).absolute()
    # A demo keeps to its own servers, whatever this shell uses.
    for name in ("HOUSING_HUB_DATABASE_URL", "HOUSING_HUB_BROKER_URL"):
        os.environ.pop(name, None)
    with Supervisor(folder, say=story.say) as hub:
        with suppress(StoppedError):
            Demo(hub, story, folder).run(port=port, contracts=contracts, advance_every=advance_every)
        show_cursor()
        with story.step("stopping", "done"):
            hub.stop()


@dataclass(frozen=True, slots=True)
class Demo:
    """The demo's steps, in the order a person sees them."""

    hub: Supervisor
    story: Story
    folder: Path

    def run(self, *, port: int, contracts: int | None, advance_every: int) -> None:
        """Everything from the first server to the last Ctrl-C. StoppedError when that comes early."""
        from hub.embedded.ports import next_free

        port = self._said(port, next_free(HOST, port))
        settings = settings_with(
            data_dir=self.folder, host=HOST, port=port, public_url=api_url(HOST, port), profile="developer"
        )
        environment = start_servers(self.hub, self.story, settings)
        os.environ.update(environment)
        world = self.start_sandbox(contracts=contracts, advance_every=advance_every)
        start_processes(self.hub, self.story, environment)
        tell_stripe_where_we_are(world, api_url(HOST, port))
        self.sync(write_landlord_files(self.folder, world, api=api_url(HOST, port)))
        self.say_where_to_look(api_url(HOST, port))
        self.hub.run()

    def start_sandbox(self, *, contracts: int | None, advance_every: int) -> dict[str, Any]:
        """Start the sandbox on the ports it had, or the next free ones; what it says of itself."""
        from hub.embedded.supervisor import Child

        folder = self.folder / "sandbox"
        ports = sandbox_ports(read_state(folder))
        argv = [sys.executable, "-m", "hub.sandbox", "--dir", str(folder), "--advance-every", str(advance_every)]
        argv += [word for name, port in ports.items() for word in (f"--{name}-port", str(port))]
        argv += [] if contracts is None else ["--contracts", str(contracts)]
        with self.story.step(_ERPS, "up"):
            self.hub.start(Child("sandbox", argv))
            self.hub.wait(lambda: all(map(listens, ports.values())), seconds=120, what="the sandbox")
        return read_state(folder)

    def sync(self, files: list[Path]) -> None:
        """Take over the landlords' files and read their ERPs once, as an operator would."""
        from hub.cli import operate

        if files:
            self.hub.while_doing(lambda: operate.apply_files(files, force=True))
        note_written(self.folder)
        self.hub.while_doing(lambda: operate.sync_with_progress(LANDLORDS))

    def say_where_to_look(self, url: str) -> None:
        """What to open and what to type next."""
        command = command_line(self.folder)
        links = [f"{url}/{slug}/graphql#token={self._token(slug)}" for slug in LANDLORDS]
        self.story.say("")
        for place, link in enumerate(links):
            self.story.say(f"{'' if place else 'Ask as a tenant':<21}{link}")
        self.story.say(f"Pay their rent       the mutation of docs/frontend.md, returnUrl {url}/")
        self.story.say(f"See what was paid    {command} payments list {LANDLORDS[0]}")
        self.story.say(f"See what was synced  {command} runs list")
        self.story.say(f"See what was refused {command} quarantine list {LANDLORDS[1]}")
        self.story.say("Stop                 Ctrl-C")

    def _token(self, slug: str) -> str:
        """A short-lived token of the tenant worth showing. It stands after the #: no server and no log sees it."""
        from hub.cli import operate

        return self.hub.while_doing(lambda: operate.issue_token(slug, TENANTS[slug]))

    def _said(self, wanted: int, found: int) -> int:
        if wanted != found:
            self.story.say(f"port {wanted} is taken: the API listens on {found}")
        return found


def read_state(folder: Path) -> dict[str, Any]:
    """What the sandbox of this folder said last, nothing when it never ran."""
    try:
        state = json.loads((folder / "state.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return state if isinstance(state, dict) else {}


def sandbox_ports(state: dict[str, Any]) -> dict[str, int]:
    """The port of each ERP and of the payment providers, by name: as before where they are free."""
    from hub.embedded.ports import next_free

    found: dict[str, int] = {}
    for name, usual in _SANDBOX_PORTS.items():
        wanted = int(state.get(name, {}).get("port", usual))
        port = next_free(HOST, wanted)
        while port in found.values():
            port = next_free(HOST, port + 1)
        found[name] = port
    return found


def listens(port: int) -> bool:
    """Whether something accepts connections there."""
    import socket

    try:
        socket.create_connection((HOST, port), timeout=1).close()
    except OSError:
        return False
    return True


def tell_stripe_where_we_are(world: dict[str, Any], url: str) -> None:
    """A Stripe account knows its webhook's address from its dashboard; other providers are told with each payment."""
    import httpx

    order = {"shop": f"{LANDLORDS[2]}/stripe", "notify_url": f"{url}/{LANDLORDS[2]}/webhooks/card"}
    httpx.post(f"{world['payments']['url']}/_sandbox/shop", json=order, trust_env=False).raise_for_status()


def write_landlord_files(
    folder: Path, world: dict[str, Any], *, source: Path = Path("landlords"), api: str = _USUAL_API
) -> list[Path]:
    """The landlords' files with this sandbox's addresses, its host key and its secrets, in `<data dir>/landlords`.

    A file that would be written as it was applied at an earlier start is left alone, and not among those given: the
    operator may have changed it since. SetupError when the project's `landlords/` is not beside us.
    """
    target, noted = folder / "landlords", folder / _NOTED
    target.mkdir(parents=True, exist_ok=True)
    noted.mkdir(parents=True, exist_ok=True)
    written = []
    for slug in LANDLORDS:
        try:
            text = (source / f"{slug}.toml").read_text(encoding="utf-8")
        except FileNotFoundError as error:
            raise SetupError(f"{error.filename} is missing", hint="run the demo from the project's folder") from error
        text, path = _addressed(text, world).replace(f"{_USUAL_API}/", f"{api}/"), target / f"{slug}.toml"
        if path.exists() and _read(noted / f"{slug}.applied") == text:
            continue
        path.write_text(text, encoding="utf-8")
        (noted / f"{slug}.written").write_text(text, encoding="utf-8")
        written.append(path)
    return written


def note_written(folder: Path) -> None:
    """What was written is in force now; a start that ends before this writes it again."""
    for path in (folder / _NOTED).glob("*.written"):
        path.replace(path.with_suffix(".applied"))


def _read(path: Path) -> str | None:
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return None


def _addressed(text: str, world: dict[str, Any]) -> str:
    for standing, actual in (
        ("http://127.0.0.1:8771/erp/ServiceLocatif?wsdl", world["soap"]["wsdl"]),
        ("http://127.0.0.1:8773/lakeside/webservices/ItfResidentTransactions20.asmx?wsdl", world["lakeside"]["wsdl"]),
        ("\nport = 8772\n", f"\nport = {world['sftp']['port']}\n"),
        ('\n# host_key = "ssh-ed25519 AAAA…"\n', f'\nhost_key = "{world["sftp"]["host_key"]}"\n'),
        ("http://127.0.0.1:8774", world["payments"]["url"]),
        ("../.housing-hub/sandbox/", "../sandbox/"),
    ):
        text = text.replace(standing, actual)
    return text


def command_line(folder: Path) -> str:
    """How this hub's command is typed here: with its path where it is not on PATH, its folder where that is another."""
    script = Path(sys.executable).with_name("housing-hub")
    found = shutil.which("housing-hub")
    name = "housing-hub"
    if (found is None or not Path(found).samefile(script)) and script.exists():
        name = shlex.quote(os.path.relpath(script) if script.is_relative_to(Path.cwd()) else str(script))
    usual = folder == Path(".housing-hub").absolute()
    return name if usual else f"HOUSING_HUB_DATA_DIR={shlex.quote(str(folder))} {name}"
