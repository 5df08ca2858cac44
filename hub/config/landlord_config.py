"""A landlord as the hub runs it: every part judged, serialisable without secrets, ready to build connectors from."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from hashlib import sha256
from typing import Any, Protocol

from pydantic import SecretStr, ValidationError

from hub.config.base_line import read_base
from hub.config.contact_points import ContactPoint
from hub.config.feed_modes import CoversTable, SequenceTable
from hub.config.guard_table import NO_GUARD_OF_ITS_OWN, GuardTable
from hub.config.landlord_file import Identity, Network, Pace
from hub.config.notify import Notify
from hub.config.payment_tables import NO_PAYMENTS, PaymentsTable, ProviderConfig, ProviderTable
from hub.config.problems import nearest
from hub.config.references import fill
from hub.config.taken_over import taken_over
from hub.domain.modes import Mode
from hub.domain.plan import Plan
from hub.domain.schedule import Schedule, duration
from hub.domain.windows import Window
from hub.errors import NotFoundError, SettingsError, Where
from hub.mapping import Mapper, compile_mapping
from hub.ports import ConnectorSettings, ErpConnector, Feed, PaymentProvider, PluginSettings, ProviderSettings, Push
from hub.records import RECORDS, Stream, field_specs
from hub.wire.policy import NetworkPolicy

FORMAT = 1
SecretName = tuple[str, str]


class Connectors(Protocol):
    """Who knows the plugins' classes: the registry."""

    def connector(self, name: str) -> type[ErpConnector[Any]]: ...

    def provider(self, name: str) -> type[PaymentProvider[Any]]: ...


@dataclass(frozen=True, slots=True)
class ConnectorConfig:
    """One connector. `settings` are public: where a secret belongs stands its reference. `schema`: the version of the
    plugin's settings they were written for."""

    name: str
    plugin: str
    settings: dict[str, Any]
    network: Network
    secret_fields: tuple[str, ...] = ()
    schema: int = 1
    pace: Pace = field(default_factory=Pace)


@dataclass(frozen=True, slots=True)
class FeedConfig:
    """One feed. `mapping_version` changes whenever the same file would be read otherwise."""

    name: str
    connector: str
    stream: Stream
    mode: Mode
    schedule: Schedule
    settings: dict[str, Any]
    fields: dict[str, Any] | None
    keep: list[Any]
    mapping_version: str
    schema: int = 1
    guard: GuardTable = NO_GUARD_OF_ITS_OWN
    quiet: tuple[str, ...] = ()
    jitter: str | None = None
    max_rejected: int | str | None = None
    covers: CoversTable | None = None
    sequence: SequenceTable | None = None


