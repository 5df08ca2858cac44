"""A landlord's file (`landlords/<slug>.toml`): its shape, before any plugin has judged its own part."""

from __future__ import annotations

import os
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, time
from difflib import get_close_matches
from math import isfinite
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar
from zoneinfo import ZoneInfo, available_timezones

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, SecretStr, ValidationError

from hub.config.contact_points import ContactPoint
from hub.config.feed_modes import CoversTable, Sequence, SequenceTable
from hub.config.guard_table import NO_GUARD_OF_ITS_OWN, GuardTable
from hub.config.lines import Path as KeyPath
from hub.config.lines import TomlLines
from hub.config.notify import Notify
from hub.config.payment_tables import NO_PAYMENTS, OWN_WORDS, PaymentsTable, ProviderEntry, ProviderTable, owner_of
from hub.config.problems import LandlordFileError, Spot, nearest
from hub.config.references import all_references
from hub.domain.modes import Mode
from hub.domain.rejects import RejectLimit
from hub.domain.schedule import Schedule, duration
from hub.domain.windows import Window
from hub.errors import SettingsError, Where
from hub.records import Stream
from hub.wire.policy import NetworkPolicy

_MAX_FILE_BYTES = 4 * 1024**2
_MAX_JITTER_SECONDS = 6 * 3600
_NAME = re.compile(r"[a-z][a-z0-9_-]{0,59}")
_Model = TypeVar("_Model", bound=BaseModel)


def _zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (ValueError, OSError, KeyError):
        near = get_close_matches(name, available_timezones(), 1)
        meant = f'did you mean "{near[0]}"?' if near else 'write one like "Europe/Paris"'
        raise ValueError(f'"{name}" is no time zone: {meant}') from None
    return name


def _schedule(text: str) -> str:
    try:
        return Schedule.parse(text).text
    except SettingsError as error:
        raise ValueError(f"{error.message} → {error.hint}") from None


def _daily(text: str) -> str:
    plain = _schedule(text)
    if Schedule.parse(plain).at is None:
        raise ValueError(f'"{text}" is no time of day: write "daily 07:00" or "weekdays 07:00"')
    return plain


def _quiet(text: str) -> str:
    try:
        return Window.parse(text).text
    except SettingsError as error:
        raise ValueError(f"{error.message} → {error.hint}") from None


def _max_rejected(value: int | str) -> int | str:
    RejectLimit.parse(value)
    return value


def _jitter(text: str) -> str:
    if not 0 < duration(text) <= _MAX_JITTER_SECONDS:
        raise ValueError(f'"{text}" is no delay of up to six hours → write one like "5 minutes"')
    return " ".join(text.lower().split())


_Quiet = tuple[Annotated[str, AfterValidator(_quiet)], ...]
_Host = Annotated[str, Field(pattern=r"^[a-z0-9.-]{1,253}$")]


