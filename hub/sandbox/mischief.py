"""What misbehaves just now in a running sandbox: one thing a landlord, kept across restarts, ended by `behave`."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Collection, Mapping
from dataclasses import asdict, dataclass, replace
from datetime import date, timedelta
from pathlib import Path
from shutil import rmtree
from threading import Timer
from typing import TYPE_CHECKING, get_args

from hub.errors import InvalidAskError, NotFoundError
from hub.sandbox.bad_files import SPOIL, Night
from hub.sandbox.bad_worlds import (
    fresh_entries,
    with_a_new_code,
    with_anothers_contracts,
    without_accounts,
    without_days,
    without_some_contracts,
)
from hub.sandbox.faults import Faults, SoapFaults
from hub.sandbox.misbehaviours import MISBEHAVIOURS, SFTP, SOAP, YARDI, Misbehaviour
from hub.sandbox.model import Landlord, World
from hub.sandbox.soap_operations import OPERATIONS
from hub.sandbox.swaps import Swaps
from hub.sandbox.yardi_server import OPERATIONS as YARDI_OPERATIONS

if TYPE_CHECKING:
    from hub.sandbox.server import Sandbox
    from hub.sandbox.sftp_server import SftpServer
    from hub.sandbox.soap_server import SoapServer

DRIP_SECONDS = 2.0
_FOR_EVER = 10**9
_STATE, _KEPT, _OTHER_KEY = "misbehave.json", "good", "secrets/other_host_key"
_MONTH = 31
_LEASE = re.compile(r"(<MITS:Name>.*?</MITS:Name>)(.*?<MITS:Lease>.*?</MITS:Lease>)", re.DOTALL)
_STATUS = re.compile(r"<Etat>([^<]*)</Etat>(.*)</Contrat>", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Order:
    """`times`: so many calls (of a door), payments (of a till) or nights (of what it brings); `until`: seconds since
    1970; else until told.

    `day`: the day before the first night it is about; `nights`: how many it has spoiled.
    """

    what: str
    file: str = ""
    times: int | None = None
    until: float | None = None
    day: str = ""
    nights: int = 0

    @property
    def is_spent(self) -> bool:
        about = MISBEHAVIOURS[self.what]
        counts_nights = not about.is_of_door and not about.is_of_till
        return self.times is not None and counts_nights and self.nights >= self.times


class Mischief:
    """Changes doors, replies and files of a sandbox. Every method wants the sandbox's lock held."""

    def __init__(self, sandbox: Sandbox) -> None:
        self._sandbox = sandbox
        self._state = sandbox.folder / _STATE
        self._swaps = Swaps(sandbox.root, sandbox.folder / _KEPT)
        self._timers: dict[Landlord, Timer] = {}
        self.orders: dict[Landlord, Order] = _read(self._state)

    @staticmethod
    def forget(folder: Path) -> None:
        """A new world begins well."""
        (folder / _STATE).unlink(missing_ok=True)
        rmtree(folder / _KEPT, ignore_errors=True)

    def resume(self) -> None:
        """After a restart: doors and replies as they were; files stand as they stood."""
        for landlord, order in list(self.orders.items()):
            if order.until is not None and order.until <= time.time():
                self.behave(landlord)
            else:
                self._set_doors(landlord, order)
                self._set_timer(landlord, order)

    def misbehave(self, landlord: str, order: Order) -> str:
        """Do it from now on, in the place of what was done before; says what. Raises AskError."""
        who, about = _landlord(landlord), _known(order, landlord)
        self.behave(who)
        day = self._sandbox.day
        if about.needs_night:
            day = self._pass_nights(who, order)
        order = replace(order, day=day.isoformat())
        self.orders[who] = order
        try:
            self._set_doors(who, order)
            self._spoil(who)
        except BaseException:
            self.behave(who)
            raise
        self._set_timer(who, order)
        return f"{who}: {about.wire.replace('FILE', order.file or 'FILE')}"

    def behave(self, landlord: str) -> list[str]:
        """Put everything right; gives the names of the files that were put back."""
        who = _landlord(landlord)
        if (timer := self._timers.pop(who, None)) is not None:
            timer.cancel()
        self.orders.pop(who, None)
        self._faults(who).clear()
        self._sandbox.tills[who].faults.clear()
        put_back = []
        if who == SFTP:
            self._sandbox.sftp.show_key()
            put_back = self._swaps.put_back()
        self._keep()
        return put_back

    def after_night(self, since: date) -> None:
        """A good export of a new night was just written: spoil it where that is ordered."""
        for landlord in list(self.orders):
            order = self.orders[landlord]
            if order.is_spent:
                self._faults(landlord).clear()
                del self.orders[landlord]
            elif MISBEHAVIOURS[order.what].is_of_till:
                continue
            elif order.what not in ("resend", "skip-sequence", "start-late"):
                self._set_doors(landlord, order)
                self._spoil(landlord, since=since)
        self._keep()

    def stop(self) -> None:
        for timer in self._timers.values():
            timer.cancel()

    # --- what is done ------------------------------------------------------------------------------------------------

    def _pass_nights(self, landlord: Landlord, order: Order) -> date:
        """Nights until one brings enough entries to be hurt; gives the day before the one that counts."""
        if order.what == "start-late":
            since = self._sandbox.day
            self._sandbox.pass_nights(_MONTH)
            return since
        wanted = 3 if order.what == "skip-sequence" else 2
        if order.what == "orphan-entry":
            self._sandbox.welcome(landlord)
        for _ in range(_MONTH):
            since = self._sandbox.day
            self._sandbox.pass_nights(1)
            if order.what == "orphan-entry" or len(self._fresh(landlord, since)) >= wanted:
                break
        return since

    def _fresh(self, landlord: Landlord, since: date) -> list[object]:
        return list(fresh_entries(self._sandbox.world(landlord), since=since))

    def _spoil(self, landlord: Landlord, *, since: date | None = None) -> None:
        """Hurt tonight's export; a reply of the SOAP side is hurt whenever it is asked for."""
        order = self.orders[landlord]
        if landlord == SFTP and (spoil := SPOIL.get(order.what)) is not None:
            with self._sandbox.sftp.still:
                spoil(self._night(order, since or date.fromisoformat(order.day)))
        self.orders[landlord] = replace(order, nights=order.nights + 1)
        self._keep()

    def _night(self, order: Order, since: date) -> Night:
        sandbox = self._sandbox
        newcomers = tuple(sandbox.newcomers(SFTP, since=date.fromisoformat(order.day)))
        return Night(sandbox.world(SFTP), sandbox.root, self._swaps, since, newcomers, order.file)

    def _set_doors(self, landlord: Landlord, order: Order) -> None:
        faults = self._faults(landlord)
        faults.clear()
        about = MISBEHAVIOURS[order.what]
        if about.is_of_till:
            till = self._sandbox.tills[landlord].faults
            till.what, till.left, till.nights = order.what, order.times, int(order.file or 2)
            return
        if about.is_of_door:
            faults.hang, faults.fault = order.what == "hang", order.what == "fault"
            faults.drip_seconds = DRIP_SECONDS if order.what == "drip" else 0.0
            faults.busy = (order.times or _FOR_EVER) if order.what == "busy" else 0
            faults.left = order.times
        if order.what == "host-key":
            self._sandbox.sftp.show_key(self._sandbox.folder / _OTHER_KEY)
        if isinstance(faults, SoapFaults) and not about.is_of_door:
            self._set_replies(landlord, faults, order)

    def _set_replies(self, landlord: Landlord, faults: SoapFaults, order: Order) -> None:
        calls = _CALLS[landlord]
        edit = calls.edits.get(order.what)
        if order.what in ("truncate", "truncate-contracts"):
            faults.cut = frozenset([order.file if order.what == "truncate" else calls.contracts])
        elif edit is not None:
            faults.edits = {calls.contracts: edit}
        else:
            faults.worlds = self._bad_replies(landlord, order, calls)

    def _bad_replies(self, landlord: Landlord, order: Order, calls: _Calls) -> Mapping[str, World]:
        world, since = self._sandbox.world(landlord), date.fromisoformat(order.day)
        if order.what == "stale":
            return dict.fromkeys(calls.all, self._sandbox.world_of_yesterday(landlord))
        if order.what == "drop-contracts":
            bad = without_some_contracts(world)
            return {calls.contracts: bad, calls.accounts: bad}
        if order.what == "wrong-landlord":
            return {calls.contracts: with_anothers_contracts(world)}
        if order.what == "new-code":
            return {calls.ledger: with_a_new_code(world, since=since)}
        if order.what == "orphan-entry":
            return {calls.accounts: without_accounts(world, self._sandbox.newcomers(landlord, since=since))}
        last = since + timedelta(days=_MONTH)
        return {calls.ledger: without_days(world, since=since, until=last)}

    def _faults(self, landlord: Landlord) -> Faults:
        sandbox = self._sandbox
        doors: Mapping[Landlord, SoapServer | SftpServer] = {
            SOAP: sandbox.soap,
            YARDI: sandbox.lakeside,
            SFTP: sandbox.sftp,
        }
        return doors[landlord].faults

    def _set_timer(self, landlord: Landlord, order: Order) -> None:
        if order.until is None:
            return
        timer = Timer(max(0.0, order.until - time.time()), self._sandbox.behave, (landlord,))
        timer.daemon = True
        self._timers[landlord] = timer
        timer.start()

    def _keep(self) -> None:
        beside = self._state.with_name(f"{_STATE}.tmp")
        beside.write_text(json.dumps({who: asdict(order) for who, order in self.orders.items()}), "utf-8")
        beside.replace(self._state)