@dataclass(frozen=True, slots=True)
class LandlordConfig:
    """Built by `resolve`, or again by `from_json`. `feeds` are in the order a night applies them.

    `text`: the file it was read from, as written.
    """

    identity: Identity
    connectors: dict[str, ConnectorConfig]
    feeds: tuple[FeedConfig, ...]
    contact_points: tuple[ContactPoint, ...]
    registry: Connectors = field(repr=False, compare=False)
    secrets: Mapping[SecretName, SecretStr] = field(default_factory=dict, repr=False, compare=False)
    notify: tuple[Notify, ...] = ()
    text: str = field(default="", repr=False, compare=False)
    payments: PaymentsTable = NO_PAYMENTS
    providers: dict[str, ProviderConfig] = field(default_factory=dict)

    @property
    def slug(self) -> str:
        return self.identity.slug

    @property
    def base(self) -> int | None:
        """The applied version its file says it was made from."""
        return read_base(self.text)

    @property
    def fingerprint(self) -> str:
        """sha256 of the JSON form: two files that mean the same have one."""
        return sha256(self.to_json().encode()).hexdigest()

    @property
    def secret_names(self) -> frozenset[SecretName]:
        """The secrets that have to be filled in before connectors are built."""
        of_connectors = {(one.name, name) for one in self.connectors.values() for name in one.secret_fields}
        of_providers = {(one.owner, name) for one in self.providers.values() for name in one.secret_fields}
        return frozenset(of_connectors | of_providers | {(one.owner, "secret") for one in self.notify if one.secret})

    def feed(self, name: str) -> FeedConfig:
        """One feed by name. Raises NotFoundError."""
        for feed in self.feeds:
            if feed.name == name:
                return feed
        raise NotFoundError(f"{self.slug} has no feed {name!r}", hint=nearest(name, [feed.name for feed in self.feeds]))

    def plan(self, feed: FeedConfig) -> Plan:
        """When the feed begins by itself: its schedule, out of the landlord's, its own and its ERP's closed hours."""
        closed = (*self.identity.quiet, *feed.quiet, *self.connectors[feed.connector].pace.maintenance)
        return Plan.of(feed.schedule, tuple(map(Window.parse, closed)), duration(feed.jitter or ""))

    def with_secrets(self, values: Mapping[SecretName, SecretStr]) -> LandlordConfig:
        """The same with its secrets filled in; unknown ones are left out."""
        return replace(self, secrets={name: values[name] for name in self.secret_names if name in values})

    def build_settings(self, connector: str) -> ConnectorSettings:
        """The connector's typed settings. Raises SettingsError when a secret is not filled in or something is wrong."""
        one = self.connectors[connector]
        model = self.connector_class(connector).settings_model
        stored = self._with_secrets_of(connector, f"connector {connector}", one.settings, one.secret_fields)
        settings: ConnectorSettings = self._valid(model, stored, one.schema, f"connector {connector}", None)
        return settings

    def provider(self, name: str) -> ProviderConfig:
        """One means of payment by name. Raises NotFoundError."""
        if name in self.providers:
            return self.providers[name]
        raise NotFoundError(f"{self.slug} has no provider {name!r}", hint=nearest(name, list(self.providers)))

    def provider_class(self, name: str) -> type[PaymentProvider[Any]]:
        """The plugin's class. Raises PluginError when the plugin is gone or broken."""
        return self.registry.provider(self.provider(name).plugin)

    def build_provider_settings(self, name: str) -> ProviderSettings:
        """A provider's typed settings; raises as `build_settings`."""
        one, model = self.provider(name), self.provider_class(name).settings_model
        stored = self._with_secrets_of(one.owner, f"provider {name}", one.settings, one.secret_fields)
        settings: ProviderSettings = self._valid(model, stored, one.schema, f"provider {name}", None)
        return settings

    @property
    def erp(self) -> str | None:
        """The connector payments are posted to."""
        return self.payments.erp or (next(iter(self.connectors)) if len(self.connectors) == 1 else None)

    def push(self) -> Push | None:
        """How that connector posts; None where it cannot."""
        return self.connector_class(self.erp).push_of(self.build_settings(self.erp)) if self.erp else None

    def _with_secrets_of(
        self, owner: str, what: str, settings: Mapping[str, Any], fields: tuple[str, ...]
    ) -> dict[str, Any]:
        missing = [name for name in fields if (owner, name) not in self.secrets]
        if missing:
            raise SettingsError(
                f"the secret {missing[0]} of {what} is not stored",
                hint="apply the landlord's file again",
                where=Where(landlord=self.slug),
            )
        return fill(settings, {name: value for (of, name), value in self.secrets.items() if of == owner})

    def build_feed(self, name: str, *, today: date | None = None) -> Feed:
        """What a connector is given of a feed, its mapping compiled. `today`: the day its window is for."""
        feed = self.feed(name)
        model = self.connector_class(feed.connector).feed_settings_model
        settings = self._valid(model, feed.settings, feed.schema, f"feed {name}", name)
        window = feed.covers.covers().of(today) if feed.covers and today else None
        return Feed(name, feed.stream, feed.mode, settings, self._mapper(feed), window)

    def connector_class(self, connector: str) -> type[ErpConnector[Any]]:
        """The plugin's class. Raises PluginError when the plugin is gone or broken."""
        return self.registry.connector(self.connectors[connector].plugin)

    def network(self, connector: str) -> NetworkPolicy:
        return self.connectors[connector].network.policy()

    @property
    def warnings(self) -> list[str]:
        """What is allowed, but hardly meant."""
        return [*_missing_parents(self.feeds), *_idle(self.connectors, self.feeds)]

    def to_json(self) -> str:
        """Everything but the secrets, in a form that is the same for the same meaning."""
        content = {
            "format": FORMAT,
            "landlord": self.identity.model_dump(mode="json"),
            "connectors": {name: _connector_plain(one) for name, one in self.connectors.items()},
            "feeds": [_feed_plain(feed) for feed in self.feeds],
            "contact_points": [point.plain() for point in self.contact_points],
            "notify": [one.plain() for one in self.notify],
            **self._payments_plain(),
        }
        return json.dumps(content, ensure_ascii=False, sort_keys=True)

    def _payments_plain(self) -> dict[str, Any]:
        """Only where written: a file that says nothing of payments keeps its fingerprint."""
        table = self.payments.model_dump(mode="json", exclude_defaults=True)
        providers = {name: one.plain() for name, one in self.providers.items()}
        return ({"payments": table} if table else {}) | ({"providers": providers} if providers else {})

    @classmethod
    def from_json(cls, text: str | Mapping[str, Any], registry: Connectors) -> LandlordConfig:
        """The config again, from `to_json`'s text or the object it stands for; secrets are still to be filled in."""
        content: Mapping[str, Any] = json.loads(text) if isinstance(text, str) else text
        if content.get("format") != FORMAT:
            raise SettingsError("the stored configuration has another format", hint="apply the landlord's file again")
        return cls(
            Identity.model_validate(content["landlord"]),
            {name: _connector_again(name, one) for name, one in content["connectors"].items()},
            tuple(_feed_again(feed) for feed in content["feeds"]),
            tuple(ContactPoint.model_validate(point) for point in content["contact_points"]),
            registry,
            notify=tuple(Notify.model_validate(one) for one in content.get("notify", ())),
            payments=PaymentsTable.model_validate(content.get("payments", {})),
            providers={name: _provider_again(name, one) for name, one in content.get("providers", {}).items()},
        )

    def _mapper(self, feed: FeedConfig) -> Mapper | None:
        if feed.fields is None:
            return None
        where = Where(landlord=self.slug, feed=feed.name)
        return compile_mapping(RECORDS[feed.stream], feed.fields, keep=feed.keep, where=where)

    def _valid(
        self, model: type[PluginSettings], settings: Mapping[str, Any], schema: int, what: str, feed: str | None
    ) -> Any:
        current = taken_over(model, settings, schema, what=what, where=Where(landlord=self.slug, feed=feed))
        try:
            return model.model_validate(current)
        except ValidationError as error:
            first = error.errors(include_input=False, include_url=False)[0]
            raise SettingsError(
                f"{what}: {'.'.join(map(str, first['loc']))} {first['msg']}",
                hint="correct the landlord's file and apply it again",
                where=Where(landlord=self.slug, feed=feed),
            ) from None


