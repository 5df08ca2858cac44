"""Plugins are loaded one by one from real entry points: a broken or foreign one is named, and the others are used."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from importlib.metadata import Distribution, EntryPoint
from itertools import count
from pathlib import Path

import pytest

from hub.config import Settings
from hub.errors import PluginError
from hub.hookspecs import ENTRY_POINT_GROUP
from hub.registry import BrokenPlugin, Registry

SOUND = """
from hub.hookspecs import hookimpl
from hub.ports import CallSource, Capabilities, ConnectorSettings, FeedSettings

HUB_API = (1, 0)

class Settings(ConnectorSettings):
    url: str = "x"

class Lake(CallSource):
    name = "{name}"
    settings_model = Settings
    capabilities = Capabilities()
    def check(self, feeds): yield from ()
    def pull(self, feed, cursor, spool): yield from ()

@hookimpl
def register_erp_connectors():
    return [Lake]
"""
_numbers = count()


class Shop:
    """A folder of modules with the entry points that lead to them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.modules: list[str] = []

    def plugin(self, text: str, *, name: str = "lake", dist: Distribution | None = None) -> EntryPoint:
        module = f"plugin_under_test_{next(_numbers)}"
        (self.folder / f"{module}.py").write_text(text.replace("{name}", name))
        self.modules.append(module)
        entry_point = EntryPoint(name, module, ENTRY_POINT_GROUP)
        return entry_point if dist is None else entry_point._for(dist)  # type: ignore[attr-defined]


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Shop]:
    monkeypatch.syspath_prepend(tmp_path)
    shop = Shop(tmp_path)
    yield shop
    for module in shop.modules:
        sys.modules.pop(module, None)


def distribution(folder: Path, name: str, version: str, *requires: str) -> Distribution:
    info = folder / f"{name.replace('-', '_')}-{version}.dist-info"
    info.mkdir()
    lines = [f"Name: {name}", f"Version: {version}", *(f"Requires-Dist: {one}" for one in requires)]
    (info / "METADATA").write_text("Metadata-Version: 2.1\n" + "\n".join(lines) + "\n")
    return Distribution.at(info)


def broken(shop: Shop, text: str) -> BrokenPlugin:
    """What becomes of a bad plugin beside a good one."""
    registry = Registry.load(["good", "lake"], [shop.plugin(SOUND, name="good"), shop.plugin(text)])
    assert set(registry.connectors) == {"good"}
    (one,) = registry.broken
    assert one.name == "lake"
    return one


def test_a_sound_plugin_is_found_with_its_package_and_version(shop: Shop, tmp_path: Path) -> None:
    registry = Registry.load(["lake"], [shop.plugin(SOUND, dist=distribution(tmp_path, "lake-erp", "1.2"))])
    (plugin,) = registry.plugins
    assert (plugin.distribution, plugin.version, plugin.api, plugin.connectors) == (
        "lake-erp",
        "1.2",
        (1, 0),
        ("lake",),
    )
    assert registry.connector("lake").name == "lake"
    assert registry.broken == ()


def test_the_built_in_plugins_come_through_the_same_door() -> None:
    registry = Registry.load(Settings().plugins)
    assert set(registry.connectors) == {"soap", "sftp_files", "folder_files"}
    assert set(registry.providers) == {"dummy", "lyra", "payfip", "offline", "systempay_form", "stripe"}
    assert registry.broken == ()


def test_a_plugin_that_is_not_allowed_is_listed_and_its_code_never_run(shop: Shop) -> None:
    registry = Registry.load([], [shop.plugin("raise SystemExit('run')")])
    assert (registry.not_allowed, registry.broken, dict(registry.connectors)) == (("lake",), (), {})
    with pytest.raises(PluginError, match="add lake to HOUSING_HUB_PLUGINS"):
        registry.connector("lake")


def test_an_allowed_name_nobody_brings_is_named() -> None:
    registry = Registry.load(["lake"], [])
    with pytest.raises(PluginError, match="no installed package brings a plugin of this name"):
        registry.connector("lake")


def test_a_missing_package_is_named_with_the_extra_that_brings_it(shop: Shop, tmp_path: Path) -> None:
    dist = distribution(tmp_path, "lake-erp", "1.2", 'no-such-thing>=2; extra == "fast"')
    (one,) = Registry.load(["lake"], [shop.plugin("import no_such_thing", dist=dist)]).broken
    assert one == BrokenPlugin(
        "lake", "the package 'no_such_thing' is missing", "lake-erp", "1.2", 'pip install "lake-erp[fast]"'
    )