def _rename_status(text: str) -> str:
    return text.replace("<Etat>", "<Statut>").replace("</Etat>", "</Statut>")


def _move_status(text: str) -> str:
    return _STATUS.sub(r"\2<Etat>\1</Etat></Contrat>", text)


def _rename_type(text: str) -> str:
    return text.replace("<MITS:Customer Type=", "<MITS:Customer Status=")


def _move_name(text: str) -> str:
    """Everybody's name comes after the lease."""
    return _LEASE.sub(r"\2\1", text)


@dataclass(frozen=True, slots=True)
class _Calls:
    """The operations of an ERP that answers calls, and how a change of its contracts' form looks there."""

    all: Collection[str]
    contracts: str
    accounts: str
    ledger: str
    edits: Mapping[str, Callable[[str], str]]


_RESIDENTS = "GetResidentTransactions_Login"
_CALLS: Mapping[Landlord, _Calls] = {
    SOAP: _Calls(
        OPERATIONS,
        "ListerContrats",
        "ListerComptes",
        "ListerEcritures",
        {"rename-header": _rename_status, "move-column": _move_status},
    ),
    YARDI: _Calls(
        YARDI_OPERATIONS,
        _RESIDENTS,
        _RESIDENTS,
        "GetResidentTransactions_ByChargeDate_Login",
        {"rename-header": _rename_type, "move-column": _move_name},
    ),
}