def mapping_version(plugin: str, settings: Mapping[str, Any], fingerprint: str) -> str:
    """What a file's claim is made for: the mapping, and the connector's settings that say how the file is read."""
    canonical = json.dumps([plugin, settings, fingerprint], ensure_ascii=False, sort_keys=True)
    return sha256(canonical.encode()).hexdigest()


def parents(stream: Stream) -> set[Stream]:
    """The streams a stream's rows cannot do without."""
    anchors = {record.anchor: record.stream for record in RECORDS.values() if record.anchor}
    needed = {
        anchors[spec.column.refers] for spec in field_specs(RECORDS[stream]) if spec.required and spec.column.refers
    }
    return needed - {stream}


def ancestors(stream: Stream) -> set[Stream]:
    """The streams a stream's rows cannot do without, directly or through others."""
    found = parents(stream)
    for parent in tuple(found):
        found |= ancestors(parent)
    return found


def descendants(stream: Stream) -> set[Stream]:
    """The streams whose rows cannot do without a stream's, directly or through others."""
    return {one for one in Stream if stream in ancestors(one)}


def _missing_parents(feeds: tuple[FeedConfig, ...]) -> list[str]:
    brought = {(feed.connector, feed.stream) for feed in feeds}
    return [
        f"feed {feed.name} refers to {parent}, but no feed of {feed.connector} brings them: "
        "its rows will wait for `rekey --share`"
        for feed in feeds
        for parent in sorted(parents(feed.stream))
        if (feed.connector, parent) not in brought
    ]


def _idle(connectors: Mapping[str, ConnectorConfig], feeds: tuple[FeedConfig, ...]) -> list[str]:
    used = {feed.connector for feed in feeds}
    return [f"connector {name} has no feed" for name in connectors if name not in used]


def _connector_plain(one: ConnectorConfig) -> dict[str, Any]:
    return {
        "plugin": one.plugin,
        "settings": one.settings,
        "network": one.network.model_dump(mode="json", exclude_defaults=True),
        "secret_fields": list(one.secret_fields),
        "schema": one.schema,
        "pace": one.pace.model_dump(mode="json", exclude_defaults=True),
    }


def _connector_again(name: str, content: Mapping[str, Any]) -> ConnectorConfig:
    network = Network.model_validate(content["network"])
    secret_fields, schema = tuple(content["secret_fields"]), content.get("schema", 1)
    pace = Pace.model_validate(content.get("pace", {}))
    return ConnectorConfig(name, content["plugin"], content["settings"], network, secret_fields, schema, pace)


def _provider_again(name: str, content: Mapping[str, Any]) -> ProviderConfig:
    network, own = Network.model_validate(content["network"]), ProviderTable.model_validate(content["own"])
    fields = tuple(content["secret_fields"])
    return ProviderConfig(name, content["plugin"], content["settings"], network, own, fields, content["schema"])


def _feed_plain(feed: FeedConfig) -> dict[str, Any]:
    return {
        "name": feed.name,
        "connector": feed.connector,
        "stream": feed.stream.value,
        "mode": feed.mode,
        "schedule": feed.schedule.text,
        "settings": feed.settings,
        "fields": feed.fields,
        "keep": feed.keep,
        "mapping_version": feed.mapping_version,
        "schema": feed.schema,
        "guard": feed.guard.written,
        "quiet": list(feed.quiet),
        "jitter": feed.jitter,
        "max_rejected": feed.max_rejected,
        **_modes_plain(feed),
    }


def _modes_plain(feed: FeedConfig) -> dict[str, Any]:
    """Only where written: a file that says nothing of it keeps its fingerprint."""
    written = {"covers": feed.covers, "sequence": feed.sequence}
    return {name: one.model_dump(exclude_none=True) for name, one in written.items() if one is not None}


def _feed_again(content: Mapping[str, Any]) -> FeedConfig:
    schedule = Schedule.parse(content["schedule"])
    guard = GuardTable.model_validate(content.get("guard", {}))
    read = {"stream": Stream(content["stream"]), "schedule": schedule, "guard": guard}
    if covers := content.get("covers"):
        read["covers"] = CoversTable.model_validate(covers)
    if sequence := content.get("sequence"):
        read["sequence"] = SequenceTable.model_validate(sequence)
    return FeedConfig(**{**content, **read, "quiet": tuple(content.get("quiet", ()))})