def test_another_api_is_named_with_both_versions(shop: Shop) -> None:
    one = broken(shop, SOUND.replace("(1, 0)", "(2, 0)"))
    assert one.reason == "it was written for plugin API 2.0, this hub has 1.1"
    assert "upgrade Housing Hub" in one.hint
    assert "install a newer version of the plugin" in broken(shop, SOUND.replace("(1, 0)", "(0, 9)")).hint
    assert "plugin API 1.7" in broken(shop, SOUND.replace("(1, 0)", "(1, 7)")).reason


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("import no_such_thing", "the package 'no_such_thing' is missing"),
        ("from hub.ports import Nothing", "it cannot be imported: cannot import name 'Nothing'"),
        ("1 / 0", "its own code failed: ZeroDivisionError"),
        ("raise SystemExit(3)", "its own code failed: SystemExit: 3"),
        (SOUND.replace("HUB_API = (1, 0)", ""), "does not say which plugin API"),
        (SOUND.replace("(1, 0)", "'1.0'"), "its HUB_API is '1.0'"),
        (SOUND.replace("@hookimpl", ""), "it implements no hook"),
        (SOUND.replace("return [Lake]", "return Lake"), "gives no list"),
        (SOUND.replace("return [Lake]", "return None"), "gives no list"),
        (SOUND.replace("return [Lake]", "return [Settings]"), "it registers <class"),
        (SOUND.replace("return [Lake]", "return [CallSource]"), "CallSource lacks check, pull"),
        (SOUND.replace("return [Lake]", "return [Lake, Lake]"), "the connector name 'lake' is taken"),
        (SOUND.replace("return [Lake]", "raise RuntimeError('no')"), "its own code failed: RuntimeError: no"),
        (SOUND.replace('name = "{name}"', 'name = "Lake!"'), "Lake.name is 'Lake!'"),
        (SOUND.replace('name = "{name}"', ""), "Lake.name is None"),
        (SOUND.replace("settings_model = Settings", "settings_model = dict"), "Lake.settings_model is <class 'dict'>"),
        (SOUND.replace("url: str", "network: str"), "Lake.settings_model has a field 'network'"),
        (SOUND.replace("    url: str", "    schema_version = 0\n    url: str"), "settings_model.schema_version is 0"),
        (SOUND.replace("= Capabilities()", "= {}"), "Lake.capabilities is {}"),
    ],
)
def test_a_broken_plugin_is_named_and_the_good_one_is_used(shop: Shop, text: str, said: str) -> None:
    one = broken(shop, text)
    assert said in one.reason
    assert one.hint


def test_a_misspelt_hook_is_named_with_the_one_that_was_meant(shop: Shop) -> None:
    one = broken(shop, SOUND.replace("register_erp_connectors", "register_erp_conectors"))
    assert "register_erp_conectors" in one.reason
    assert one.hint == "did you mean register_erp_connectors?"


def test_a_hook_with_arguments_of_its_own_is_refused(shop: Shop) -> None:
    assert "does not fit" in broken(shop, SOUND.replace("connectors():", "connectors(config):")).reason


def test_secrets_in_feed_settings_are_refused(shop: Shop) -> None:
    text = SOUND.replace(
        "class Lake(CallSource):",
        "from pydantic import SecretStr\nclass Feed(FeedSettings):\n    key: SecretStr\n\n"
        "class Lake(CallSource):\n    feed_settings_model = Feed",
    )
    assert "hold a secret" in broken(shop, text).reason


def test_the_second_plugin_of_a_name_is_broken_and_the_first_is_used(shop: Shop) -> None:
    registry = Registry.load(["lake"], [shop.plugin(SOUND), shop.plugin(SOUND)])
    assert len(registry.plugins) == 1
    assert registry.broken[0].reason == "another package brings a plugin of this name"


def test_a_connector_name_belongs_to_the_first_that_brings_it(shop: Shop) -> None:
    registry = Registry.load(["a", "b"], [shop.plugin(SOUND.replace("{name}", "lake"), name=name) for name in "ab"])
    assert [plugin.name for plugin in registry.plugins] == ["a"]
    assert registry.broken[0].reason == "the connector name 'lake' is taken"


def test_an_unknown_connector_is_answered_with_the_nearest(shop: Shop) -> None:
    registry = Registry.load(["lake"], [shop.plugin(SOUND)])
    with pytest.raises(PluginError, match='did you mean "lake"'):
        registry.connector("laek")
    with pytest.raises(PluginError, match="there are: lake"):
        registry.connector("zzz")