def _landlord(slug: str) -> Landlord:
    for one in (SOAP, SFTP, YARDI):
        if slug == one:
            return one
    raise NotFoundError(f"the sandbox has no landlord {slug}", hint=f"one of {', '.join(get_args(Landlord))}")


def _known(order: Order, landlord: str) -> Misbehaviour:
    about = MISBEHAVIOURS.get(order.what)
    if about is None:
        raise NotFoundError(f"it cannot {order.what}", hint="`housing-hub sandbox misbehave --list` tells what it can")
    if reason := (about.not_for or {}).get(_landlord(landlord)):
        raise InvalidAskError(f"{landlord} cannot {order.what}: {reason}", hint="ask it of the other landlord")
    if order.what == "post-late" and (not order.file or order.file.isdecimal()):
        return about
    if (order.what == "truncate") != bool(order.file):
        raise InvalidAskError("truncate wants a FILE, the others none", hint="truncate ECR, or truncate ListerComptes")
    calls = _CALLS.get(_landlord(landlord))
    if order.file and calls is not None and order.file not in calls.all:
        raise InvalidAskError(f"no operation is called {order.file}", hint=f"one of {', '.join(calls.all)}")
    return about


def _read(path: Path) -> dict[Landlord, Order]:
    try:
        kept = json.loads(path.read_text("utf-8"))
    except (FileNotFoundError, ValueError):
        return {}
    return {_landlord(who): Order(**order) for who, order in kept.items()}
