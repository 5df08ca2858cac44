"""All landlords' ERPs in one process, over a folder that remembers ports, keys, passwords and the day it is."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass, replace
from datetime import date, timedelta
from pathlib import Path
from shutil import rmtree
from threading import RLock
from types import TracebackType
from typing import Any, Self, TypeVar, get_args

from hub.errors import InvalidAskError
from hub.sandbox.bad_worlds import newcomer_numbers, with_newcomers
from hub.sandbox.bookings import Booking, Bookings, read_bookings, with_bookings
from hub.sandbox.control import Control
from hub.sandbox.files import write_first, write_next
from hub.sandbox.inbox import Inbox
from hub.sandbox.keys import host_key_line, new_key, password, read_key
from hub.sandbox.lock import FolderLock
from hub.sandbox.mischief import Mischief, Order
from hub.sandbox.model import Landlord, World
from hub.sandbox.payments import PaymentServer, misbehaviours
from hub.sandbox.payments.misbehaviours import WHO as PAYMENTS
from hub.sandbox.sftp_server import SftpServer, fingerprint
from hub.sandbox.soap_server import SoapServer
from hub.sandbox.till import Till
from hub.sandbox.truth import truth
from hub.sandbox.world import advance, build_world
from hub.sandbox.yardi_server import DATABASE, ENTITY, PLATFORM, SERVER, YardiServer

HOST, USER = "127.0.0.1", "hub"
STATE = "state.json"
LAYOUT = 1
_RIVES_PASSWORD, _TILLEULS_PASSWORD = "secrets/rives_password", "secrets/tilleuls_password"
_TILLEULS_KEY, _TILLEULS_HOST_KEY = "secrets/tilleuls_key", "secrets/tilleuls_host_key"
_LAKESIDE_PASSWORD, _LAKESIDE_LICENCE = "secrets/lakeside_password", "secrets/lakeside_licence"
LANDLORDS: tuple[Landlord, ...] = get_args(Landlord)
ServerT = TypeVar("ServerT")


@dataclass(frozen=True, slots=True)
class Kept:
    """What a folder remembers of its world. Another `layout` (of files), seed or size means another world.

    `newcomers`: landlords and days on which somebody opened an account beyond what the seed tells.
    """

    layout: int
    seed: int
    contracts: int | None
    base: str
    day: str
    newcomers: tuple[tuple[str, str], ...] = ()

    def days_of(self, landlord: Landlord) -> list[date]:
        return [date.fromisoformat(day) for who, day in self.newcomers if who == landlord]

    def is_of(self, *, seed: int, contracts: int | None, today: date) -> bool:
        same = (self.layout, self.seed, self.contracts) == (LAYOUT, seed, contracts)
        return same and date.fromisoformat(self.base) <= today


class Sandbox:
    """Rives d'Oise Habitat and Lakeside Homes on SOAP, Cité des Tilleuls on SFTP, and their payment providers on HTTP,
    at 127.0.0.1. A context manager.

    Port 0 means the port of last time if it is free, else any; a port that is given must be free (OSError otherwise).
    SetupError when another sandbox serves the folder, ValueError for a world of fewer than ten contracts.
    """

    def __init__(
        self,
        folder: Path,
        *,
        seed: int = 1,
        contracts: int | None = None,
        today: date,
        soap_port: int = 0,
        sftp_port: int = 0,
        lakeside_port: int = 0,
        payments_port: int = 0,
    ) -> None:
        self.folder = folder.resolve()
        self.root = self.folder / "sftp"
        self._lock = RLock()
        self.state: dict[str, Any] = {}
        self.folder.mkdir(parents=True, exist_ok=True)
        with ExitStack() as undo:
            undo.callback(FolderLock(self.folder).release)
            last = _read_state(self.folder)
            self._worlds, self._kept = self._settle(last, seed=seed, contracts=contracts, today=today)
            self.bookings = Bookings(self.folder)
            self.tills = {landlord: self._till(landlord) for landlord in LANDLORDS}
            rives, lakeside = self.world("rives-doise"), self.world("lakeside-homes")
            self.soap = _soap_server(self.folder, rives, port=soap_port, last=_port_of(last, "soap"))
            undo.callback(self.soap.stop)
            self.soap.till = self.tills["rives-doise"]
            self.lakeside = _yardi_server(self.folder, lakeside, port=lakeside_port, last=_port_of(last, "lakeside"))
            undo.callback(self.lakeside.stop)
            self.lakeside.take_receipts(self.tills["lakeside-homes"])
            self.payments = _payment_server(self.folder, port=payments_port, last=_port_of(last, "payments"))
            undo.callback(self.payments.stop)
            self.sftp = _sftp_server(self.folder, self.root, port=sftp_port, last=_port_of(last, "sftp"))
            undo.callback(self.sftp.stop)
            self.sftp.till = self.tills["cite-des-tilleuls"]
            self.inbox = Inbox(self.root, self.sftp.till, self.sftp.still)
            undo.callback(self.inbox.stop)
            self._mischief = Mischief(self)
            undo.callback(self._mischief.stop)
            self._mischief.resume()
            if last and self.day > (slept_since := date.fromisoformat(last.get("day", self._kept.base))):
                self._mischief.after_night(slept_since)
            undo.callback(Control(self.folder, self._do).close)
            self._end = undo.pop_all()

    @property
    def day(self) -> date:
        return self._worlds["rives-doise"].today

    def world(self, landlord: Landlord) -> World:
        """With all that came in from outside until today."""
        return with_bookings(_with_newcomers(self._worlds[landlord], self._kept), self.bookings.of(landlord))

    def world_of_yesterday(self, landlord: Landlord) -> World:
        """InvalidAskError on the world's first day."""
        if self.day.isoformat() == self._kept.base:
            raise InvalidAskError(
                "there is no yesterday yet", hint="let a night pass first: `housing-hub sandbox night`"
            )
        kept = replace(self._kept, day=(self.day - timedelta(days=1)).isoformat())
        return _world_of(landlord, kept, self.bookings.of(landlord))

    def newcomers(self, landlord: Landlord, *, since: date) -> list[str]:
        """The accounts opened after `since` by `welcome`."""
        days = self._kept.days_of(landlord)
        numbers = newcomer_numbers(self.world(landlord), days)
        return [number for number, day in zip(numbers, days, strict=True) if day > since]

    def truth(self, landlord: Landlord) -> dict[str, Any]:
        return truth(self.world(landlord), self.bookings.of(landlord))

    def start(self) -> dict[str, Any]:
        """Open all doors; returns the state, in `state.json` before the first door opens."""
        state = self._remember()
        self.soap.start()
        self.lakeside.start()
        self.sftp.start()
        self.payments.start()
        self.inbox.start()
        return state

    def stop(self) -> None:
        """Close the doors, every connection and the folder."""
        self._end.close()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def advance(self, *, days: int = 1) -> date:
        """Let days pass: the SOAP sides serve the new world, the SFTP side gets the files of its next night."""
        with self._lock:
            since = self.day
            self.pass_nights(days)
            self._mischief.after_night(since)
        return self.day

    def misbehave(self, landlord: str, order: Order) -> str:
        """Do something wrong from now on; says what. AskError when this landlord's ERP cannot. `payments` is not of a
        landlord: the payment providers, or those of the shops that `file` names."""
        if landlord == PAYMENTS:
            if order.times is not None or order.until is not None:
                raise InvalidAskError("payment providers do so until told", hint="`behave payments` ends it")
            return misbehaviours.misbehave(self.payments.book, order.what, order.file)
        with self._lock:
            return self._mischief.misbehave(landlord, order)

    def behave(self, landlord: str) -> list[str]:
        """Do everything right again; gives the files that were put back."""
        if landlord == PAYMENTS:
            misbehaviours.behave(self.payments.book)
            return []
        with self._lock:
            return self._mischief.behave(landlord)

    @property
    def orders(self) -> Mapping[Landlord, Order]:
        """What misbehaves just now."""
        return dict(self._mischief.orders)

    def pass_nights(self, days: int) -> None:
        """Go on so many days at once, and export the last of them as it should be. Wants the lock."""
        self.inbox.pick_up()
        since, day = self.day, self.day + timedelta(days=days)
        self._worlds = {
            landlord: advance(world, day, self.bookings.of(landlord)) for landlord, world in self._worlds.items()
        }
        with self.sftp.still:
            write_next(self.world("cite-des-tilleuls"), self.root, since=since)
        self.soap.world, self.lakeside.world = self.world("rives-doise"), self.world("lakeside-homes")
        self.payments.pass_nights(days)
        self._remember()

    def welcome(self, landlord: Landlord) -> None:
        """Somebody opens an account tomorrow: part of the world from then on."""
        tomorrow = (self.day + timedelta(days=1)).isoformat()
        self._kept = replace(self._kept, newcomers=(*self._kept.newcomers, (landlord, tomorrow)))

    def _till(self, landlord: Landlord) -> Till:
        nights = 1 if landlord == "cite-des-tilleuls" else 0
        return Till(landlord, self.bookings, self._lock, lambda: self._worlds[landlord], self._on_booked, nights=nights)

    def _on_booked(self, booking: Booking) -> None:
        """The SOAP sides show it from the next call on, the SFTP side with its next night."""
        if booking.landlord == "rives-doise":
            self.soap.world = with_bookings(self.soap.world, [booking])
        elif booking.landlord == "lakeside-homes":
            self.lakeside.world = with_bookings(self.lakeside.world, [booking])

    def _do(self, asked: Mapping[str, Any]) -> Any:
        """An order from another process."""
        match asked.get("do"):
            case "misbehave":
                return self.misbehave(str(asked["landlord"]), Order(**asked["order"]))
            case "behave":
                return self.behave(str(asked["landlord"]))
            case "night":
                return [self.advance().isoformat() for _ in range(int(asked["nights"]))]
            case "orders":
                found = {str(landlord): asdict(order) for landlord, order in self.orders.items()}
                order = misbehaviours.misbehaves(self.payments.book)
                return found if order is None else {**found, PAYMENTS: {**order, "times": None}}
        raise InvalidAskError("the sandbox does not know this order")

    def _remember(self) -> dict[str, Any]:
        self._kept = replace(self._kept, day=self.day.isoformat())
        doors = {"soap": self._soap_state(), "sftp": self._sftp_state(), "lakeside": self._lakeside_state()}
        doors["payments"] = self.payments.state()
        self.state = {"ready": True, "host": HOST, **asdict(self._kept), **doors}
        _write_state(self.folder, self.state)
        return self.state

    def _soap_state(self) -> dict[str, Any]:
        server = self.soap
        addresses = {"wsdl": server.wsdl_url, "address": server.address}
        return {"port": server.port, **addresses, "user": USER, "password_file": _RIVES_PASSWORD}

    def _lakeside_state(self) -> dict[str, Any]:
        server = self.lakeside
        addresses = {"port": server.port, "wsdl": server.wsdl_url, "address": server.address}
        addresses |= {"batches_wsdl": server.batches_wsdl_url}
        secrets = {"user": USER, "password_file": _LAKESIDE_PASSWORD, "licence_file": _LAKESIDE_LICENCE}
        place = {"server_name": SERVER, "database": DATABASE, "platform": PLATFORM, "entity": ENTITY}
        return addresses | secrets | place

    def _sftp_state(self) -> dict[str, Any]:
        key = self.sftp.own_host_key()
        keys = {"host_key": key, "fingerprint": fingerprint(key)}
        files = {"password_file": _TILLEULS_PASSWORD, "key_file": _TILLEULS_KEY}
        return {"port": self.sftp.port, "user": USER, **files, **keys, "root": "sftp"}

    def _settle(
        self, last: Mapping[str, Any], *, seed: int, contracts: int | None, today: date
    ) -> tuple[dict[Landlord, World], Kept]:
        """The worlds the folder holds, gone on to today; or new ones, with their files, in an empty folder."""
        kept = _kept(last)
        if kept is None or not kept.is_of(seed=seed, contracts=contracts, today=today):
            return self._found(seed=seed, contracts=contracts, today=today)
        booked = {landlord: list(read_bookings(self.folder, landlord)) for landlord in LANDLORDS}
        worlds = {landlord: _plain_world(landlord, kept, booked[landlord]) for landlord in LANDLORDS}
        since = worlds["cite-des-tilleuls"].today
        if today > since:
            worlds = {landlord: advance(world, today, booked[landlord]) for landlord, world in worlds.items()}
            gone_on = _with_newcomers(worlds["cite-des-tilleuls"], kept)
            write_next(with_bookings(gone_on, booked["cite-des-tilleuls"]), self.root, since=since)
        return worlds, kept

    def _found(self, *, seed: int, contracts: int | None, today: date) -> tuple[dict[Landlord, World], Kept]:
        # Without its state first: a folder cut off half way is made again.
        (self.folder / STATE).unlink(missing_ok=True)
        rmtree(self.root, ignore_errors=True)
        PaymentServer.forget(self.folder)
        Mischief.forget(self.folder)
        Bookings.forget(self.folder)
        kept = Kept(LAYOUT, seed, contracts, today.isoformat(), today.isoformat())
        worlds = {landlord: _plain_world(landlord, kept) for landlord in LANDLORDS}
        write_first(worlds["cite-des-tilleuls"], self.root)
        return worlds, kept


