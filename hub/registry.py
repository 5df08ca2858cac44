"""From entry points to the classes plugins bring: a broken or foreign plugin is named, and hurts nobody else."""

from __future__ import annotations

import importlib.metadata
import inspect
import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from importlib.metadata import Distribution, EntryPoint
from types import MappingProxyType
from typing import Any

import pluggy
from pydantic import BaseModel, SecretBytes, SecretStr

from hub import hookspecs
from hub.errors import PluginError
from hub.hookspecs import ENTRY_POINT_GROUP, PLUGIN_API
from hub.ports import (
    CallSource,
    Capabilities,
    ConnectorSettings,
    ErpConnector,
    FeedSettings,
    FileSource,
    PaymentProvider,
    PluginSettings,
    ProviderCapabilities,
    ProviderSettings,
)

Connector = type[ErpConnector[Any]]
Provider = type[PaymentProvider[Any]]
_NAME = re.compile(r"[a-z][a-z0-9_]{0,59}")
_REQUIREMENT = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
# What must be there, and the words of `[connectors.X]`, `[feeds.X]` and of a provider's table that are the hub's.
_Models = tuple[tuple[str, type[PluginSettings], frozenset[str]], ...]
_CONNECTOR_MODELS: _Models = (
    ("settings_model", ConnectorSettings, frozenset({"plugin", "network"})),
    ("feed_settings_model", FeedSettings, frozenset({"connector", "stream", "mode", "schedule", "fields", "keep"})),
)
_PROVIDER_MODELS: _Models = (
    (
        "settings_model",
        ProviderSettings,
        frozenset({"plugin", "network", "label", "accounts", "note", "order", "enabled"}),
    ),
)
_EXTRA = re.compile(r"""extra\s*==\s*['"]([^'"]+)['"]""")


@dataclass(frozen=True, slots=True)
class Plugin:
    """A plugin that was found, allowed and sound."""

    name: str
    connectors: tuple[str, ...]
    api: tuple[int, int]
    distribution: str
    version: str
    providers: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class BrokenPlugin:
    """A plugin that is allowed and cannot be used, with why and what to do."""

    name: str
    reason: str
    distribution: str = ""
    version: str = ""
    hint: str = ""


@dataclass(frozen=True, slots=True)
class Registry:
    """What this installation can use. Made by `load`, as often as asked: nothing is kept between two loads."""

    connectors: Mapping[str, Connector]
    plugins: tuple[Plugin, ...] = ()
    broken: tuple[BrokenPlugin, ...] = ()
    not_allowed: tuple[str, ...] = ()
    providers: Mapping[str, Provider] = field(default_factory=dict)

    @classmethod
    def load(cls, allowed: Collection[str], entry_points: Iterable[EntryPoint] | None = None) -> Registry:
        """Load the plugins allowed by name; others are listed, and their code is never run. Raises nothing."""
        found = importlib.metadata.entry_points(group=ENTRY_POINT_GROUP) if entry_points is None else entry_points
        loading = _Loading()
        names = set()
        not_allowed = set()
        for entry_point in sorted(found, key=lambda one: (one.name, one.value)):
            names.add(entry_point.name)
            if entry_point.name in allowed:
                loading.add(entry_point)
            else:
                not_allowed.add(entry_point.name)
        for name in sorted(set(allowed) - names):
            hint = f"install it with pip, or take {name} out of HOUSING_HUB_PLUGINS"
            loading.broken.append(BrokenPlugin(name, "no installed package brings a plugin of this name", hint=hint))
        return cls(
            MappingProxyType(loading.connectors),
            tuple(loading.plugins),
            tuple(loading.broken),
            tuple(sorted(not_allowed)),
            MappingProxyType(loading.providers),
        )

    def connector(self, name: str) -> Connector:
        """A connector class by the name landlords write. Raises PluginError with what to do."""
        if name in self.connectors:
            return self.connectors[name]
        raise self._missing("connector", name, self.connectors, {"payment provider": self.providers})

    def provider(self, name: str) -> Provider:
        """A payment provider class by the name landlords write. Raises PluginError with what to do."""
        if name in self.providers:
            return self.providers[name]
        raise self._missing("payment provider", name, self.providers, {"connector": self.connectors})

    def _missing(
        self, kind: str, name: str, known: Mapping[str, Any], others: Mapping[str, Mapping[str, Any]]
    ) -> PluginError:
        """Why a name leads to nothing of its kind, and what to do."""
        for broken in self.broken:
            if broken.name == name:
                return PluginError(f"the plugin {name!r} cannot be used: {broken.reason}", hint=broken.hint)
        if name in self.not_allowed:
            return PluginError(
                f"the plugin {name!r} is installed but not allowed", hint=f"add {name} to HOUSING_HUB_PLUGINS"
            )
        near = get_close_matches(name, known, 1)
        hint = f'did you mean "{near[0]}"?' if near else f"there are: {', '.join(sorted(known)) or 'none'}"
        for other, names in others.items():
            if name in names:
                hint = f"{name} is a {other}: it belongs into another table of the landlord's file"
        return PluginError(f"there is no {kind} {name!r}", hint=hint)