def test_a_broken_connector_tells_its_reason_when_asked_for(shop: Shop) -> None:
    registry = Registry.load(["lake"], [shop.plugin("1 / 0")])
    with pytest.raises(PluginError, match="the plugin 'lake' cannot be used: its own code failed"):
        registry.connector("lake")


def test_nothing_is_kept_between_two_loads(shop: Shop) -> None:
    first = Registry.load(["lake"], [shop.plugin(SOUND)])
    assert Registry.load([], []).connectors == {}
    assert set(first.connectors) == {"lake"}


PAYING = """
from hub.hookspecs import hookimpl
from hub.ports import PaymentProvider, ProviderCapabilities, ProviderSettings

HUB_API = (1, 1)

class Settings(ProviderSettings):
    url: str = "x"

class Purse(PaymentProvider):
    name = "{name}"
    settings_model = Settings
    capabilities = ProviderCapabilities(methods=("card",), flow="redirect")
    def check(self): yield from ()
    def start(self, ask, key): ...
    def fetch(self, ref): ...
    def verify_webhook(self, raw): ...
    def parse_webhook(self, verified): ...
    def redact(self, payload): ...

@hookimpl
def register_payment_providers():
    return [Purse]
"""


def test_a_payment_provider_is_found_beside_the_connectors(shop: Shop) -> None:
    registry = Registry.load(["purse", "lake"], [shop.plugin(PAYING, name="purse"), shop.plugin(SOUND)])
    assert registry.broken == ()
    assert [(plugin.connectors, plugin.providers) for plugin in registry.plugins] == [(("lake",), ()), ((), ("purse",))]
    assert registry.provider("purse").name == "purse"


def test_one_plugin_may_bring_both_trades(shop: Shop) -> None:
    both = SOUND + PAYING.replace("Settings", "Spending").replace("ProviderSpending", "ProviderSettings")
    registry = Registry.load(["lake"], [shop.plugin(both)])
    assert registry.broken == ()
    assert (set(registry.connectors), set(registry.providers)) == ({"lake"}, {"lake"})


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (PAYING.replace("return [Purse]", "return Purse"), "register_payment_providers gives no list"),
        (PAYING.replace("return [Purse]", "return [Settings]"), "it registers <class"),
        (PAYING.replace("    def verify_webhook(self, raw): ...\n", ""), "Purse lacks verify_webhook"),
        (PAYING.replace("return [Purse]", "return [Purse, Purse]"), "the payment provider name 'lake' is taken"),
        (PAYING.replace('name = "{name}"', 'name = "Purse!"'), "Purse.name is 'Purse!'"),
        (PAYING.replace("= Settings", "= dict"), "Purse.settings_model is <class 'dict'>"),
        (PAYING.replace("    url: str", "    schema_version = 0\n    url: str"), "settings_model.schema_version is 0"),
        (PAYING.replace('ProviderCapabilities(methods=("card",), flow="redirect")', "{}"), "Purse.capabilities is {}"),
        *(
            (PAYING.replace("url: str", f"{word}: str"), f"Purse.settings_model has a field {word!r}")
            for word in ("plugin", "network", "label", "accounts", "note", "order", "enabled")
        ),
    ],
)
def test_a_broken_payment_provider_is_named_and_the_good_connector_is_used(shop: Shop, text: str, said: str) -> None:
    one = broken(shop, text)
    assert said in one.reason
    assert one.hint


def test_what_is_asked_for_in_the_wrong_trade_is_told_where_it_belongs(shop: Shop) -> None:
    registry = Registry.load(["purse", "lake"], [shop.plugin(PAYING, name="purse"), shop.plugin(SOUND)])
    with pytest.raises(PluginError, match="purse is a payment provider"):
        registry.connector("purse")
    with pytest.raises(PluginError, match="lake is a connector"):
        registry.provider("lake")


def test_an_unknown_payment_provider_is_answered_with_the_nearest(shop: Shop) -> None:
    registry = Registry.load(["purse"], [shop.plugin(PAYING, name="purse")])
    with pytest.raises(PluginError, match="there is no payment provider 'purze' → did you mean \"purse\""):
        registry.provider("purze")
    with pytest.raises(PluginError, match="add purse to HOUSING_HUB_PLUGINS"):
        Registry.load([], [shop.plugin(PAYING, name="purse")]).provider("purse")