def _world_of(landlord: Landlord, kept: Kept, bookings: Sequence[Booking]) -> World:
    """A landlord's world as a folder remembers it."""
    return with_bookings(_with_newcomers(_plain_world(landlord, kept, bookings), kept), bookings)


def _with_newcomers(world: World, kept: Kept) -> World:
    days = kept.days_of(world.landlord)
    return with_newcomers(world, days) if days else world


def _plain_world(landlord: Landlord, kept: Kept, bookings: Sequence[Booking] = ()) -> World:
    """Built on its first day, gone on to its last."""
    base, day = date.fromisoformat(kept.base), date.fromisoformat(kept.day)
    world = build_world(landlord, seed=kept.seed, contracts=kept.contracts, today=base)
    return advance(world, day, bookings) if day > base else world


def truth_of(folder: Path, landlord: Landlord) -> dict[str, Any]:
    """The truth of a folder's world, also while it is served. Raises FileNotFoundError where there is none."""
    kept = _kept(_read_state(folder))
    if kept is None:
        raise FileNotFoundError(f"no sandbox world in {folder}: start one with `python -m hub.sandbox --dir {folder}`")
    bookings = list(read_bookings(folder, landlord))
    return truth(_world_of(landlord, kept, bookings), bookings)


def _soap_server(folder: Path, world: World, *, port: int, last: int) -> SoapServer:
    secret = password(folder / _RIVES_PASSWORD)
    return _at_port(lambda at: SoapServer(world, user=USER, password=secret, host=HOST, port=at), port=port, last=last)