class _RefusedError(Exception):
    """Why a plugin cannot be used, on its way to becoming a `BrokenPlugin`."""

    def __init__(self, reason: str, hint: str = "") -> None:
        super().__init__(reason)
        self.reason, self.hint = reason, hint


@dataclass(slots=True)
class _Loading:
    """The registry in the making."""

    connectors: dict[str, Connector] = field(default_factory=dict)
    providers: dict[str, Provider] = field(default_factory=dict)
    plugins: list[Plugin] = field(default_factory=list)
    broken: list[BrokenPlugin] = field(default_factory=list)

    def add(self, entry_point: EntryPoint) -> None:
        """Load one plugin, or note why not."""
        distribution, version = _origin(entry_point.dist)
        try:
            if entry_point.name in {plugin.name for plugin in self.plugins}:
                raise _RefusedError("another package brings a plugin of this name", "uninstall one of the two")
            module = _imported(entry_point)
            api = _api(module)
            brought = _registered(entry_point.name, module)
            _refuse_taken("connector", brought.connectors, self.connectors)
            _refuse_taken("payment provider", brought.providers, self.providers)
        except _RefusedError as refused:
            self.broken.append(BrokenPlugin(entry_point.name, refused.reason, distribution, version, refused.hint))
            return
        except (Exception, SystemExit) as error:  # noqa: BLE001  # a stranger's module, imported and asked
            reason = f"its own code failed: {type(error).__name__}: {error}"
            self.broken.append(BrokenPlugin(entry_point.name, reason, distribution, version, "ask the plugin's author"))
            return
        self.connectors |= {one.name: one for one in brought.connectors}
        self.providers |= {one.name: one for one in brought.providers}
        connectors = tuple(one.name for one in brought.connectors)
        providers = tuple(one.name for one in brought.providers)
        self.plugins.append(Plugin(entry_point.name, connectors, api, distribution, version, providers))


@dataclass(frozen=True, slots=True)
class _Brought:
    """What one plugin registers, judged."""

    connectors: list[Connector]
    providers: list[Provider]


def _refuse_taken(kind: str, classes: Sequence[Connector | Provider], taken: Collection[str]) -> None:
    names = [one.name for one in classes]
    for name in names:
        if name in taken or names.count(name) > 1:
            raise _RefusedError(f"the {kind} name {name!r} is taken", f"a {kind} needs a name of its own")


def _origin(distribution: Distribution | None) -> tuple[str, str]:
    return ("", "") if distribution is None else (distribution.name, distribution.version)


def _imported(entry_point: EntryPoint) -> Any:
    try:
        return entry_point.load()
    except ImportError as error:
        raise _not_importable(entry_point, error) from error


def _not_importable(entry_point: EntryPoint, error: ImportError) -> _RefusedError:
    """Which package is missing, and the extra that brings it, if the plugin's distribution names one."""
    missing = (error.name or "").partition(".")[0]
    if missing in ("", "hub", entry_point.module.partition(".")[0]):
        return _RefusedError(f"it cannot be imported: {error}", "reinstall the plugin, or ask its author")
    extra = _extra_with(entry_point.dist, missing)
    if extra and entry_point.dist:
        return _RefusedError(f"the package {missing!r} is missing", f'pip install "{entry_point.dist.name}[{extra}]"')
    return _RefusedError(f"the package {missing!r} is missing", f"install {missing} beside the plugin")


def _extra_with(distribution: Distribution | None, module: str) -> str | None:
    for requirement in (distribution.requires or []) if distribution else []:
        name, extra = _REQUIREMENT.match(requirement), _EXTRA.search(requirement)
        if name and extra and name.group().lower().replace("-", "_") == module.lower():
            return extra[1]
    return None


def _api(module: Any) -> tuple[int, int]:
    """The plugin API the module was written for."""
    ours = ".".join(map(str, PLUGIN_API))
    written = getattr(module, "HUB_API", None)
    if written is None:
        raise _RefusedError("it does not say which plugin API it was written for", f"add HUB_API = {PLUGIN_API} to it")
    if not (isinstance(written, tuple) and len(written) == 2 and all(type(part) is int for part in written)):
        raise _RefusedError(f"its HUB_API is {written!r}", f"write HUB_API = {PLUGIN_API}")
    if written[0] != PLUGIN_API[0] or written[1] > PLUGIN_API[1]:
        theirs = ".".join(map(str, written))
        older = written < PLUGIN_API
        hint = "install a newer version of the plugin" if older else "upgrade Housing Hub, or install an older plugin"
        raise _RefusedError(f"it was written for plugin API {theirs}, this hub has {ours}", hint)
    return written[0], written[1]


