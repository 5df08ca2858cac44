"""The promises an ERP connector keeps, one test method each: subclass `ErpConnectorContract` and run pytest."""

from __future__ import annotations

import inspect
import logging
import sys
from collections.abc import Iterator, Mapping, Sequence
from copy import deepcopy
from types import ModuleType
from typing import Any, ClassVar

import pytest
from pydantic import ValidationError

from hub.errors import HubError, NotSupportedError, RetryableError, SetupError
from hub.hookspecs import PLUGIN_API
from hub.ports import CallSource, ErpConnector, Feed, FileSource
from hub.records import RECORDS, Stream
from hub.testing.bench import Bench, Harvest, fetch, gather, make_feed, no_network, told
from hub.testing.fakes import LOCAL_NETWORK, FakeClock, FolderSpool
from hub.testing.posting_contract import PostingPromises
from hub.testing.promises import promise
from hub.wire.policy import NetworkPolicy

MAX_BATCH_ROWS = 100_000
_UNFINISHED = (".tmp", ".part", ".partial", ".filepart")
_SECRET_WORDS = ("password", "secret", "token", "api_key", "private_key", "passphrase")


class ErpConnectorContract(PostingPromises):
    """Subclass it, set the attributes, and give a fixture `server` (scope class or wider) that starts what plays the
    ERP and yields the settings that lead there.

    `connector`: the class. `settings`: the landlord's settings, secrets in clear (the server's are added). `feeds`: by
    name, as in a landlord's file (`stream`, `mode`, `fields`, the connector's own). `nowhere`: settings that lead to
    nobody (a closed port). `refused_rows`: by feed, how many rows of the test data ought to be refused.
    `older_settings`, `older_feed_settings`: for each older `schema_version`, settings as a landlord wrote them then.
    `posting` and what belongs to it: see `PostingPromises`.
    """

    connector: ClassVar[type[ErpConnector[Any]]]
    settings: ClassVar[Mapping[str, Any]] = {}
    feeds: ClassVar[Mapping[str, Mapping[str, Any]]] = {}
    nowhere: ClassVar[Mapping[str, Any]] = {}
    refused_rows: ClassVar[Mapping[str, int]] = {}
    older_settings: ClassVar[Mapping[int, Mapping[str, Any]]] = {}
    older_feed_settings: ClassVar[Mapping[int, Mapping[str, Any]]] = {}
    network: ClassVar[NetworkPolicy] = LOCAL_NETWORK

    @pytest.fixture(scope="class")
    @classmethod
    def bench(cls, server: Mapping[str, Any], tmp_path_factory: pytest.TempPathFactory) -> Bench:
        """The connector on the bench, with the settings that lead to the server."""
        day = FakeClock().now().date()
        feeds = [make_feed(cls.connector, name, table, today=day) for name, table in cls.feeds.items()]
        folder = tmp_path_factory.mktemp(cls.connector.name)
        return Bench(cls.connector, {**cls.settings, **server}, feeds, folder, network=cls.network)

    @pytest.fixture(scope="class")
    @classmethod
    def harvests(cls, bench: Bench) -> list[Harvest]:
        """Every feed, read once."""
        return [bench.harvest(feed) for feed in bench.feeds]

    # -- what it says of itself ----------------------------------------------------------------------------------------

    def test_it_has_a_plain_name_and_a_summary(self) -> None:
        """`name` is what a landlord writes, `summary` what `housing-hub plugins` shows."""
        name = self.connector.name
        promise(name.isidentifier() and name == name.lower(), f"the name {name!r} is not a lower-case word")
        promise(bool(self.connector.summary.strip()), "the summary is empty: say in one line what it connects to")

    def test_it_is_a_file_source_or_a_call_source(self) -> None:
        """One of the two shapes, and no abstract method left."""
        promise(issubclass(self.connector, CallSource | FileSource), "subclass CallSource or FileSource")
        promise(not inspect.isabstract(self.connector), "some abstract methods are not written")

    def test_its_module_names_the_plugin_api_it_was_written_for(self) -> None:
        """`HUB_API = (major, minor)` stands in the plugin's module, and this hub serves it."""
        declared = next((module.HUB_API for module in self._modules() if hasattr(module, "HUB_API")), None)
        promise(declared is not None, "no HUB_API in the module of the connector")
        major, minor = declared or (0, 0)
        promise(major == PLUGIN_API[0] and minor <= PLUGIN_API[1], f"HUB_API {declared}, this hub has {PLUGIN_API}")

    def test_its_plugin_registers_it(self) -> None:
        """The hook `register_erp_connectors` returns this class."""
        hooks = [getattr(module, "register_erp_connectors", None) for module in self._modules()]
        registered = [item for hook in hooks if hook is not None for item in hook()]
        promise(self.connector in registered, "register_erp_connectors() does not return this class")

    def test_its_capabilities_are_streams_the_hub_knows(self) -> None:
        """At least one stream can be pulled, each in at least one mode."""
        pull = self.connector.capabilities.pull
        promise(bool(pull), "capabilities name no stream: the connector can do nothing")
        for stream, ways in pull.items():
            promise(isinstance(stream, Stream), f"{stream!r} is not a stream of the hub")
            promise(
                ways.snapshot or ways.delta or ways.window, f"{stream} can be pulled neither whole, nor what is new"
            )

    def test_what_it_cannot_do_is_refused_with_a_reason(self) -> None:
        """A stream or mode outside the capabilities gives NotSupportedError with a "because"."""
        for stream in Stream:
            for mode, able in self._modes(stream).items():
                refusal = self.connector.refusal(stream, mode)  # type: ignore[arg-type]  # the three modes
                promise((refusal is None) == able, f"{stream} as {mode}: capabilities and refusal disagree")
                if refusal is not None:
                    promise(
                        isinstance(refusal, NotSupportedError) and "because" in str(refusal), f"no reason: {refusal}"
                    )

    def test_every_setting_explains_itself(self) -> None:
        """Each setting of the connector and of its feeds has a help text for the person who fills it in."""
        for model in (self.connector.settings_model, self.connector.feed_settings_model):
            for name, info in model.model_fields.items():
                promise(bool(info.description), f"{model.__name__}.{name} has no help: use setting(…)")

    def test_an_unknown_setting_is_refused(self, bench: Bench) -> None:
        """A misspelt setting is told, not ignored."""
        with pytest.raises(ValidationError):
            bench.check_settings({**bench.settings, "no_such_setting": "1"})

    def test_settings_of_older_versions_are_taken_over(self) -> None:
        """What the hub stored under an older `schema_version` is migrated to settings that are accepted today."""
        for model, older in (
            (self.connector.settings_model, self.older_settings),
            (self.connector.feed_settings_model, self.older_feed_settings),
        ):
            name, version = model.__name__, model.schema_version
            promise(isinstance(version, int) and version >= 1, f"{name}.schema_version is {version!r}: count from 1")
            for earlier in range(1, version):
                promise(earlier in older, f"no settings of version {earlier} of {name} to try: give an example")
                try:
                    model.model_validate(model.migrate(deepcopy(dict(older[earlier])), earlier))
                except (HubError, ValidationError) as error:
                    promise(False, f"{name} does not take over its version {earlier}: {error}")

    def test_settings_named_like_secrets_are_secret(self) -> None:
        """Passwords, tokens and private keys are `SecretStr`: stored encrypted, never returned."""
        for name, info in self.connector.settings_model.model_fields.items():
            if any(word in name for word in _SECRET_WORDS):
                promise("SecretStr" in str(info.annotation), f"the setting {name} is not a SecretStr")

    def test_nothing_shows_a_secret_when_printed(self, bench: Bench) -> None:
        """repr and str of the settings and of the connector hold no secret."""
        with bench.open() as connector:
            shown = f"{connector!r}{connector}{connector.settings!r}{connector.settings}{vars(connector)!r}"
        self._no_secret(bench, shown, "repr or str")

    # -- set-up --------------------------------------------------------------------------------------------------------

    def test_being_made_opens_no_connection(self, bench: Bench) -> None:
        """The constructor does nothing but keep what it is given, and closing twice is harmless."""
        with no_network(), bench.open() as connector:
            connector.close()

    def test_check_finds_every_step_in_order(self, bench: Bench) -> None:
        """Against a good server every step of `check` is ok, and every feed is looked at."""
        with bench.open() as connector:
            findings = list(connector.check(bench.feeds))
        promise(bool(findings), "check found nothing")
        failed = [f"{finding.step}: {finding.detail} → {finding.hint}" for finding in findings if not finding.ok]
        promise(not failed, f"steps of check fail against a good server: {failed}")
        for feed in bench.feeds:
            seen = any(feed.name in finding.step for finding in findings)
            promise(seen, f"no step of check names the feed {feed.name}")

    def test_check_tells_a_wrong_secret_without_showing_it(
        self, bench: Bench, caplog: pytest.LogCaptureFixture
    ) -> None:
        """With wrong secrets `check` ends in a failed step that says what to do, and raises nothing."""
        wrong = _wrong_secrets(bench)
        caplog.set_level(logging.DEBUG)
        with bench.open(wrong) as connector:
            findings = list(connector.check(bench.feeds))
        failed = [finding for finding in findings if not finding.ok]
        promise(bool(failed), "check accepts wrong secrets")
        promise(bool(failed[-1].hint), f"no hint at the failed step {failed[-1].step!r}")
        told_to_reader = "".join(map(repr, findings)) + caplog.text
        self._no_secret(bench, told_to_reader, "a finding or a log line", *wrong.values())

    def test_check_tells_that_nobody_answers(self, bench: Bench) -> None:
        """With nobody at the other end `check` ends in a failed step that says what to do, and raises nothing."""
        with bench.open(self._nowhere(), folder="nowhere") as connector:
            findings = list(connector.check(bench.feeds))
        promise(
            bool(findings) and not findings[-1].ok and bool(findings[-1].hint), f"the last finding: {findings[-1:]}"
        )

    # -- the night -----------------------------------------------------------------------------------------------------

    def test_every_feed_gives_rows_the_hub_accepts(self, harvests: Sequence[Harvest]) -> None:
        """Rows pass the hub's gate (`check_batch`); only known bad ones are refused, each with code and place."""
        for harvest in harvests:
            name, due = harvest.feed.name, self.refused_rows.get(harvest.feed.name, 0)
            promise(bool(harvest.rows), f"feed {name} gives no row")
            told = [f"line {reject.line} {reject.field}: {reject.message}" for reject in harvest.rejects]
            promise(len(told) == due, f"feed {name}: {due} rows ought to be refused, not {len(told)}: {told[:5]}")
            for reject in harvest.rejects:
                promise(bool(reject.code and reject.line), f"feed {name}: a refused row without code or line: {reject}")

    def test_every_row_has_a_key_of_its_own(self, harvests: Sequence[Harvest]) -> None:
        """No two rows of one feed have the same key."""
        for harvest in harvests:
            twice = len(harvest.keys) - len(set(harvest.keys))
            key = " and ".join(RECORDS[harvest.feed.stream].key)
            promise(twice == 0, f"feed {harvest.feed.name}: {twice} rows share their {key} with another")

    def test_batches_are_bounded(self, harvests: Sequence[Harvest]) -> None:
        """No batch is larger than 100,000 rows; `lines` is as long as `rows`."""
        for harvest in harvests:
            for batch in harvest.batches:
                rows = len(batch.rows)
                promise(rows <= MAX_BATCH_ROWS, f"feed {harvest.feed.name}: a batch of {rows} rows")
                promise(batch.lines is None or len(batch.lines) == rows, f"{len(batch.lines or ())} lines, {rows} rows")

    def test_rows_come_one_batch_at_a_time(self, bench: Bench) -> None:
        """`pull` and `read` are iterators that can be left half-way, without harm to what comes next."""
        with bench.open() as connector:
            for feed in bench.feeds:
                for batches in _streams(connector, feed, bench):
                    promise(isinstance(batches, Iterator), f"feed {feed.name}: not an iterator")
                    next(batches)
                    batches.close()  # type: ignore[attr-defined]  # a generator, or the author hears of it here

    def test_reading_twice_gives_the_same_rows(self, bench: Bench, harvests: Sequence[Harvest]) -> None:
        """The same source gives the same rows in the same order."""
        for first in harvests:
            promise(bench.harvest(first.feed).rows == first.rows, f"feed {first.feed.name} differs the second time")

    def test_a_delta_goes_on_from_its_cursor(self, bench: Bench, harvests: Sequence[Harvest]) -> None:
        """A delta feed by calls yields a cursor; pulled again from there it repeats little."""
        deltas = [harvest for harvest in harvests if harvest.feed.mode == "delta"]
        if not deltas or not issubclass(self.connector, CallSource):
            pytest.skip("exempt: has no delta feed by calls")
        for first in deltas:
            promise(bool(first.cursor), f"feed {first.feed.name} is a delta but yields no cursor")
            rest = bench.harvest(first.feed, cursor=first.cursor)
            promise(set(rest.keys) <= set(first.keys), f"feed {first.feed.name}: new rows appear from nowhere")
            promise(len(rest.rows) < len(first.rows), f"feed {first.feed.name}: the cursor changes nothing")
            promise(rest.cursor in (None, first.cursor), f"feed {first.feed.name}: the cursor moves without new rows")

    def test_a_window_keeps_to_its_days(self, harvests: Sequence[Harvest]) -> None:
        """A window feed by calls gives no row of a day outside those it is asked for (`feed.window`)."""
        windows = [harvest for harvest in harvests if harvest.feed.window is not None]
        if not windows or not issubclass(self.connector, CallSource):
            pytest.skip("exempt: has no window feed by calls")
        for harvest in windows:
            dated, days = RECORDS[harvest.feed.stream].dated, harvest.feed.window
            outside = [row[dated] for row in harvest.rows if dated and days and row[dated] not in days]
            promise(not outside, f"feed {harvest.feed.name}: {len(outside)} rows outside {days}, e.g. {outside[:3]}")

    def test_raw_replies_are_spooled(self, bench: Bench) -> None:
        """A source of calls writes what it received to the spool, so that it can be read again without asking."""
        if not issubclass(self.connector, CallSource):
            pytest.skip("exempt: a source of files")
        with bench.open() as connector:
            for feed in bench.feeds:
                spool = FolderSpool(bench.folder / "spooled" / feed.name)
                rows = gather(connector, feed, spool).rows
                sizes = [file.path.stat().st_size for file in spool.files]
                promise(bool(sizes) and all(sizes), f"feed {feed.name}: {len(rows)} rows, files in the spool: {sizes}")

    def test_files_are_listed_oldest_first_and_finished(self, bench: Bench) -> None:
        """`discover` never lists an unfinished file, names each once, and knows its size to the byte."""
        with bench.open() as connector:
            for feed in bench.feeds:
                files = self._files(connector).discover(feed)
                names = [file.name for file in files]
                promise(len(set(names)) == len(names), f"feed {feed.name}: a file is listed twice")
                promise(not [n for n in names if n.endswith(_UNFINISHED) or "/." in f"/{n}"], f"unfinished: {names}")
                order = [(file.group, file.sequence) for file in files]
                promise(order == sorted(order), f"feed {feed.name}: not oldest first: {names}")
                for file in files:
                    size = (
                        fetch(self._files(connector), feed, file, FolderSpool(bench.folder / "sizes"))
                        .path.stat()
                        .st_size
                    )
                    promise(size == file.size, f"{file.name}: {file.size} bytes listed, {size} fetched")

    def test_a_spooled_file_is_read_without_network(self, bench: Bench) -> None:
        """`read` works from the spool alone: the hub reads a file again when the mapping changed."""
        with bench.open() as connector:
            source = self._files(connector)
            spooled = [
                (feed, fetch(source, feed, file, FolderSpool(bench.folder / feed.name)))
                for feed in bench.feeds
                for file in source.discover(feed)
            ]
        with no_network(), bench.open() as connector:
            for feed, file in spooled:
                for _ in self._files(connector).read(feed, file):
                    pass

    # -- when things go wrong ------------------------------------------------------------------------------------------

    def test_a_wrong_secret_stops_the_night(self, bench: Bench) -> None:
        """With wrong secrets a pull raises a SetupError (not to be retried) in which no secret shows."""
        wrong = _wrong_secrets(bench)
        for feed in bench.feeds:
            with bench.open(wrong) as connector, pytest.raises(HubError) as caught:
                gather(connector, feed, FolderSpool(bench.folder / "wrong"))
            promise(
                isinstance(caught.value, SetupError), f"feed {feed.name}: {caught.type.__name__} is not a SetupError"
            )
            self._no_secret(bench, told(caught.value), "the error", *wrong.values())

    def test_nobody_at_the_other_end_is_tried_again_later(self, bench: Bench) -> None:
        """With nobody there a pull raises a RetryableError, whatever the library below raised."""
        nowhere = self._nowhere()
        for feed in bench.feeds:
            with bench.open(nowhere) as connector, pytest.raises(RetryableError):
                gather(connector, feed, FolderSpool(bench.folder / "nobody"))

    def test_it_goes_nowhere_the_landlord_has_not_allowed(self, bench: Bench) -> None:
        """Private addresses are refused unless the landlord allows them: use the clients of `hub.wire`."""
        closed = NetworkPolicy(total_seconds=10, connect_seconds=2, read_seconds=2)
        for feed in bench.feeds:
            with bench.open(network=closed) as connector, pytest.raises(HubError) as caught:
                gather(connector, feed, FolderSpool(bench.folder / "closed"))
            promise(not isinstance(caught.value, RetryableError), f"feed {feed.name}: {caught.value}")

    def test_no_secret_reaches_a_log(self, bench: Bench, caplog: pytest.LogCaptureFixture) -> None:
        """At the most talkative log level no secret is written, by the connector or by a library below it."""
        caplog.set_level(logging.DEBUG)
        with bench.open() as connector:
            list(connector.check(bench.feeds))
        bench.harvest(bench.feeds[0])
        self._no_secret(bench, caplog.text, "a log line")

    # -- helpers -------------------------------------------------------------------------------------------------------

    def _modules(self) -> list[ModuleType]:
        """The connector's module and the packages around it."""
        parts = self.connector.__module__.split(".")
        names = [".".join(parts[:count]) for count in range(len(parts), 0, -1)]
        return [sys.modules[name] for name in names if name in sys.modules]

    def _modes(self, stream: Stream) -> dict[str, bool]:
        ways = self.connector.capabilities.pull.get(stream)
        return {mode: bool(ways and getattr(ways, mode)) for mode in ("snapshot", "delta", "window")}

    def _files(self, connector: ErpConnector[Any]) -> FileSource[Any]:
        if not isinstance(connector, FileSource):
            pytest.skip("exempt: a source of calls")
        return connector

    def _nowhere(self) -> Mapping[str, Any]:
        if not self.nowhere:
            pytest.skip("exempt: `nowhere` is not set")
        return self.nowhere

    def _no_secret(self, bench: Bench, text: str, place: str, *more: str) -> None:
        for secret in (*bench.secrets(), *more):
            promise(secret not in text, f"a secret shows in {place}")


def _streams(connector: ErpConnector[Any], feed: Feed, bench: Bench) -> Iterator[Iterator[Any]]:
    if isinstance(connector, CallSource):
        yield connector.pull(feed, None, FolderSpool(bench.folder / "left"))
    elif isinstance(connector, FileSource):
        for file in connector.discover(feed)[:1]:
            yield connector.read(feed, fetch(connector, feed, file, FolderSpool(bench.folder / "left")))


def _wrong_secrets(bench: Bench) -> dict[str, str]:
    if not (wrong := bench.wrong_secrets()):
        pytest.skip("exempt: has no secret")
    return wrong