class _Table(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Identity(_Table):
    """Who the landlord is. `hosts`: names of the API's host that lead to this landlord. `keep_raw_days`: how long raw
    input is kept, encrypted; `keep_jobs_days`: how long the records of done work are."""

    slug: Annotated[str, Field(pattern=r"^[a-z0-9]([a-z0-9-]{0,38}[a-z0-9])?$")] = Field(
        description="small letters, digits and hyphens, at most 40", examples=["rives-doise"]
    )
    name: Annotated[str, Field(min_length=1, max_length=300)]
    time_zone: Annotated[str, AfterValidator(_zone)] = Field(examples=["Europe/Paris"], description="an IANA time zone")
    locale: Annotated[str, Field(pattern=r"^[a-z]{2,3}(-[A-Z]{2})?$")] = "fr-FR"
    hosts: tuple[_Host, ...] = ()
    keep_raw_days: Annotated[int, Field(ge=1, le=3650)] = 30
    keep_jobs_days: Annotated[int, Field(ge=1, le=3650)] = 30
    quiet: _Quiet = Field(default=(), description="when no feed begins by itself", examples=[["22:00-04:00"]])
    balance: Literal["of_record", "summed"] = Field(
        default="of_record",
        description="what tenants see as balance: the ERP's own, where it gives one, or opening balance and entries",
    )
    summary: Annotated[str, AfterValidator(_daily)] | None = Field(
        default=None,
        description='when [[notify]] entries with "summary" are told the day\'s state',
        examples=["daily 07:00"],
    )


class Network(_Table):
    """What a connector may do on the network, where it differs from the usual (`hub.wire.policy`)."""

    private_hosts: tuple[str, ...] = ()
    allow_http: bool = False
    total_seconds: Annotated[float, Field(gt=0)] | None = None
    connect_seconds: Annotated[float, Field(gt=0)] | None = None
    read_seconds: Annotated[float, Field(gt=0)] | None = None
    max_bytes: Annotated[int, Field(gt=0)] | None = None

    def policy(self) -> NetworkPolicy:
        given = self.model_dump(exclude_none=True)
        return NetworkPolicy(**given | {"private_hosts": frozenset(self.private_hosts)})


class Pace(_Table):
    """When and how often a connector's ERP may be called."""

    model_config = ConfigDict(frozen=True, extra="ignore")
    maintenance: _Quiet = Field(
        default=(), description="when the ERP is not to be called", examples=[["sun 02:00-06:00"]]
    )
    max_at_once: Annotated[int, Field(ge=1, le=16)] = Field(default=1, description="jobs that may use it at a time")


@dataclass(frozen=True, slots=True)
class ConnectorEntry:
    """`[connectors.NAME]`: the plugin, its settings as written (secrets by reference), its network limits and pace."""

    name: str
    plugin: str
    settings: dict[str, Any]
    network: Network
    pace: Pace = field(default_factory=Pace)


class _FeedTable(_Table):
    model_config = ConfigDict(frozen=True, extra="ignore")
    connector: str = Field(description="the name of a [connectors.NAME]", examples=["erp"])
    stream: Stream = Field(description="what the feed brings", examples=["ledger_entries"])
    mode: Mode = "snapshot"
    covers: CoversTable | None = None
    sequence: Sequence | None = None
    schedule: Annotated[str, AfterValidator(_schedule)] = "manual"
    quiet: _Quiet = ()
    jitter: Annotated[str, AfterValidator(_jitter)] | None = None
    max_rejected: Annotated[int | str, AfterValidator(_max_rejected)] | None = Field(
        default=None, description="how many bad rows make the whole file bad: a number, or a share", examples=["5 %"]
    )
    fields: dict[str, Any] | None = None
    keep: list[Any] = Field(default_factory=list)
    guard: GuardTable = NO_GUARD_OF_ITS_OWN


@dataclass(frozen=True, slots=True)
class FeedEntry:
    """`[feeds.NAME]`: what the hub needs to know; `settings` are the connector's own."""

    name: str
    connector: str
    stream: Stream
    mode: Mode
    schedule: str
    fields: dict[str, Any] | None
    keep: list[Any]
    settings: dict[str, Any]
    guard: GuardTable = NO_GUARD_OF_ITS_OWN
    quiet: tuple[str, ...] = ()
    jitter: str | None = None
    max_rejected: int | str | None = None
    covers: CoversTable | None = None
    sequence: SequenceTable | None = None


@dataclass(frozen=True, slots=True)
class LandlordFile:
    """A file of sound shape. `spot` finds the line of a key for messages."""

    path: Path
    identity: Identity
    connectors: dict[str, ConnectorEntry]
    feeds: dict[str, FeedEntry]
    contact_points: tuple[ContactPoint, ...]
    notify: tuple[Notify, ...]
    spot: Spot = field(repr=False)
    text: str = field(default="", repr=False, compare=False)
    payments: PaymentsTable = NO_PAYMENTS
    providers: dict[str, ProviderEntry] = field(default_factory=dict)

    @classmethod
    def load(cls, path: Path | str) -> LandlordFile:
        """Read a file. Raises LandlordFileError with everything that is wrong with its shape."""
        draft = Draft.read(Path(path))
        if draft.problems or draft.identity is None:
            raise LandlordFileError(str(path), draft.problems)
        parts = (
            draft.path,
            draft.identity,
            draft.connectors,
            draft.feeds,
            draft.contact_points,
            draft.notify,
            draft.spot,
        )
        return cls(*parts, text=draft.text, payments=draft.payments, providers=draft.providers)

    @property
    def slug(self) -> str:
        return self.identity.slug

    @property
    def secrets(self) -> dict[tuple[str, str], SecretStr]:
        """The secrets the file refers to, read now: (connector, field) → value. Raises SettingsError."""
        of_connectors = {
            (connector.name, ".".join(map(str, path))): found.read(self.path.parent, os.environ)
            for connector in self.connectors.values()
            for path, found in all_references(connector.settings)
        }
        of_providers = {
            (owner_of(provider.name), ".".join(map(str, path))): found.read(self.path.parent, os.environ)
            for provider in self.providers.values()
            for path, found in all_references(provider.settings)
        }
        told = {(one.owner, "secret"): one.reference for one in self.notify}
        return (
            of_connectors
            | of_providers
            | {name: ref.read(self.path.parent, os.environ) for name, ref in told.items() if ref}
        )


@dataclass(slots=True)
class Draft:
    """A file as far as its shape is sound, and the problems of the rest."""

    path: Path
    spot: Spot
    identity: Identity | None = None
    connectors: dict[str, ConnectorEntry] = field(default_factory=dict)
    feeds: dict[str, FeedEntry] = field(default_factory=dict)
    contact_points: tuple[ContactPoint, ...] = ()
    notify: tuple[Notify, ...] = ()
    payments: PaymentsTable = NO_PAYMENTS
    providers: dict[str, ProviderEntry] = field(default_factory=dict)
    problems: list[SettingsError] = field(default_factory=list)
    text: str = field(default="", repr=False)

    @classmethod
    def read(cls, path: Path) -> Draft:
        """Raises LandlordFileError for a file that cannot be read at all."""
        text = _text(path)
        try:
            content: dict[str, Any] = _plain(tomllib.loads(text))
        except tomllib.TOMLDecodeError as error:
            line = re.search(r"line (\d+)", str(error))
            where = Where(file=str(path), line=int(line[1]) if line else None)
            raise LandlordFileError(str(path), [SettingsError(f"no TOML: {error}", where=where)]) from None
        draft = cls(path, Spot(str(path), TomlLines(text), _slug(content)), text=text)
        draft._take(content)
        return draft

    def _take(self, content: dict[str, Any]) -> None:
        known = ("landlord", "connectors", "feeds", "payments", "providers", "contact_points", "notify")
        for name in content.keys() - set(known):
            self.problems.append(self.spot.problem((name,), f'unknown table "{name}"', nearest(name, known)))
        if "landlord" in content:
            self.identity = self._model(Identity, content["landlord"], ("landlord",))
        else:
            self.problems.append(self.spot.problem((), "[landlord] is missing", "begin with [landlord] and its slug"))
        for name, table, path in self._tables(content, "connectors"):
            if connector := self._connector(name, table, path):
                self.connectors[name] = connector
        for name, table, path in self._tables(content, "feeds"):
            if feed := self._feed(name, table, path):
                self.feeds[name] = feed
        self.payments = self._model(PaymentsTable, content.get("payments", {}), ("payments",)) or NO_PAYMENTS
        for name, table, path in self._tables(content, "providers"):
            if provider := self._provider(name, table, path):
                self.providers[name] = provider
        self.contact_points = tuple(self._list(ContactPoint, content, "contact_points"))
        self.notify = tuple(self._list(Notify, content, "notify"))

    def _tables(self, content: dict[str, Any], kind: str) -> list[tuple[str, dict[str, Any], KeyPath]]:
        """The tables of `[kind.NAME]` with their paths; what is no table, or badly named, is a problem."""
        tables = content.get(kind, {})
        if not isinstance(tables, dict):
            self.problems.append(self.spot.problem((kind,), f"{kind} is no table", f"write [{kind}.NAME]"))
            return []
        found: list[tuple[str, dict[str, Any], KeyPath]] = []
        for name, table in tables.items():
            if not isinstance(table, dict):
                self.problems.append(self.spot.problem((kind, name), f"{name} is no table", f"write [{kind}.{name}]"))
            elif not _NAME.fullmatch(name):
                hint = "small letters, digits, _ and -"
                self.problems.append(self.spot.problem((kind, name), f'"{name}" cannot be a name here', hint))
            else:
                found.append((name, table, (kind, name)))
        return found

    def _connector(self, name: str, table: dict[str, Any], path: KeyPath) -> ConnectorEntry | None:
        network = self._model(Network, table.get("network", {}), (*path, "network"))
        plugin = table.get("plugin")
        if not isinstance(plugin, str):
            self.problems.append(self.spot.problem(path, "plugin is missing", 'write plugin = "sftp_files"'))
            return None
        pace = self._model(Pace, table, path)
        known = {"plugin", "network", *Pace.model_fields}
        settings = {key: value for key, value in table.items() if key not in known}
        return ConnectorEntry(name, plugin, settings, network, pace) if network and pace else None

    def _provider(self, name: str, table: dict[str, Any], path: KeyPath) -> ProviderEntry | None:
        network = self._model(Network, table.get("network", {}), (*path, "network"))
        plugin = table.get("plugin")
        if not isinstance(plugin, str):
            self.problems.append(self.spot.problem(path, "plugin is missing", 'write plugin = "lyra"'))
            return None
        own = self._model(ProviderTable, table, path)
        settings = {key: value for key, value in table.items() if key not in OWN_WORDS}
        return ProviderEntry(name, plugin, settings, network, own) if network and own else None

    def _feed(self, name: str, table: dict[str, Any], path: KeyPath) -> FeedEntry | None:
        own = self._model(_FeedTable, table, path)
        if own is None:
            return None
        settings = {key: value for key, value in table.items() if key not in _FeedTable.model_fields}
        return FeedEntry(
            name,
            own.connector,
            own.stream,
            own.mode,
            own.schedule,
            own.fields,
            own.keep,
            settings,
            guard=own.guard,
            quiet=own.quiet,
            jitter=own.jitter,
            max_rejected=own.max_rejected,
            covers=own.covers,
            sequence=own.sequence,
        )

    def _list(self, model: type[_Model], content: dict[str, Any], name: str) -> list[_Model]:
        """The tables of `[[name]]`."""
        tables = content.get(name, [])
        if not isinstance(tables, list):
            self.problems.append(self.spot.problem((name,), f"{name} is no list", f"write [[{name}]]"))
            return []
        made = [self._model(model, table, (name, place)) for place, table in enumerate(tables)]
        return [one for one in made if one is not None]

    def _model(self, model: type[_Model], table: Any, path: KeyPath) -> _Model | None:
        try:
            return model.model_validate(table)
        except ValidationError as error:
            self.problems += self.spot.invalid(path, model, error)
            return None


def _text(path: Path) -> str:
    """The file's text. Raises LandlordFileError."""
    try:
        content = path.read_bytes()
    except OSError as error:
        reason = error.strerror or type(error).__name__
        problem = SettingsError(
            f"the file cannot be read: {reason}", hint="check the path", where=Where(file=str(path))
        )
        raise LandlordFileError(str(path), [problem]) from None
    if len(content) > _MAX_FILE_BYTES:
        problem = SettingsError(
            "the file is larger than 4 MB", hint="is it the right one?", where=Where(file=str(path))
        )
        raise LandlordFileError(str(path), [problem])
    try:
        return content.decode("utf-8-sig").replace("\r\n", "\n")
    except UnicodeDecodeError as error:
        where = Where(file=str(path), line=content[: error.start].count(b"\n") + 1)
        problem = SettingsError("the file is not UTF-8", hint="save it as UTF-8", where=where)
        raise LandlordFileError(str(path), [problem]) from None


def _plain(value: Any) -> Any:
    """TOML's own dates, times and numbers that are none as texts: the rest of the way is JSON."""
    if isinstance(value, dict):
        return {key: _plain(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_plain(inner) for inner in value]
    if isinstance(value, float) and not isfinite(value):
        return str(value)
    return value.isoformat() if isinstance(value, datetime | date | time) else value


def _slug(content: Mapping[str, Any]) -> str | None:
    landlord = content.get("landlord")
    slug = landlord.get("slug") if isinstance(landlord, dict) else None
    return slug if isinstance(slug, str) else None
