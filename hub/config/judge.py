"""From a landlord's file to its config: plugins judge their part, mappings are compiled, all problems told at once."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from pydantic import BaseModel, SecretStr, ValidationError

from hub.config.landlord_config import (
    ConnectorConfig,
    Connectors,
    FeedConfig,
    LandlordConfig,
    SecretName,
    mapping_version,
)
from hub.config.landlord_file import ConnectorEntry, Draft, FeedEntry, LandlordFile
from hub.config.lines import Path as KeyPath
from hub.config.payment_tables import ProviderConfig, ProviderEntry, owner_of
from hub.config.problems import LandlordFileError, nearest
from hub.config.references import Reference, fill, find_secrets
from hub.domain.schedule import Schedule
from hub.domain.windows import Window, leave_no_time
from hub.errors import PluginError, SettingsError, SetupError
from hub.mapping import try_mapping
from hub.ports import ErpConnector, FileSource
from hub.records import RECORDS, Stream

_UNREAD = SecretStr("not read")


def read_landlord(
    path: Path | str, registry: Connectors, *, environ: Mapping[str, str] | None = None, need_secrets: bool = True
) -> LandlordConfig:
    """Read and judge a file in one go. Raises LandlordFileError with everything wrong, of shape and of meaning.

    `need_secrets=False` (preview, dry run) takes secrets that cannot be read for granted; they are then not filled in.
    """
    return _Judge(Draft.read(Path(path)), registry, os.environ if environ is None else environ, need_secrets).config()


def resolve(
    file: LandlordFile, registry: Connectors, *, environ: Mapping[str, str] | None = None, need_secrets: bool = True
) -> LandlordConfig:
    """Judge a file of sound shape; its secrets are read and filled in. Raises LandlordFileError."""
    draft = Draft(
        file.path,
        file.spot,
        file.identity,
        file.connectors,
        file.feeds,
        file.contact_points,
        file.notify,
        file.payments,
        file.providers,
        text=file.text,
    )
    return _Judge(draft, registry, os.environ if environ is None else environ, need_secrets).config()


class _Judge:
    """Collects the problems of a draft part by part; a part that is wrong hides no other's problems."""

    def __init__(self, draft: Draft, registry: Connectors, environ: Mapping[str, str], need_secrets: bool) -> None:
        self.draft, self.spot, self.registry = draft, draft.spot, registry
        self.environ, self.need_secrets = environ, need_secrets
        self.problems: list[SetupError] = [*draft.problems]
        self.secrets: dict[SecretName, SecretStr] = {}

    def config(self) -> LandlordConfig:
        classes = self._classes()
        connectors = {name: self._connector(one, classes.get(name)) for name, one in self.draft.connectors.items()}
        feeds = [made for one in self.draft.feeds.values() if (made := self._feed(one, classes))]
        self.problems += self._rivals()
        self.problems += self._never()
        self._notify()
        providers = {name: self._provider(one) for name, one in self.draft.providers.items()}
        self.problems += self._posting()
        if self.problems or self.draft.identity is None:
            ordered = sorted(self.problems, key=lambda problem: problem.where.line or 0)
            raise LandlordFileError(str(self.draft.path), ordered)
        order = list(Stream)
        # Of two feeds of a stream the one that brings all there is goes first: what is new comes on top of it.
        feeds.sort(key=lambda feed: (order.index(feed.stream), feed.mode == "delta"))
        points = self.draft.contact_points
        return LandlordConfig(
            self.draft.identity,
            connectors,
            tuple(feeds),
            points,
            self.registry,
            self.secrets,
            text=self.draft.text,
            notify=self.draft.notify,
            payments=self.draft.payments,
            providers={name: one for name, one in providers.items() if one is not None},
        )

    def _classes(self) -> dict[str, type[ErpConnector[Any]]]:
        """The plugin classes of the connectors that have one."""
        found = {}
        for name, entry in self.draft.connectors.items():
            try:
                found[name] = self.registry.connector(entry.plugin)
            except PluginError as error:
                self._tell(("connectors", name, "plugin"), error.message, error.hint)
        return found

    def _connector(self, entry: ConnectorEntry, plugin: type[ErpConnector[Any]] | None) -> ConnectorConfig:
        path = ("connectors", entry.name)
        if plugin is None:
            return ConnectorConfig(entry.name, entry.plugin, entry.settings, entry.network)
        names = self._own_settings(plugin.settings_model, entry.settings, path, entry.name)
        schema = plugin.settings_model.schema_version
        return ConnectorConfig(entry.name, entry.plugin, entry.settings, entry.network, names, schema, entry.pace)

    def _provider(self, entry: ProviderEntry) -> ProviderConfig | None:
        path = ("providers", entry.name)
        try:
            plugin = self.registry.provider(entry.plugin)
        except PluginError as error:
            self._tell((*path, "plugin"), error.message, error.hint)
            return None
        names = self._own_settings(plugin.settings_model, entry.settings, path, owner_of(entry.name))
        schema = plugin.settings_model.schema_version
        return ProviderConfig(entry.name, entry.plugin, entry.settings, entry.network, entry.own, names, schema)

    def _posting(self) -> Iterator[SettingsError]:
        """Whoever takes payments says which ERP is told, where it is not plain."""
        named, connectors = self.draft.payments.erp, self.draft.connectors
        if named is not None and named not in connectors:
            hint = nearest(named, list(connectors)) or "write a [connectors.NAME] first"
            yield self.spot.problem(("payments", "erp"), f'there is no connector "{named}"', hint)
        if named is None and self.draft.providers and len(connectors) > 1:
            message = "of several connectors, one is told of payments"
            yield self.spot.problem(("payments",), message, 'write [payments] with erp = "NAME"')

    def _own_settings(
        self, model: type[BaseModel], settings: Mapping[str, Any], path: KeyPath, owner: str
    ) -> tuple[str, ...]:
        """A plugin's own part of a table, judged; gives the names of its secrets, which are read under `owner`."""
        references, misplaced = find_secrets(model, settings)
        for one in misplaced:
            self._tell((*path, *one.path), one.message, one.hint)
        values = {".".join(map(str, one.path)): _UNREAD for one in misplaced}
        for name, found in references.items():
            values[name] = self._secret(owner, name, (*path, *name.split(".")), found)
        self._settings(model, fill(settings, values), path, {one.path[0] for one in misplaced})
        return tuple(references)

    def _secret(self, connector: str, name: str, path: KeyPath, found: Reference) -> SecretStr:
        try:
            value = found.read(self.draft.path.parent, self.environ)
        except SettingsError as error:
            if self.need_secrets:
                self._tell(path, error.message, error.hint)
            return _UNREAD
        self.secrets[(connector, name)] = value
        return value

    def _settings(
        self, model: type[BaseModel], settings: Mapping[str, Any], path: KeyPath, ignored: set[str | int]
    ) -> None:
        try:
            model.model_validate(settings)
        except ValidationError as error:
            found = self.spot.invalid(path, model, error)
            locs = [one["loc"] for one in error.errors(include_input=False, include_url=False)]
            self.problems += [one for one, loc in zip(found, locs, strict=True) if not (loc and loc[0] in ignored)]

    def _feed(self, entry: FeedEntry, classes: Mapping[str, type[ErpConnector[Any]]]) -> FeedConfig | None:
        path = ("feeds", entry.name)
        if entry.connector not in self.draft.connectors:
            hint = nearest(entry.connector, list(self.draft.connectors)) or "write a [connectors.NAME] first"
            self._tell((*path, "connector"), f'there is no connector "{entry.connector}"', hint)
        plugin = classes.get(entry.connector)
        self.problems += self._modes(entry, plugin)
        if plugin is not None:
            self._judge_with(plugin, entry, path)
        fingerprint = self._mapping(entry)
        if plugin is None or fingerprint is None:
            return None
        version = mapping_version(plugin.name, entry.settings, fingerprint)
        schedule = Schedule.parse(entry.schedule)
        return FeedConfig(
            entry.name,
            entry.connector,
            entry.stream,
            entry.mode,
            schedule,
            entry.settings,
            entry.fields,
            entry.keep,
            version,
            plugin.feed_settings_model.schema_version,
            guard=entry.guard,
            quiet=entry.quiet,
            jitter=entry.jitter,
            max_rejected=entry.max_rejected,
            covers=entry.covers,
            sequence=entry.sequence,
        )

    def _judge_with(self, plugin: type[ErpConnector[Any]], entry: FeedEntry, path: KeyPath) -> None:
        """What the plugin says of the feed: the stream and mode, its settings, whether it wants a mapping."""
        if refusal := plugin.refusal(entry.stream, entry.mode):
            key = "stream" if entry.stream not in plugin.capabilities.pull else "mode"
            self._tell((*path, key), refusal.message, refusal.hint)
        self._settings(plugin.feed_settings_model, entry.settings, path, set())
        if plugin.needs_mapping and entry.fields is None:
            self._tell(path, f"{plugin.name} needs a mapping", f"write [feeds.{entry.name}.fields]")
        if not plugin.needs_mapping and (entry.fields is not None or entry.keep):
            key = "fields" if entry.fields is not None else "keep"
            self._tell((*path, key), f"{plugin.name} maps by itself", f"remove {key}")

    def _mapping(self, entry: FeedEntry) -> str | None:
        """The mapping's fingerprint, "" where there is none, None where it is wrong."""
        if entry.fields is None:
            return ""
        mapper, problems = try_mapping(
            RECORDS[entry.stream],
            entry.fields,
            keep=entry.keep,
            where=self.spot.where(("feeds", entry.name)),
            locate=lambda path: self.spot.lines.find(("feeds", entry.name, *path)),
        )
        self.problems += problems
        return mapper.fingerprint if mapper else None

    def _rivals(self) -> Iterator[SettingsError]:
        """Two feeds of one connector and stream, one a snapshot: what only the other brings would seem to vanish."""
        seen: dict[tuple[str, Stream], FeedEntry] = {}
        for entry in self.draft.feeds.values():
            other = seen.setdefault((entry.connector, entry.stream), entry)
            if other is not entry and {entry.mode, other.mode} != {"delta"} and not _work_together(entry, other):
                message = f"{other.name} brings {entry.stream} of {entry.connector} already"
                yield self.spot.problem(
                    ("feeds", entry.name, "stream"),
                    message,
                    "make both delta feeds, or one of them; or have the delta name the other: sequence.snapshot",
                )

    def _modes(self, entry: FeedEntry, plugin: type[ErpConnector[Any]] | None) -> Iterator[SettingsError]:
        """What a window and a sequence need, and where they cannot be."""
        path = ("feeds", entry.name)
        if (entry.mode == "window") != (entry.covers is not None):
            hint = (
                "write covers = { days = 90 }" if entry.mode == "window" else 'write mode = "window", or remove covers'
            )
            yield self.spot.problem((*path, "mode"), "a window, and only a window, says which days it covers", hint)
        if entry.mode == "window" and RECORDS[entry.stream].dated is None:
            message = f"a row of {entry.stream} belongs to no day, so there are no days to be complete for"
            yield self.spot.problem((*path, "mode"), message, "take snapshot or delta")
        if entry.sequence is None:
            return
        if entry.mode != "delta" or (plugin is not None and not issubclass(plugin, FileSource)):
            message = "only a delta that comes in files has a sequence: a call goes on from its cursor"
            yield self.spot.problem((*path, "sequence"), message, "remove sequence")
        yield from self._whole_set(entry, entry.sequence.snapshot)

    def _whole_set(self, entry: FeedEntry, name: str | None) -> Iterator[SettingsError]:
        """The feed a sequence begins again with."""
        if name is None:
            return
        other = self.draft.feeds.get(name)
        if (
            other is None
            or other.mode != "snapshot"
            or (other.connector, other.stream)
            != (
                entry.connector,
                entry.stream,
            )
        ):
            message = f'"{name}" is no snapshot feed of {entry.stream} of {entry.connector}'
            yield self.spot.problem(("feeds", entry.name, "sequence", "snapshot"), message, "name one, or leave it out")

    def _never(self) -> Iterator[SettingsError]:
        """Feeds with a schedule whose windows together leave no time to begin."""
        everyones = self.draft.identity.quiet if self.draft.identity else ()
        for entry in self.draft.feeds.values():
            connector = self.draft.connectors.get(entry.connector)
            windows = [*everyones, *entry.quiet, *(connector.pace.maintenance if connector else ())]
            if leave_no_time(map(Window.parse, windows)):
                message = "its quiet hours and maintenance windows leave no time to begin"
                yield self.spot.problem(("feeds", entry.name), message, "shorten one of them")

    def _notify(self) -> None:
        """Their secrets, and names that tell them apart."""
        seen: set[str] = set()
        for place, one in enumerate(self.draft.notify):
            if one.called in seen:
                self._tell(
                    ("notify", place), f'two [[notify]] are called "{one.called}"', "give each a name of its own"
                )
            seen.add(one.called)
            if (found := one.reference) is not None:
                self._secret(one.owner, "secret", ("notify", place, "secret"), found)

    def _tell(self, path: KeyPath, message: str, hint: str) -> None:
        self.problems.append(self.spot.problem(path, message, hint))


def _work_together(one: FeedEntry, other: FeedEntry) -> bool:
    """A delta and the snapshot it begins again with."""
    return any(a.sequence is not None and a.sequence.snapshot == b.name for a, b in ((one, other), (other, one)))