def _registered(name: str, module: Any) -> _Brought:
    """What the module's hooks bring, judged."""
    manager = pluggy.PluginManager("housing_hub")
    manager.add_hookspecs(hookspecs)
    try:
        manager.register(module, name)
        manager.check_pending()
    except pluggy.PluginValidationError as error:
        raise _RefusedError(f"a hook does not fit: {_first_line(error)}", _hooks_hint(module)) from error
    connectors, providers = manager.hook.register_erp_connectors, manager.hook.register_payment_providers
    if not connectors.get_hookimpls() and not providers.get_hookimpls():
        raise _RefusedError(
            "it implements no hook", "write register_erp_connectors or register_payment_providers with @hookimpl"
        )
    return _Brought(
        [_sound_connector(one) for one in _listed(connectors, "[YourConnector]")],
        [_sound_provider(one) for one in _listed(providers, "[YourProvider]")],
    )


def _listed(hook: Any, example: str) -> list[Any]:
    """What a hook gives; nothing where the plugin does not implement it."""
    if not hook.get_hookimpls():
        return []
    brought = hook()
    if not brought or not isinstance(brought[0], list):
        raise _RefusedError(f"{hook.name} gives no list", f"return {example}")
    return list(brought[0])


def _sound_connector(connector: Any) -> Connector:
    """The class, if it keeps the form of `hub.ports.erp`."""
    _refuse_form(connector, (CallSource, FileSource), "subclasses of CallSource or FileSource")
    _refuse_models(connector, _CONNECTOR_MODELS)
    _refuse_capabilities(connector, Capabilities)
    if _asks_for_secret(connector.feed_settings_model):
        raise _RefusedError(
            f"the feed settings of {connector.__qualname__} hold a secret",
            "secrets belong to the connector's settings",
        )
    return connector  # type: ignore[no-any-return]


def _sound_provider(provider: Any) -> Provider:
    """The class, if it keeps the form of `hub.ports.payments`."""
    _refuse_form(provider, (PaymentProvider,), "subclasses of PaymentProvider")
    _refuse_models(provider, _PROVIDER_MODELS)
    _refuse_capabilities(provider, ProviderCapabilities)
    return provider  # type: ignore[no-any-return]


def _refuse_form(brought: Any, bases: tuple[type, ...], wanted: str) -> None:
    if not (isinstance(brought, type) and issubclass(brought, bases)):
        raise _RefusedError(f"it registers {brought!r}", f"register {wanted}")
    called = brought.__qualname__
    if inspect.isabstract(brought):
        lacking = ", ".join(sorted(getattr(brought, "__abstractmethods__", ())))
        raise _RefusedError(f"{called} lacks {lacking}", "write these methods")
    name = getattr(brought, "name", None)
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise _RefusedError(f"{called}.name is {name!r}", 'give it a name like "lake": small letters, digits, _')


def _refuse_models(brought: Any, models: _Models) -> None:
    called = brought.__qualname__
    for attribute, base, ours in models:
        model = getattr(brought, attribute, None)
        if not (isinstance(model, type) and issubclass(model, base)):
            raise _RefusedError(f"{called}.{attribute} is {model!r}", f"make it a subclass of {base.__name__}")
        if type(model.schema_version) is not int or model.schema_version < 1:
            raise _RefusedError(f"{attribute}.schema_version is {model.schema_version!r}", "count from 1")
        if taken := sorted(ours & model.model_fields.keys()):
            raise _RefusedError(
                f"{called}.{attribute} has a field {taken[0]!r}", "the landlord's file uses that word itself"
            )


def _refuse_capabilities(brought: Any, kind: type) -> None:
    said = getattr(brought, "capabilities", None)
    if not isinstance(said, kind):
        raise _RefusedError(f"{brought.__qualname__}.capabilities is {said!r}", f"make it a {kind.__name__}")


def _asks_for_secret(model: type[BaseModel]) -> bool:
    texts = [str(info.annotation) for info in model.model_fields.values()]
    return any(kind.__name__ in text for text in texts for kind in (SecretStr, SecretBytes))


def _first_line(error: Exception) -> str:
    return str(error).strip().splitlines()[0]


def _hooks_hint(module: Any) -> str:
    """The hook that was meant, for a misspelt one."""
    hooks = [name for name, thing in vars(hookspecs).items() if hasattr(thing, "housing_hub_spec")]
    written = [name for name in dir(module) if hasattr(getattr(module, name, None), "housing_hub_impl")]
    for name in written:
        near = [] if name in hooks else get_close_matches(name, hooks, 1)
        if near:
            return f"did you mean {near[0]}?"
    return f"the hooks are {', '.join(hooks)}, each without arguments"