def _yardi_server(folder: Path, world: World, *, port: int, last: int) -> YardiServer:
    secrets = {
        "password": password(folder / _LAKESIDE_PASSWORD),
        "licence": password(folder / _LAKESIDE_LICENCE),
    }
    return _at_port(lambda at: YardiServer(world, user=USER, **secrets, host=HOST, port=at), port=port, last=last)


def _sftp_server(folder: Path, root: Path, *, port: int, last: int) -> SftpServer:
    key_file = folder / _TILLEULS_KEY
    if not key_file.exists():
        new_key(key_file)

    def server(at: int) -> SftpServer:
        return SftpServer(
            root,
            host_key_file=folder / _TILLEULS_HOST_KEY,
            user=USER,
            password=password(folder / _TILLEULS_PASSWORD),
            client_key_line=host_key_line(read_key(key_file)),
            host=HOST,
            port=at,
        )

    return _at_port(server, port=port, last=last)


def _payment_server(folder: Path, *, port: int, last: int) -> PaymentServer:
    return _at_port(lambda at: PaymentServer(folder, host=HOST, port=at), port=port, last=last)


def _at_port(server: Callable[[int], ServerT], *, port: int, last: int) -> ServerT:
    """A server at `port`; where none is asked for, at the last one, or at any if another has taken it."""
    try:
        return server(port or last)
    except OSError:
        if port:
            raise
        return server(0)


def _kept(state: Mapping[str, Any]) -> Kept | None:
    try:
        named = {name: state[name] for name in ("layout", "seed", "contracts", "base", "day")}
    except KeyError:
        return None
    return Kept(**named, newcomers=tuple((who, day) for who, day in state.get("newcomers", ())))


def _port_of(state: Mapping[str, Any], name: str) -> int:
    return int(state.get(name, {}).get("port", 0))


def _read_state(folder: Path) -> dict[str, Any]:
    try:
        state: dict[str, Any] = json.loads((folder / STATE).read_text("utf-8"))
    except (FileNotFoundError, ValueError):
        return {}
    return state


def _write_state(folder: Path, state: Mapping[str, Any]) -> None:
    beside = folder / f"{STATE}.tmp"
    beside.write_text(json.dumps(state, ensure_ascii=False, indent=1), "utf-8")
    beside.replace(folder / STATE)
